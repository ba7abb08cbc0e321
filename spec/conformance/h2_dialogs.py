#!/usr/bin/env python3
"""h2_dialogs.py BUILD - HTTP/2 in dialogs, as conformance suites hold them.

Where h2_rules.py sends frames and judges the end, a client here waits for what a server
must have said before it goes on: an answer, a piece of a body one byte long, the end of
a stream. Each dialog is held with every application of h2_server.lua, in the clear and
over TLS, and with one that answers late. What is expected must come within PATIENCE
seconds. Where RFC 9113 has a stream error, that of a connection will do, and so will the
end of the connection.

Prints what differs, and exits 1 when something does.
"""
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

from h2_rules import (CODES, CONTINUATION, DATA, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM,
                      SETTINGS, WINDOW_UPDATE, frame)

PATIENCE = 2
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY = 1, 4, 8, 32
CLOSED = -1  # the kind of what comes last


class Client:
    """Its events are frames in the order they came, as (kind, flags, stream, payload)."""

    def __init__(self, port, secure):
        self.port, self.secure = port, secure
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket)
        self.buffer, self.heard, self.settings = b"", [], {}

    def send(self, *pieces):
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except OSError:
                return  # it shows when something is expected

    def greet(self):
        self.send(PREFACE, settings((4, 65535)))
        kind, _, _, payload = self.event()
        assert kind == SETTINGS, "the first frame is of type %d" % kind
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            self.settings[name] = value
        self.send(frame(SETTINGS, 1))
        while not (kind == SETTINGS and payload == b""):
            kind, _, _, payload = self.event()

    def event(self):
        """The next one; TimeoutError when none has come in time."""
        self.socket.settimeout(PATIENCE)
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise TimeoutError
            except OSError:
                data = b""
            if not data:
                return self.note((CLOSED, 0, 0, b""))
            self.buffer += data
        size = int.from_bytes(self.buffer[:3], "big")
        head, payload = self.buffer[:9], self.buffer[9:9 + size]
        self.buffer = self.buffer[9 + size:]
        return self.note((head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7fffffff, payload))

    def note(self, event):
        self.heard.append(event)
        return event

    def expect(self, what, accepts):
        """Passes over events until one is accepted."""
        try:
            while True:
                event = self.event()
                if accepts(*event):
                    return event
                assert event[0] != CLOSED, "closed instead of " + what
        except TimeoutError:
            raise AssertionError("no " + what) from None

    # What is said.

    def block(self, method=b"GET", path=b"/", more=b""):
        """A request's fields; the authority goes into the dynamic table."""
        scheme = b"\x87" if self.secure else b"\x86"
        methods = {b"GET": b"\x82", b"POST": b"\x83"}
        return (methods.get(method) or field(b":method", method)) + scheme + \
            (b"\x84" if path == b"/" else field(b":path", path)) + \
            b"\x41" + text(b"127.0.0.1:%d" % self.port) + more

    def get(self, stream=1, flags=END_STREAM | END_HEADERS, more=b""):
        self.send(frame(HEADERS, flags, stream, self.block(more=more)))

    def post(self, stream=1, flags=END_HEADERS, more=b""):
        self.send(frame(HEADERS, flags, stream, self.block(b"POST", more=more)))

    # What is expected.

    def answer(self, stream=1):
        self.expect("HEADERS", lambda kind, flags, at, payload: kind == HEADERS and at == stream)

    def ended(self):
        self.expect("end of the stream",
                    lambda kind, flags, at, payload: kind in (HEADERS, DATA) and flags & END_STREAM)

    def data(self, size):
        _, _, _, payload = self.expect("DATA", lambda kind, flags, at, payload: kind == DATA)
        assert len(payload) == size, "DATA of %d bytes instead of %d" % (len(payload), size)

    def pong(self, payload=bytes(8)):
        self.expect("PING", lambda kind, flags, at, data: kind == PING and flags & 1 and data == payload)

    def acknowledged(self):
        self.expect("acknowledgement", lambda kind, flags, at, data: kind == SETTINGS and flags & 1)

    def closes(self):
        self.expect("end of the connection", lambda kind, flags, at, payload: kind == CLOSED)

    def bye(self, *codes):
        """A connection error."""
        def accepts(kind, _, __, payload):
            return kind == CLOSED or kind == GOAWAY and CODES[int.from_bytes(payload[4:8], "big")] in codes
        event = self.expect("GOAWAY " + " or ".join(codes), accepts)
        if event[0] == GOAWAY:
            self.closes()

    def fails(self, *codes):
        """A stream error, or more."""
        def accepts(kind, _, __, payload):
            return kind == CLOSED or \
                kind == GOAWAY and CODES[int.from_bytes(payload[4:8], "big")] in codes or \
                kind == RST_STREAM and CODES[int.from_bytes(payload, "big")] in codes
        self.expect("RST_STREAM or GOAWAY " + " or ".join(codes), accepts)


