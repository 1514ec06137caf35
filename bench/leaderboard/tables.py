"""A leaderboard as a value: its boards with their places, its aggregates, and what is known of its looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.halves import each
from bench.leaderboard import looks
from bench.leaderboard.aggregation import Aggregate, aggregates
from bench.leaderboard.places import PAIRED_CELLS, Places, count_cells, places
from bench.leaderboard.standings import Board, Standing, boards, cost_of
from bench.threads import one_blas_thread

OVERALL = "overall"


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranked:
    """A board with its places.

    order: positions of standings, best first.  looked: how many different numbers were read of its samples, up to now;
    optimism: by how much the best of so many may exceed its truth by chance.  notes: what else is to be said of it.
    """

    board: Board
    places: Places
    order: tuple[int, ...]
    looked: int
    optimism: float | None
    notes: tuple[str, ...]

    @cached_property
    def scale(self) -> tuple[float, float]:
        """From where to where intervals are drawn: all of them, with a margin."""
        results = [s.result for s in self.board.standings]
        ends = [x for r in results for x in (r.value, r.low, r.high) if x is not None]
        low, high = min(ends), max(ends)
        margin = 0.05 * (high - low) or abs(low) * 0.1 or 1.0
        return low - margin, high + margin


@dataclass(frozen=True, eq=False, kw_only=True)
class Leaderboard:
    """All of it."""

    boards: tuple[Ranked, ...]
    models: tuple[str, ...]
    runs: tuple[Path, ...]
    thresholdout: bool
    seed: int

    @cached_property
    def fields(self) -> Mapping[str, tuple[Aggregate, ...]]:
        """Aggregates by field, "overall" first where there are several fields."""
        with one_blas_thread():  # of 200 models, a second thread waits longer than it works
            return _fields(self.boards, self.seed)

    def of(self, model: str) -> list[tuple[Ranked, int]]:
        """The boards that a model stands on, with its position there; all its decoders."""
        return self._by_model.get(model, [])

    @cached_property
    def _by_model(self) -> dict[str, list[tuple[Ranked, int]]]:
        found: dict[str, list[tuple[Ranked, int]]] = {}
        for ranked in self.boards:
            for i, s in enumerate(ranked.board.standings):
                found.setdefault(s.result.model, []).append((ranked, i))
        return found


def leaderboard(runs: Sequence[Path], *, state: looks.Looks, reusable: bool = False, seed: int = 0) -> Leaderboard:
    """The leaderboard of run folders; `state` counts the looks and is changed.

    reusable: numbers of bounded metrics are told through Thresholdout.  Raises `UsageError` if nothing can be ranked.
    """
    found = boards(runs)
    looked = [looks.count(state, board) for board in found]
    told = [looks.released(state, board) if reusable else (board, "") for board in found]
    paired = not reusable and count_cells(found) <= PAIRED_CELLS
    placed = each(lambda one: places(one[0], paired=paired, seed=seed), told)
    ranked = [_ranked(*one, p, n) for one, p, n in zip(told, placed, looked, strict=True)]
    return Leaderboard(
        boards=tuple(ranked),
        models=tuple(sorted({s.model for r in ranked for s in r.board.standings})),
        runs=tuple(runs),
        thresholdout=reusable,
        seed=seed,
    )


def _ranked(board: Board, note: str, p: Places, looked: int) -> Ranked:
    notes = [note] if note else []
    if p.why and len(board.standings) > 1:
        notes.append(f"places come from intervals: {p.why}")
    order = np.lexsort((np.array([s.name for s in board.standings]), -p.values))
    return Ranked(
        board=board,
        places=p,
        order=tuple(int(i) for i in order),
        looked=looked,
        optimism=looks.optimism(board, looked),
        notes=tuple(notes),
    )


def _fields(ranked: Sequence[Ranked], seed: int) -> dict[str, tuple[Aggregate, ...]]:
    by_field: dict[str, list[tuple[Board, Places]]] = {}
    for r in ranked:
        by_field.setdefault(r.board.field, []).append((r.board, r.places))
    found = {name: tuple(aggregates(name, members, seed=seed)) for name, members in by_field.items()}
    if len(by_field) > 1:
        whole = tuple(aggregates(OVERALL, [(r.board, r.places) for r in ranked], seed=seed))
        found = {OVERALL: whole, **found}
    return {name: several for name, several in found.items() if several}


def costs(aggregate: Aggregate) -> dict[str, float]:
    """Mean seconds for 1,000 samples over the aggregate's boards, of models that stand on all of them and say it."""
    by_model: dict[str, list[Standing]] = {}
    for board in aggregate.boards:
        for model, i in board.usual.items():
            by_model.setdefault(model, []).append(board.standings[i])
    found = {m: cost_of(mine) for m, mine in by_model.items() if len(mine) == len(aggregate.boards)}
    return {m: seconds for m, seconds in found.items() if seconds is not None}


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of (cost, value) pairs that none beats: no other is as good for less, or better for as much."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    best, kept = -np.inf, []
    for i in order:
        if points[i][1] > best:
            kept.append(i)
            best = points[i][1]
    return kept
