"""Several boards as one order: the mean of normalised numbers, and what other ways of adding up would say.

Models need not stand on the same boards.  A missing number is never a zero: values are fitted as board + model by least
squares, so that a model is held against those it shares boards with; with all numbers there this is the plain mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.leaderboard.places import Places, apart, placed
from bench.leaderboard.standings import Board
from bench.seeds import generator
from bench.stats.bootstrap import NORMAL
from bench.stats.comparisons import AGGREGATORS, strengths
from bench.stats.design import LEVEL, critical_t
from bench.stats.proxies import correlate
from bench.stats.ranks import rank_sets

RESAMPLES = 1999
ROUNDING = 1e-12  # variances on a scale from 0 to 1
PRIOR = 1e-2  # of Bradley and Terry's model: a model that always wins keeps a finite rating


@dataclass(frozen=True, eq=False, kw_only=True)
class Aggregate:
    """Models of one field over its boards; those that share no board, even through others, are in other aggregates.

    models: best first.  value: mean of normalised numbers (K,), as if each stood on all boards, in [0, 1]; half: (K,),
    half of the 95 % interval of its distance from the mean of all models, NaN where nothing can be told.  rank, low,
    high: (K,), by the fit.  coverage: (K,), boards that each stands on, of `boards`.  others: further aggregates,
    higher for better, by name, (K,).  agreement: Kendall's tau of each with the fit.
    """

    field: str
    models: tuple[str, ...]
    boards: tuple[Board, ...]
    value: Float64s
    half: Float64s
    rank: Ints
    low: Ints
    high: Ints
    coverage: Ints
    others: Mapping[str, Float64s]
    bradley_terry_errors: Float64s
    agreement: Mapping[str, float]
    method: str

    @property
    def complete(self) -> bool:
        """Whether every model stands on every board."""
        return bool((self.coverage == len(self.boards)).all())


@dataclass(frozen=True, eq=False)
class _Table:
    """Normalised numbers (T, K), NaN where there is none, their errors, and contributions (FOLDS, K) of each board."""

    values: Float64s
    errors: Float64s
    totals: Sequence[Float64s | None]
    preferences: Float64s  # (K, K): sum over boards of the chance that the row is better than the column
    met: Float64s  # (K, K): boards on which both stand


def aggregates(field: str, found: Sequence[tuple[Board, Places]], *, seed: int = 0) -> list[Aggregate]:
    """The orders of a field; one for each set of models that boards connect, of two models and two boards or more."""
    shared = [(board, p) for board, p in found if len(board.usual) > 1]
    models = sorted({model for board, _ in shared for model in board.usual})
    out = []
    for members in _connected(models, [board for board, _ in shared]):
        mine = [(b, p) for b, p in shared if b.usual.keys() <= members]
        if len(mine) > 1:  # of one board, its own page tells more
            out.append(_aggregate(field, sorted(members), mine, seed))
    return sorted(out, key=lambda a: (-len(a.models), a.models))


def _connected(models: Sequence[str], found: Sequence[Board]) -> list[set[str]]:
    sets = [{m} for m in models]
    for board in found:
        here = set(board.usual)
        touched = [s for s in sets if s & here]
        sets = [s for s in sets if not s & here] + [set().union(*touched)]
    return [s for s in sets if len(s) > 1]


def _aggregate(field: str, models: list[str], found: Sequence[tuple[Board, Places]], seed: int) -> Aggregate:
    table = _table(models, found)
    present = ~np.isnan(table.values)
    value, inverse = _fitted(table.values, present)
    rank, low, high, half, method = _placed(table, present, value, inverse, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        preferred = np.where(table.met > 0, table.preferences / table.met, np.nan)
    rated = strengths(table.preferences, prior=PRIOR)
    others = {
        "borda": _borda(table.values),
        "bradley-terry": rated.values,
        "thurstone": strengths(table.preferences, link="thurstone", prior=1.0).values,
        **{name: AGGREGATORS[name](preferred) for name in ("additive", "greedy", "pagerank")},
    }
    order = np.lexsort((np.array(models), -value))
    return Aggregate(
        field=field,
        models=tuple(models[i] for i in order),
        boards=tuple(board for board, _ in found),
        value=np.clip(value[order], 0.0, 1.0),  # a fit may leave the scale; a mean of numbers on it cannot
        half=half[order],
        rank=rank[order],
        low=low[order],
        high=high[order],
        coverage=present.sum(axis=0)[order],
        others={name: v[order] for name, v in others.items()},
        bradley_terry_errors=rated.errors[order],
        agreement={name: float(correlate(value[None], v[None], "kendall")[0]) for name, v in others.items()},
        method=method,
    )


def normaliser(board: Board, values: Float64s) -> tuple[float, float]:
    """Offset and slope that take better-is-positive values to a scale on which 1 is best.

    A bounded metric runs from its worst value to its best; another from the worst model of the board to the best.
    """
    least, most = board.result.range
    if least is not None and most is not None and math.isfinite(least) and math.isfinite(most):
        worst = least if board.sign > 0 else -most
        return worst, 1.0 / (most - least)
    span = float(np.ptp(values))
    return (float(values.min()), 1.0 / span) if span > 0 else (float(values.min()) - 1.0, 1.0)


def _table(models: Sequence[str], found: Sequence[tuple[Board, Places]]) -> _Table:
    at = {model: k for k, model in enumerate(models)}
    shape = (len(found), len(models))
    values, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    totals: list[Float64s | None] = []
    preferences = np.zeros((len(models),) * 2)
    for t, (board, p) in enumerate(found):
        usual = np.array(list(board.usual.values()))
        column = np.array([at[model] for model in board.usual])
        offset, slope = normaliser(board, p.values[usual])
        values[t, column] = (p.values[usual] - offset) * slope
        errors[t, column] = p.errors[usual] * slope
        spread = None
        if p.totals is not None:
            spread = np.zeros((len(p.totals), len(models)))
            spread[:, column] = p.totals[:, usual] * slope
        totals.append(spread)
        # Whole rows and columns are copied faster than cells are picked; who isn't there takes the empty last one.
        place = np.full(len(models), len(p.values))
        place[column] = usual
        preferences += np.pad(p.preferred, (0, 1)).take(place, axis=0).take(place, axis=1)
    present = (~np.isnan(values)).astype(np.float64)
    met = present.T @ present
    np.fill_diagonal(met, 0.0)
    return _Table(values, np.where(np.isnan(errors), 0.0, errors), totals, preferences, met)


def _fitted(values: Float64s, present: Bools) -> tuple[Float64s, Float64s]:
    """Least squares of board + model: each model's mean as if it stood on all boards, (K,), and the inverse used."""
    count = present.sum(axis=1)
    held = np.where(present, values, 0.0)
    means = held.sum(axis=1) / count
    right = np.where(present, values - means[:, None], 0.0).sum(axis=0)
    weights = present / count[:, None]
    laplacian = np.diag(present.sum(axis=0).astype(np.float64)) - present.T.astype(np.float64) @ weights
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    theta = inverse @ right
    # What boards are like when models are taken out: with all numbers there, this brings back the plain mean.
    level = ((held - np.where(present, theta[None], 0.0)).sum(axis=1) / count).mean()
    return theta + level, inverse


