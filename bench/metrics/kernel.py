"""Calibration errors by kernels: no bins, and an unbiased form.

The kernel on confidences is Laplacian, exp(-|r - r'| / .4), whose sums over all pairs of sorted rows are running sums:
exact in O(n) for any number of weightings.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, metric
from bench.latest import frozen, latest
from bench.metrics.gathering import numbered
from bench.metrics.judged import base_weights, judged, with_classes
from bench.metrics.ordered import ordered
from bench.metrics.quadratic import quadratic_tail
from bench.metrics.sums import Sums, sums
from bench.records import Classification, Judged
from bench.seeds import generator

LENGTH = 0.4
MMCE = "Kumar, Sarawagi and Jain 2018, Trainable Calibration Measures for Neural Networks from Kernel Mean Embeddings"
WIDMANN = "Widmann, Lindsten and Zachariah 2019, Calibration tests in multi-class classification"
MOST = 10_000  # rows of which every pair is looked at
STEPS = 64  # of confidence, by which the spread of the error is found
LANDMARKS = 96  # rows by which that of the whole distribution is
BLOCK = 1 << 20  # pairs at once
CELLS = 512  # steps of the grid on which the null distribution is worked out


def _pair_sum(r: Float64s, gap: Float64s) -> Float64s:
    """Sum over all ordered pairs, a row with itself included, of k(r_i, r_j) gap_i gap_j.

    r: (K,) ascending; gap: (B, K); returns (B,).
    """
    rise = np.exp((r - 0.5) / LENGTH)
    before = np.cumsum(gap * rise, axis=1) - gap * rise
    return (gap**2).sum(axis=1) + 2 * (gap / rise * before).sum(axis=1)


@latest
def _in_steps(record: Judged) -> tuple[Sums, Float64s]:
    """Gaps and weights in 64 even steps of confidence at most, and the root of the kernel between these, (K, K)."""
    confidence, correct = judged(record)
    held, cell, _ = numbered(np.minimum((confidence * STEPS).astype(np.int64), STEPS - 1))
    kernel = np.exp(-np.abs(held[:, None] - held) / (STEPS * LENGTH))
    return sums(cell, len(held), np.ones(len(confidence)), correct - confidence), np.linalg.cholesky(kernel)


def _features(record: Judged, w: Float64s) -> Float64s:
    """Coordinates (B, K) of the mean embedding of the gaps, whose length is `mmce`."""
    of, root = _in_steps(record)
    mass, gap = of(w)
    with np.errstate(invalid="ignore"):
        return gap @ root / mass.sum(axis=1, keepdims=True)


@metric(
    "mmce",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l2",
    gaps=_features,
    source=MMCE,
    check="calibration/kernel-by-hand",
)
def mmce(record: Judged, w: Float64s) -> Float64s:
    """Maximum mean calibration error: sqrt(sum_ij k(r_i, r_j) d_i d_j) / n with d = correct - confidence.

    The kernel is Laplacian of length .4, as in the paper.  Biased upwards by the terms i = j: a calibrated model of
    mean r (1 - r) = v scores about sqrt(v / n).  `kce` is the square without them.  w: (B, n); returns (B,).
    """
    rows = ordered(*judged(record), w)
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.maximum(_pair_sum(rows.confidence, rows.gap), 0.0)) / rows.total


@metric(
    "kce",
    of=Judged,
    area="calibration",
    better="lower",
    range=(-1, 1),
    default=False,
    norm="square",
    gaps=_features,
    source=f"{WIDMANN} (SKCE_uq of the top label); {MMCE}",
    check="calibration/kernel-by-hand",
)
def kce(record: Judged, w: Float64s) -> Float64s:
    """Squared kernel calibration error of the confidence, unbiased: the mean of k(r_i, r_j) d_i d_j over pairs i != j.

    Its sign is kept, so that a calibrated model averages 0.  Kernel as in `mmce`.  Pairs within one cluster
    (`groups`), which are not independent, are left out.  NaN where no pair is left.  Its interval, that of the square
    of `mmce`, is never below 0.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    rows = ordered(confidence, correct, w)
    gap = w * (correct - confidence)
    codes = _codes(record, len(confidence))
    if codes is None:
        own, pairs = (gap**2).sum(axis=1), (w**2).sum(axis=1)
    else:
        order = np.lexsort((confidence, codes))
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        own = _pair_sums_within(confidence[order], gap[:, order], starts)
        pairs = (np.add.reduceat(w[:, order], starts, axis=1) ** 2).sum(axis=1)
    total = rows.total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may leave a crumb where there is no pair.
        value = (_pair_sum(rows.confidence, rows.gap) - own) / (total - pairs)
        return np.where(total - pairs > 1e-12 * total, value, np.nan)


def _codes(record: Judged, n: int) -> Ints | None:
    groups = record.groups if hasattr(record, "groups") else None
    return None if groups is None or n == 0 else np.unique(groups, return_inverse=True)[1]


def _pair_sums_within(r: Float64s, gap: Float64s, starts: Ints) -> Float64s:
    """`_pair_sum` over pairs of one segment, summed over segments; r ascending within each."""
    rise = np.exp((r - 0.5) / LENGTH)
    running = np.cumsum(gap * rise, axis=1) - gap * rise
    lengths = np.diff(np.append(starts, len(r)))
    before = running - np.repeat(running[:, starts], lengths, axis=1)
    return (gap**2).sum(axis=1) + 2 * (gap / rise * before).sum(axis=1)


