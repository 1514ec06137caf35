"""Calibration of the whole distribution: does p(y | prediction) equal the prediction, for all classes at once?

A classifier may keep its confidences, or each class's own probability, and still be wrong about the rest.  Binned
errors part the simplex into 16 cells of about as many rows each; the test needs no cells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import metric
from bench.latest import frozen, latest
from bench.metrics.binned import Bins, roots
from bench.metrics.judged import base_weights, with_classes
from bench.metrics.quadratic import quadratic_tail
from bench.records import Classification
from bench.seeds import generator

VAICENAVICIUS = "Vaicenavicius et al. 2019, Evaluating model calibration in classification"
WIDMANN = "Widmann, Lindsten and Zachariah 2019, Calibration tests in multi-class classification"
DEPTH = 4  # halvings: 16 cells
LENGTH = 0.4 * np.sqrt(2)  # of the kernel of `skce`
LANDMARKS = 64  # predictions by which the kernel of the test knows all others
SIZE = 256  # of the covariance that the test's null distribution follows from
BLOCK = 1 << 21  # values at once


def cells(probs: Float64s, weight: Float64s, depth: int = DEPTH) -> Ints:
    """The cell of each prediction, (n,): halved at the weighted median of the class that varies most, `depth` times.

    probs: (n, C).  weight: (n,) >= 0.  Equal predictions share a cell, the one in which the middle of their weight
    lies, so that there may be fewer than 2^depth.  Labels are not looked at.
    """
    cell = np.zeros(len(probs), dtype=np.int64)
    for _ in range(depth):
        cell *= 2
        for k in np.unique(cell[weight > 0]):
            rows = np.flatnonzero(cell == k)
            p, w = probs[rows], weight[rows] / weight[rows].sum()
            spread = w @ (p - w @ p) ** 2
            # The first of those that vary about equally, so that rounding decides nothing.
            column = p[:, (spread >= (1 - 1e-9) * spread.max()).argmax()]
            value, place = np.unique(column, return_inverse=True)
            mass = np.bincount(place, w)
            cell[rows] += (np.cumsum(mass) - mass / 2 > 0.5 + 1e-9)[place] if len(value) > 1 else 0
    return np.unique(cell, return_inverse=True)[1]


def _own(record: Classification) -> Float64s:
    return np.array(np.broadcast_to(base_weights(record), len(record)), dtype=np.float64)


@latest
def _settled(record: Classification) -> Ints:
    """The cells under the record's own weights, which are those of all resamples (see `binned.settled_bins`)."""
    with_classes(record)
    return frozen(cells(record.probs, _own(record)))


@latest
def _residuals(record: Classification) -> Float64s:
    """One-hot label less prediction, (n, C)."""
    return frozen((record.labels[:, None] == np.arange(record.probs.shape[1])) - record.probs)


def _bins(residual: Float64s, w: Float64s, cell: Ints) -> tuple[Float64s, Float64s]:
    """Weight of each cell, (B, K), and weighted sum of its residuals (n, C), (B, K, C)."""
    order = np.argsort(cell, kind="stable")
    ends = np.cumsum(np.bincount(cell))
    each, residual = w.T[order], residual[order]  # weights of one row stand side by side
    parts = [slice(end - size, end) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]
    mass = [each[rows].sum(axis=0) for rows in parts]
    return np.stack(mass, axis=1), np.stack([each[rows].T @ residual[rows] for rows in parts], axis=1)


@latest
def _settled_bins(record: Classification, w: Float64s) -> tuple[Float64s, Float64s]:
    return _bins(_residuals(record), w, _settled(record))


def _shares(record: Classification, w: Float64s) -> Float64s:
    """Half the residuals of each cell and class over the whole weight, (B, K C): of their l1 norm is the error."""
    mass, sums = _settled_bins(record, w)
    with np.errstate(invalid="ignore"):
        return (sums / 2 / mass.sum(axis=1)[:, None, None]).reshape(len(w), -1)


def _roots(record: Classification, w: Float64s) -> Float64s:
    """Mean residuals times the roots of the cells' shares, (B, K C)."""
    mass, sums = _settled_bins(record, w)
    parts: list[Bins] = [(mass, sums[:, :, c]) for c in range(sums.shape[2])]
    return np.concatenate([roots(part) for part in parts], axis=1)


def _each(record: Classification, w: Float64s, function: Callable[[Float64s, Ints], float]) -> Float64s:
    """A function of one weighting (n,) and its cells, for each of (B, n): intervals ask for one, by their gaps."""
    with_classes(record)
    found = [function(row, cells(record.probs, row)) if row.any() else np.nan for row in w]
    return np.array(found, dtype=np.float64)


@metric(
    "canonical-ece",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l1",
    gaps=_shares,
    source=f"{VAICENAVICIUS} (total variation, data-dependent cells)",
    check="calibration/canonical-by-hand",
)
def canonical_ece(record: Classification, w: Float64s) -> Float64s:
    """Calibration error of the whole distribution: mean total variation between prediction and outcome in 16 cells.

    Sum over cells of (share) 1/2 sum_c |frequency of c - mean probability of c|.  With two classes it is an equal-mass
    error of one of them.  The cells part the predictions at medians (`cells`); within one, gaps of both signs cancel,
    so it is at most the error without cells.  Noise never cancels: biased upwards, the more so the more classes.
    `canonical-ece-debiased` and `skce` are not.  w: (B, n); returns (B,).
    """
    residual = _residuals(record)

    def error(row: Float64s, cell: Ints) -> float:
        mass, sums = _bins(residual, row[None], cell)
        return float(np.abs(sums).sum() / 2 / mass.sum())

    return _each(record, w, error)


