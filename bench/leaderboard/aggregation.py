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
from bench.stats.comparisons import AGGREGATORS, strengths
from bench.stats.design import LEVEL
from bench.stats.proxies import correlate
from bench.stats.ranks import rank_sets

RESAMPLES = 1999
PRIOR = 1e-2  # of Bradley and Terry's model: a model that always wins keeps a finite rating


@dataclass(frozen=True, eq=False, kw_only=True)
class Aggregate:
    """Models of one field over its boards; those that share no board, even through others, are in other aggregates.

    models: best first.  value: mean of normalised numbers (K,), as if each stood on all boards; error: (K,), of its
    distance from the mean of all models.  rank, low, high: (K,), by `value`.  coverage: (K,), boards that each stands
    on, of `boards`.  others: further aggregates, higher for better, by name, (K,).  agreement: Kendall's tau of each
    with `value`.
    """

    field: str
    models: tuple[str, ...]
    boards: tuple[Board, ...]
    value: Float64s
    error: Float64s
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
    shared = [(board, p) for board, p in found if len(_usual(board)) > 1]
    models = sorted({board.standings[i].model for board, _ in shared for i in _usual(board)})
    out = []
    for members in _connected(models, [board for board, _ in shared]):
        mine = [(b, p) for b, p in shared if {b.standings[i].model for i in _usual(b)} <= set(members)]
        if len(mine) > 1:  # of one board, its own page tells more
            out.append(_aggregate(field, sorted(members), mine, seed))
    return sorted(out, key=lambda a: (-len(a.models), a.models))


def _usual(board: Board) -> list[int]:
    return [i for i, s in enumerate(board.standings) if s.usual]


def _connected(models: Sequence[str], found: Sequence[Board]) -> list[set[str]]:
    sets = [{m} for m in models]
    for board in found:
        here = {board.standings[i].model for i in _usual(board)}
        touched = [s for s in sets if s & here]
        sets = [s for s in sets if not s & here] + [set().union(*touched)]
    return [s for s in sets if len(s) > 1]


def _aggregate(field: str, models: list[str], found: Sequence[tuple[Board, Places]], seed: int) -> Aggregate:
    table = _table(models, found)
    present = ~np.isnan(table.values)
    value, inverse = _fitted(table.values, present)
    rank, low, high, error, method = _placed(table, present, value, inverse, seed)
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
        value=value[order],
        error=error[order],
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
    preferences, met = np.zeros((len(models),) * 2), np.zeros((len(models),) * 2)
    for t, (board, p) in enumerate(found):
        usual = np.array(_usual(board))
        column = np.array([at[board.standings[i].model] for i in usual])
        offset, slope = normaliser(board, p.values[usual])
        values[t, column] = (p.values[usual] - offset) * slope
        errors[t, column] = p.errors[usual] * slope
        spread = None
        if p.totals is not None:
            spread = np.zeros((len(p.totals), len(models)))
            spread[:, column] = p.totals[:, usual] * slope
        totals.append(spread)
        preferences[np.ix_(column, column)] += _preferred(p, usual)
        met[np.ix_(column, column)] += 1 - np.eye(len(column))
    return _Table(values, np.where(np.isnan(errors), 0.0, errors), totals, preferences, met)


def _preferred(p: Places, usual: Ints) -> Float64s:
    """Chance that the row is better than the column, given its samples: normal, a half for equal numbers; (k, k)."""
    from scipy.special import ndtr

    gap = p.values[usual][:, None] - p.values[usual][None]
    if p.totals is not None:
        psi = p.totals[:, usual]
        gram = psi.T @ psi
        squares = np.maximum(np.diag(gram)[:, None] + np.diag(gram)[None] - 2 * gram, 0.0)
    else:
        squares = np.nan_to_num(p.errors[usual]) ** 2
        squares = squares[:, None] + squares[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(squares > 1e-24, gap / np.sqrt(squares), np.sign(gap) * 40.0)
    out = ndtr(z)
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


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
    count = present.sum(axis=1)
    if all(t is not None for t in table.totals):
        psi = np.zeros((len(table.totals[0]), len(value))) if table.totals[0] is not None else np.zeros((0, 0))
        for t, totals in enumerate(table.totals):
            if totals is not None:
                psi += np.where(present[t], totals - totals.sum(axis=1, keepdims=True) / count[t], 0.0)
        psi = psi @ inverse
        used = psi[np.any(psi != 0, axis=1)]
        if len(used) > 1:
            found = rank_sets(value, used, seed=seed)
            error = np.sqrt(len(used) / (len(used) - 1) * (used**2).sum(axis=0))
            return found.rank, found.low, found.high, error, "pairwise max-T over samples paired by id"
    covariance = _covariance(table.errors, present, inverse)
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if present.all():
        own = np.sqrt((table.errors**2).sum(axis=0)) / len(present)
        return *apart(value, own), error, "Tukey and Kramer on independent intervals"
    return *_simulated(value, covariance, seed), error, "pairwise max-T on intervals"


def _covariance(errors: Float64s, present: Bools, inverse: Float64s) -> Float64s:
    """Covariance of the fitted means (K, K), all numbers being independent."""
    d, m = np.where(present, errors**2, 0.0), present.astype(np.float64)
    count = m.sum(axis=1, keepdims=True)
    cross = (d / count).T @ m
    middle = np.diag(d.sum(axis=0)) - cross - cross.T + m.T @ (m * (d.sum(axis=1, keepdims=True) / count**2))
    return inverse @ middle @ inverse


def _simulated(value: Float64s, covariance: Float64s, seed: int) -> tuple[Ints, Ints, Ints]:
    """Places by the largest studentised difference of normal estimates with that covariance."""
    spread = np.sqrt(np.maximum(np.diag(covariance)[:, None] + np.diag(covariance)[None] - 2 * covariance, 0.0))
    lam, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(lam, 0.0))
    rng = generator(seed, "leaderboard")
    inverse = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    z = np.ascontiguousarray((rng.normal(size=(RESAMPLES, len(value))) @ root.T).T)
    largest = np.zeros(RESAMPLES)
    for i in range(len(value) - 1):  # a model against those after it, so that what is worked on stays in the cache
        np.maximum(largest, (np.abs(z[i + 1 :] - z[i]) * inverse[i, i + 1 :, None]).max(axis=0), out=largest)
    critical = float(np.quantile(largest, LEVEL))
    return placed(value, critical * spread)


def _borda(values: Float64s) -> Float64s:
    """Mean share of the board's other models that each beats, ties half, over its own boards, (K,)."""
    with np.errstate(invalid="ignore"):
        over = (values[:, :, None] > values[:, None]) + 0.5 * (values[:, :, None] == values[:, None])
    present = ~np.isnan(values)
    others = present.sum(axis=1) - 1.0
    share = (over.sum(axis=2) - 0.5) / others[:, None]
    return np.where(present, share, 0.0).sum(axis=0) / present.sum(axis=0)