def text(value):
    assert len(value) < 127 + 128 * 128
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest = len(value) - 127
    return b"\x7f" + (bytes([rest]) if rest < 128 else bytes([rest & 127 | 128, rest >> 7])) + value


def field(name, value, first=b"\0"):
    return first + text(name) + text(value)


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def data(stream, payload, flags=0):
    return frame(DATA, flags, stream, payload)


def window(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def priority(stream, parent=0, weight=255, exclusive=False):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", parent | exclusive << 31, weight))


def ping(payload=bytes(8), flags=0):
    return frame(PING, flags, 0, payload)


def long_fields(count):
    return b"".join(field(b"x-dummy%d" % at, b"x" * 4000, b"\x40") for at in range(count))


DIALOGS = []


def dialog(name):
    def enlist(play):
        DIALOGS.append((name, play))
        return play
    return enlist


def dialogs(rows, play):
    """The same dialog for several rows of (name, what differs)."""
    for row in rows:
        DIALOGS.append((row[0], lambda c, row=row: play(c, *row[1:])))


# --- what must be accepted


@dialog("3.4 SETTINGS are said first, and whatever the client says")
def _(c):
    assert c.heard[0][0] == SETTINGS and c.heard[0][1] == 0
    assert 3 in c.settings and 6 in c.settings and c.settings.get(9) == 1


def answered(c, *pieces):
    c.send(*pieces)
    c.answer()


ONE = END_STREAM | END_HEADERS
dialogs([
    ("8.1 GET", lambda c: c.get()),
    ("8.1 HEAD", lambda c: c.send(frame(HEADERS, ONE, 1, c.block(b"HEAD")))),
    ("8.1 POST", lambda c: (c.post(), c.send(data(1, b"test", END_STREAM)))),
    ("8.1 POST in pieces", lambda c: (c.post(), c.send(data(1, b"test"), data(1, b"test", END_STREAM)))),
    ("8.1 POST with trailers", lambda c: (c.post(more=field(b"trailer", b"x-test")), c.send(
        data(1, b"test"), frame(HEADERS, ONE, 1, field(b"x-test", b"ok"))))),
    ("6.1 DATA with padding", lambda c: (c.post(), c.send(
        data(1, b"\x06test" + b"padded", END_STREAM | PADDED)))),
    ("4.2 DATA of 2^14 bytes", lambda c: (c.post(), c.send(data(1, b"x" * 16384, END_STREAM)))),
    ("6.2 HEADERS with padding", lambda c: c.send(
        frame(HEADERS, ONE | PADDED, 1, b"\x08" + c.block() + bytes(8)))),
    ("6.2 HEADERS with priority", lambda c: c.send(
        frame(HEADERS, ONE | WITH_PRIORITY, 1, b"\0\0\0\0\xff" + c.block()))),
    ("6.3 PRIORITY of the least weight", lambda c: (c.send(priority(1, weight=0)), c.get())),
    ("6.3 PRIORITY of the greatest weight", lambda c: (c.send(priority(1)), c.get())),
    ("6.3 PRIORITY below another stream", lambda c: (c.send(priority(3, parent=1)), c.get())),
    ("6.3 PRIORITY, exclusive", lambda c: (c.send(priority(1, exclusive=True)), c.get())),
    ("6.3 PRIORITY of a higher idle stream", lambda c: (c.send(priority(3)), c.get())),
    ("6.9 WINDOW_UPDATE of 1", lambda c: (c.get(), c.send(window(1, 1)))),
    ("6.10 HEADERS and CONTINUATION", lambda c: c.send(
        frame(HEADERS, END_STREAM, 1, c.block()[:5]), frame(CONTINUATION, END_HEADERS, 1, c.block()[5:]))),
    ("6.10 HEADERS and CONTINUATION twice", lambda c: c.send(
        frame(HEADERS, END_STREAM, 1, c.block()[:5]), frame(CONTINUATION, 0, 1, c.block()[5:10]),
        frame(CONTINUATION, END_HEADERS, 1, c.block()[10:]))),
    ("6.10 long CONTINUATIONs", lambda c: c.send(
        frame(HEADERS, END_STREAM, 1, c.block()), frame(CONTINUATION, 0, 1, long_fields(1)),
        frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))),
    ("7541 6.1 a field of the static table, with an empty value", lambda c: c.get(more=b"\xba")),
    ("7541 6.3 the table emptied", lambda c: c.send(frame(HEADERS, ONE, 1, b"\x20" + c.block()))),
    ("7541 4.2 the table emptied and filled", lambda c: c.send(
        frame(HEADERS, ONE, 1, b"\x20\x3f\xe1\x1f" + c.block()))),
    ("5.5 a setting and a frame nobody knows", lambda c: (
        c.send(settings((255, 1)), frame(0x16, 0, 0, bytes(8))), c.get())),
], lambda c, say: (say(c), c.answer()))