def _placed(
    table: _Table, present: Bools, value: Float64s, inverse: Float64s, seed: int
) -> tuple[Ints, Ints, Ints, Float64s, str]:
    """Places, halves of 95 % intervals, and how they were made."""
    psi = _shares(table, present, inverse)
    if psi is not None:
        covariance = len(psi) / (len(psi) - 1) * (psi.T @ psi)
    else:
        covariance = _covariance(table.errors, present, inverse)
    half = NORMAL * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not present.all():
        apart_by = _interaction(table.values, present, inverse)
        half = np.sqrt(half**2 + apart_by.halves() ** 2)
        half = np.where(half < 1.0, half, np.nan)  # wider than the scale, it says nothing
        how = "paired samples" if psi is not None else "intervals"
        return (
            *_simulated(value, covariance, seed, apart_by),
            half,
            f"pairwise max-T on {how} and on how unlike models are from board to board",
        )
    if psi is not None:
        found = rank_sets(value, psi, seed=seed)
        return found.rank, found.low, found.high, half, "pairwise max-T over samples paired by id"
    own = np.sqrt((table.errors**2).sum(axis=0)) / len(present)
    return *apart(value, own), half, "Tukey and Kramer on independent intervals"


def _shares(table: _Table, present: Bools, inverse: Float64s) -> Float64s | None:
    """What each fold of clusters adds to the fitted means (G, K); `None` where a board's samples are not paired."""
    totals = [t for t in table.totals if t is not None]
    if len(totals) < len(table.totals):
        return None
    psi = np.zeros_like(totals[0])
    for here, spread in zip(present, totals, strict=True):
        psi += np.where(here, spread - spread.sum(axis=1, keepdims=True) / here.sum(), 0.0)
    psi = psi @ inverse
    used = psi[np.any(psi != 0, axis=1)]
    return used if len(used) > 1 else None


