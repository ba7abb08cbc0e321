"""What each figure must be and what it aims at, and how a figure is judged."""

from statistics import median


class Target:
    """A figure to reach. `higher`: more is better; else less is."""

    def __init__(self, what, must, aim=None, higher=True, unit="x"):
        self.what, self.must, self.aim = what, must, aim
        self.higher, self.unit = higher, unit

    def reaches(self, figure, wanted):
        return figure >= wanted if self.higher else figure <= wanted

    def mark(self, samples):
        """aim, met, near (missed by under 5 %, or within the rounds' spread), missed."""
        figure = median(samples)
        best = max(samples) if self.higher else min(samples)
        if self.aim is not None and self.reaches(figure, self.aim):
            return "aim"
        if self.reaches(figure, self.must):
            return "met"
        slack = self.must * (0.95 if self.higher else 1.05)
        if self.reaches(figure, slack) and self.reaches(best, self.must):
            return "near"
        return "missed"


def ratio(peer, must, aim=None):
    return Target(("rate", peer), must, aim)


def cpu_ratio(peer, must, aim=None):
    return Target(("cpu", peer), must, aim, higher=False)


def work_ratio(peer, must, aim=None):
    """The peer's CPU per message over ours: how much more we do with as much."""
    return Target(("work", peer), must, aim)


WORKLOAD = {
    "plaintext": [ratio("nginx", 0.95, 1.05), ratio("nginx-lua", 1.15), ratio("node", 3)],
    "c512": [ratio("nginx", 0.90, 1.0)],
    "pipelined": [ratio("nginx", 6, 8)],
    "json": [ratio("nginx", 0.95, 1.0), ratio("nginx-lua", 1.2)],
    "param": [ratio("nginx", 0.9, 1.0), ratio("nginx-lua", 1.25)],
    "echo": [ratio("nginx-lua", 1.4, 2.0), ratio("node", 2)],
    "close": [ratio("nginx", 0.95), cpu_ratio("nginx", 1.1, 0.75)],
    "await": [ratio("crolua-plain", 0.9, 0.95)],
    "kept": [ratio("crolua-plain", 0.9, 0.95)],
    "tls": [ratio("nginx", 0.95, 1.1)],
    "handshake": [ratio("nginx", 0.95, 1.0)],
    "h2": [ratio("nginx", 3, 3.5)],
    "h2-json": [ratio("nginx", 3, 3.5)],
    "tls-1m": [ratio("nginx", 1.1, 1.3)],
    # C itself does 1.4 to 1.6 times what node does: system calls are most of it.
    "tcp-32": [work_ratio("node", 1, 1.4), work_ratio("C", 0.6)],
    "tcp-64k": [work_ratio("node", 1), work_ratio("C", 0.8)],
}


def start(nginx_ms):
    """Exec to first answer: half of nginx's time must do, 10 ms is the aim."""
    return Target(("start", None), nginx_ms / 2, 10, higher=False, unit="ms")


REST = Target(("rest", None), 6.0, 4.0, higher=False, unit="MiB")
IDLE = Target(("idle", None), 2.0, 1.0, higher=False, unit="KiB")
IDLE_TLS = Target(("idle", None), 24.0, None, higher=False, unit="KiB")
CHURN = Target(("churn", None), 2.0, None, higher=False, unit="MiB")

# ns per value or operation: (must, aim), by the names bench/micro/reactive.lua and
# channel.lua print.
MICRO = {
    "map_grep_tap": (30, 10),
    "map_grep_tap_entered": (300, 100),
    "body_map_grep_block_react": (170, 70),
    "supplier_tap": (20, 5),
    "supplier_react_bursts": (100, 40),
    "promise_then_keep_turn": (600, 470),
    "await_keep_other_fiber": (900, 500),
    "start_await": (700, 500),
    "send_receive_bursts": (100, None),
    "hand_over": (900, None),
}


# Bytes of Lua heap, by the names bench/micro/memory.lua prints.
BYTES = {
    "promise_pending": (117, None),
    "supplier": (512, 325),
    "tap": (850, 826),
    "start_parked_in_await": (1660, None),
    "start_sleeping": (1660, 525),
}


def _small(table, name, unit):
    if name not in table:
        return None
    must, aim = table[name]
    return Target(("micro", None), must, aim, higher=False, unit=unit)


def micro(name):
    """The Target of a micro-benchmark, or None for one that is only shown."""
    return _small(MICRO, name, "ns")


def weight(name):
    """The Target of what something weighs, or None."""
    return _small(BYTES, name, "B")
