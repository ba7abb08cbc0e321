"""The load generator: wrk on a core of its own, its figures and its own cost."""

import os
import re
import resource
import shutil
import subprocess

from .process import Failed, end_with_parent

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOAD = os.path.join(HERE, "load")


class Sample:
    """One run of wrk against one server."""

    def __init__(self, requests, seconds, cpu, busy):
        self.requests, self.seconds = requests, seconds
        self.rate = requests / seconds
        self.cpu_us = cpu / requests * 1e6 if requests else 0.0
        self.busy = busy  # share of its core that the generator used
        self.served = cpu / seconds  # and the server of its own


def wrk_program():
    return shutil.which("wrk")


def _number(pattern, text):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else 0.0


def _check(server, text):
    refused = _number(r"Non-2xx or 3xx responses: (\d+)", text)
    if refused:
        raise Failed(f"{server.name}: {int(refused)} answers were not 200")
    errors = re.search(r"Socket errors: (.*)", text)
    if errors:
        counts = [int(n) for n in re.findall(r"\d+", errors.group(1))]
        # Timeouts alone are what c=512 on one core may do; the rest is a fault.
        if any(counts[:3]):
            raise Failed(f"{server.name}: socket errors: {errors.group(1)}")


def run(server, path, connections, seconds, core, script=None, args=(), headers=()):
    """Drives one server for some seconds and returns a Sample. Raises Failed."""
    command = ["taskset", "-c", str(core), wrk_program(), "-t1", f"-c{connections}"]
    command += [f"-d{seconds}s", "--timeout", "10s"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", os.path.join(LOAD, script)]
    scheme = "https" if server.secure else "http"
    command.append(f"{scheme}://127.0.0.1:{server.port}{path}")
    if args:
        command += ["--", *args]
    before, own = server.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=end_with_parent
    )
    cpu, used = server.cpu() - before, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Failed(f"wrk: {done.stderr.strip() or done.stdout.strip()}")
    _check(server, done.stdout)
    found = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", done.stdout)
    if not found or int(found.group(1)) == 0:
        raise Failed(f"{server.name}: no answers at all: {server.said()}")
    elapsed = float(found.group(2)) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[found.group(3)]
    busy = (used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime) / elapsed
    return Sample(int(found.group(1)), elapsed, cpu, busy)
