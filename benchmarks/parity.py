"""How far metrics lie from the same numbers of other libraries: python -m benchmarks.parity [--out FILE].

Each metric is measured on several drawn records (plain ones, ones with many ties, single precision, two classes and
many), each peer on the same arrays; the table holds the largest difference.  A difference beyond what the peer's own
arithmetic accounts for ends the program.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.components import Metric
from bench.registry import find
from bench.stats.intervals import value
from benchmarks import peers_classes, peers_forecasts, peers_statistics

DOUBLE = 1e-9  # of the numbers of libraries that count in double precision
LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "statsmodels", "torch", "torchmetrics", "netcal", "scoringrules"),
    "uncertainty-toolbox",
)


@dataclass(frozen=True)
class Row:
    """The largest difference of a metric (or test) from a peer over so many records."""

    name: str
    peer: str
    records: int
    difference: float
    tolerance: float
    note: str = ""

    @property
    def held(self) -> bool:
        """Whether the difference is within the tolerance; never for NaN."""
        return bool(self.difference <= self.tolerance)


def metrics() -> Iterator[Row]:
    """Metrics of records."""
    for pair in (*peers_classes.pairs(), *peers_forecasts.pairs()):
        metric = find(Metric, pair.metric)
        differences = [_difference(value(metric, record), pair.number(record)) for record in pair.records]
        yield Row(pair.metric, pair.peer, len(differences), max(differences), pair.tolerance or DOUBLE, pair.note)


def statistics() -> Iterator[Row]:
    """Tests and intervals."""
    for name, peer, differences in peers_statistics.pairs():
        yield Row(name, peer, len(differences), max(differences), DOUBLE)


def _difference(found: float | None, other: float) -> float:
    return float("nan") if found is None else abs(found - other)


def page(rows: list[Row]) -> str:
    """The table as Markdown."""
    from importlib.metadata import version

    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        "# Do other libraries find the same numbers?",
        "",
        f"Made by `python -m benchmarks.parity`, by Python {platform.python_version()}, {versions}.",
        "",
        (
            "The largest absolute difference over the records drawn: plain ones, ones in which many scores tie, single "
            "precision, two classes and many. The tests hold the same peers over more cases, degenerate ones among "
            "them; what no library has is held by `bench check` against closed forms and enumeration."
        ),
        "",
        "| metric or test | peer | records | largest difference | |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {r.name} | {r.peer} | {r.records} | {r.difference:.0e} | {r.note} |" for r in rows]
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the page, and name what is out of tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/parity.md"))
    options = parser.parse_args(arguments)
    rows = sorted([*metrics(), *statistics()], key=lambda row: (row.name, row.peer))
    options.out.write_text(page(rows), encoding="utf-8")
    out = [row for row in rows if not row.held]
    for row in out:
        print(row, file=sys.stderr)
    return 1 if out else 0


if __name__ == "__main__":
    sys.exit(main())
