"""The workloads: what is asked, of whom, and the interleaved rounds."""

import http.client
import json
import os
import sys

from . import load
from .process import Failed

ECHO = os.path.join(load.LOAD, "echo.json")
HTTP_PEERS = ("crolua", "nginx", "nginx-lua", "node")


class Workload:
    """One kind of request. `runs` maps a column to (server, path)."""

    def __init__(self, name, title, path, peers=HTTP_PEERS, runs=None, **options):
        self.name, self.title = name, title
        self.runs = runs or {peer: (peer, path) for peer in peers}
        self.connections = options.get("connections", 64)
        self.script, self.args = options.get("script"), options.get("args", ())
        self.headers = options.get("headers", ())
        self.expect = options.get("expect", b"Hello, World!")
        self.body = options.get("body")

    def check(self, server, path):
        """One request by hand: the answer is the right one. Raises Failed."""
        peer = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        try:
            headers = {"Content-Type": "application/json"} if self.body else {}
            peer.request("POST" if self.body else "GET", path, self.body, headers)
            answer = peer.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            raise Failed(f"{server.name} {path}: {problem!r}") from problem
        finally:
            peer.close()
        if answer.status != 200:
            raise Failed(f"{server.name} {path}: status {answer.status}")
        same = json.loads(body) == json.loads(self.expect) if self.is_json() else body == self.expect
        if not same:
            raise Failed(f"{server.name} {path}: answered {body[:80]!r}")

    def is_json(self):
        return self.expect[:1] in b"[{"

    def run(self, server, path, seconds, core):
        return load.run(
            server, path, self.connections, seconds, core, self.script, self.args, self.headers
        )


def read(path):
    with open(path, "rb") as file:
        return file.read()


def all_workloads():
    pipelined = {"connections": 64, "script": "pipeline.lua", "args": ("16",)}
    body = read(ECHO)
    plain = {"crolua-plain": ("crolua", "/plaintext")}
    parks, kept = {**plain, "crolua": ("crolua", "/await")}, {**plain, "crolua": ("crolua", "/kept")}
    return [
        Workload("plaintext", "GET, keep-alive, c=64", "/plaintext"),
        Workload("c512", "GET, keep-alive, c=512", "/plaintext", connections=512),
        Workload("pipelined", "16 requests pipelined, c=64", "/plaintext", **pipelined),
        Workload("json", "JSON encoded per request", "/json", expect=b'{"message":"Hello, World!"}'),
        Workload("param", "/users/{id:int}", "/users/1234", expect=b"user 1234"),
        Workload(
            "echo",
            "POST 1 KiB JSON, decoded and echoed",
            "/echo",
            ("crolua", "nginx-lua", "node"),
            script="echo.lua",
            args=(ECHO,),
            body=body,
            expect=body,
        ),
        Workload(
            "close", "a connection per request", "/plaintext", headers=("Connection: close",)
        ),
        Workload("await", "a handler that parks once, pipelined", None, runs=parks, **pipelined),
        Workload("kept", "a handler that awaits what is there, pipelined", None, runs=kept, **pipelined),
    ]


def measure(workload, servers, rounds, seconds, core, say):
    """{ column: [Sample per round] }, the servers taking turns within a round."""
    columns = {
        column: (servers[peer], path)
        for column, (peer, path) in workload.runs.items()
        if peer in servers
    }
    for server, path in list(columns.values()):
        workload.check(server, path)
        workload.run(server, path, 1, core)  # warm: traces compiled, pools filled
    samples = {column: [] for column in columns}
    order = list(columns)
    for number in range(rounds):
        say(f"{workload.name}: round {number + 1} of {rounds}")
        for column in order[number % len(order) :] + order[: number % len(order)]:
            server, path = columns[column]
            samples[column].append(workload.run(server, path, seconds, core))
    return samples


def progress(text):
    """Where we are, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
