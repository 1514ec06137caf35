"""The threshold of a conformal prediction: exact for every sample size, infinite where the sample is too small.

A score says how badly an outcome fits a prediction.  Of n calibration scores that are exchangeable with the next one,
the ceil((n + 1) (1 - alpha))-th smallest bounds the next with probability at least 1 - alpha, and, without ties, at
most 1 - alpha + 1 / (n + 1).  Given the calibration sample, the share that it bounds is Beta(k, n + 1 - k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError

ROUNDING = 1e-9  # (n + 1) (1 - alpha) that is a whole number but for rounding is that number


def order(n: int, alpha: float) -> int:
    """The rank ceil((n + 1) (1 - alpha)) of the score that is the threshold; n + 1 says that there is none.

    Raises `UsageError` for alpha outside (0, 1).
    """
    _refuse_share("alpha", alpha)
    return max(1, math.ceil((n + 1) * (1 - alpha) - ROUNDING))


def threshold(scores: Float64s, alpha: float) -> float:
    """The order(n, alpha)-th smallest of scores (n,), infinity where n is too small.  Vovk et al. 2005."""
    k = order(len(scores), alpha)
    return math.inf if k > len(scores) else float(np.partition(scores, k - 1)[k - 1])


@dataclass(frozen=True, eq=False)
class Weighted:
    """The threshold under covariate shift: it depends on the weight of the row that it is for.

    scores: (n,), sorted.  mass: (n,), cumulative weights.  With weights proportional to the likelihood ratio of the
    test inputs to the calibration inputs, coverage is at least 1 - alpha.  Source: Tibshirani et al. 2019, Conformal
    Prediction Under Covariate Shift.
    """

    scores: Float64s
    mass: Float64s
    alpha: float

    @staticmethod
    def of(scores: Float64s, alpha: float, weights: Float64s | None = None) -> Weighted:
        """From scores (n,) and weights (n,), >= 0 (absent: equal)."""
        _refuse_share("alpha", alpha)
        by_size = np.argsort(scores, kind="stable")
        w = np.ones(len(scores)) if weights is None else weights[by_size]
        return Weighted(scores[by_size], np.cumsum(w), alpha)

    def at(self, weights: Float64s) -> Float64s:
        """Thresholds for rows of those weights (m,), (m,): the smallest score with (1 - alpha) of all the mass."""
        total = self.mass[-1] if len(self.mass) else 0.0
        wanted = (1 - self.alpha) * (total + weights)
        place = np.searchsorted(self.mass, wanted * (1 - ROUNDING), side="left")
        return np.append(self.scores, math.inf)[place]


def by_class(scores: Float64s, labels: Ints, classes: int, alpha: float) -> Float64s:
    """The threshold of each class from its own scores (n,), (classes,): Mondrian.  Infinite for rare classes."""
    return np.array([threshold(scores[labels == c], alpha) for c in range(classes)])


def pac_errors(n: int, epsilon: float, delta: float) -> int:
    """The most errors among n that still prove, with confidence 1 - delta, an error rate of at most epsilon.

    The largest k with P(Bin(n, epsilon) <= k) <= delta, so that the upper Clopper-Pearson bound of k errors is at most
    epsilon; -1 where even none proves nothing.
    """
    from scipy.special import bdtr

    _refuse_share("epsilon", epsilon)
    _refuse_share("delta", delta)
    ks = np.arange(n)
    return int(np.searchsorted(bdtr(ks, n, epsilon), delta, side="right")) - 1 if n else -1


def pac_threshold(scores: Float64s, epsilon: float, delta: float) -> float:
    """A threshold that a new score exceeds with probability at most epsilon, with confidence 1 - delta.

    scores: (n,), independent draws.  Of them at most `pac_errors` exceed it; infinity where that is impossible.
    Source: Vovk 2012, Conditional validity of inductive conformal predictors; Park et al. 2020, PAC Confidence Sets.
    """
    k = pac_errors(len(scores), epsilon, delta)
    if k < 0:
        return math.inf
    place = len(scores) - 1 - k
    return float(np.partition(scores, place)[place])


def clopper_pearson(errors: int, n: int, delta: float) -> float:
    """Upper end of the one-sided Clopper-Pearson interval of an error rate, at confidence 1 - delta."""
    from scipy.special import betaincinv

    return 1.0 if errors >= n else float(betaincinv(errors + 1, n - errors, 1 - delta))


def _refuse_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise UsageError(f"{name} is {value}", cause="it is a share above 0 and below 1", fix=f"give {name}=0.1, say")