@metric(
    "kce-p",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source=f"{WIDMANN} (test); Davies 1980, The distribution of a linear combination of chi-squared variables",
    check="calibration/tests-level",
)
def kce_p(record: Judged, w: Float64s) -> Float64s:
    """p-value of the hypothesis that the confidences are calibrated, by the kernel statistic of `mmce`.

    Under it the squared statistic is, for large n, a weighted sum of chi-squares whose weights follow from the
    confidences alone (rounded to 1/512 for this); its tail is worked out to 1e-6.  It sees every kind of
    miscalibration of the confidence.  Rows count as independent, clusters or no.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    rows = ordered(confidence, correct, w)
    statistic = _pair_sum(rows.confidence, rows.gap)
    cell, index = np.unique(np.round(confidence * CELLS).astype(np.int64), return_inverse=True)
    noise = w * base_weights(record) * (confidence * (1 - confidence))
    kernel = np.exp(-np.abs(cell[:, None] - cell) / (CELLS * LENGTH))
    values = np.full(len(w), np.nan)
    # A p-value is never resampled, so this is no loop over resamples.
    for b in np.flatnonzero(rows.total > 0):
        root = np.sqrt(np.bincount(index, noise[b], minlength=len(cell)))
        form = root[:, None] * kernel * root
        # Rounding leaves some a little below 0.
        spectrum = np.maximum(np.linalg.eigvalsh(form), 0.0)
        if spectrum[-1] > 0:
            values[b] = quadratic_tail(spectrum, float(statistic[b]))
        else:  # nothing was left to chance
            values[b] = float(statistic[b] <= 1e-12 * rows.total[b] ** 2)
    return values


@latest
def _known_by(record: Classification) -> Float64s:
    """Coordinates (n, K) whose products are the kernel of pairs of rows, known by its values at 96 random ones."""
    with_classes(record)
    _few_enough(record)
    marks = generator(0, "skce").permutation(len(record))[:LANDMARKS]
    values, vectors = np.linalg.eigh(_pairs(record, marks, marks))
    kept = values > 1e-10 * values[-1]
    return frozen(_pairs(record, slice(None), marks) @ (vectors[:, kept] / np.sqrt(values[kept])))


def _landmarks(record: Classification, w: Float64s) -> Float64s:
    """Coordinates (B, K) of the mean embedding of the residuals, whose squared length `skce` estimates."""
    with np.errstate(invalid="ignore"):
        return w @ _known_by(record) / w.sum(axis=1, keepdims=True)


def _few_enough(record: Classification) -> None:
    if len(record) > MOST:
        raise NotApplicable(f"it looks at every pair of {len(record)} samples; {MOST} samples are the most")


@metric(
    "skce",
    of=Classification,
    area="calibration",
    better="lower",
    range=(-2, 2),
    default=False,
    norm="square",
    gaps=_landmarks,
    source=f"{WIDMANN} (SKCE_uq)",
    check="calibration/kernel-by-hand",
)
def skce(record: Classification, w: Float64s) -> Float64s:
    """Squared kernel calibration error of the whole distribution (canonical calibration), unbiased.

    The mean over pairs i != j of k(p_i, p_j) (y_i - p_i) . (y_j - p_j), y one-hot, k = exp(-|p - q|_2 / (.4 sqrt 2)):
    with two classes twice the `kce` of one of them.  A calibrated model averages 0; the sign is kept.  Pairs within
    one cluster (`groups`) are left out.  It looks at every pair, so it takes 10,000 rows at most.  Its interval, of a
    quantity that is never below 0, knows the kernel by its values at 96 of the rows.  w: (B, n) -> (B,).
    """
    with_classes(record)
    n = len(record)
    _few_enough(record)
    codes = np.arange(n) if record.groups is None else np.unique(record.groups, return_inverse=True)[1]
    products = np.zeros(len(w))
    step = max(1, BLOCK // max(n, 1))
    for start in range(0, n, step):
        # Of pairs that are symmetric, those with the rows of later blocks count twice.
        block, later = slice(start, start + step), slice(start, None)
        pairs = _pairs(record, block, later) * (codes[block, None] != codes[later])
        pairs[:, step:] *= 2
        products += (w[:, block] * (w[:, later] @ pairs.T)).sum(axis=1)
    order = np.argsort(codes, kind="stable")
    within = np.add.reduceat(w[:, order], np.flatnonzero(np.diff(codes[order], prepend=-1)), axis=1) if n else w
    total = w.sum(axis=1) ** 2
    pairs = total - (within**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may leave a crumb where there is no pair.
        return np.where(pairs > 1e-12 * total, products / pairs, np.nan)


def _pairs(record: Classification, block: slice | Ints, others: slice | Ints) -> Float64s:
    """k(p_i, p_j) (y_i - p_i) . (y_j - p_j) of the rows of a block with others."""
    from scipy.spatial.distance import cdist

    probs = record.probs
    residual = (record.labels[:, None] == np.arange(probs.shape[1])) - probs
    pairs: Float64s = cdist(probs[block], probs[others])
    pairs /= -LENGTH * np.sqrt(2)
    np.exp(pairs, out=pairs)
    pairs *= residual[block] @ residual[others].T
    return pairs
