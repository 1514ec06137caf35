"""How often 95 % intervals hold the truth: python -m benchmarks.coverage [--seconds S] [--reps N] [METRIC ...].

Draws records from worlds whose truth is known (`benchmarks.worlds`), measures every metric that prints an interval,
and writes docs/coverage.md, and beside the package's statistics the table from which results are cautioned.  It takes
an hour or more: with `--keep FILE` what was counted is kept, one JSON line each, and a later call counts more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bench.components import Metric, NotApplicable
from bench.registry import find
from bench.stats.cautions import LOW, TABLE
from bench.stats.intervals import Estimate, intervals
from benchmarks.errors import procedures, type_one
from benchmarks.worlds import SHARED, SIZE, WORLDS, World, metrics, truth

SIZES = (100, 1000, 10_000)
CLUSTERED = (False, True)
HIGH = 0.97
FEW = 20  # records; of fewer nothing is said
MANY = 100  # records, of which two standard errors convince
COLUMNS = [(n, clustered) for clustered in CLUSTERED for n in SIZES]
LEGEND = (
    f"**Bold**: below 93 % by more than two standard errors of the simulation (three, of fewer than {MANY} records); "
    "results of such a metric at such a size "
    "say so. *Italic*: above 97 % likewise (wider than need be). A number in brackets: so many records had an interval "
    "at all. –: none, since nothing varies (`top-5-mass` of three classes is 1, `interval-width` of intervals of one "
    f"width is that), or fewer than {FEW} records in the time that there was (`skce` looks at every pair of rows)."
)


@dataclass(frozen=True)
class Cover:
    """Of `reps` records: how many intervals there were, and how many held the truth."""

    reps: int
    found: int
    held: int
    method: str

    @property
    def share(self) -> float:
        """Share of the intervals that held the truth; NaN where there was none."""
        return self.held / self.found if self.found else math.nan

    @property
    def error(self) -> float:
        """Monte-Carlo standard error of a share of 95 %."""
        return math.sqrt(0.95 * 0.05 / self.found) if self.found else math.nan

    @property
    def short(self) -> bool:
        """Whether the share is below 93 % beyond doubt: of so many cells, a few of few records are by chance."""
        return self.found >= FEW and self.share < LOW - (2 if self.found >= MANY else 3) * self.error


def simulate(
    world: World, before: Mapping[str, Cover], n: int, clustered: bool, *, reps: int, seconds: float
) -> dict[str, Cover]:
    """Coverage of metrics by `reps` records of n rows each, or as many as there is time for.

    before: what is counted already of each metric that is to be measured; the records go on from there.  seconds: for
    each metric, by its time for the first record; together they take less, since what several need is done once.
    """
    counts = dict(before)
    reals = {name: truth(world, name, clustered and name in world.own) for name in before}
    last = dict.fromkeys(before, reps)
    timed: set[str] = set()
    for index in range(min((cover.reps for cover in before.values()), default=reps), reps):
        active = [name for name in before if before[name].reps <= index < last[name]]
        if not active:
            continue
        # All metrics see the same records.
        record = world.draw(np.random.default_rng([index, n, int(clustered), *world.name.encode()]), n, clustered)
        known = [name for name in active if name in timed]
        for names in [known, *([name] for name in active if name not in timed)]:
            start = time.process_time()
            found = intervals([find(Metric, name) for name in names], record, seed=_seed(index, n))
            for name, each in zip(names, found, strict=True):
                counts[name] = _counted(counts[name], each, reals[name])
            if names is not known:
                timed.add(names[0])
                taken = max(time.process_time() - start, 1e-6)
                last[names[0]] = before[names[0]].reps + int(seconds / taken) + 1
    return counts


def _seed(index: int, n: int) -> int:
    """Of a record's resamples.

    Drawing the counts of many rows takes longer than most metrics, so two sets of them (which are kept in memory) serve
    large records by turns: the same counts of other rows are as good as other counts.
    """
    return index if n < max(SIZES) else index % 2


def _counted(cover: Cover, estimate: Estimate | NotApplicable, real: float) -> Cover:
    """One record more."""
    if isinstance(estimate, NotApplicable):
        return replace(cover, reps=cover.reps + 1)
    ends = estimate.interval
    if ends.low is None or ends.high is None:
        return replace(cover, reps=cover.reps + 1)
    # Sums of a known truth in another order may miss it by a rounding.
    held = cover.held + bool(ends.low - 1e-12 <= real <= ends.high + 1e-12)
    return Cover(cover.reps + 1, cover.found + 1, held, ends.method.partition(", design")[0])


def cell(cover: Cover) -> str:
    """A share in per cent and its error, marked where it is not within 93-97 % beyond two standard errors."""
    if cover.found < FEW:
        return "–"
    text = f"{100 * cover.share:.1f}"
    if cover.short:
        text = f"**{text}**"
    elif cover.share > HIGH + 2 * cover.error:
        text = f"*{text}*"
    return f"{text} ± {100 * cover.error:.1f}" + ("" if cover.found == cover.reps else f" ({cover.found})")


Key = tuple[str, str, int, bool]  # world, metric, rows, clustered
Found = Mapping[Key, Cover]
Table = dict[Key, Cover]


def page(found: Found, tests: list[str]) -> str:
    """The tables as Markdown."""
    heads = [f"{n:,}" + (f" in clusters of {SIZE}" if clustered else "") for n, clustered in COLUMNS]
    lines = [
        "# Do the 95 % intervals hold the truth?",
        "",
        (
            "Made by `python -m benchmarks.coverage`. Each number is the share, in per cent, of "
            "simulated records whose "
            "interval holds the true value, and what that share is uncertain by (one standard "
            "error, from the number of "
            f"records). Rows of a cluster correlate by {SHARED:g} in what drives both the answers "
            "and the outcomes. Each "
            "metric is measured in the first two worlds that bear it. `worst-slab-coverage` is of a "
            "slab that the record "
            "itself chooses, so it has no one truth."
        ),
        "",
        LEGEND,
        "",
    ]
    for world in WORLDS:
        names = [name for name in metrics(world) if any((world.name, name, *c) in found for c in COLUMNS)]
        if not names:
            continue
        lines += [f"## {world.name}", "", (world.draw.__doc__ or "").strip(), ""]
        lines += ["| metric | " + " | ".join(heads) + " | interval |", "|---" * (len(heads) + 2) + "|"]
        for name in names:
            covers = [found.get((world.name, name, *c), Cover(0, 0, 0, "none")) for c in COLUMNS]
            methods = " · ".join(dict.fromkeys(c.method for c in covers if c.found)) or "none"
            flag = " (biased)" if find(Metric, name).biased else ""
            lines.append(f"| {name}{flag} | " + " | ".join(map(cell, covers)) + f" | {methods} |")
        lines.append("")
    return "\n".join([*lines, *tests])


def cautions(found: Found) -> dict[str, dict[str, float]]:
    """Metric -> size -> share, of those that are short in some world: the least."""
    table: dict[str, dict[str, float]] = {}
    for (_, name, n, clustered), cover in sorted(found.items()):
        if cover.short:
            size = f"{n}{' clustered' if clustered else ''}"
            row = table.setdefault(name, {})
            row[size] = min(round(cover.share, 3), row.get(size, 1.0))
    return table


def _world(job: tuple[str, Sequence[str], int, float, Path | None]) -> Table:
    """Metrics of one world (all, where none is named), whose truths are then worked out once."""
    name, only, reps, seconds, keep = job
    world = next(w for w in WORLDS if w.name == name)
    before = kept(keep)
    found: Table = {key: cover for key, cover in before.items() if key[0] == name and key[1] in metrics(world)}
    if seconds <= 0:
        return found
    for clustered in CLUSTERED:
        names = [metric for metric in metrics(world) if not only or metric in only]
        for n in SIZES:
            known = {metric: before.get((name, metric, n, clustered), Cover(0, 0, 0, "none")) for metric in names}
            wanted = {metric: cover for metric, cover in known.items() if cover.reps < reps}
            counts = simulate(world, wanted, n, clustered, reps=reps, seconds=seconds)
            found |= {(name, metric, n, clustered): cover for metric, cover in counts.items()}
            if keep is not None:
                with keep.open("a", encoding="utf-8") as file:
                    for metric, cover in counts.items():
                        file.write(json.dumps([name, metric, n, clustered, asdict(cover)]) + "\n")
            # Ten times the rows take three times as long or more: what could not come to enough is not begun.
            names = [metric for metric in names if (known | counts)[metric].reps >= min(3 * FEW, reps)]
    return found


def kept(file: Path | None) -> Table:
    """What earlier calls counted."""
    if file is None or not file.exists():
        return {}
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {(world, metric, n, clustered): Cover(**cover) for world, metric, n, clustered, cover in lines}


def simulated(only: Sequence[str], reps: int, seconds: float, jobs: int, keep: Path | None) -> Iterator[Table]:
    """The worlds' tables as they come."""
    work = [(world.name, only, reps, seconds, keep) for world in WORLDS]
    if jobs == 1:
        yield from map(_world, work)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_world, work)


def main(arguments: list[str] | None = None) -> int:
    """Simulate and write the page and the table of cautions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("metrics", nargs="*", help="names of those to count now; all, where none is given")
    parser.add_argument("--reps", type=int, default=1000, help="records of each size, at most")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each metric and size, at most; 0: what is kept")
    parser.add_argument("--pairs", type=int, default=5000, help="of models, by which tests are measured")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--keep", type=Path, help="file to which counts are added, and from which they are taken")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    parser.add_argument("--table", type=Path, default=TABLE, help="of the cautions")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found: Table = {}
    for part in simulated(options.metrics, options.reps, options.seconds, options.jobs, options.keep):
        found |= part
        print(*dict.fromkeys(key[0] for key in part), file=sys.stderr, flush=True)
    options.out.write_text(page(found, [*type_one(options.pairs), *procedures(options.pairs // 2)]), encoding="utf-8")
    options.table.write_text(json.dumps(cautions(found), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
