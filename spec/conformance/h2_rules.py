#!/usr/bin/env python3
"""h2_rules.py BUILD - HTTP/2 over sockets, as conformance suites try it.

Plays every rule that BUILD/spec/fuzz/h2_rules prints to BUILD/crolua, in the clear and
over TLS: what must come is the last RST_STREAM, the last GOAWAY, and whether the
connection closes. Then attacks, each of which must end. All the while a client of good
manners is served, and the memory of the server must not grow by more than BOUND.

Prints what differs, and exits 1 when something does.
"""
import contextlib
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

BOUND = 48 * 1024 * 1024
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
         "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
GET = b"\x82\x87\x84\x01\x01h"  # GET https://h/
POST = b"\x83\x87\x84\x01\x01h"
PATIENCE = 10  # seconds for what must come


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Connection:
    """A client that says what it is told to, and notes what it hears."""

    def __init__(self, port, secure, window=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="h")
        self.buffer, self.reset, self.goaway, self.end = b"", "", "", "open"
        self.pongs, self.ended, self.answered = 0, set(), set()
        settings = b"" if window is None else struct.pack(">HI", 4, window)
        self.send(PREFACE + frame(SETTINGS, payload=settings))
        self.until(lambda: self.greeted, "SETTINGS")
        self.send(frame(SETTINGS, 1))

    greeted = False

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.end = "close"

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def hear(self, kind, flags, stream, payload):
        if kind == SETTINGS:
            self.greeted = True
        elif kind == PING and flags & 1:
            self.pongs += 1
        elif kind == RST_STREAM:
            self.reset = "RST_STREAM %d %s, " % (stream, CODES[struct.unpack(">I", payload)[0]])
            self.ended.add(stream)
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaway = "GOAWAY last=%d %s, " % (last, CODES[code])
        elif kind == HEADERS and payload[:1] == b"\x88":
            self.answered.add(stream)
        if kind in (DATA, HEADERS) and flags & 1:
            self.ended.add(stream)

    def read(self, seconds):
        """What has come by then, at least a piece; False when nothing has."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data = self.socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        if not data:
            self.end = "close"
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            head, payload = self.buffer[:9], self.buffer[9:9 + length]
            self.buffer = self.buffer[9 + length:]
            self.hear(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7fffffff, payload)
        return True

    def until(self, done, what):
        deadline = time.monotonic() + PATIENCE
        while not done() and self.end == "open":
            self.read(deadline - time.monotonic())
            if time.monotonic() > deadline:
                raise TimeoutError("no " + what)

    def settle(self):
        """Everything that was sent has been judged: two round trips, or the end."""
        for _ in range(2):
            seen = self.pongs
            self.send(frame(PING, payload=bytes(8)))
            self.until(lambda: self.pongs > seen or self.goaway, "PING")
            if self.goaway and CODES[0] not in self.goaway:
                break
        if self.goaway:
            self.until(lambda: self.end == "close", "end of the connection")

    def verdict(self):
        return self.reset + self.goaway + self.end


def in_block(data):
    """A header block has begun and has not ended: nothing may be sent behind it."""
    inside = False
    while len(data) >= 9:
        if data[3] in (HEADERS, CONTINUATION):
            inside = not data[4] & 4
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return inside


# --- the rules


def play(rule, port, secure):
    _, data, want, _ = rule
    connection = Connection(port, secure)
    try:
        connection.send(bytes.fromhex(data))
        if in_block(bytes.fromhex(data)) and want == "open":
            connection.read(0.3)
        else:
            connection.settle()
        return connection.verdict()
    except TimeoutError as error:
        return "%s (%s)" % (connection.verdict(), error)
    finally:
        connection.close()


def agrees(want, got):
    # A connection that closes with input unread may lose what was said last.
    return got == want or (want.endswith("close") and got == "close")


# --- attacks: each yields what is sent next; it must end


def streams():
    return range(1, 2 ** 20, 2)


def rapid_reset():
    for stream in streams():
        yield frame(HEADERS, 5, stream, GET) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")


def made_you_reset():
    for stream in streams():
        yield frame(HEADERS, 4, stream, POST) + frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff")


def malformed():
    for stream in streams():
        yield frame(HEADERS, 5, stream, GET + b"\0\x01X\x01y")


def again(data):
    def attack():
        while True:
            yield data * 10
    return attack


def continuations(payload):
    def attack():
        yield frame(HEADERS, 1, 1, GET)
        while True:
            yield frame(CONTINUATION, 0, 1, payload)
    return attack


def hpack_bomb():
    block = GET + b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000
    for stream in streams():
        yield frame(HEADERS, 5, stream, block + b"\xbe" * 8000)


POST_OPEN = frame(HEADERS, 4, 1, POST)

ATTACKS = {
    "CVE-2023-44487 rapid reset": rapid_reset,
    "CVE-2025-8671 made you reset": made_you_reset,
    "malformed requests": malformed,
    "CVE-2019-9512 PING": again(frame(PING, payload=bytes(8))),
    "CVE-2019-9515 SETTINGS": again(frame(SETTINGS)),
    "CVE-2019-9513 PRIORITY": again(frame(PRIORITY, 0, 1, b"\0\0\0\0\x01")),
    "CVE-2019-9518 empty DATA": lambda: [POST_OPEN] + [frame(DATA, 0, 1) * 10] * 100000,
    "types nobody knows": again(frame(0x4d, 0, 0, b"x")),
    "WINDOW_UPDATE of 1": again(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01")),
    "CVE-2024-28182 CONTINUATION": continuations(b"\0\x01a" + b"\x7f\x85\x06" + b"b" * 900),
    "CVE-2024-27316 empty CONTINUATION": continuations(b""),
    "CVE-2016-6581 HPACK bomb": hpack_bomb,
}


def attack(make, port, secure):
    """How many pieces it took; raises when the server bears it all."""
    connection = Connection(port, secure)
    deadline = time.monotonic() + 3 * PATIENCE
    sent = 0
    try:
        for piece in make():
            connection.send(piece)
            sent += 1
            if connection.end != "open" or connection.goaway:
                return sent
            connection.read(0)
            if time.monotonic() > deadline:
                break
        raise TimeoutError("goes on after %d pieces" % sent)
    finally:
        connection.close()


# --- a client of good manners, and the server's memory


class Healthy(threading.Thread):
    """Asks for one page after another, on new connections now and then."""

    def __init__(self, port, secure):
        super().__init__(daemon=True)
        self.port, self.secure, self.stop = port, secure, threading.Event()
        self.served, self.slowest, self.faults = 0, 0.0, []

    def ask(self, connection, stream):
        began = time.monotonic()
        connection.send(frame(HEADERS, 5, stream, GET))
        connection.until(lambda: stream in connection.ended, "answer")
        self.slowest = max(self.slowest, time.monotonic() - began)
        if stream not in connection.answered:
            self.faults.append("stream %d: %s" % (stream, connection.verdict()))
        self.served += 1

    def run(self):
        while not self.stop.is_set():
            try:
                connection = Connection(self.port, self.secure)
                for stream in range(1, 40, 2):
                    self.ask(connection, stream)
                    if self.stop.wait(0.02):
                        break
                connection.close()
            except (OSError, TimeoutError) as error:
                self.faults.append(repr(error))


def rss(pid):
    for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


# --- all of it


def main(build):
    here = pathlib.Path(__file__).resolve().parent
    listed = subprocess.run([build / "spec/fuzz/h2_rules"], capture_output=True, text=True, check=True).stdout
    rules = [line.split("\t") for line in listed.splitlines()]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / "crolua", "dev-cert", "--dir", folder, "h"], check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen([build / "crolua", here / "h2_server.lua", folder], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        ports = [int(port) for port in server.stdout.readline().split()]
        healthy = [Healthy(ports[1], False), Healthy(ports[3], True)]
        for client in healthy:
            client.start()
        for rule in rules:
            for secure in (False, True):
                got = play(rule, ports[2 * secure + int(rule[0])], secure)
                if not agrees(rule[2], got):
                    failed += 1
                    print("%s (%s): want %s, got %s" % (rule[3], "TLS" if secure else "clear", rule[2], got))
        before = rss(server.pid)
        for name, make in ATTACKS.items():
            for secure in (False, True):
                try:
                    attack(make, ports[2 * secure], secure)
                except (OSError, TimeoutError) as error:
                    failed += 1
                    print("%s (%s): %s" % (name, "TLS" if secure else "clear", error))
        grown = rss(server.pid) - before
        for client in healthy:
            client.stop.set()
        for client in healthy:
            client.join()
            failed += len(client.faults)
            for fault in client.faults:
                print("the healthy client: " + fault)
        server.stdin.close()
        if server.wait(PATIENCE) != 0 or grown > BOUND:
            failed += 1
            print("the server: status %d, grown by %d bytes" % (server.returncode, grown))
    print("%d rules and %d attacks, in the clear and over TLS, %d failed; %d requests served meanwhile, "
          "the slowest in %.2f s; grown by %.1f MiB" % (len(rules), len(ATTACKS), failed,
                                                        sum(client.served for client in healthy),
                                                        max(client.slowest for client in healthy), grown / 2 ** 20))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
