"""What tools/soak does over TLS: clients of tools/soak_service.lua, over HTTP/1.1, HTTP/2
and STARTTLS, honest ones and such as break off, lie or go without reading. Each act is a
function of a source of randomness; a wrong answer raises AssertionError.

Frames are made by hand: heads without compression, and of what is answered only frames,
their ends and lengths are looked at.
"""
import json
import socket
import ssl
import struct
import time

DATA, HEADERS, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 5, 6, 7, 8
END, ACK, COMPLETE = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMIT = 120  # seconds for an answer: a machine that checks each access is slow

folder = ""
port = known_port = plain_port = 0


def setting(*pairs):
    return b"".join(struct.pack(">HI", *pair) for pair in pairs)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def head(method, path, **more):
    fields = {":method": method, ":scheme": "https", ":authority": "localhost", ":path": path, **more}
    return b"".join(literal(name.replace("_", "-"), value) for name, value in fields.items())


def context(alpn, known=False):
    made = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    if alpn:
        made.set_alpn_protocols(alpn)
    if known:
        made.load_cert_chain(f"{folder}/client-crt.pem", f"{folder}/client-key.pem")
    return made


def plain(to):
    return socket.create_connection(("127.0.0.1", to), timeout=LIMIT)


def secure(alpn, to=None, known=False):
    return context(alpn, known).wrap_socket(plain(to or port), server_hostname="localhost")


def received(sock, size):
    got = b""
    while len(got) < size:
        piece = sock.recv(size - len(got))
        if not piece:
            raise ConnectionError("closed")
        got += piece
    return got


class Session:
    """One connection of HTTP/2. `bodies`: how much has come of each stream; `ended`: those
    that are complete; `given_up`: those that the server has reset."""

    def __init__(self, window=65535, push=0):
        self.sock = secure(["h2"])
        self.bodies, self.ended, self.given_up, self.promised = {}, set(), set(), set()
        self.credit, self.stream_window = {0: 65535}, 65535
        self.next = 1
        self.send(PREFACE + frame(SETTINGS, 0, 0, setting((2, push), (4, window))))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def ask(self, path, method="GET", end=True, **more):
        stream, self.next = self.next, self.next + 2
        self.send(frame(HEADERS, COMPLETE | (END if end else 0), stream, head(method, path, **more)))
        return stream

    def read(self):
        """Takes one frame."""
        start = received(self.sock, 9)
        kind, flags, stream = start[3], start[4], struct.unpack(">I", start[5:])[0]
        payload = received(self.sock, int.from_bytes(start[:3], "big"))
        if kind == GOAWAY and payload[4:8] != b"\0\0\0\0":
            raise AssertionError(f"GOAWAY {payload!r}")
        if kind == SETTINGS and not flags & ACK:
            self.settings(payload)
        if kind == PUSH:
            self.promised.add(struct.unpack(">I", payload[:4])[0])
        if kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, 0) + len(payload)
        if kind == WINDOW:
            self.credit[stream] = self.credit.get(stream, self.stream_window) + struct.unpack(">I", payload)[0]
        if kind in (DATA, HEADERS) and flags & END:
            self.ended.add(stream)
        if kind == RESET:
            self.given_up.add(stream)
        return kind, stream, len(payload)

    def settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == 4:
                self.stream_window = value
        self.send(frame(SETTINGS, ACK, 0))

    def take(self, streams):
        """Reads until all of these have ended, giving back what has come."""
        while not streams <= self.ended | self.given_up:
            kind, stream, size = self.read()
            if kind == DATA and size:
                self.send(b"".join(frame(WINDOW, 0, of, struct.pack(">I", size)) for of in (0, stream)))

    def upload(self, stream, size, draw):
        """As much as the windows allow at a time; True unless the server wants no more."""
        while size > 0:
            room = min(self.credit[0], self.credit.get(stream, self.stream_window), size, 16384)
            if stream in self.given_up | self.ended:
                return False
            if room <= 0:
                self.read()
                continue
            room = draw.randint(1, room)
            size -= room
            self.credit[0] -= room
            self.credit[stream] = self.credit.get(stream, self.stream_window) - room
            self.send(frame(DATA, 0 if size else END, stream, b"u" * room))
        return True