# Plain or by Huffman's code, kept or not, the name by index or not: x-test and user-agent.
NAMES = [("its own name", text(b"x-test")), ("its own name, coded", b"\x85\xf2\xb2\x4a\x84\xff"),
         ("a name of the table", None)]
VALUES = [("plain", text(b"ok-1.0")), ("coded", b"\x84\x9c\x48\xac\xa4")]
KINDS = [("kept", 0x40, 6), ("not kept", 0, 4), ("never to be kept", 0x10, 4)]


def literal(first, bits, name, value):
    if name is not None:
        return bytes([first]) + name + value
    index, most = 58, 2 ** bits - 1
    return (bytes([first | index]) if index < most else bytes([first | most, index - most])) + value


dialogs([("7541 6.2 a literal that is %s, %s, %s" % (kind, name, value), literal(first, bits, raw_name, raw_value))
         for kind, first, bits in KINDS for name, raw_name in NAMES for value, raw_value in VALUES],
        lambda c, more: (c.get(more=more), c.answer()))

dialogs([
    ("6.7 PING", lambda c: c.send(ping(b"abcdefgh")), b"abcdefgh"),
    ("6.7 PING behind an acknowledgement of none", lambda c: c.send(ping(b"12345678", 1), ping(b"abcdefgh")),
     b"abcdefgh"),
    ("4.1 a type nobody knows", lambda c: c.send(frame(0x16, 0, 0, bytes(8)), ping()), bytes(8)),
    ("4.1 flags nobody knows", lambda c: c.send(frame(PING, 0x16, 0, bytes(8))), bytes(8)),
    ("4.1 the reserved bit", lambda c: c.send(frame(PING, 0x16, 0x80000000, bytes(8))), bytes(8)),
    ("5.1 PRIORITY of an idle stream", lambda c: c.send(priority(1), ping()), bytes(8)),
    ("5.1 RST_STREAM of a half-closed stream", lambda c: (c.get(), c.send(reset(1), ping())), bytes(8)),
    ("6.4 RST_STREAM", lambda c: (c.get(flags=END_HEADERS), c.send(reset(1), ping())), bytes(8)),
    ("7 RST_STREAM with a code nobody knows", lambda c: (c.post(), c.send(reset(1, 255), ping())), bytes(8)),
    ("5.1 PRIORITY of a closed stream", lambda c: (c.get(), c.ended(), c.send(priority(1), ping())), bytes(8)),
    ("6.5.2 a setting nobody knows", lambda c: c.send(settings((255, 1)), ping()), bytes(8)),
    ("6.9 WINDOW_UPDATE of the connection", lambda c: c.send(window(0, 1), ping()), bytes(8)),
], lambda c, say, payload: (say(c), c.pong(payload)))

dialogs([
    ("6.5.3 every setting", settings((1, 4096), (2, 1), (3, 100), (4, 65535), (5, 16384), (6, 100))),
    ("6.5.3 no push", settings((2, 0))),
], lambda c, piece: (c.send(piece), c.acknowledged()))

dialogs([
    ("6.8 GOAWAY", frame(GOAWAY, 0, 0, bytes(8) + b"bye")),
    ("7 GOAWAY with a code nobody knows", frame(GOAWAY, 0, 0, bytes(7) + b"\xff")),
    ("5.4.1 a connection error", frame(PING, 0, 3, bytes(8))),
], lambda c, piece: (c.send(piece), c.closes()))


