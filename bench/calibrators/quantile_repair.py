"""Quantile forecasts put in order, and those of several models weighed into one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.components import Calibration, NotApplicable, calibrator
from bench.records import Regression

PAPER = ("Flexible Model Aggregation for Quantile Regression",)
CHECK = "uncertainty/quantile-tools"


def quantiles_of(record: Regression) -> Float64s:
    """Forecast quantiles (n, Q); `NotApplicable` for another form."""
    if record.form != "quantiles" or record.quantiles is None:
        raise NotApplicable("the forecast gives no quantiles")
    return record.quantiles


@calibrator(
    "quantile-sort",
    of=Regression,
    area="uncertainty",
    fits=False,
    source="Chernozhukov, Fernandez-Val and Galichon 2010, Quantile and Probability Curves Without Crossing",
    papers=PAPER,
    check=CHECK,
)
def quantile_sort(record: Regression) -> Calibration:  # noqa: ARG001 - it learns nothing
    """Crossing quantiles put in increasing order; never raises the pinball loss of any row.

    `NotApplicable` where none cross.
    """
    return Calibration({}, lambda other: _repaired(other, np.sort(quantiles_of(other), axis=1)))


@calibrator(
    "quantile-isotonic",
    of=Regression,
    area="uncertainty",
    fits=False,
    source="Fakoor et al. 2023, Flexible Model Aggregation for Quantile Regression; Ayer et al. 1955 (pooling)",
    papers=PAPER,
    check=CHECK,
)
def quantile_isotonic(record: Regression) -> Calibration:  # noqa: ARG001 - it learns nothing
    """Crossing quantiles replaced by the nearest non-decreasing ones, in squares; never raises the pinball loss.

    `NotApplicable` where none cross.
    """
    return Calibration({}, lambda other: _repaired(other, isotonic(quantiles_of(other))))


def _repaired(record: Regression, quantiles: Float64s) -> Regression:
    if np.array_equal(quantiles, quantiles_of(record)):
        raise NotApplicable("no quantiles cross")
    return replace(record, quantiles=quantiles)


def isotonic(values: Float64s) -> Float64s:
    """The nearest non-decreasing sequence to each row (n, Q), in squared distance, (n, Q).

    By the min-max formula: entry k is the largest over i <= k of the least over j >= k of the mean of values[i..j].
    """
    # Means go through differences of sums, which lose less about 0.
    centre = values.mean(axis=1, keepdims=True)
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values - centre, axis=1)], axis=1)
    width = values.shape[1]
    out = np.full(values.shape, -np.inf)
    for i in range(width):
        means = (sums[:, i + 1 :] - sums[:, i : i + 1]) / np.arange(1, width - i + 1)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        out[:, i:] = np.maximum(out[:, i:], least)
    falls = np.diff(values, axis=1) < 0
    # Rows in order stay as they were written.
    return np.where(falls.any(axis=1, keepdims=True), np.maximum.accumulate(out + centre, axis=1), values)


@calibrator(
    "quantile-weights",
    of=Regression,
    area="uncertainty",
    source="Fakoor et al. 2023, Flexible Model Aggregation for Quantile Regression (global weights, medium)",
    papers=PAPER,
    check="uncertainty/quantile-weights",
)
def quantile_weights(record: Regression) -> Calibration:
    """Members' quantiles joined by weights of their own at each level: those of least pinball loss, then sorted.

    Weights are at least 0 and sum to 1; each level is a linear programme on the calibration rows, weighted as they are.
    Applied, members are dropped.
    """
    members, levels = _members(record), np.asarray(record.levels)
    rows = np.ones(len(record)) if record.weights is None else record.weights
    each = [best_weights(members[:, :, k], record.y, float(level), rows) for k, level in enumerate(levels)]
    weights = np.stack(each, axis=1)

    def apply(other: Regression) -> Regression:
        joined = np.einsum("nmq,mq->nq", _members(other), weights)
        return replace(other, quantiles=np.sort(joined, axis=1), member_quantiles=None)

    return Calibration({"levels": list(record.levels), "weights": weights.tolist()}, apply)


def _members(record: Regression) -> Float64s:
    if record.form != "quantiles" or record.member_quantiles is None or record.member_quantiles.shape[1] < 2:
        raise NotApplicable("the record has no ensemble of quantiles: 'member_quantiles' holds fewer than two")
    return record.member_quantiles


def best_weights(members: Float64s, y: Float64s, level: float, rows: Float64s) -> Float64s:
    """Weights (M,) of members (n, M) on the simplex that minimise the weighted pinball loss at `level`.

    With y - members @ w = above - below, both at least 0, the loss is level * above + (1 - level) * below: a linear
    programme, solved by HiGHS.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    n, m = members.shape
    one = sparse.identity(n, format="csr")
    balance = sparse.hstack([sparse.csr_matrix(members), one, -one])
    simplex = sparse.csr_matrix(np.concatenate([np.ones(m), np.zeros(2 * n)])[None])
    cost = np.concatenate([np.zeros(m), level * rows, (1 - level) * rows])
    equal = sparse.vstack([balance, simplex], format="csr")
    found = linprog(cost, A_eq=equal, b_eq=np.append(y, 1.0), bounds=(0, None), method="highs")
    if not found.success or found.x is None:
        raise NotApplicable(f"the weights of level {level:g} could not be found: {found.message}")
    weights = np.maximum(found.x[:m], 0.0)
    return weights / weights.sum()
