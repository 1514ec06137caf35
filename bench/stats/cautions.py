"""What is known against an interval: simulations in which intervals of that metric, at that size, fell short."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "coverage.json"
LOW = 0.93  # a nominal 95 % interval that holds the truth less often is cautioned
SIZES = (100, 1000, 10_000)
FEW_ROWS, FEW_CLUSTERS = 30, 10


def caution(metric: str, n: int, groups: int) -> str:
    """In words, what speaks against an interval of n rows in so many clusters; empty where nothing is known to.

    The simulations (`docs/coverage.md`, made by `python -m benchmarks.coverage`) are of 100, 1,000 and 10,000 rows,
    independent or in clusters of 10: the nearest by ratio is taken, by rows or, where rows depend on each other, by
    clusters.  Below 30 rows, or 10 clusters, they say nothing.
    """
    clustered = groups < n
    if n < FEW_ROWS:
        return f"{n} samples are too few to know how often such an interval holds the truth"
    if clustered and groups < FEW_CLUSTERS:
        return f"{groups} clusters are too few to know how often such an interval holds the truth"
    units = 10 * groups if clustered else n  # their clusters are of ten rows
    size = min(SIZES, key=lambda s: abs(math.log(s / units)))
    share = _table().get(metric, {}).get(f"{size}{' clustered' if clustered else ''}")
    if share is None:
        return ""
    return f"held the truth in {share:.0%} of simulations at this size, not 95 %"


@cache
def _table() -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table
