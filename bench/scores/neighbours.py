"""OOD scores of the nearest training features; both from one matrix product, which is most of their cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Floats, Ints
from bench.components import NotApplicable, score
from bench.latest import latest
from bench.records import Classification
from bench.scores.features import features_of, fitted_on, head_of, unit
from bench.scores.softmax import confidence, softmax

NEIGHBOURS = 10
# Cosines in one block: 32 MB in float32.
CELLS = 1 << 23
# Columns that share one maximum when the largest of a row are sought.
GROUP = 64
# How far a cosine of float32 vectors may be off; neighbours nearer each other than this are all looked at.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Near:
    """Of each row, (n,): the distance to the k-th nearest of the bank, and the mean of the k greatest guidances."""

    distance: Float64s
    guidance: Float64s


@score("knn", of=Classification, source="Sun et al. 2022, arXiv:2204.06507", check="ood/knn-brute-force")
def knn(record: Classification, train: Classification, neighbours: int = NEIGHBOURS) -> Float64s:
    """Euclidean distance of the features to the 10th nearest training features, (n,), in [0, 2].

    Features are first brought to unit length, in float32: distances are right to 1e-6.  neighbours: another than the
    10th.
    """
    return _near(record, train, neighbours).distance


@score("nnguide", of=Classification, source="Park, Jung and Teoh 2023, arXiv:2309.14888", check="ood/neighbours")
def nnguide(record: Classification, train: Classification, neighbours: int = NEIGHBOURS) -> Float64s:
    """Negated energy confidence times its guidance, (n,).

    Confidence is logsumexp(logits); guidance the mean, over the 10 training rows that give most, of cosine similarity
    times that row's own confidence.  All training rows are the bank.
    """
    head_of(record, train)  # logits that no last layer gives are no energies
    return -confidence(record) * _near(record, train, neighbours).guidance


def _near(record: Classification, train: Classification, neighbours: int) -> Near:
    bank, _ = fitted_on(train)
    if len(bank) < neighbours:
        raise NotApplicable(f"{len(bank)} training rows are fewer than the {neighbours} neighbours")
    return _usual(record, train) if neighbours == NEIGHBOURS else _search(record, train, neighbours)


@latest
def _usual(record: Classification, train: Classification) -> Near:
    return _search(record, train, NEIGHBOURS)


def _search(record: Classification, train: Classification, neighbours: int) -> Near:
    bank = unit(fitted_on(train)[0])
    trusted = _trusted(train)
    across = np.ascontiguousarray(bank.T)
    points, step = features_of(record), max(GROUP, CELLS // len(bank))
    distance, guidance = np.empty(len(points)), np.empty(len(points))
    cells = np.empty((min(step, len(points)), len(bank)), dtype=np.float32)
    for start in range(0, len(points), step):
        part = slice(start, min(start + step, len(points)))
        rows = unit(points[part])
        cosines = np.matmul(rows, across, out=cells[: len(rows)])
        row, column = largest(cosines, neighbours)
        gaps = rows[row] - bank[column]  # no cancellation, where 2 - 2 cos has one
        squares = np.einsum("ij,ij->i", gaps, gaps)
        nearest = np.partition(_padded(squares, row, len(rows), np.inf), neighbours - 1, axis=1)
        distance[part] = np.sqrt(nearest[:, neighbours - 1].astype(np.float64))
        cosines *= trusted
        row, column = largest(cosines, neighbours)
        most = np.partition(_padded(cosines[row, column], row, len(rows), -np.inf), -neighbours, axis=1)
        guidance[part] = most[:, -neighbours:].mean(axis=1, dtype=np.float64)
    return Near(distance, guidance)


def _trusted(train: Classification) -> Floats:
    """Logsumexp of the in-distribution training rows' logits, in float32, (n,)."""
    inside = train.labels >= 0
    return softmax(train).log_normaliser[inside].astype(np.float32)


def largest(values: Floats, count: int) -> tuple[Ints, Ints]:
    """Rows and columns, in the order of rows, of at least the `count` largest values of each row (n, N).

    The count-th largest of the maxima of groups of columns is no more than the count-th largest value, and few are
    as large: the rest is never sorted.  What is within rounding of it is taken too.
    """
    n, width = values.shape
    groups = width // GROUP
    if groups < 4 * count:
        threshold = np.partition(values, -count, axis=1)[:, -count]
    else:
        maxima = values[:, : groups * GROUP].reshape(n, GROUP, groups).max(axis=1)
        threshold = np.partition(maxima, -count, axis=1)[:, -count]
    chosen = np.flatnonzero(values >= (threshold - ROUNDING * np.maximum(np.abs(threshold), 1))[:, None])
    return chosen // width, chosen % width


def _padded(values: Floats, row: Ints, n: int, fill: float) -> Floats:
    """Values in the order of their rows, as (n, most of a row), short rows filled up."""
    counts = np.bincount(row, minlength=n)
    out = np.full((n, int(counts.max(initial=0))), fill, dtype=values.dtype)
    out[np.arange(out.shape[1]) < counts[:, None]] = values
    return out
