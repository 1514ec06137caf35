"""Metrics of bench against the libraries that people use: python -m benchmarks.metrics [--quick] [--out FILE].

One process, one thread, the same arrays, one contest after the other: the time of a point estimate (median of a few),
and of an interval by 1,000 resamples, for which a peer's function is called on resampled rows.  Of those calls a few
are timed and the rest counted.  Writes its part of docs/performance.md, between two marks.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.components import Metric
from bench.registry import find
from bench.stats.intervals import interval, value
from benchmarks.contests import Contest, Field, fields
from benchmarks.processor import processor
from benchmarks.sections import put

RESAMPLES = 1000
CALLS = 3  # of a peer on a resample
LEGEND = (
    "CPU seconds of one thread, medians. *Interval*: the point estimate and its 95 % interval. *Loop*: the fastest "
    f"peer on 1,000 resamples of the rows, {CALLS} of them timed and the rest counted. *Memory*: the most that the "
    "interval's computation held at once beyond the arrays, in units of their size. All begin with the same arrays "
    "(logits, scores, forecasts). Below 1 × the peer is faster."
)


@dataclass(frozen=True)
class Row:
    """Seconds of one contest; peers by name.  memory: the interval's peak beyond the arrays, over their size."""

    contest: Contest
    point: float
    span: float
    peers: dict[str, float]
    loops: dict[str, float]
    difference: float
    memory: float
    method: str


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median CPU time of some calls, after one to warm up: other work on the machine weighs less than in wall time."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def race(contest: Contest, nbytes: int, repeats: int) -> Row:
    """Time one contest.  Each of bench's calls gets a record of its own, so nothing is remembered between them."""
    metric = find(Metric, contest.metric)
    rng = np.random.default_rng(1)
    n = len(contest.record)

    def fresh() -> Any:
        return replace(contest.record)

    records = iter([fresh() for _ in range(2 * repeats + 4)])
    point = seconds(lambda: value(metric, next(records)), repeats)
    span = seconds(lambda: interval(metric, next(records), seed=0), repeats)
    tracemalloc.start()
    estimate = interval(metric, next(records), seed=0)
    memory = tracemalloc.get_traced_memory()[1] / nbytes
    tracemalloc.stop()
    peers, loops, differences = {}, {}, [0.0]
    for name, peer in contest.peers.items():
        peers[name] = seconds(lambda peer=peer: peer(slice(None)), repeats)  # type: ignore[misc]
        differences.append(abs(peer(slice(None)) - (estimate.value if estimate.value is not None else math.nan)))
        resamples = iter([rng.integers(0, n, n) for _ in range(CALLS + 1)])
        loops[name] = RESAMPLES * seconds(lambda peer=peer, r=resamples: peer(next(r)), CALLS)  # type: ignore[misc]
    return Row(contest, point, span, peers, loops, max(differences), memory, estimate.interval.method)


def line(row: Row) -> str:
    """One row of the table."""
    cells = [row.contest.metric, f"{row.point:.3f}"]
    if row.peers:
        best, loop = min(row.peers, key=row.peers.__getitem__), min(row.loops, key=row.loops.__getitem__)
        others = ", ".join(f"{name} {taken:.3f}" for name, taken in sorted(row.peers.items(), key=lambda p: p[1]))
        cells += [others, f"{row.peers[best] / row.point:.1f} ×", f"{row.span:.3f}"]
        cells += [f"{row.loops[loop]:,.0f} ({loop})", f"{row.loops[loop] / row.span:,.0f} ×", f"{row.difference:.0e}"]
    else:
        cells += ["–", "–", f"{row.span:.3f}", "–", "–", "–"]
    cells += [f"{row.memory:.1f}", row.method]
    return "| " + " | ".join(cells) + " |"


HEADS = (
    "metric",
    "bench, s",
    "peers, s",
    "fastest peer / bench",
    "interval, s",
    "fastest peer's loop of 1,000, s",
    "loop / interval",
    "largest difference",
    "memory",
    "interval by",
)


def machine() -> str:
    """The machine in general words, and the versions that were raced."""
    from importlib.metadata import version

    peers = ("numpy", "scipy", "torch", "torchmetrics", "scikit-learn", "netcal", "scoringrules", "uncertainty-toolbox")
    versions = ", ".join(f"{name} {version(name)}" for name in peers)
    where = f"{os.cpu_count()} cores ({processor()}), of which one was used"
    return f"{where}; Python {platform.python_version()}, {versions}."


def page(found: list[tuple[Field, list[Row]]], quick: bool) -> str:
    """The tables as Markdown."""
    lines = [
        "# How fast are the metrics?",
        "",
        f"Made by `python -m benchmarks.metrics{' --quick' if quick else ''}`, in one process and one thread, on "
        + machine(),
        "",
        LEGEND,
        "",
    ]
    for arena, rows in found:
        lines += [f"## {arena.name}", "", "| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|"]
        lines += [line(row) for row in rows]
        lines += [f"\n{row.contest.metric}: {row.contest.note}." for row in rows if row.contest.note]
        lines.append("")
    return "\n".join(lines)


def measured(quick: bool, repeats: int) -> Iterator[tuple[Field, list[Row]]]:
    """Race all contests; raises `AssertionError` where a peer has another number."""
    for arena in fields(quick):
        rows = []
        for contest in arena.contests:
            rows.append(race(contest, arena.nbytes, repeats))
            print(arena.name, line(rows[-1]), flush=True)
            if not rows[-1].difference <= contest.tolerance:
                raise AssertionError(f"{contest.metric}: a peer differs by {rows[-1].difference}")
        yield arena, rows


def named(contest: Contest) -> Contest:
    """The contest without its arrays, which the next ones need the memory of."""
    return Contest(contest.metric, None, note=contest.note)


def main(arguments: list[str] | None = None) -> int:
    """Race, and write the page."""
    import torch
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--repeats", type=int, default=3, help="timed calls behind each median")
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found = []
    with threadpool_limits(1):
        for arena, rows in measured(options.quick, options.repeats):
            found.append((Field(arena.name, arena.nbytes, ()), [replace(r, contest=named(r.contest)) for r in rows]))
            put(options.out, "benchmarks.metrics", page(found, options.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
