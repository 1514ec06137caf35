"""Tests that may be looked at after every sample: wealth from bets against a mean.

Wealth starts at 1 and is multiplied by 1 + bet * (x - m); under a mean of m it is a non-negative martingale whatever
the predictable bets, so that it ever reaches 1 / alpha has a chance of at most alpha (Ville 1939), however often one
looks.  Streams may come from clusters: one bounded value each, its mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.errors import UsageError
from bench.stats.design import LEVEL
from bench.stats.verdicts import ALPHA, Verdict

Side = Literal["greater", "less"]
CLIP = 0.5  # share of the largest bet that keeps wealth positive
GRID = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class Sequential:
    """A stream judged against -margin at both boundaries.

    verdict: FAIL, PASS or INCONCLUSIVE at the end.  stop: samples used, all of them where neither was reached.
    log_worse, log_not_worse: (T,), log wealth against "at least -margin" and against "at most -margin".
    """

    verdict: Verdict
    stop: int
    log_worse: Float64s
    log_not_worse: Float64s


def log_wealth(x: Float64s, mean: float, *, side: Side, limits: tuple[float, float], clip: float = CLIP) -> Float64s:
    """Log wealth after each sample, (..., T), of bets that the mean is above ("greater") or below `mean`.

    x: (..., T), within limits, in the order of arrival.  An e-process for "the mean is at most (at least) `mean`": the
    bets never change side.  Bets follow approximate growth optimality (Waudby-Smith and Ramdas 2024, aGRAPA), from
    samples before only, and are clipped to `clip` of the largest that cannot ruin.
    """
    low, high = _limits(x, mean, limits)
    y = (x - low) / (high - low)
    m = (mean - low) / (high - low)
    if side == "less":
        y, m = 1 - y, 1 - m
    before = np.arange(x.shape[-1])
    sums = _before(y)
    centre = (0.5 + sums) / (before + 1)
    spread = (0.25 + _before((y - (0.5 + sums + y) / (before + 2)) ** 2)) / (before + 1)
    gap = centre - m
    bet = np.clip(gap / (spread + gap**2), 0.0, clip / m if m > 0 else np.inf)
    return np.cumsum(np.log1p(bet * (y - m)), axis=-1)


def mixed_log_wealth(x: Float64s, mean: float, *, limits: tuple[float, float], clip: float = CLIP) -> Float64s:
    """Log of the average wealth of both sides, (..., T): an e-process for "the mean is `mean`"."""
    up = log_wealth(x, mean, side="greater", limits=limits, clip=clip)
    down = log_wealth(x, mean, side="less", limits=limits, clip=clip)
    return np.logaddexp(up, down) - np.log(2)


def first_reach(log: Float64s, *, alpha: float) -> Ints:
    """Samples after which wealth first was 1 / alpha, (...,); 0 where it never was."""
    reached = log >= np.log(1 / alpha)
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1, 0)


def judge(x: Float64s, *, margin: float, limits: tuple[float, float] = (-1.0, 1.0), alpha: float = ALPHA) -> Sequential:
    """Follow paired differences (T,), positive for better, until one boundary is reached.

    The chance of a FAIL where the mean is at least -margin is at most alpha, and that of a PASS where it is at most
    -margin also, under unlimited looking.  Fixed tests of the whole stream have more power: this one is for stopping
    early what is clearly bad.
    """
    if x.ndim != 1:
        raise UsageError("one stream at a time", cause=f"x is {x.shape}", fix="give (T,)")
    worse = log_wealth(x, -margin, side="less", limits=limits)
    not_worse = log_wealth(x, -margin, side="greater", limits=limits)
    at = [int(first_reach(log, alpha=alpha)) or len(x) + 1 for log in (worse, not_worse)]
    reached = Verdict.FAIL if at[0] < at[1] else Verdict.PASS
    outcome = Verdict.INCONCLUSIVE if min(at) > len(x) else reached
    return Sequential(verdict=outcome, stop=min(*at, len(x)), log_worse=worse, log_not_worse=not_worse)


def confidence_sequence(
    x: Float64s, *, limits: tuple[float, float], level: float = LEVEL, grid: int = GRID
) -> tuple[Float64s, Float64s]:
    """Ends (T,), (T,) that hold the mean at all times at once with that level (hedged capital, betting).

    The means of a grid not yet refuted by the larger of two half wealths; ends lie one grid step outside them, and
    never widen.
    """
    low, high = _limits(x, limits[0], limits)
    means = np.linspace(low, high, grid + 1)
    kept = np.stack([_not_refuted(x, float(m), limits, 1 - level) for m in means])
    kept = np.minimum.accumulate(kept, axis=1)
    step = (high - low) / grid
    any_left = kept.any(axis=0)
    first = means[kept.argmax(axis=0)] - step
    last = means[grid - kept[::-1].argmax(axis=0)] + step
    # All refuted: the truth lies between two points of the grid, or this is the alpha that fails; keep the last ends.
    ends = np.where(any_left, first, -np.inf), np.where(any_left, last, np.inf)
    return (
        np.maximum.accumulate(np.maximum(ends[0], low)),
        np.minimum.accumulate(np.minimum(ends[1], high)),
    )


def _not_refuted(x: Float64s, mean: float, limits: tuple[float, float], alpha: float) -> Bools:
    """Whether both half wealths stay below 1 / alpha, (T,).  The bets that made them look at the mean's own side."""
    return mixed_log_wealth(x, mean, limits=limits) < np.log(1 / alpha)


def newton_bets(payoffs: Float64s) -> Float64s:
    """Bets (..., T) for payoffs (..., T) in [-1, 1] by the online Newton step, each from payoffs before.

    Cutkosky and Orabona 2018, as used for testing by betting: z = -k / (1 + bet k), a += z^2,
    bet = clip(bet - 2 / (2 - log 3) * z / a, -1/2, 1/2), from a = 1 and bet = 0.
    """
    if (np.abs(payoffs) > 1).any():
        raise UsageError("a payoff beyond 1", cause="wealth would fall below 0", fix="squash payoffs into [-1, 1]")
    bets = np.zeros(payoffs.shape)
    bet, curvature = np.zeros(payoffs.shape[:-1]), np.ones(payoffs.shape[:-1])
    rate = 2 / (2 - np.log(3))
    for t in range(payoffs.shape[-1] - 1):
        slope = -payoffs[..., t] / (1 + bet * payoffs[..., t])
        curvature = curvature + slope**2
        bet = np.clip(bet - rate * slope / curvature, -0.5, 0.5)
        bets[..., t + 1] = bet
    return bets


def _before(values: Float64s) -> Float64s:
    """Sum of what came before each position."""
    return np.cumsum(values, axis=-1) - values


def _limits(x: Float64s, mean: float, limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    if not low < high or x.size == 0 or not ((x >= low) & (x <= high)).all() or not low <= mean <= high:
        raise UsageError(
            f"values or mean outside [{low}, {high}]",
            cause="bets are safe on bounded values only",
            fix="give the limits of the values, and at least one",
        )
    return low, high
