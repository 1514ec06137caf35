"""What a pair says: the gain, its interval, one-sided tests against a margin, and what would have been found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from bench.arrays import Bools, Float64s
from bench.comparing.pairing import Pair
from bench.errors import UsageError
from bench.stats.bootstrap import FOLDS
from bench.stats.design import too_few
from bench.stats.influence import Influence, of_mean
from bench.stats.mcnemar import discordance, mcnemar
from bench.stats.paired import PairedTest, t_test
from bench.stats.power import ALPHA, detectable, detectable_share
from bench.stats.tango import Tango, tango_clustered
from bench.stats.training_seeds import Seeds
from bench.stats.verdicts import OneSided, one_sided
from bench.stats.wilson import proportion, share_below, trials

Case = Literal["point", "low", "high"]
T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Contrast:
    """Candidate less reference, positive for better, on the samples of both.

    low, high: 95 % interval, spanning worst to best where samples failed; `None` where there is none, and `method` says
    why.  p_value: two-sided, of no difference.  sides: one-sided tests against the margin.  mde: the smallest
    difference found with 80 % power.  gains, losses: samples that only the candidate (the reference) has right.  best:
    the gain with failed samples at their best; totals: its contributions by fold of clusters, (folds,), the same folds
    for every contrast: for tests of many at once.  error: standard error, of df degrees of freedom where it is a t
    test's; effect: design effect of shares.  seeds: of the models that were trained several times.
    """

    gain: float
    low: float | None
    high: float | None
    p_value: float | None
    sides: OneSided | None
    mde: float | None
    n: int
    groups: int
    gains: int | None
    losses: int | None
    mcnemar: float | None
    attrition: int
    method: str
    best: float
    totals: Float64s
    error: float | None = None
    df: float | None = None
    effect: float = 1.0
    seeds: tuple[Seeds, ...] = ()


def contrast(p: Pair, *, margin: float = 0.0, tests_only: bool = False) -> Contrast:
    """Test a pair against -margin (in the number's unit, >= 0).  tests_only: no MDE, and no ends where these cost."""
    if margin < 0 or not math.isfinite(margin):
        raise UsageError(f"a margin of {margin}", cause="it says how much worse is borne", fix="give 0 or more")
    of = {"share": _of_shares, "proportion": _of_proportion}.get(p.kind, _of_values)
    found = of(p, margin, tests_only)
    return found if tests_only or found.sides is None else replace(found, mde=_mde(p, found))


def refuse_seeds(contrasts: Iterable[Contrast | None]) -> None:
    """Refuse max-T where a model was trained by several seeds: it resamples samples, of which seeds are none."""
    if any(c is not None and c.seeds for c in contrasts):
        raise UsageError(
            "max-t cannot correct for models trained by several seeds",
            cause="it resamples the samples alone, and few seeds cannot be resampled",
            fix="use holm, whose p-values know of the seeds",
        )


def _cases(p: Pair, test: Callable[[Case], T]) -> dict[Case, T]:
    """A test in each case; without failed samples they are one."""
    point = test("point")
    if not p.attrition:
        return {"point": point, "low": point, "high": point}
    return {"point": point, "low": test("low"), "high": test("high")}


def _filled(p: Pair, case: Case) -> tuple[Float64s, Float64s]:
    """Both columns with failed samples at their worst (point), or as bad or good for the candidate as can be."""
    if p.limits is None or not p.attrition:
        return p.first, p.second
    worst, best = p.limits
    one, other = {"point": (worst, worst), "low": (best, worst), "high": (worst, best)}[case]
    return np.where(p.lost_first > 0, one, p.first), np.where(p.lost_second > 0, other, p.second)


def _of_shares(p: Pair, margin: float, tests_only: bool) -> Contrast:
    if too_few(p.design):
        return _silent(p, 0.0 if p.design.rows == 0 else float(_mean(p, "point")), too_few(p.design))
    if margin >= 1:
        raise UsageError(f"a margin of {margin}", cause="it is a difference of shares", fix="give one below 1")
    at = _cases(p, lambda case: _tango(p, case, margin, interval=not tests_only))
    first, second = (column == 1 for column in _filled(p, "point"))
    table = discordance(second, first)
    better = 1 - at["low"].p_two_sided / 2 if at["low"].difference < 0 else at["low"].p_two_sided / 2
    swapped = _cases(p, lambda case: _tango_swapped(p, case, margin))
    above, good = swapped["high"].p_not_inferior, swapped["low"].p_inferior
    sides = OneSided(
        worse=at["high"].p_inferior,
        not_worse=at["low"].p_not_inferior,
        better=better,
        equivalent=max(at["low"].p_not_inferior, above),
        too_good=good,
    )
    clustered = not p.design.plain
    return Contrast(
        gain=at["point"].difference,
        low=at["low"].low,
        high=at["high"].high,
        p_value=at["point"].p_two_sided,
        sides=sides,
        mde=None,
        effect=at["point"].design_effect,
        n=p.samples,
        groups=p.independent,
        gains=table.gains,
        losses=table.losses,
        mcnemar=None if clustered else mcnemar(table).mid,
        attrition=p.attrition,
        method=f"Tango, design effect {at['point'].design_effect:.1f}" if clustered else "Tango",
        best=_mean(p, "high"),
        totals=_totals(p),
    )


def _tango(p: Pair, case: Case, margin: float, *, interval: bool) -> Tango:
    first, second = _filled(p, case)
    return tango_clustered(_right(second), _right(first), p.design, margin=margin, interval=interval)


def _tango_swapped(p: Pair, case: Case, margin: float) -> Tango:
    """The reference less the candidate: whether the candidate is better by more than the margin."""
    first, second = _filled(p, case)
    return tango_clustered(_right(first), _right(second), p.design, margin=margin, interval=False)


def _right(column: Float64s) -> Bools:
    return np.asarray(column == 1)


def _mde(p: Pair, c: Contrast) -> float | None:
    """The smallest difference found with 80 % power; `None` where nothing shows how far samples vary."""
    if c.gains is not None and c.losses is not None:
        apart = (c.gains + c.losses) / p.design.rows
        found = detectable_share(p.design.rows / c.effect, apart) if apart else math.inf
        return found if math.isfinite(found) else None
    return detectable(c.error, c.df or p.design.groups - 1, alpha=ALPHA) if c.error else None


def _of_proportion(p: Pair, _: float, __: bool) -> Contrast:
    """One share against a limit, which stands in `values`; by the score test of which Wilson's interval is the ends."""
    if too_few(p.design):
        return _silent(p, p.values[1] - p.values[0], too_few(p.design))
    limit, sign = abs(p.values[0]), -1.0 if p.limits == (-1.0, 0.0) else 1.0
    df = math.inf if p.design.groups == p.design.rows else p.design.groups - 1
    at = {}
    cases: tuple[Case, ...] = ("point", "low", "high")
    for case in cases:
        values = sign * _filled(p, case)[1]
        share, effective = trials(values, p.design)
        below = share_below(share, limit, effective, df)
        above = share_below(1 - share, 1 - limit, effective, df)
        at[case] = (share, proportion(values, p.design)[1], below if sign > 0 else above, above if sign > 0 else below)
    shown = [
        sign * (float(end or 0.0) - limit) for case in ("low", "high") for end in (at[case][1].low, at[case][1].high)
    ]
    return Contrast(
        gain=sign * (at["point"][0] - limit),
        low=min(shown),
        high=max(shown),
        p_value=min(1.0, 2 * min(at["point"][2:])),
        sides=OneSided(worse=at["high"][2], not_worse=at["low"][3], better=1.0, equivalent=1.0),
        mde=None,
        n=p.samples,
        groups=p.independent,
        gains=None,
        losses=None,
        mcnemar=None,
        attrition=p.attrition,
        method=at["point"][1].method,
        best=_mean(p, "high"),
        totals=_totals(p),
    )


def _of_values(p: Pair, margin: float, _: bool) -> Contrast:
    at = _cases(p, lambda case: t_test(_difference(p, case), p.design, p.seeds))
    point, low, high = at["point"], at["low"], at["high"]
    if low.error is None or high.error is None or point.error is None:
        return _silent(p, point.difference, point.method.removeprefix("none: "), p_value=point.p_value)
    worst, best = (one_sided(t.difference, float(t.error or math.nan), t.df, margin=margin) for t in (low, high))
    return Contrast(
        gain=point.difference,
        low=low.low,
        high=high.high,
        p_value=point.p_value,
        sides=OneSided(
            worse=best.worse,
            not_worse=worst.not_worse,
            better=worst.better,
            equivalent=max(worst.not_worse, _not_above(high, margin)),
            too_good=worst.too_good,
        ),
        mde=None,
        error=point.error,
        df=point.df,
        seeds=p.seeds,
        n=p.samples,
        groups=p.independent,
        gains=None,
        losses=None,
        mcnemar=None,
        attrition=p.attrition,
        method=_method(p, point.method),
        best=_mean(p, "high"),
        totals=_totals(p),
    )


def _not_above(t: PairedTest, margin: float) -> float:
    """p-value of "the difference is at least the margin"."""
    return one_sided(-t.difference, float(t.error or math.nan), t.df, margin=margin).not_worse


def _method(p: Pair, method: str) -> str:
    if p.kind == "folds":
        return f"paired t (jackknife, {p.design.groups} groups)" + (" over seeds" if p.seeds else "")
    return f"{method}, linearised" if p.kind == "influence" else method


def _difference(p: Pair, case: Case) -> Influence:
    first, second = _filled(p, case)
    if p.kind in {"influence", "folds"}:
        gain = p.values[1] - p.values[0]
        change = second - first
        # Their sum is 0 in truth; what rounding or 16-bit storage left of it must not count as spread.
        return Influence(gain, change - change.mean() if p.kind == "folds" else change)
    return of_mean(second - first, p.design)


def _mean(p: Pair, case: Case) -> float:
    return _difference(p, case).value


def _silent(p: Pair, gain: float, reason: str, *, p_value: float | None = None) -> Contrast:
    return Contrast(
        gain=gain,
        low=None,
        high=None,
        p_value=p_value,
        sides=None,
        mde=None,
        n=p.samples,
        groups=p.independent,
        gains=None,
        losses=None,
        mcnemar=None,
        attrition=p.attrition,
        method=f"none: {reason}",
        best=_mean(p, "high"),
        totals=_totals(p),
    )


def _totals(p: Pair) -> Float64s:
    psi = _difference(p, "high").contributions
    folds = (p.clusters % FOLDS).astype(np.int64)
    return np.bincount(folds, psi, minlength=FOLDS).astype(np.float64, copy=False)