# --- windows


@dialog("6.9.1 one byte where the window is 1")
def _(c):
    c.send(settings((4, 1)))
    c.acknowledged()
    c.get()
    c.data(1)


@dialog("6.5.3 settings are taken in their order")
def _(c):
    c.send(settings((4, 100), (4, 1)))
    c.acknowledged()
    c.get()
    c.data(1)


@dialog("6.9.2 a setting opens the windows of streams that are open")
def _(c):
    c.send(settings((4, 0)))
    c.acknowledged()
    c.get()
    c.send(settings((4, 1)))
    c.acknowledged()
    c.data(1)


@dialog("6.9.2 a window below zero is made up for")
def _(c):
    c.send(settings((4, 3)))
    c.acknowledged()
    c.get()
    c.data(3)
    c.send(settings((4, 2)))
    c.acknowledged()
    c.send(window(1, 2))
    c.data(1)


dialogs([
    ("5.1 WINDOW_UPDATE of a half-closed stream", b""),
    ("5.1 PRIORITY of a half-closed stream", priority(1)),
], lambda c, piece: (c.send(settings((4, 0))), c.get(), c.send(piece, window(1, 1)), c.data(1)))


@dialog("5.1.2 more streams than are allowed")
def _(c):
    c.send(settings((4, 0)))
    block = c.block()
    for at in range(c.settings[3] + 1):
        c.send(frame(HEADERS, ONE, 2 * at + 1, block))
    c.fails("PROTOCOL_ERROR", "REFUSED_STREAM")


@dialog("6.9.1 a stream's window beyond 2^31 - 1")
def _(c):
    c.get(flags=END_HEADERS)
    c.send(window(1, 2 ** 31 - 1), window(1, 2 ** 31 - 1))
    event = c.expect("RST_STREAM", lambda kind, flags, at, payload: kind == RST_STREAM and at == 1)
    assert CODES[int.from_bytes(event[3], "big")] == "FLOW_CONTROL_ERROR"


# --- connection errors

PROTOCOL, SIZE, COMPRESSION = "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "COMPRESSION_ERROR"

