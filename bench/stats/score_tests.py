"""Intervals of logistic coefficients by inverting score tests, robust to clusters: no refit, no resample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.metrics.logistic import logistic
from bench.results import Interval
from bench.stats.design import Design, absent, critical_t
from bench.stats.means import cr1, skewness, unskewed

STEPS = 40  # in which an end is bracketed
WIDER = 1.6  # each as many times as far as the one before
EXACT = 1e-6  # of a standard error


def logistic_ends(features: Float64s, target: Float64s, offset: Float64s, k: int, d: Design) -> Interval:
    """The 95 % interval of coefficient k of sigmoid(offset + features @ b), whose others are fitted.

    features: (n, 1 or 2).  target: (n,), 0 or 1.  offset: (n,).  The values of the coefficient that a score test does
    not reject, the other one being fitted under each: the sum of w e (target - p), where e is the feature less its
    regression on the other (weights w p (1 - p)), over its standard error from cluster totals (Boos 1992, On
    Generalized Score Tests), is compared with t of G - 1 degrees of freedom, corrected for the skewness of the totals.
    The model need not hold: the coefficient is the one that the population would give.
    """
    from scipy.special import expit

    fitted = logistic(features, target, d.weights[None], offset)[0]
    if not np.isfinite(fitted).all():
        return absent("right and wrong are separated")
    p = expit(offset + features @ fitted)
    information = (features * (d.weights * p * (1 - p))[:, None]).T @ features
    step = cr1((features * (d.weights * (target - p))[:, None]) @ np.linalg.inv(information)[k], d)
    test = _Test(features[:, k], np.delete(features, k, axis=1), target, offset, d)
    ends = [_end(test, float(fitted[k]), step, side) for side in (1, -1)]
    if ends[0] is None or ends[1] is None:
        return absent("no value is rejected")
    return Interval(low=ends[0], high=ends[1], method="score test" if d.groups == d.rows else "score test (CR1)")


@dataclass(frozen=True, eq=False)
class _Test:
    """Of values of the coefficient of `feature`, (n,), the coefficients of `others`, (n, 0 or 1), being fitted."""

    feature: Float64s
    others: Float64s
    target: Float64s
    offset: Float64s
    d: Design

    def beyond(self, at: float, side: int) -> float:
        """By how much the test passes its critical value; it falls as `at` rises.  NaN where it cannot be made."""
        d = self.d
        each = d.totals(self._scores(at))
        free = each - each.mean()
        error = math.sqrt(d.groups / (d.groups - 1) * float(free @ free))
        reach = critical_t(d.groups - 1)
        return float(each.sum()) / error - unskewed(side * reach, skewness(free), d.groups) if error > 0 else math.nan

    def _scores(self, at: float) -> Float64s:
        """What each row adds to the sum that is tested, (n,)."""
        from scipy.special import expit

        odds, effect = self.offset + at * self.feature, self.feature
        if self.others.shape[1]:
            other = self.others[:, 0]
            odds = odds + logistic(self.others, self.target, self.d.weights[None], odds)[0, 0] * other
            spread = self.d.weights * expit(odds) * expit(-odds)
            effect = effect - other * ((spread * effect) @ other / (spread @ other**2))
        return self.d.weights * effect * (self.target - expit(odds))


def _end(test: _Test, fitted: float, step: float, side: int) -> float | None:
    """The low end (side 1) or the high one (-1); `None` where no value so far out is rejected."""
    from scipy.optimize import brentq

    width = step
    for _ in range(STEPS):
        beyond = side * test.beyond(fitted - side * width, side)
        if not beyond <= 0:  # also where no test can be made
            break
        width *= WIDER
    if not beyond > 0:
        return None
    return float(brentq(test.beyond, fitted, fitted - side * width, args=(side,), xtol=EXACT * step))
