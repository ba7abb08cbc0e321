"""Servers as process trees: started pinned to one core, measured, always stopped."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

_running = set()


class Failed(Exception):
    """A server that did not start, or answered what it should not."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    """In a child: gone when we are, however we go."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _in_child(core, command):
    """The command by way of nothing but exec: a preexec_fn would make Python fork itself,
    which takes longer than some of the servers do to start."""
    cores = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})  # the child inherits it
    try:
        return subprocess.Popen(**command, start_new_session=True, close_fds=False)
    finally:
        os.sched_setaffinity(0, cores)


def _stat(pid):
    """Fields of /proc/PID/stat from the third on, or None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _tree(root):
    """The process and everything it has started, by parent links."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


class Server:
    """One running server. `port` answers once `wait` has returned."""

    def __init__(self, name, command, port, env=None, core=None, log=None, secure=None):
        self.name, self.port, self.log, self.secure = name, port, log, secure
        output = open(log, "wb") if log else subprocess.DEVNULL
        self.started = time.monotonic()
        self.process = _in_child(
            core,
            {
                "args": command,
                "stdin": subprocess.DEVNULL,
                "stdout": output,
                "stderr": subprocess.STDOUT,
                "env": {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", **(env or {})},
            },
        )
        if log:
            output.close()
        _running.add(self)
        self._pids = None

    def said(self):
        """The end of what it wrote, for messages."""
        if not self.log:
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:].strip()

    def open(self, secure=None):
        """A connection to it, over TLS where it is secure."""
        peer = socket.create_connection(("127.0.0.1", self.port), 5)
        secure = secure or self.secure
        if not secure:
            return peer
        try:
            return secure.wrap_socket(peer, server_hostname="localhost")
        except OSError:
            peer.close()
            raise

    def ask(self, path="/plaintext"):
        """One GET on a connection of its own; the status code, or None."""
        try:
            with self.open() as peer:
                peer.sendall(
                    f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
                )
                head = peer.recv(4096)
            return int(head.split(b" ", 2)[1]) if head else None
        except (OSError, ValueError, IndexError):
            return None

    def connects(self):
        """Does anything listen on its port?"""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def wait(self, path="/plaintext", seconds=10):
        """Seconds from exec to the first 200. Raises Failed."""
        end = self.started + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended at once: {self.said()}")
            if self.ask(path) == 200:
                return time.monotonic() - self.started
            time.sleep(0.0002)
        raise Failed(f"{self.name} does not answer {path}: {self.said()}")

    def pids(self):
        if self._pids is None or not all(_stat(pid) for pid in self._pids):
            self._pids = _tree(self.process.pid)
        return self._pids

    def cpu(self):
        """CPU seconds used so far by the tree, ended children included."""
        ticks = 0
        for pid in self.pids():
            fields = _stat(pid)
            if fields:
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICK

    def rss(self):
        """Resident bytes, summed over the tree."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                    total += int(file.read().split()[1]) * PAGE
            except OSError:
                pass
        return total

    def stop(self):
        """Asks, then insists. Harmless twice."""
        if self not in _running:
            return
        _running.discard(self)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except OSError:
                pass
            try:
                self.process.wait(3)
                return
            except subprocess.TimeoutExpired:
                continue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def stop_all():
    for server in list(_running):
        server.stop()


def _on_signal(number, _frame):
    stop_all()
    os._exit(128 + number)


def install_cleanup():
    """Whatever ends this program ends what it has started."""
    atexit.register(stop_all)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
