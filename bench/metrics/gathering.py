"""Many judged, scored or forecast rows as a few thousand: resamples of a large record go through these in its stead.

Rows of nearly equal confidence and the same outcome weigh in every metric of their masses as one row at their mean
would.  So a resample of a million rows is the masses of two thousand cells.  Points are never measured on cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.forecasts.forms import pit
from bench.metrics.judged import BINS, bin_of, judged
from bench.records import Regression
from bench.records.detection import Detection

LEAST = 4_096  # rows; up to there every resample is of rows
MOST = 30_000  # rows in clusters; of more, no resamples are drawn
CONFIDENCES = 1024  # levels of confidence, each with a cell for right answers and one for wrong ones
SCORES = 2048  # levels of a score: a false-positive rate moves in steps of one
CONTINUOUS = {"gaussian", "student", "mixture"}  # forecasts whose F(y) hardly ever ties
SAMPLE = 1 << 16  # rows by which the levels are placed


@dataclass(frozen=True, eq=False)
class JudgedCells:
    """K cells in the place of a judged record.  Weights of a cell are the sum of those of its rows.

    rows: (K,), how many each holds.  resampled: whether weights come from drawing rows with replacement; otherwise
    each row has its weight or none.  The two differ for metrics that tell pairs of rows from a row and itself.
    """

    confidence: Float64s
    correct: Bools
    rows: Float64s
    resampled: bool = False
    groups: None = None
    weights: None = None

    def __len__(self) -> int:
        return len(self.rows)

    def squares(self, w: Float64s) -> Float64s:
        """Sum of the squared weights of the rows of each cell, given the cells' own, (B, K).

        Of W draws from m rows, the expected squares are W + W (W - 1) / m; of rows that weigh 1 or 0 they are W.
        """
        return w + w * (w - 1) / self.rows if self.resampled else w


@dataclass(frozen=True, eq=False)
class Gathered:
    """cells: what takes the record's place.  codes: the cell of each row, (n,).  rows: in each cell, (K,)."""

    cells: JudgedCells | Detection | Regression
    codes: Ints
    rows: Float64s

    @cached_property
    def resampled(self) -> JudgedCells | Detection | Regression:
        """The cells, to be weighed by resamples of rows."""
        return replace(self.cells, resampled=True) if isinstance(self.cells, JudgedCells) else self.cells


def gathered(record: Any) -> Gathered | None:
    """The cells of a record; `None` for a small one, for weighted rows, which stay apart, and for many in clusters."""
    if len(record) <= LEAST or record.weights is not None or (record.groups is not None and len(record) > MOST):
        return None
    if isinstance(record, Detection):
        levels = _edges(record.scores, SCORES)
        kinds, codes, rows = _in_cells(
            len(record),
            2 * SCORES,
            lambda s: 2 * np.searchsorted(levels, record.scores[s], side="right") + record.positive[s],
        )
        names = kinds.astype(np.str_)
        cells = Detection(ids=names, scores=(kinds >> 1).astype(np.float64), positive=(kinds & 1).astype(bool))
        return Gathered(cells, codes, rows)
    if isinstance(record, Regression):
        return _by_pit(record) if record.form in CONTINUOUS else None
    confidence, correct = judged(record)
    edges = _edges(confidence, CONFIDENCES)

    def kind(s: slice) -> Ints:
        # No cell reaches over the border of a bin, and a bin's mean confidence is that of its cells.
        level = np.searchsorted(edges, confidence[s], side="right") * BINS + bin_of(confidence[s])
        return 2 * level + correct[s]

    kinds, codes, rows = _in_cells(len(record), 2 * CONFIDENCES * BINS, kind)
    means = _means(confidence, codes, rows)
    return Gathered(JudgedCells(means, (kinds & 1).astype(bool), rows), codes, rows)


def _in_cells(n: int, kinds: int, kind: Callable[[slice], Ints]) -> tuple[Ints, Ints, Float64s]:
    """`numbered`, of keys below `kinds` that are worked out some rows at a time."""
    keys = np.empty(n, dtype=np.min_scalar_type(kinds))
    for start in range(0, n, SAMPLE):
        rows = slice(start, start + SAMPLE)
        keys[rows] = kind(rows)
    return numbered(keys)


def _means(values: Float64s, codes: Ints, rows: Float64s) -> Float64s:
    """Mean of the values (n,) of each cell, (K,)."""
    totals = np.zeros(len(rows))
    for start in range(0, len(values), SAMPLE):
        part = slice(start, start + SAMPLE)
        totals += np.bincount(codes[part], values[part], len(rows))
    return totals / rows


def _by_pit(record: Regression) -> Gathered:
    """Cells of nearly equal F(y), for metrics that know a forecast by that alone: Gaussians with such an F(y)."""
    from scipy.special import ndtri

    u = pit(record)
    np.clip(u, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg, out=u)
    edges = _edges(u, SCORES)

    def kind(s: slice) -> Ints:
        # No cell reaches over the end of a central interval of 5, 10 .. 95 %.
        ends = np.minimum((u[s] * 40).astype(np.int64), 39)
        return np.searchsorted(edges, u[s], side="right") * 40 + ends

    _, codes, rows = _in_cells(len(record), 40 * SCORES, kind)
    y = ndtri(_means(u, codes, rows))
    cells = Regression(ids=np.arange(len(y)).astype(np.str_), y=y, mean=np.zeros(len(y)), std=np.ones(len(y)))
    return Gathered(cells, codes, rows)


def _edges(scores: Float64s, count: int) -> Float64s:
    """Where the levels of scores begin: at most `count`, of about as many rows each; equals stay equal."""
    step = max(1, len(scores) // SAMPLE)
    inner = np.sort(scores[::step])
    return np.unique(inner[np.linspace(0, len(inner) - 1, count + 1).astype(np.int64)[1:-1]])


def numbered(keys: Ints) -> tuple[Ints, Ints, Float64s]:
    """The K keys that occur, rising; the place among them of each key given, (n,); and how often each occurs, (K,)."""
    # Some at a time, for numpy counts, and looks up, large integers only.
    parts = [slice(start, start + SAMPLE) for start in range(0, len(keys), SAMPLE)]
    counts = np.zeros(int(keys.max()) + 1, dtype=np.int64)
    for part in parts:
        counts += np.bincount(keys[part], minlength=len(counts))
    kinds: Ints = np.flatnonzero(counts)
    place: Ints = np.zeros(len(counts), dtype=np.min_scalar_type(len(kinds)))
    place[kinds] = np.arange(len(kinds))
    codes: Ints = np.empty(len(keys), dtype=place.dtype)
    for part in parts:
        codes[part] = place[keys[part]]
    return kinds, codes, counts[kinds].astype(np.float64)