@dataclass(frozen=True, eq=False)
class _Interaction:
    """What missing numbers leave open: covariance (K, K) of fitted means about the means over all boards.

    A model is not equally much better on all boards; what it would have had where it was not asked is taken to vary as
    its numbers vary about the fit.  freedom: of that variance; 0 where every number was needed for the fit.
    """

    covariance: Float64s
    freedom: int

    def halves(self) -> Float64s:
        """Halves of 95 % intervals (K,), NaN where nothing is known."""
        wide = critical_t(self.freedom) if self.freedom else math.nan
        spread = np.diag(self.covariance)
        return np.where(spread > ROUNDING, wide * np.sqrt(np.maximum(spread, 0.0)), 0.0)


def _interaction(values: Float64s, present: Bools, inverse: Float64s) -> _Interaction:
    """Of values (T, K), NaN where there is none.

    Deviations of variance s2 from board + model give the least-squares means the covariance s2 * inverse, and the
    means over all boards, which share the deviations seen, s2 (I - 1/K) / T of it; the rest is what is not known.
    """
    boards, models = present.shape
    held = np.where(present, values, 0.0)
    count = present.sum(axis=1)
    theta = inverse @ np.where(present, held - (held.sum(axis=1) / count)[:, None], 0.0).sum(axis=0)
    fitted = np.where(present, theta[None], 0.0)
    rest = np.where(present, held - fitted - ((held - fitted).sum(axis=1) / count)[:, None], 0.0)
    freedom = int(present.sum()) - boards - models + 1
    variance = float((rest**2).sum()) / freedom if freedom else 1.0
    return _Interaction(variance * (inverse - (np.eye(models) - 1 / models) / boards), freedom)


def _covariance(errors: Float64s, present: Bools, inverse: Float64s) -> Float64s:
    """Covariance of the fitted means (K, K), all numbers being independent."""
    d, m = np.where(present, errors**2, 0.0), present.astype(np.float64)
    count = m.sum(axis=1, keepdims=True)
    cross = (d / count).T @ m
    middle = np.diag(d.sum(axis=0)) - cross - cross.T + m.T @ (m * (d.sum(axis=1, keepdims=True) / count**2))
    return inverse @ middle @ inverse


def _simulated(
    value: Float64s, covariance: Float64s, seed: int, unseen: _Interaction | None = None
) -> tuple[Ints, Ints, Ints]:
    """Places by the largest studentised difference of normal estimates with that covariance, and with what is unseen.

    The variance of the unseen is drawn too, about its estimate.
    """
    rng = generator(seed, "leaderboard")
    z, squares = _draws(rng, covariance), _differences(covariance)
    if unseen is not None and unseen.freedom:
        scale = np.sqrt(unseen.freedom / rng.chisquare(unseen.freedom, size=RESAMPLES))
        z, squares = z + _draws(rng, unseen.covariance) * scale, squares + _differences(unseen.covariance)
    spread = np.sqrt(squares)
    inverse = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    largest = np.zeros(RESAMPLES)
    for i in range(len(value) - 1):  # a model against those after it, so that what is worked on stays in the cache
        np.maximum(largest, (np.abs(z[i + 1 :] - z[i]) * inverse[i, i + 1 :, None]).max(axis=0), out=largest)
    widths = float(np.quantile(largest, LEVEL)) * spread
    if unseen is not None and not unseen.freedom:
        widths = np.where(_differences(unseen.covariance) > ROUNDING, np.inf, widths)
    return placed(value, widths)


def _differences(covariance: Float64s) -> Float64s:
    """Variances of the differences of all pairs, (K, K)."""
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own[None] - 2 * covariance, 0.0)


def _draws(rng: np.random.Generator, covariance: Float64s) -> Float64s:
    """Normal draws of that covariance, (K, RESAMPLES)."""
    lam, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(lam, 0.0))
    return np.ascontiguousarray((rng.normal(size=(RESAMPLES, len(covariance))) @ root.T).T)


def _borda(values: Float64s) -> Float64s:
    """Mean share of the board's other models that each beats, ties half, over its own boards, (K,)."""
    shares = np.full(values.shape, np.nan)
    for share, row in zip(shares, values, strict=True):
        here = np.flatnonzero(~np.isnan(row))
        ordered = np.sort(row[here])
        below, upto = (np.searchsorted(ordered, row[here], side) for side in ("left", "right"))
        share[here] = (below + upto - 1) / (2 * (len(here) - 1))
    return np.nanmean(shares, axis=0)
