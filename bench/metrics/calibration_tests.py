"""Tests of the hypothesis that confidences are calibrated: p-values, small where they are not.

A model is evaluated on data that it was not fitted on, so no degrees of freedom are taken off.  A large p-value says
that n samples show no miscalibration, never that there is none.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.judged import base_weights, judged
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.records import Judged

GROUPS = 10


@metric(
    "hosmer-lemeshow-p",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source="Hosmer and Lemeshow 1980, Goodness of fit tests for the multiple logistic regression model",
    check="calibration/tests-level",
)
def hosmer_lemeshow_p(record: Judged, w: Float64s) -> Float64s:
    """p-value of the Hosmer-Lemeshow test: chi-square of observed against expected right answers in ten equal groups.

    The sum of (observed - expected)^2 / (n p (1 - p)) with the group's mean confidence p; ten degrees of freedom (one
    a group; ties may leave fewer groups), since the model was fitted elsewhere: fitted on these rows it would be eight.
    Rows count as independent, clusters or no.  w: (B, n); returns (B,).
    """
    from scipy.special import chdtrc

    confidence, correct = judged(record)
    rows = ordered(confidence, correct, w)
    # Of the weights times their own parts: the variance of a sum of weighted trials.
    square = ordered(confidence, correct, w * base_weights(record)).weight
    index = mass_bins(rows.weight, GROUPS)
    mass, gap = binned(rows.weight, index, GROUPS), binned(rows.gap, index, GROUPS)
    promised = binned(rows.weight * rows.confidence, index, GROUPS)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.clip(promised / mass, 0.0, 1.0)
        variance = binned(square, index, GROUPS) * p * (1 - p)
        certain = (variance <= 0) & (mass > 0)
        statistic = np.where(variance > 0, gap**2 / variance, 0.0).sum(axis=1)
        broken = (certain & (np.abs(gap) > 1e-12 * mass)).any(axis=1)
    freedom = (variance > 0).sum(axis=1)
    value = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return np.where(rows.total > 0, np.where(broken, 0.0, value), np.nan)


@metric(
    "spiegelhalter-p",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source="Spiegelhalter 1986, Probabilistic prediction in patient management and clinical trials",
    check="calibration/tests-level",
)
def spiegelhalter_p(record: Judged, w: Float64s) -> Float64s:
    """Two-sided p-value of Spiegelhalter's z: is the Brier score of the confidences what they themselves promise?

    Under- and overconfidence both make it small.  Gaps of both signs may cancel, and those at confidence 1/2 aren't
    seen: `kce-p` sees them.  NaN where no confidence can tell.  w: (B, n); returns (B,).
    """
    from scipy.special import erfc

    return erfc(np.abs(spiegelhalter_z(record, w)) / np.sqrt(2))


def spiegelhalter_z(record: Judged, w: Float64s) -> Float64s:
    """Spiegelhalter's z, (B,): by how many standard errors the Brier score is above what the confidences promise.

    sum (y - c)(1 - 2 c) / sqrt(sum (1 - 2 c)^2 c (1 - c)), standard normal under calibration, above 0 for
    overconfidence (of confidences above 1/2).  With clusters (`groups`) the variance is that of the clusters' sums.
    NaN where no confidence can tell.
    """
    confidence, correct = judged(record)
    lean = 1 - 2 * confidence
    terms = w * ((correct - confidence) * lean)
    excess = terms.sum(axis=1)
    groups = record.groups if hasattr(record, "groups") else None
    if groups is None or len(confidence) == 0:
        variance = (w * base_weights(record)) @ (lean**2 * confidence * (1 - confidence))
    else:
        codes = np.unique(groups, return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        variance = (np.add.reduceat(terms[:, order], starts, axis=1) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Promises of certainty that were broken: infinitely many standard errors.
        return np.where(
            variance > 0, excess / np.sqrt(variance), np.where(excess == 0, np.nan, np.sign(excess) * np.inf)
        )
