"""Who is asked what, with workers that are played: none is a process."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from bench.runners.cluster.schedule import DEATHS, LOADS, POISON, Dead, Load, Lost, Schedule, Shard, Split, Step

ROWS = 4


class Played:
    """A cluster without processes: workers answer in random order, and die at random or over poisonous samples."""

    def __init__(self, cells: list[tuple[str, int]], workers: int, seed: int, *, deaths: float = 0.0) -> None:
        self.schedule = Schedule([(model, range(n)) for model, n in cells])
        self.cells = cells
        self.draw = random.Random(seed)
        self.deaths = deaths
        self.poison: set[tuple[int, int, int]] = set()
        self.unloadable: set[int] = set()
        self.held: dict[int, int | None] = {}
        self.given: dict[int, list[Step]] = {}
        self.answered: Counter[tuple[int, int]] = Counter()
        self.rows: Counter[tuple[int, int, int]] = Counter()
        self.dead: list[tuple[int, int, int]] = []
        self.lost: list[int] = []
        self.loads: Counter[str] = Counter()
        self.killed = 0
        self.most_held = 0
        for _ in range(workers):
            self.spawn()

    def spawn(self) -> None:
        worker = len(self.held)
        self.held[worker], self.given[worker] = None, []
        self.schedule.add(worker)

    def feed(self) -> None:
        for worker in list(self.given):
            for step in self.schedule.steps(worker):
                self.given[worker].append(step)
                assert len(self.given[worker]) <= 2

    def kill(self, worker: int) -> None:
        self.killed += 1
        del self.given[worker], self.held[worker]
        for verdict in self.schedule.lost(worker):
            if isinstance(verdict, Lost):
                self.lost.append(verdict.cell)
            elif isinstance(verdict, Split):
                self.schedule.split(verdict.shard, range(ROWS))
            elif isinstance(verdict, Dead):
                assert verdict.shard.row is not None
                self.dead.append((verdict.shard.cell, verdict.shard.batch, verdict.shard.row))
        self.held[max([*self.held, worker]) + 1 if self.held else worker + 1] = None
        fresh = max(self.held)
        self.given[fresh] = []
        self.schedule.add(fresh)

    def fatal(self, step: Step) -> bool:
        if isinstance(step, Load):
            return step.cell in self.unloadable
        rows = range(ROWS) if step.row is None else [step.row]
        return any((step.cell, step.batch, row) in self.poison for row in rows)

    def run(self) -> None:
        for _ in range(100_000):
            self.feed()
            if self.schedule.done:
                return
            busy = [w for w, steps in self.given.items() if steps]
            assert busy, "work is left and nobody has any"
            worker = self.draw.choice(busy)
            step = self.given[worker][0]
            if self.fatal(step) or self.draw.random() < self.deaths:
                self.kill(worker)
            elif isinstance(step, Load):
                self.given[worker].pop(0)
                self.held[worker] = step.cell
                self.loads[self.cells[step.cell][0]] += 1
                self.schedule.loaded(worker, self.draw.uniform(0, 2))
            else:
                self.answer(worker, step)
        raise AssertionError("it never ends")

    def answer(self, worker: int, step: Shard) -> None:
        assert self.held[worker] == step.cell, "asked of a worker that does not hold the cell"
        self.given[worker].pop(0)
        if self.schedule.answered(worker, step, self.draw.uniform(0.01, 1)):
            if step.row is None:
                self.answered[step.cell, step.batch] += 1
            else:
                self.rows[step.cell, step.batch, step.row] += 1


@pytest.mark.parametrize("seed", range(20))
def test_every_batch_is_answered_once_whoever_dies(seed: int) -> None:
    cells = [("a", 9), ("b", 1), ("a", 3), ("c", 30), ("d", 0)]
    played = Played(cells, workers=1 + seed % 5, seed=seed, deaths=0.02)
    played.run()
    whole = {(i, batch): 1 for i, (_, n) in enumerate(cells) for batch in range(n)}
    in_rows = {(cell, batch) for cell, batch, _ in played.rows}
    assert {**played.answered, **dict.fromkeys(in_rows, 1)} == whole
    assert all(played.rows[cell, batch, row] == 1 for cell, batch in in_rows for row in range(ROWS))
    assert played.lost == []
    assert played.dead == []


def test_a_sample_that_kills_fails_alone() -> None:
    played = Played([("a", 5), ("b", 5)], workers=3, seed=1)
    played.poison = {(0, 2, 1), (0, 2, 3), (1, 0, 0)}
    played.run()
    assert sorted(played.dead) == sorted(played.poison)
    assert played.killed == DEATHS * (2 + 3)  # two batches as a whole, then three samples alone
    assert set(played.rows) == {(0, 2, 0), (0, 2, 2), (1, 0, 1), (1, 0, 2), (1, 0, 3)}
    assert len(played.answered) == 8
    assert played.lost == []


def test_a_model_that_kills_over_everything_is_given_up() -> None:
    played = Played([("a", 50), ("b", 3)], workers=2, seed=1)
    played.poison = {(0, batch, row) for batch in range(50) for row in range(ROWS)}
    played.run()
    assert played.lost == [0]
    assert len(played.dead) == POISON - 1
    assert len(played.answered) == 3


def test_a_model_that_cannot_be_loaded_is_given_up() -> None:
    played = Played([("a", 50), ("b", 3)], workers=2, seed=1)
    played.unloadable = {0}
    played.run()
    assert played.lost == [0]
    assert played.killed in {LOADS, LOADS + 1}  # another may have been loading it meanwhile
    assert len(played.answered) == 3


def test_a_model_is_loaded_once_where_its_cells_are_short() -> None:
    played = Played([(model, 1) for model in "ab" for _ in range(4)], workers=2, seed=1)
    for worker in (0, 1):
        (step,) = played.schedule.steps(worker)
        assert step == Load(4 * worker)  # a model each
    first: dict[int, list[str]] = {0: [], 1: []}
    for worker in (0, 1):
        played.schedule.loaded(worker, 5.0)
    for _ in range(8):
        for worker in (0, 1):
            new = next(played.schedule.steps(worker), None)
            if isinstance(new, Load):
                first[worker].append(played.cells[new.cell][0])
                played.schedule.loaded(worker, 0.0)
            elif new is not None:
                played.schedule.answered(worker, new, 0.1)
    assert played.schedule.done
    assert first == {0: ["a"] * 3, 1: ["b"] * 3}


def test_an_idle_worker_takes_a_share_of_a_long_cell_but_not_of_a_short_one() -> None:
    schedule = Schedule([("a", range(100)), ("b", range(1))])
    schedule.add(0)
    schedule.add(1)
    assert list(schedule.steps(0)) == [Load(0)]
    assert list(schedule.steps(1)) == [Load(1)]
    schedule.loaded(1, 1.0)
    (shard,) = schedule.steps(1)
    assert shard == Shard(1, 0)
    schedule.answered(1, shard, 1.0)
    assert list(schedule.steps(1)) == [Load(0)]  # a hundred batches are left
    short = Schedule([("a", range(3))])
    short.add(0)
    short.add(1)
    assert list(short.steps(0)) == [Load(0)]
    assert list(short.steps(1)) == []
    short.loaded(0, 60.0)
    (shard,) = short.steps(0)
    assert isinstance(shard, Shard)
    short.answered(0, shard, 1.0)
    assert list(short.steps(1)) == []  # two seconds are left, and a minute to load


def test_a_dropped_cell_is_asked_no_more() -> None:
    schedule = Schedule([("a", range(10)), ("b", range(2))])
    schedule.add(0)
    assert list(schedule.steps(0)) == [Load(0)]
    schedule.loaded(0, 0.1)
    (shard,) = schedule.steps(0)
    assert isinstance(shard, Shard)
    schedule.drop(0)
    assert not schedule.answered(0, shard, 0.1)
    assert list(schedule.steps(0)) == [Load(1)]
    assert schedule.refused(0, 1) is False
    assert schedule.done
