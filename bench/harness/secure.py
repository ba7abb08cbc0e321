"""TLS and HTTP/2: the servers with one certificate, the workloads, idle connections.

Everybody speaks TLS 1.3 alone, offers "h2" and "http/1.1", and must settle on the same
cipher; the certificate (ECDSA P-256) is made when the program starts."""

import os
import re
import resource
import shutil
import ssl
import subprocess
import time

from . import load, peers
from .echo import build
from .process import Failed, end_with_parent

MiB = 1024 * 1024
LARGE = b"0123456789abcdef" * (MiB // 16)
HELLO = b"Hello, World!"
JSON = b'{"message":"Hello, World!"}'


def context(protocols=("http/1.1",)):
    """What the harness itself connects with."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols(list(protocols))
    return made


# --- what all of them serve -----------------------------------------------------------


class Site:
    """The certificate and the files, in the folder of this run."""

    def __init__(self, work):
        self.files = os.path.join(work, "files")
        self.certificate = os.path.join(work, "certificate.pem")
        self.key = os.path.join(work, "key.pem")
        os.makedirs(self.files)
        os.chmod(work, 0o755)
        for name, content in (("plaintext", HELLO), ("json", JSON), ("large", LARGE)):
            with open(os.path.join(self.files, name), "wb") as file:
                file.write(content)
        self._make_certificate()

    def _make_certificate(self):
        program = shutil.which("openssl")
        if not program:
            raise Failed("openssl is missing: apt-get install openssl")
        done = subprocess.run(
            [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.key, "-out", self.certificate],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"openssl: {done.stderr.strip()}")
        os.chmod(self.key, 0o644)  # of localhost, for a month, in a folder of its own

    def values(self):
        return {"CERTIFICATE": self.certificate, "KEY": self.key, "FILES": self.files}


class Crolua(peers.Crolua):
    def __init__(self, work, program, site):
        super().__init__(work, program)
        self.site = site

    def env(self):
        return self.site.values()


class Nginx(peers.Nginx):
    config = "nginx-tls.conf.in"

    def __init__(self, work, site):
        super().__init__(work)
        self.site = site

    def values(self):
        return self.site.values()


class H2o(peers.Configured):
    config = "h2o.conf.in"

    def __init__(self, work, site):
        super().__init__("h2o", work)
        self.site, self.program = site, shutil.which("h2o")
        if not self.program:
            self.missing = "h2o is not installed: apt-get install h2o"

    def values(self):
        return self.site.values()

    def command(self, port):
        return [self.program, "-m", "worker", "-c", self.write_config(port)]


class Node(peers.Node):
    script = "node-tls.js"

    def __init__(self, work, site):
        super().__init__(work)
        self.site = site

    def env(self):
        return self.site.values()


def all_peers(work, program):
    site = Site(work)
    found = [Crolua(work, program, site), Nginx(work, site), H2o(work, site), Node(work, site)]
    for peer in found:
        peer.secure = context()
    return found


# --- the load -------------------------------------------------------------------------


def drive(command, server, core, read):
    """Runs a generator; read(stdout, busy seconds) -> (requests, seconds, share of its core)."""
    before, own = server.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["taskset", "-c", str(core), *command],
        capture_output=True, text=True, check=False, preexec_fn=end_with_parent,
    )
    cpu, used = server.cpu() - before, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Failed(f"{server.name}: {command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    spent = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
    requests, seconds, busy = read(done.stdout, spent)
    if requests == 0:
        raise Failed(f"{server.name}: no answers at all: {server.said()}")
    return load.Sample(requests, seconds, cpu, busy)


def _read_h2load(server):
    def read(text, spent):
        finished = re.search(r"finished in ([\d.]+)(us|ms|s)", text)
        codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
        if not finished or not codes or not failed:
            raise Failed(f"{server.name}: h2load said {text[-400:]}")
        good, *bad = (int(n) for n in codes.groups())
        if any(bad) or any(int(n) for n in failed.groups()):
            raise Failed(f"{server.name}: not every answer was 2xx: {codes.group(0)}; {failed.group(0)}")
        seconds = float(finished.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[finished.group(2)]
        return good, seconds, spent / seconds
    return read


def run_h2load(server, path, connections, streams, seconds, core):
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    command.append(f"https://127.0.0.1:{server.port}{path}")
    return drive(command, server, core, _read_h2load(server))


def _read_rush(text, _spent):
    answers, seconds, busy = text.split()
    return int(answers), float(seconds), float(busy)


def run_rush(server, connections, seconds, core):
    generator = build("load/tls.c", ["-lssl", "-lcrypto"])
    command = [generator, "rush", str(server.port), str(connections), str(seconds)]
    return drive(command, server, core, _read_rush)


# --- the workloads --------------------------------------------------------------------


def settled(server, protocols):
    """(version, cipher, protocol) that the server settles on with one who offers these."""
    with server.open(context(protocols)) as peer:
        return peer.version(), peer.cipher()[0], peer.selected_alpn_protocol()


def _fetch(server, path, *flags):
    done = subprocess.run(
        ["curl", "-sSk", "--max-time", "5", *flags, "-w", "%{stderr}%{http_code} %{http_version}",
         f"https://127.0.0.1:{server.port}{path}"],
        capture_output=True, check=False)
    return done.stdout, done.stderr.decode(errors="replace").strip()


class Workload:
    """One kind of request over TLS, of all servers."""

    def __init__(self, name, title, path, protocol, run, expect=HELLO):
        self.name, self.title, self.path = name, title, path
        self.protocol, self.run_one, self.expect = protocol, run, expect
        self.runs = {peer: (peer, path) for peer in ("crolua", "nginx", "h2o", "node")}
        self.seen = {}

    def check(self, server, path):
        """The answer is the right one, over the protocol meant, by the cipher of all."""
        old = self.protocol == "http/1.1"
        body, said = _fetch(server, path, "--http1.1" if old else "--http2")
        if said != ("200 1.1" if old else "200 2"):
            raise Failed(f"{server.name} {path}: {said}")
        same = body.replace(b" ", b"") == self.expect.replace(b" ", b"")
        if not same:
            raise Failed(f"{server.name} {path}: answered {body[:80]!r}")
        self.seen[server.name] = settled(server, [self.protocol])
        if len(set(self.seen.values())) > 1:
            raise Failed(f"{self.name}: they do not speak the same: {self.seen}")

    def run(self, server, path, seconds, core):
        return self.run_one(server, path, seconds, core)


def _wrk(connections):
    def run(server, path, seconds, core):
        return load.run(server, path, connections, seconds, core)
    return run


def _h2load(server, path, seconds, core):
    return run_h2load(server, path, 16, 32, seconds, core)


def _rush(server, _path, seconds, core):
    return run_rush(server, 64, seconds, core)


def all_workloads():
    return [
        Workload("tls", "TLS 1.3, GET, keep-alive, c=64", "/plaintext", "http/1.1", _wrk(64)),
        Workload("handshake", "TLS 1.3, a connection and a full handshake per request, c=64",
                 "/plaintext", "http/1.1", _rush),
        Workload("h2", "HTTP/2 over TLS, 16 connections x 32 streams", "/plaintext", "h2", _h2load),
        Workload("h2-json", "the same, JSON encoded per request", "/json", "h2", _h2load, JSON),
        Workload("tls-1m", "1 MiB over TLS 1.3, c=16", "/large", "http/1.1", _wrk(16), LARGE),
    ]


# --- memory ---------------------------------------------------------------------------


def idle_cost(server, count, core):
    """(bytes resident at rest, bytes per idle connection that has made one request)."""
    generator = build("load/tls.c", ["-lssl", "-lcrypto"])
    server.ask()
    time.sleep(0.3)
    rest = server.rss()
    with subprocess.Popen(
        ["taskset", "-c", str(core), generator, "hold", str(server.port), str(count)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=end_with_parent,
    ) as holder:
        if holder.stdout.readline() != "ready\n":
            raise Failed(f"{server.name}: idle connections: {holder.stderr.read().strip()}")
        time.sleep(0.5)
        full = server.rss()
        holder.stdin.close()
        holder.wait()
    return rest, (full - rest) / count