def broken(sock):
    """Ends a connection without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def settle(sock):
    """Whatever comes until the server closes."""
    try:
        while sock.recv(65536):
            pass
    except (OSError, ssl.SSLError):
        pass


def https(draw):
    with secure(draw.choice([None, ["http/1.1"], ["x", "http/1.1"]])) as sock:
        for _ in range(draw.randint(1, 10)):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = sock.recv(65536)
            assert got.startswith(b"HTTP/1.1 200"), got[:60]


def https_upload(draw):
    size = draw.randint(0, 300000)
    with secure(None) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        sent = got = 0
        while sent < size:  # as much as an echo can keep back: what is answered is read between
            piece = min(size - sent, draw.randint(1, 16384))
            sock.sendall(b"e" * piece)
            sent += piece
            if draw.random() < 0.5:
                got += len(sock.recv(65536))
        while piece := sock.recv(65536):
            got += len(piece)
        assert got > size, f"{got} of {size}"


def known(draw):
    with secure(draw.choice([None, ["http/1.1"]]), known_port, True) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert received(sock, 12) == b"HTTP/1.1 200"
        settle(sock)


def streams(draw):
    with Session() as session:
        for _ in range(draw.randint(1, 4)):
            asked = {session.ask(draw.choice(["/", "/slow", "/push", "/fails"])) for _ in range(draw.randint(1, 40))}
            session.take(asked)
            assert not session.given_up, "a stream was reset"


def push(draw):
    with Session(push=1) as session:
        session.take({session.ask("/push") for _ in range(draw.randint(1, 10))})
        if draw.random() < 0.5:
            for stream in session.promised - session.ended:
                session.send(frame(RESET, 0, stream, struct.pack(">I", 8)))
        else:
            session.take(session.promised)


def uploads(draw):
    with Session() as session:
        for _ in range(draw.randint(1, 5)):
            size, path = draw.randint(1, 400000), draw.choice(["/length", "/count", "/ignored"])
            stream = session.ask(path, "POST", False, content_length=str(size))
            session.upload(stream, size, draw)
            session.take({stream})


def backpressure(draw):
    """Many bodies nobody asks more of than their windows, then the end of all."""
    with Session(window=draw.choice([0, 1, 100, 65535])) as session:
        asked = [session.ask("/endless") for _ in range(draw.randint(1, 30))]
        for _ in range(draw.randint(0, 50)):
            session.send(frame(WINDOW, 0, draw.choice(asked), struct.pack(">I", draw.randint(256, 20000))))
        time.sleep(draw.random() * 0.3)
        for stream in asked:
            if draw.random() < 0.5:
                session.send(frame(RESET, 0, stream, struct.pack(">I", 8)))


def given_up(draw):
    with Session() as session:
        for _ in range(draw.randint(1, 40)):
            path = draw.choice(["/slow", "/push", "/endless", "/count"])
            stream = session.ask(path, "POST" if path == "/count" else "GET", path != "/count")
            if path == "/count":
                session.upload(stream, draw.randint(1, 1000), draw)
            if draw.random() < 0.7:
                session.send(frame(RESET, 0, stream, struct.pack(">I", draw.choice([0, 2, 7, 8]))))
        if draw.random() < 0.5:
            broken(session.sock)


def broken_off(draw):
    """A connection that is gone in the middle of what it has asked, and of a record."""
    with Session() as session:
        for _ in range(draw.randint(1, 20)):
            session.ask(draw.choice(["/slow", "/endless", "/push"]))
        session.send(frame(HEADERS, COMPLETE, session.next, head("POST", "/length"))[:draw.randint(1, 40)])
        broken(session.sock)


def nonsense(draw):
    with Session() as session:
        session.send(draw.randbytes(draw.randint(1, 300)))
        try:
            while True:
                session.read()
        except AssertionError:
            pass


def no_tls(draw):
    with plain(draw.choice([port, known_port])) as sock:
        sock.sendall(draw.choice([b"GET / HTTP/1.1\r\n\r\n", b"", draw.randbytes(200), b"\x16\x03\x01\x40\x00" + bytes(50)]))
        if draw.random() < 0.7:
            settle(sock)


def hello_cut(draw):
    """A handshake that ends somewhere in the middle."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(["h2"]).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()
    with plain(port) as sock:
        sock.sendall(hello[:draw.randint(0, len(hello))])
        if draw.random() < 0.5:
            broken(sock)


def refused(draw):
    """A handshake that cannot come to its end."""
    try:
        if draw.random() < 0.5:
            with secure(["wrong"]) as sock:
                raise AssertionError("agreed on a wrong protocol")
        with secure(None, known_port) as sock:
            assert sock.recv(1) == b"", "served without a certificate"
    except ssl.SSLError:
        pass


def start_tls(draw):
    sock = plain(plain_port)
    with sock:
        if draw.random() < 0.2:
            sock.sendall(b"STARTTLS\nRUN BEFORE TLS\n")
            return settle(sock)
        sock.sendall(b"STARTTLS\n")
        assert received(sock, 9) == b"go ahead\n"
        if draw.random() < 0.2:
            return sock.sendall(b"not a handshake")
        with context(None).wrap_socket(sock, server_hostname="localhost") as private:
            for _ in range(draw.randint(1, 10)):
                size = draw.randint(1, 40000)
                private.sendall(b"p" * size)
                received(private, size)


def counters():
    """What the service counts, by name."""
    with secure(None) as sock:
        sock.sendall(b"GET /counters HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b""
        while piece := sock.recv(65536):
            got += piece
    return json.loads(got.partition(b"\r\n\r\n")[2])


HONEST = {https, https_upload, known, streams, uploads}
ACTS = [https, https, https_upload, known, streams, streams, push, uploads, backpressure, given_up, broken_off,
        nonsense, no_tls, hello_cut, refused, start_tls]
