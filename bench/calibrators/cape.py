"""CaPE: a smooth curve fitted to the outcomes and, in turn, to the rates of outcomes near its own predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.calibrators.rows import one_vs_rest
from bench.calibrators.sigmoid import smoothed_targets
from bench.components import Calibration, calibrator
from bench.metrics.logistic import logistic
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.metrics.smooth import GRID, cosine_waves, smoothed
from bench.records import Classification

SOURCE = "Liu et al. 2022, Deep Probability Estimation, arXiv:2111.10734"
PAPERS = ("Deep Probability Estimation",)
BINS = 15
WIDTH = 0.05  # of the kernel, in probability
ROUNDS = 20
KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)  # Harrell's places for five
FARTHEST = 30.0

Rate = Callable[[Float64s, Float64s, Float64s], Float64s]  # (predictions, outcomes, weights) -> rates near them
Fitted = tuple[dict[str, Any], Callable[[Float64s], Float64s]]


def spline(odds: Float64s, knots: Float64s) -> Float64s:
    """A restricted cubic spline: a constant, the odds, and K - 2 cubics that are linear beyond the outer knots.

    odds: (n,); knots: (K,), increasing; fewer than three give a line.  Returns (n, max(K, 2)).
    """
    s = np.clip(odds, -FARTHEST, FARTHEST)
    columns = [np.ones_like(s), s]
    if len(knots) > 2:
        last, before = knots[-1], knots[-2]
        for k in knots[:-2]:
            bend = np.maximum(s - k, 0) ** 3
            bend -= np.maximum(s - before, 0) ** 3 * (last - k) / (last - before)
            bend += np.maximum(s - last, 0) ** 3 * (before - k) / (last - before)
            columns.append(bend / (last - knots[0]) ** 2)
    return np.stack(columns, axis=1)


def bin_rates(p: Float64s, outcome: Float64s, weights: Float64s) -> Float64s:
    """The rate of outcomes within each prediction's one of 15 bins of equal weight, (n,)."""
    rows = ordered(p, outcome, weights[None])
    index = mass_bins(rows.weight, BINS)
    mass, hits = binned(rows.weight, index, BINS)[0], binned(rows.hits, index, BINS)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = hits / mass
    return rates[index[0]][np.searchsorted(rows.confidence, p)]


def kernel_rates(p: Float64s, outcome: Float64s, weights: Float64s) -> Float64s:
    """The rate of outcomes around each prediction by a Gaussian kernel of width .05, reflected at 0 and 1, (n,)."""
    width = np.array([WIDTH])
    mass, hits = (smoothed(cosine_waves(p, v, weights[None]), width)[0] for v in (np.ones_like(p), outcome))
    grid = np.linspace(0, 1, GRID)
    return np.clip(np.interp(p, grid, hits) / np.interp(p, grid, mass), 0.0, 1.0)


def cape_curve(odds: Float64s, outcome: Float64s, weights: Float64s, rate: Rate) -> tuple[Float64s, Float64s]:
    """Coefficients and knots of the curve, found by alternation.

    From the fit to the outcomes on, each round takes the rates near the curve's own predictions, and fits the curve to
    them and to the outcomes with equal weight: the cross-entropy is linear in its target, so the sum of the paper's two
    losses is that of the mean target.  Up to 20 rounds, or until predictions move by less than 1e-6.
    """
    from scipy.special import expit

    knots = np.unique(np.quantile(np.clip(odds, -FARTHEST, FARTHEST), KNOTS))
    knots = knots if len(knots) == len(KNOTS) else knots[:0]
    features = spline(odds, knots)
    if np.ptp(odds) == 0:
        features = features[:, :1]
    target = smoothed_targets(outcome, weights)  # so that separable outcomes have a maximum
    b = logistic(features, target, weights[None])[0]
    p = expit(features @ b)
    for _ in range(ROUNDS):
        b = logistic(features, (target + rate(p, outcome, weights)) / 2, weights[None])[0]
        before, p = p, expit(features @ b)
        if np.abs(p - before).max() < 1e-6:
            break
    return np.append(b, np.zeros(2 - len(b))) if len(b) < 2 else b, knots


def _cape(record: Classification, rate: Rate) -> Calibration:
    from scipy.special import expit

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        b, knots = cape_curve(odds, outcome, weights, rate)
        return {"coefficients": b.tolist(), "knots": knots.tolist()}, lambda s: expit(spline(s, knots) @ b)

    return one_vs_rest(record, fit)


@calibrator("cape-bin", of=Classification, source=SOURCE, default=False, papers=PAPERS, check="calibration/cape")
def cape_bin(record: Classification) -> Calibration:
    """CaPE with bins, after the fact: a spline of the log-odds fitted to outcomes and to the rates of 15 bins in turn.

    The paper tunes the network itself; here the model stays and a restricted cubic spline of its log-odds (five knots)
    is tuned.  Two classes: one curve; more: one a class against the rest, then normalised.
    """
    return _cape(record, bin_rates)


@calibrator("cape-kernel", of=Classification, source=SOURCE, default=False, papers=PAPERS, check="calibration/cape")
def cape_kernel(record: Classification) -> Calibration:
    """CaPE with a kernel, after the fact: as `cape-bin`, by the rates around each prediction (Gaussian, width .05)."""
    return _cape(record, kernel_rates)
