"""TCP echo: crolua by way of supplies, node, and plain C over libuv, in turns.

The load generator (load/stream.c) and the C server (peers/echo.c) are built here."""

import os
import shutil
import subprocess
import time

from . import load, peers
from .process import Failed, Server, end_with_parent, free_port
from .workloads import progress

BUILT = os.path.join(peers.ROOT, "build", "bench-echo")

# name: (title, connections, bytes of a message, messages under way per connection)
WORKLOADS = {
    "tcp-32": ("TCP echo, 32 bytes to and fro, 64 connections", 64, 32, 1),
    "tcp-64k": ("TCP echo, 64 KiB at a time, 4 under way, 16 connections", 16, 65536, 4),
}


def build(source, libraries=()):
    """The program of a C source of this folder. Raises Failed."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        raise Failed("a C compiler is missing: apt-get install gcc")
    os.makedirs(BUILT, exist_ok=True)
    name = os.path.splitext(os.path.basename(source))[0]
    program = os.path.join(BUILT, name)
    path = os.path.join(peers.HERE, source)
    if os.path.exists(program) and os.path.getmtime(program) > os.path.getmtime(path):
        return program
    command = [compiler, "-O2", "-o", program, path, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{source}: {done.stderr.strip()}")
    return program


def commands(program):
    """{ column: command }, without what is not installed."""
    found = {"crolua": [program, os.path.join(peers.HERE, "echo.lua")]}
    node = shutil.which("node") or shutil.which("nodejs")
    if node:
        found["node"] = [node, os.path.join(peers.HERE, "peers", "echo.js")]
    found["C"] = [build("peers/echo.c", ["-luv"])]
    return found


def start_all(program, work, core):
    servers = {}
    for name, command in commands(program).items():
        log = os.path.join(work, f"echo-{name}.log")
        servers[name] = Server(name, command, free_port(), core=core, log=log)
    return servers


class Echo:
    """One workload: a name, and what the load generator is told."""

    def __init__(self, name):
        self.name = name
        self.title, self.connections, self.size, self.depth = WORKLOADS[name]

    def run(self, server, generator, seconds, core):
        command = ["taskset", "-c", str(core), generator, str(server.port)]
        command += [str(n) for n in (self.connections, self.size, self.depth, seconds)]
        before = server.cpu()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, preexec_fn=end_with_parent
        )
        cpu = server.cpu() - before
        if done.returncode != 0:
            raise Failed(f"{self.name} of {server.name}: {done.stderr.strip()} {server.said()}")
        messages, _, elapsed, busy = done.stdout.split()
        return load.Sample(int(messages), float(elapsed), cpu, float(busy))


def wait_for(server):
    end = time.monotonic() + 10
    while server.process.poll() is None and time.monotonic() < end:
        if server.connects():
            return
        time.sleep(0.01)
    raise Failed(f"{server.name} does not listen: {server.said()}")


def measure(echo, servers, rounds, seconds, core):
    """{ column: [Sample per round] }, the servers taking turns within a round."""
    generator = build("load/stream.c")
    for server in servers.values():
        wait_for(server)
        echo.run(server, generator, 1, core)
    samples = {name: [] for name in servers}
    order = list(servers)
    for number in range(rounds):
        progress(f"{echo.name}: round {number + 1} of {rounds}")
        for name in order[number % len(order) :] + order[: number % len(order)]:
            samples[name].append(echo.run(servers[name], generator, seconds, core))
    return samples
