"""Many connections at once: what an idle one costs, and whether all comes back."""

import json
import resource
import selectors
import socket
import time
from collections import deque

from .process import Failed

REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: bench\r\n\r\n"
SETTLE = 1.5  # seconds for a server to notice and tidy


def raise_descriptor_limit(wanted):
    """As many descriptors as allowed; how many connections may be opened."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else wanted + 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, wanted + 500), hard))
    return min(wanted, limit - 500)


def _connect(port):
    peer = socket.socket()
    peer.settimeout(10)
    peer.connect(("127.0.0.1", port))
    peer.sendall(REQUEST)
    return peer


def _answered(peer, name):
    answer = peer.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Failed(f"{name}: an idle connection got {answer[:60]!r}")


def open_many(server, count):
    """Keep-alive connections that have each made one request."""
    peers = []
    try:
        while len(peers) < count:
            batch = [_connect(server.port) for _ in range(min(200, count - len(peers)))]
            peers += batch
            for peer in batch:
                _answered(peer, server.name)
    except OSError as problem:
        close_all(peers)
        raise Failed(f"{server.name}: at connection {len(peers)}: {problem}") from problem
    return peers


def close_all(peers):
    for peer in peers:
        peer.close()


def ask_all(server, peers, total, at_once=256):
    """`total` more requests, in turns over all open connections."""
    selector = selectors.DefaultSelector()
    for peer in peers:
        peer.setblocking(False)
        selector.register(peer, selectors.EVENT_READ)
    free, sent, done = deque(peers), 0, 0
    while done < total:
        while free and sent < total and sent - done < at_once:
            free.popleft().send(REQUEST)
            sent += 1
        ready = selector.select(10)
        if not ready:
            raise Failed(f"{server.name}: no answer for 10 s after {done} requests")
        for key, _ in ready:
            if not key.fileobj.recv(65536):
                raise Failed(f"{server.name}: closed a connection after {done} requests")
            done += 1
            free.append(key.fileobj)
    selector.close()


def idle_cost(server, count):
    """(bytes resident at rest, bytes per idle connection)."""
    server.ask()
    time.sleep(0.3)
    rest = server.rss()
    peers = open_many(server, count)
    time.sleep(0.5)
    full = server.rss()
    close_all(peers)
    return rest, (full - rest) / count


def stats(server):
    """What the server says of itself at /stats, or {} when it has no such page."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as peer:
        peer.sendall(b"GET /stats HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        text = b""
        while True:
            part = peer.recv(65536)
            if not part:
                break
            text += part
    head, _, body = text.partition(b"\r\n\r\n")
    return json.loads(body) if head.startswith(b"HTTP/1.1 200") else {}


def _settled(server):
    time.sleep(SETTLE)
    found = stats(server)
    return server.rss(), found


def _pass(server, count, requests):
    peers = open_many(server, count)
    ask_all(server, peers, requests)
    close_all(peers)


def churn(server, count, requests):
    """Opens `count` connections, makes `requests` on them, closes them, and looks what
    stays. Before that a hundredth of it, so that code is compiled and modules loaded.

    Returns { before, full, after: bytes resident; handles: { name: (was, is) } }."""
    _pass(server, max(count // 100, 1), max(requests // 100, 1))
    before, had = _settled(server)
    peers = open_many(server, count)
    ask_all(server, peers, requests)
    full = server.rss()
    close_all(peers)
    after, has = _settled(server)
    handles = {name: (had[name], has.get(name)) for name in had if name in HANDLES}
    return {"before": before, "full": full, "after": after, "handles": handles}


HANDLES = ("tcp", "listeners", "timers", "signals", "resolves", "pending_writes")


def left_open(result):
    """The handle counts that did not come back, as text; "" when all did."""
    return ", ".join(
        f"{name} {was} -> {now}" for name, (was, now) in result["handles"].items() if was != now
    )
