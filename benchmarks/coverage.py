"""How often 95 % intervals hold the truth: python -m benchmarks.coverage [--reps N] [--large N] [--out FILE].

Draws records from worlds whose truth is known (`benchmarks.worlds`), measures every default metric with its interval,
and writes docs/coverage.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.components import Metric, NotApplicable
from bench.registry import find
from bench.stats.intervals import intervals
from benchmarks.worlds import SHARED, SIZE, WORLDS, World, truth

SIZES = (100, 1000, 10_000)
LOW, HIGH = 0.93, 0.97
LEGEND = (
    "**Bold**: below 93 % by more than two standard errors of the simulation. *Italic*: above 97 % likewise (wider "
    "than need be). A number in brackets: so many records had an interval at all."
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


def simulate(world: World, n: int, clustered: bool, reps: int, sampled: int) -> dict[str, Cover]:
    """Coverage of each metric of a world, by `reps` records of n rows; of those that resample, by the first ones."""
    every = [find(Metric, name) for name in world.metrics]
    rng = np.random.default_rng([n, int(clustered), *world.name.encode()])
    counted: dict[str, int] = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    methods: dict[str, str] = {}
    for i in range(reps):
        metrics = [m for m in every if i < sampled or not m.weighted]
        for metric, found in zip(metrics, intervals(metrics, world.draw(rng, n, clustered), seed=i), strict=True):
            if isinstance(found, NotApplicable) or found.interval.low is None or found.interval.high is None:
                continue
            real = truth(world, metric.name)
            counted[metric.name] += 1
            held[metric.name] += found.interval.low <= real <= found.interval.high
            methods[metric.name] = found.interval.method.split(",")[0]
    asked = {m.name: min(reps, sampled) if m.weighted else reps for m in every}
    return {name: Cover(asked[name], counted[name], held[name], methods.get(name, "none")) for name in asked}


def cell(cover: Cover | None) -> str:
    """A share in per cent, marked where it is not within 93-97 % beyond two standard errors of the simulation."""
    if cover is None or not cover.found:
        return "–"
    text = f"{100 * cover.share:.1f}"
    if cover.share < LOW - 2 * cover.error:
        text = f"**{text}**"
    elif cover.share > HIGH + 2 * cover.error:
        text = f"*{text}*"
    return text if cover.found == cover.reps else f"{text} ({cover.found})"


def page(found: dict[tuple[str, int, bool], dict[str, Cover]]) -> str:
    """The table as Markdown."""
    columns = sorted({(n, clustered) for _, n, clustered in found}, key=lambda c: (c[1], c[0]))
    heads = [f"{n:,}" + (f" in clusters of {SIZE}" if clustered else "") for n, clustered in columns]
    reps = {c: sorted({x.reps for k, v in found.items() if k[1:] == c for x in v.values()}) for c in columns}
    errors = [
        f"{head}: " + " (by resampling), ".join(f"{k:,} ± {100 * math.sqrt(0.95 * 0.05 / k):.1f}" for k in reps[c])
        for head, c in zip(heads, columns, strict=True)
    ]
    lines = [
        "# Do the 95 % intervals hold the truth?",
        "",
        "Made by `python -m benchmarks.coverage`. Each number is the share, in per cent, of simulated records whose "
        "interval holds the true value. Rows of a cluster correlate by "
        f"{SHARED:g} in what drives both the answers and the outcomes. Records, and the standard error of a share: "
        + "; ".join(errors)
        + ".",
        "",
        LEGEND,
        "",
    ]
    for world in WORLDS:
        lines += [f"## {world.name}", "", (world.draw.__doc__ or "").strip(), ""]
        lines += ["| metric | " + " | ".join(heads) + " | interval |", "|---" * (len(heads) + 2) + "|"]
        for name in world.metrics:
            covers = [found.get((world.name, *c), {}).get(name) for c in columns]
            methods = " · ".join(dict.fromkeys(c.method for c in covers if c is not None))
            flag = " (biased)" if find(Metric, name).biased else ""
            lines.append(f"| {name}{flag} | " + " | ".join(map(cell, covers)) + f" | {methods} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=1000, help="records of each size")
    parser.add_argument("--large", type=int, default=200, help="of 10,000 rows, where metrics resample; 0: none")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    options = parser.parse_args(arguments)
    found: dict[tuple[str, int, bool], dict[str, Cover]] = {}
    for n in SIZES:
        sampled = options.large if n > 1000 else options.reps
        for clustered in (False, True):
            for world in WORLDS:
                if sampled:
                    found[world.name, n, clustered] = simulate(world, n, clustered, options.reps, sampled)
                    print(world.name, n, clustered, file=sys.stderr, flush=True)
                    options.out.write_text(page(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
