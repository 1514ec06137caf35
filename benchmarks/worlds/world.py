"""What a world is: where records are drawn for which the true value of a metric is known, independent or clustered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.arrays import Ragged

SIZE = 10  # rows of a cluster
SHARED = 0.3  # share of a row's variance that its cluster has in common
NOTHING = (  # metrics that are 0 where confidences are kept; elsewhere the first two worlds say enough
    *("ece", "ece-debiased", "ece-l2", "ece-mass", "ece-mass-l2", "ece-over", "ece-under", "ece-mass-debiased"),
    *("ece-l2-debiased", "canonical-ece", "canonical-ece-debiased"),
    *("mce", "mce-mass", "ks-calibration", "ace", "tace", "classwise-ece", "smooth-ece", "mmce", "kce", "skce"),
    *("ici", "e50", "e90", "mcb-brier", "mcb-log", "murphy-reliability", "overconfidence", "cox-intercept"),
    *("cox-in-the-large",),
)
Rng = np.random.Generator
Draw = Callable[[Rng, int, bool], Any]


@dataclass(frozen=True)
class World:
    """A name, how to draw n rows (clustered or not), and the values of metrics that are known outright.

    left_out: metrics that are not measured here.  only: those that alone are, where other worlds serve the rest (empty:
    all).  own: those of whole clusters, whose truth is another where there are some.
    """

    name: str
    draw: Draw
    known: Mapping[str, float] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash(self.name)


def normal(rng: Rng, n: int, clustered: bool, columns: int = 1) -> Any:
    """Standard normal, (n, columns): with clusters of SIZE, rows of one correlate by SHARED."""
    own = rng.normal(size=(n, columns))
    if not clustered:
        return own
    common = np.repeat(rng.normal(size=(n // SIZE, columns)), SIZE, axis=0)
    return np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own


def names(n: int, clustered: bool) -> dict[str, Any]:
    """Ids of n rows, and in clusters of SIZE their groups: what every record begins with."""
    return {
        "ids": np.arange(n).astype(np.str_),
        "groups": (np.arange(n) // SIZE).astype(np.str_) if clustered else None,
    }


def ragged(table: Any) -> Ragged:
    """The rows (n, k) of a table as lists of one length."""
    rows, columns = table.shape
    return Ragged(table.ravel(), columns * np.arange(rows + 1))