@metric(
    "canonical-ece-debiased",
    of=Classification,
    area="calibration",
    better="lower",
    range=(-2, 2),
    default=False,
    norm="square",
    gaps=_roots,
    source=f"{VAICENAVICIUS} (cells); Kumar, Liang and Ma 2019, Verified Uncertainty Calibration (debiased)",
    check="calibration/canonical-by-hand",
)
def canonical_ece_debiased(record: Classification, w: Float64s) -> Float64s:
    """Unbiased estimate of the squared L2 error of the whole distribution over the 16 cells of `canonical-ece`.

    Sum over cells of (share) |mean residual|^2, a residual being one-hot label less prediction, from the products of
    different rows alone: a calibrated model averages 0, and the sign is kept.  Pairs within one cluster (`groups`) are
    left out.  Its interval, that of the plug-in square, is never below 0.  w: (B, n); returns (B,).
    """
    residual = _residuals(record)
    codes = np.arange(len(record)) if record.groups is None else np.unique(record.groups, return_inverse=True)[1]

    def error(row: Float64s, cell: Ints) -> float:
        mass, sums = _bins(residual, row[None], cell)
        key = np.unique(cell * (codes.max(initial=0) + 1) + codes, return_index=True, return_inverse=True)
        at = cell[key[1]]  # the cell of each cluster's part in it

        def own(values: Float64s) -> Float64s:
            squares: Float64s = np.bincount(at, np.bincount(key[2], values) ** 2, mass.shape[1]).astype(np.float64)
            return squares

        pairs = mass[0] ** 2 - own(row)
        products = (sums[0] ** 2).sum(axis=1) - sum(own(row * column) for column in residual.T)
        square = np.divide(products, pairs, out=np.zeros_like(pairs), where=pairs > 1e-12 * mass[0] ** 2)
        return float((mass[0] * square).sum() / mass.sum())

    return _each(record, w, error)


@metric(
    "skce-p",
    of=Classification,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source=f"{WIDMANN} (test); Davies 1980, The distribution of a linear combination of chi-squared variables",
    check="calibration/canonical-level",
)
def skce_p(record: Classification, w: Float64s) -> Float64s:
    """p-value of the hypothesis that the whole distribution is calibrated, by the kernel of `skce`.

    The sum over all pairs, a row with itself included, of k(p_i, p_j) (y_i - p_i) . (y_j - p_j).  Under the hypothesis
    it is, for large n, a weighted sum of chi-squares whose weights follow from the predictions alone.  The kernel is
    known by its values at up to 64 of the predictions (Nystroem; fewer of many classes: 256 over their number), so that
    it sees any n, and what those few are near.  Rows count as independent, clusters or no.  w: (B, n); returns (B,).
    """
    with_classes(record)
    probs, residual = record.probs, _residuals(record)
    values = np.full(len(w), np.nan)
    # A p-value is never resampled, so this is no loop over resamples.
    for b, row in enumerate(w):
        used = row > 0
        if not used.any():
            continue
        marks = np.unique(probs[used], axis=0)
        count = max(1, min(LANDMARKS, SIZE // probs.shape[1]))
        marks = marks[generator(0, "skce-p").permutation(len(marks))[:count]]
        features = nystroem(probs[used], marks)
        noise = (row * base_weights(record))[used]
        statistic = float((((features * row[used, None]).T @ residual[used]) ** 2).sum())
        spectrum = np.maximum(np.linalg.eigvalsh(_covariance(features, probs[used], noise)), 0.0)
        if spectrum[-1] > 1e-14 * noise.sum():
            values[b] = quadratic_tail(spectrum, statistic)
        else:  # nothing was left to chance
            values[b] = float(statistic <= 1e-12 * row.sum() ** 2)
    return values


def nystroem(probs: Float64s, marks: Float64s) -> Float64s:
    """Features (n, r) whose products are the kernel exp(-|p - q| / (.4 sqrt 2)), exactly so at the marks (r, C)."""
    from scipy.spatial.distance import cdist

    values, vectors = np.linalg.eigh(np.exp(-cdist(marks, marks) / LENGTH))
    kept = values > 1e-10 * values[-1]
    features: Float64s = np.exp(-cdist(probs, marks) / LENGTH) @ (vectors[:, kept] / np.sqrt(values[kept]))
    return features


def _covariance(features: Float64s, probs: Float64s, noise: Float64s) -> Float64s:
    """Covariance (C r, C r) of the sum of features (x) (one-hot label - prediction), labels as predicted."""
    (n, r), classes = features.shape, probs.shape[1]
    total = np.zeros((classes, r, classes, r))
    step = max(1, BLOCK // (classes * r))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        z, p = features[rows], probs[rows]
        weighed = z * noise[rows, None]
        for c in range(classes):
            total[c, :, c] += (weighed * p[:, c, None]).T @ z
        wide = (p[:, :, None] * z[:, None]).reshape(len(z), classes * r)
        total -= (wide.T @ (wide * noise[rows, None])).reshape(total.shape)
    return total.reshape(classes * r, classes * r)