dialogs([
    ("4.2 HEADERS of more than 2^14 bytes", lambda c: c.get(more=long_fields(5)), SIZE),
    ("4.3 a block that cannot be decoded", lambda c: c.send(frame(HEADERS, ONE, 1, b"\x40")), COMPRESSION),
    ("6.2 PRIORITY inside a block", lambda c: (c.get(flags=0), c.send(
        priority(1), frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))), PROTOCOL),
    ("6.2 another stream's HEADERS inside a block", lambda c: (c.get(flags=0), c.get(3), c.send(
        frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))), PROTOCOL),
    ("5.5 a type nobody knows inside a block", lambda c: (c.get(flags=END_STREAM), c.send(
        frame(0x16, 0, 0, bytes(8)))), PROTOCOL),
    ("5.1 DATA on an idle stream", lambda c: c.send(data(1, b"test", END_STREAM)), PROTOCOL),
    ("5.1 RST_STREAM of an idle stream", lambda c: c.send(reset(1)), PROTOCOL),
    ("5.1 WINDOW_UPDATE of an idle stream", lambda c: c.send(window(1, 100)), PROTOCOL),
    ("5.1 CONTINUATION of an idle stream", lambda c: c.send(frame(CONTINUATION, END_HEADERS, 1, c.block())), PROTOCOL),
    ("5.1 DATA on a closed stream", lambda c: (c.get(), c.ended(), c.send(data(1, b"test", END_STREAM))),
     "STREAM_CLOSED"),
    ("5.1 HEADERS on a closed stream", lambda c: (c.get(), c.ended(), c.get()), "STREAM_CLOSED"),
    ("5.1 CONTINUATION on a closed stream", lambda c: (c.get(), c.ended(), c.send(
        frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))), "STREAM_CLOSED", PROTOCOL),
    ("5.1.1 an even stream", lambda c: c.get(2), PROTOCOL),
    ("5.1.1 a stream below another", lambda c: (c.get(5), c.get(3)), PROTOCOL),
    ("6.1 DATA on stream 0", lambda c: c.send(data(0, b"test", END_STREAM)), PROTOCOL),
    ("6.1 more padding than DATA", lambda c: (c.post(more=field(b"content-length", b"4")), c.send(
        data(1, b"\x06Test", END_STREAM | PADDED))), PROTOCOL),
    ("6.2 HEADERS on stream 0", lambda c: c.get(0), PROTOCOL),
    ("6.3 PRIORITY on stream 0", lambda c: c.send(priority(0)), PROTOCOL),
    ("6.4 RST_STREAM on stream 0", lambda c: c.send(reset(0)), PROTOCOL),
    ("6.5 an acknowledgement with content", lambda c: c.send(frame(SETTINGS, 1, 0, b"\0")), SIZE),
    ("6.5 SETTINGS on a stream", lambda c: c.send(frame(SETTINGS, 0, 1, struct.pack(">HI", 3, 100))), PROTOCOL),
    ("6.5 SETTINGS cut off inside of an entry, and the frame with it",
     lambda c: c.send(b"\0\0\x09\x04\0\0\0\0\0" + bytes(8)), SIZE, PROTOCOL),
    ("6.5.2 ENABLE_PUSH of 2", lambda c: c.send(settings((2, 2))), PROTOCOL),
    ("6.5.2 INITIAL_WINDOW_SIZE of 2^31", lambda c: c.send(settings((4, 2 ** 31))), "FLOW_CONTROL_ERROR"),
    ("6.5.2 MAX_FRAME_SIZE of 2^14 - 1", lambda c: c.send(settings((5, 2 ** 14 - 1))), PROTOCOL),
    ("6.5.2 MAX_FRAME_SIZE of 2^24", lambda c: c.send(settings((5, 2 ** 24))), PROTOCOL),
    ("6.6 PUSH_PROMISE of a client", lambda c: c.send(
        frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\3" + c.block())), PROTOCOL),
    ("6.7 PING on a stream", lambda c: c.send(frame(PING, 0, 1, bytes(8))), PROTOCOL),
    ("6.7 PING of 6 bytes", lambda c: c.send(frame(PING, 0, 0, bytes(6))), SIZE),
    ("6.8 GOAWAY on a stream", lambda c: c.send(frame(GOAWAY, 0, 1, bytes(8))), PROTOCOL),
    ("6.9 WINDOW_UPDATE of 0", lambda c: c.send(window(0, 0)), PROTOCOL),
    ("6.9 WINDOW_UPDATE of 3 bytes", lambda c: c.send(frame(WINDOW_UPDATE, 0, 0, b"\0\0\1")), SIZE),
    ("6.9.1 the connection's window beyond 2^31 - 1", lambda c: c.send(
        window(0, 2 ** 31 - 1), window(0, 2 ** 31 - 1)), "FLOW_CONTROL_ERROR"),
    ("6.10 DATA behind CONTINUATION", lambda c: (c.post(flags=0), c.send(
        frame(CONTINUATION, 0, 1, long_fields(1)), data(1, b"test", END_STREAM))), PROTOCOL),
    ("6.10 CONTINUATION on stream 0", lambda c: (c.get(flags=END_STREAM), c.send(
        frame(CONTINUATION, END_HEADERS, 0, long_fields(1)))), PROTOCOL),
    ("6.10 CONTINUATION behind a complete head", lambda c: (c.get(), c.send(
        frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))), PROTOCOL),
    ("6.10 CONTINUATION behind the last", lambda c: (c.get(flags=END_STREAM), c.send(
        *[frame(CONTINUATION, END_HEADERS, 1, long_fields(1))] * 2)), PROTOCOL),
    ("6.10 DATA inside a block", lambda c: (c.post(flags=0), c.send(
        data(1, b"test", END_STREAM), frame(CONTINUATION, 0, 1, long_fields(1)),
        frame(CONTINUATION, END_HEADERS, 0, long_fields(1)))), PROTOCOL),
    ("7541 2.3.3 an index beyond both tables", lambda c: c.get(more=b"\xfe"), COMPRESSION),
    ("7541 4.2 the table's size at the end of a block", lambda c: c.get(more=b"\x21"), COMPRESSION),
    ("7541 5.2 padding of more than 7 bits",
     lambda c: c.get(more=b"\0\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), COMPRESSION),
    ("7541 5.2 padding of zeros", lambda c: c.get(more=b"\0\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), COMPRESSION),
    ("7541 5.2 the end of string inside of one",
     lambda c: c.get(more=b"\0\x85\xf2\xb2\x4a\x84\xff\x87\xff\xff\xff\xfd\x25\x42\x7f"), COMPRESSION),
    ("7541 6.1 index 0", lambda c: c.get(more=b"\x80"), COMPRESSION),
    ("7541 6.3 a larger table than is allowed",
     lambda c: c.send(frame(HEADERS, ONE, 1, b"\x3f\xe2\x1f" + c.block())), COMPRESSION),
], lambda c, say, *codes: (say(c), c.bye(*codes)))


@dialog("5.4.1 GOAWAY comes before the end")
def _(c):
    c.send(frame(PING, 0, 3, bytes(8)))
    c.expect("GOAWAY", lambda kind, flags, at, payload: kind == GOAWAY)
    c.closes()


# --- stream errors


def bad_head(*fields):
    """A request whose pseudo-fields are those of GET / but for what is told."""
    return lambda c: c.send(frame(HEADERS, ONE, 1, b"".join(
        field(name, value(c) if callable(value) else value) for name, value in fields)))


def authority(c):
    return b"127.0.0.1:%d" % c.port


def scheme(c):
    return b"https" if c.secure else b"http"


METHOD, SCHEME, PATH, AUTHORITY = (b":method", b"GET"), (b":scheme", scheme), (b":path", b"/"), \
    (b":authority", authority)
ALL = (METHOD, SCHEME, PATH, AUTHORITY)

dialogs([
    ("4.2 DATA of more than 2^14 bytes", lambda c: (c.post(), c.send(data(1, b"x" * 16385, END_STREAM))), SIZE),
    ("5.1 DATA on a half-closed stream", lambda c: (c.get(), c.send(data(1, b"test", END_STREAM))), "STREAM_CLOSED"),
    ("5.1 HEADERS on a half-closed stream", lambda c: (c.get(), c.get()), "STREAM_CLOSED"),
    ("5.1 HEADERS on a half-closed stream that is not the first", lambda c: (c.get(5), c.get(5)), "STREAM_CLOSED"),
    ("5.1 CONTINUATION on a half-closed stream", lambda c: (c.get(), c.send(
        frame(CONTINUATION, END_HEADERS, 1, c.block()))), "STREAM_CLOSED", PROTOCOL),
    ("5.1 DATA behind RST_STREAM", lambda c: (c.get(flags=END_HEADERS), c.send(
        reset(1), data(1, b"test", END_STREAM))), "STREAM_CLOSED"),
    ("5.1 HEADERS behind RST_STREAM", lambda c: (c.get(flags=END_HEADERS), c.send(reset(1)), c.get()),
     "STREAM_CLOSED"),
    ("5.1 CONTINUATION behind RST_STREAM", lambda c: (c.get(flags=END_HEADERS), c.send(
        reset(1), frame(CONTINUATION, END_HEADERS, 1, long_fields(1)))), "STREAM_CLOSED", PROTOCOL),
    ("6.1 DATA of a POST that has ended", lambda c: (c.post(flags=ONE), c.send(data(1, b"test", END_STREAM))),
     "STREAM_CLOSED"),
    ("5.3.1 HEADERS below their own stream", lambda c: c.send(
        frame(HEADERS, ONE | WITH_PRIORITY, 1, b"\0\0\0\1\xff" + c.block())), PROTOCOL),
    ("5.3.1 PRIORITY below its own stream", lambda c: c.send(priority(1, parent=1)), PROTOCOL),
    ("6.2 more padding than HEADERS", lambda c: c.send(frame(
        HEADERS, ONE | PADDED, 1, bytes([len(c.block()) + 2]) + c.block())), PROTOCOL),
    ("6.3 PRIORITY of 4 bytes", lambda c: (c.get(), c.send(frame(PRIORITY, 0, 1, b"\x80\0\0\1"))), SIZE),
    ("6.4 RST_STREAM of 3 bytes", lambda c: (c.get(), c.send(frame(RST_STREAM, 0, 1, bytes(3)))), SIZE),
    ("6.9 WINDOW_UPDATE of 0 on a stream", lambda c: (c.get(flags=END_HEADERS), c.send(window(1, 0))), PROTOCOL),
    ("8.1 a second head that ends nothing", lambda c: (c.post(), c.send(
        data(1, b"test"), frame(HEADERS, END_HEADERS, 1, field(b"x-test", b"ok")))), PROTOCOL),
    ("8.1 trailers with a pseudo-field", lambda c: (c.post(), c.send(
        data(1, b"test"), frame(HEADERS, ONE, 1, field(b":method", b"POST")))), PROTOCOL),
    ("8.1 trailers with a pseudo-field that end nothing", lambda c: (c.post(), c.send(
        data(1, b"test"), frame(HEADERS, END_HEADERS, 1, field(b":method", b"POST")))), PROTOCOL),
    ("8.2 a name in capitals", lambda c: c.get(more=field(b"X-TEST", b"ok")), PROTOCOL),
    ("8.2.2 Connection", lambda c: c.get(more=field(b"connection", b"keep-alive")), PROTOCOL),
    ("8.2.2 TE of more than trailers", lambda c: c.get(
        more=field(b"trailers", b"test") + field(b"te", b"trailers, deflate")), PROTOCOL),
    ("8.3 a pseudo-field nobody knows", lambda c: c.get(more=field(b":test", b"ok")), PROTOCOL),
    ("8.3 a pseudo-field of answers", lambda c: c.get(more=field(b":status", b"200")), PROTOCOL),
    ("8.3 pseudo-fields behind a field", bad_head((b"x-test", b"ok"), *ALL), PROTOCOL),
    ("8.3.1 an empty :path", bad_head(METHOD, SCHEME, (b":path", b""), AUTHORITY), PROTOCOL),
    ("8.3.1 no :method", bad_head(SCHEME, PATH, AUTHORITY), PROTOCOL),
    ("8.3.1 no :method and no :scheme", bad_head(PATH, AUTHORITY), PROTOCOL),
    ("8.3.1 no :scheme", bad_head(METHOD, PATH, AUTHORITY), PROTOCOL),
    ("8.3.1 no :path", bad_head(METHOD, SCHEME, AUTHORITY), PROTOCOL),
    ("8.3.1 :method twice", bad_head(*ALL, METHOD), PROTOCOL),
    ("8.3.1 :scheme twice", bad_head(*ALL, SCHEME), PROTOCOL),
    ("8.3.1 :path twice", bad_head(*ALL, PATH), PROTOCOL),
    ("8.1.1 a length that DATA exceeds", lambda c: (c.post(more=field(b"content-length", b"1")), c.send(
        data(1, b"test", END_STREAM))), PROTOCOL),
    ("8.1.1 a length that many DATA exceed", lambda c: (c.post(more=field(b"content-length", b"1")), c.send(
        data(1, b"test"), data(1, b"test", END_STREAM))), PROTOCOL),
    ("8.1.1 a length that is not reached", lambda c: (c.post(more=field(b"content-length", b"9")), c.send(
        data(1, b"test", END_STREAM))), PROTOCOL),
], lambda c, say, *codes: (say(c), c.fails(*codes)))


# --- all of it


def hold(play, port, secure):
    """What went wrong, or None."""
    client = Client(port, secure)
    try:
        client.greet()
        play(client)
    except AssertionError as error:
        return "%s; heard %s" % (error, [event[:3] for event in client.heard])
    finally:
        client.socket.close()
    return None


def wrong_preface(port, secure):
    """Nothing was agreed on yet: the end is all that is asked for."""
    client = Client(port, secure)
    try:
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        deadline = time.monotonic() + PATIENCE
        while client.socket.recv(65536):
            if time.monotonic() > deadline:
                return "goes on"
    except socket.timeout:
        return "no end of the connection"
    except OSError:
        pass
    finally:
        client.socket.close()
    return None


def main(build):
    here = pathlib.Path(__file__).resolve().parent
    held = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / "crolua", "dev-cert", "--dir", folder, "127.0.0.1"], check=True,
                       stdout=subprocess.DEVNULL)
        server = subprocess.Popen([build / "crolua", here / "h2_server.lua", folder, "dialogs"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        places = [place.split(":") for place in server.stdout.readline().split()]
        for name, tls, port in places:
            for title, play in DIALOGS + [("3.4 a preface that is none", None)]:
                secure = tls == "tls"
                wrong = hold(play, int(port), secure) if play else wrong_preface(int(port), secure)
                held += 1
                if wrong:
                    failed += 1
                    print("%s (%s, %s): %s" % (title, name, tls, wrong))
        server.stdin.close()
        if server.wait(5 * PATIENCE) != 0:
            failed += 1
            print("the server: status %d" % server.returncode)
    print("%d dialogs of %d kinds with %d servers, %d failed" % (held, len(DIALOGS) + 1, len(places), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
