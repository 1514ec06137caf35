"""Which places a model may hold: on a board from samples paired over its models, else from their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from bench.arrays import Float64s, Ints
from bench.comparing.evidence import CellEvidence, Evidence
from bench.comparing.gathering import gather
from bench.comparing.pairing import fold_names
from bench.errors import BenchError
from bench.leaderboard.standings import Board, Standing
from bench.stats.bootstrap import FOLDS, NORMAL
from bench.stats.design import LEVEL, design
from bench.stats.influence import of_mean
from bench.stats.ranks import rank_sets

PAIRED_CELLS = 1000  # beyond so many cells their records are not read again, and places come from intervals
PAIRED = "pairwise max-T over samples paired by id, 95 % for all places at once"
APART = "Tukey and Kramer on the models' own intervals, taken as independent, 95 % for all places at once"


@dataclass(frozen=True, eq=False, kw_only=True)
class Places:
    """Place by value and the places that a model may hold, low .. high, each (K,) in the order of the standings.

    values: (K,), turned so that higher is better; errors: (K,), standard errors.  totals: (FOLDS, K), contributions by
    fold of clusters, where samples are paired; else `None`, and `why`.
    """

    rank: Ints
    low: Ints
    high: Ints
    values: Float64s
    errors: Float64s
    totals: Float64s | None
    method: str
    why: str = ""

    @cached_property
    def preferred(self) -> Float64s:
        """Chance that the row is better than the column, given its samples: normal, a half for equal; (K, K)."""
        from scipy.special import ndtr

        gap = self.values[:, None] - self.values[None]
        if self.totals is not None:
            gram = self.totals.T @ self.totals
            squares = np.maximum(np.diag(gram)[:, None] + np.diag(gram)[None] - 2 * gram, 0.0)
        else:
            squares = np.nan_to_num(self.errors) ** 2
            squares = squares[:, None] + squares[None]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(squares > 1e-24, gap / np.sqrt(squares), np.sign(gap) * 40.0)
        out = np.asarray(ndtr(z))
        np.fill_diagonal(out, 0.0)
        return out


def places(board: Board, *, paired: bool, seed: int = 0) -> Places:
    """Places of all standings of a board."""
    values = np.array([board.sign * float(s.result.value or 0.0) for s in board.standings])
    errors = np.array([_error(s) for s in board.standings])
    totals, why = _totals(board) if paired and len(values) > 1 else (None, "" if paired else "too many cells to pair")
    if totals is not None:
        used = totals[np.any(totals != 0, axis=1)]
        if len(used) > 1:
            found = rank_sets(values, used, seed=seed)
            errors = np.sqrt(len(used) / (len(used) - 1) * (used**2).sum(axis=0))
            return Places(
                rank=found.rank, low=found.low, high=found.high, method=PAIRED, values=values, errors=errors,
                totals=totals,
            )  # fmt: skip
        why = "equal answers, or too few samples"
    rank, low, high = apart(values, errors)
    return Places(rank=rank, low=low, high=high, values=values, errors=errors, totals=None, method=APART, why=why)


def apart(values: Float64s, errors: Float64s) -> tuple[Ints, Ints, Ints]:
    """Place, lowest and highest place of independent estimates (K,), by Tukey and Kramer (Hayter 1984: at least 95 %).

    An error that is not known (NaN) leaves every place possible.
    """
    known = np.isfinite(errors)
    spread = np.sqrt(errors[:, None] ** 2 + errors[None] ** 2) * studentised_range(int(known.sum())) / math.sqrt(2)
    return placed(values, np.where(np.isfinite(spread), spread, np.inf))


def placed(values: Float64s, widths: Float64s) -> tuple[Ints, Ints, Ints]:
    """Place by value, and the places left by what surely differs: by more than `widths` (K, K)."""
    gap = values[None] - values[:, None]  # of the column over the row
    with np.errstate(invalid="ignore"):
        above, below = gap > widths, -gap > widths
    rank = 1 + (gap > 0).sum(axis=1)
    return rank, 1 + above.sum(axis=1), len(values) - below.sum(axis=1)


@lru_cache(maxsize=512)
def studentised_range(count: int) -> float:
    """The 95 % quantile of the range of `count` standard normals: K E[(Phi(z + w) - Phi(z))^(K - 1)] = 0.95."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    if count < 2:
        return 0.0
    z = np.linspace(-9.0, 9.0, 1801)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    return float(brentq(lambda w: count * density @ (ndtr(z + w) - ndtr(z)) ** (count - 1) - LEVEL, 1e-3, 20.0))


def _error(s: Standing) -> float:
    """Half of the interval's width over 1.96; NaN without an interval."""
    r = s.result
    return math.nan if r.low is None or r.high is None else (r.high - r.low) / (2 * NORMAL)


def _totals(board: Board) -> tuple[Float64s | None, str]:
    """Contributions by fold of clusters, (FOLDS, K), better-is-positive; or why there are none."""
    gathered: list[tuple[CellEvidence, Evidence]] = []
    for s in board.standings:
        found = evidence(s)
        if isinstance(found, str):
            return None, f"{s.name}: {found}"
        gathered.append(found)
    first = gathered[0][0]
    if any(not np.array_equal(c.ids, first.ids) or c.questions != first.questions for c, _ in gathered):
        return None, "the models answered other samples"
    columns = [board.sign * contributions(c, e) for c, e in gathered]
    return np.stack(columns, axis=1), ""


def evidence(s: Standing) -> tuple[CellEvidence, Evidence] | str:
    """What a standing rests on, read again from its records; or why it cannot be."""
    if s.result.seeds:
        return "it was trained by several seeds, of which samples alone don't tell"
    if not s.entry.parts:
        return "its records are not there"
    try:
        cell = gather(s.run, s.entry, [s.result])
    except (BenchError, OSError) as error:
        return error.what if isinstance(error, BenchError) else type(error).__name__
    if cell.barred or cell.error:
        return cell.barred or cell.error
    r = s.result
    number = cell.number((r.calibrator, r.score, r.slice, r.metric))
    if number is None or number.value is None:
        return "its number cannot be computed again"
    return f"{cell.n_failed} samples failed" if cell.n_failed else (cell, number)


def contributions(cell: CellEvidence, number: Evidence) -> Float64s:
    """What each fold of clusters adds to a number, (FOLDS,)."""
    if number.kind == "folds":
        names, values = fold_names(cell.clusters, number), number.values
    else:
        used = ~np.isnan(number.values)
        names, values = cell.clusters[used], number.values[used]
        if number.kind in {"share", "mean"}:
            weights = None if cell.weights is None else cell.weights[used]
            values = of_mean(values, design(len(values), weights=weights)).contributions
    return np.bincount((names % FOLDS).astype(np.int64), values, minlength=FOLDS).astype(np.float64, copy=False)


def count_cells(found: Sequence[Board]) -> int:
    """Standings of all boards."""
    return sum(len(board.standings) for board in found)
