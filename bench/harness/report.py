"""Figures as tables for people, and as JSON."""

from statistics import median

from .targets import WORKLOAD

MiB, KiB = 1024 * 1024, 1024
GENERATOR_BUSY = 0.93
CROWDED = 0.85


def spread(values, digits=2):
    """median (lowest-highest)"""
    if not values:
        return "-"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratios(samples, column, peer, attribute):
    """Per round: a column's figure over a peer's in the same round."""
    if not samples.get(column) or not samples.get(peer):
        return []
    pairs = zip(samples[column], samples[peer])
    return [getattr(a, attribute) / getattr(b, attribute) for a, b in pairs if getattr(b, attribute)]


def table(rows, out):
    """Left-aligned columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        out("  " + "  ".join(cells).rstrip())
        if number == 0:
            out("  " + "  ".join("-" * width for width in widths))


def base_of(samples):
    """What ratios are against: nginx where it runs, else the first other column."""
    if "nginx" in samples:
        return "nginx"
    others = [column for column in samples if column != "crolua"]
    return others[0] if others else None


def workload_rows(samples):
    base = base_of(samples)
    rows = [["server", "requests/s", f"ratio to {base}", "CPU us/request", "its core", "load generator"]]
    for column, runs in samples.items():
        busy = median(run.busy for run in runs)
        rows.append(
            [
                column,
                f"{median(run.rate for run in runs):,.0f}",
                spread(ratios(samples, column, base, "rate")),
                spread([run.cpu_us for run in runs], 1),
                f"{median(run.served for run in runs):.0%}",
                f"{busy:.0%} busy" + (": the limit" if busy > GENERATOR_BUSY else ""),
            ]
        )
    return rows


def echo_rows(samples, size):
    """As workload_rows, of messages that are so many bytes, against plain C."""
    rows = [["server", "messages/s", "MiB/s", "rate to C", "CPU us/message", "C's CPU to its", "load generator"]]
    for column, runs in samples.items():
        rate, busy = median(run.rate for run in runs), median(run.busy for run in runs)
        rows.append([
            column,
            f"{rate:,.0f}",
            f"{rate * size / MiB:,.1f}",
            spread(ratios(samples, column, "C", "rate")),
            spread([run.cpu_us for run in runs], 2),
            spread(ratios(samples, "C", column, "cpu_us")),
            f"{busy:.0%} busy" + (": the limit" if busy > GENERATOR_BUSY else ""),
        ])
    return rows


def verdict(name, target, values):
    """A row of the table of targets."""
    aim = "-" if target.aim is None else f"{target.aim:g}"
    sign = ">=" if target.higher else "<="
    digits = 2 if target.unit in ("x", "MiB", "KiB") else 1
    return {
        "name": name,
        "figure": median(values),
        "low": min(values),
        "high": max(values),
        "must": target.must,
        "aim": target.aim,
        "unit": target.unit,
        "mark": target.mark(values),
        "row": [
            name,
            f"{spread(values, digits)} {target.unit}",
            f"{sign} {target.must:.3g}",
            f"{sign} {aim}" if target.aim is not None else "-",
            target.mark(values),
        ],
    }


def at_the_limit(samples, *columns):
    """Was wrk, and not the server, what bounded one of these columns?"""
    return any(median(run.busy for run in samples[column]) > GENERATOR_BUSY for column in columns)


def crowded(samples, *columns):
    """Did neither the server nor the load have its core? Then others have used them, and a
    rate tells how much."""
    return any(
        median(max(run.busy, run.served) for run in samples[column]) < CROWDED for column in columns
    )


def judged(name, samples, target):
    """(what is compared, values) for one target; no values when a column is missing.

    A rate that the generator or other programs bounded says nothing about the server: then
    it is the CPU per request that is compared, the peer's over ours, so that more is better as for a rate."""
    kind, peer = target.what
    if peer not in samples or "crolua" not in samples:
        return "", []
    if kind == "cpu":
        return f"{name}: CPU / {peer}", ratios(samples, "crolua", peer, "cpu_us")
    if kind == "work":
        return f"{name}: CPU of {peer} / ours", ratios(samples, peer, "crolua", "cpu_us")
    if at_the_limit(samples, "crolua", peer):
        values = ratios(samples, peer, "crolua", "cpu_us")
        return f"{name}: CPU of {peer} / ours (load the limit)", values
    if crowded(samples, "crolua", peer):
        values = ratios(samples, peer, "crolua", "cpu_us")
        return f"{name}: CPU of {peer} / ours (cores shared)", values
    return f"{name}: rate / {peer}", ratios(samples, "crolua", peer, "rate")


def workload_verdicts(name, samples):
    """The targets of one workload that could be judged."""
    found = []
    for target in WORKLOAD.get(name, []):
        what, values = judged(name, samples, target)
        if values:
            found.append(verdict(what, target, values))
    return found


def verdict_table(verdicts, out):
    rows = [["figure", "median (lowest-highest)", "must", "aim", "mark"]]
    table(rows + [each["row"] for each in verdicts], out)


def as_json(samples, verdicts, extra):
    return {
        "workloads": {
            name: {
                column: [
                    {"rate": run.rate, "cpu_us": run.cpu_us, "generator_busy": run.busy}
                    for run in runs
                ]
                for column, runs in columns.items()
            }
            for name, columns in samples.items()
        },
        "targets": [
            {key: value for key, value in each.items() if key != "row"} for each in verdicts
        ],
        **extra,
    }
