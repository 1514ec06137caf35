"""Who is asked what: which worker holds which model, and what becomes of the work of a worker that died.

Knows nothing of Ray.  A worker holds one model at a time and is given the batches of one cell after the other; cells
of the model that it holds come first, then models that nobody holds, then a share of whoever has most left, where
that pays for loading the model once more.

A batch whose worker dies is asked again on another.  When that worker dies too, its samples are asked one by one, as
`ask` does for a batch that fails, and a sample that brings down two workers alone has failed: it keeps that reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

# Workers that a batch, or a lone sample, may bring down before it is taken for the cause.
DEATHS = 2
# Workers that may die while a model is made ready, before its cell has failed.
LOADS = 3
# Samples that bring down their workers, with none answered between them, before their cell has failed.
POISON = 8
# Batches underway on a worker that answers fast: while one is answered, the next is there already.
DEPTH = 2
FAST = 0.5


@dataclass(frozen=True)
class Load:
    """Make the model of a cell ready."""

    cell: int


@dataclass(frozen=True)
class Shard:
    """Ask a batch of a cell, or of that batch only the sample at position `row`."""

    cell: int
    batch: int
    row: int | None = None


Step = Load | Shard


@dataclass(frozen=True)
class Split:
    """A batch is asked sample by sample from here on."""

    shard: Shard


@dataclass(frozen=True)
class Dead:
    """A sample brought down its workers: it has failed."""

    shard: Shard


@dataclass(frozen=True)
class Lost:
    """A cell cannot be asked any more, for this reason."""

    cell: int
    reason: str


Verdict = Split | Dead | Lost


@dataclass
class _Cell:
    """What is left of a cell.  deaths: workers lost while its model was loaded; poison: samples in a row that died."""

    model: Hashable
    queue: deque[Shard]
    holders: set[int] = field(default_factory=set)
    deaths: int = 0
    poison: int = 0
    over: bool = False


@dataclass
class _Worker:
    """What a worker holds and does, oldest step first.  load, first: seconds of its last load and the answer after."""

    cell: int | None = None
    ready: bool = False
    load: float = 0.0
    first: float | None = None
    steps: deque[Step] = field(default_factory=deque)


@dataclass
class _Pace:
    """Seconds that loading a model took at most, and that its batches take; 0 until it is known."""

    load: float = 0.0
    batch: float = 0.0


class Schedule:
    """The work of a run, spread over workers that come and go."""

    def __init__(self, cells: Sequence[tuple[Hashable, Sequence[int]]]) -> None:
        """cells: the model of each and the batches that it owes."""
        self._cells = [_Cell(model, deque(Shard(i, batch) for batch in owed)) for i, (model, owed) in enumerate(cells)]
        self._workers: dict[int, _Worker] = {}
        self._tries: dict[Shard, int] = {}
        self._pace: dict[Hashable, _Pace] = {cell.model: _Pace() for cell in self._cells}

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask, and nothing underway."""
        return not any(cell.queue for cell in self._cells) and not any(w.steps for w in self._workers.values())

    def add(self, worker: int) -> None:
        """A worker is there, with no model."""
        self._workers[worker] = _Worker()

    def idle(self, most: int) -> list[int]:
        """Some workers that have nothing to do, where something waits to be done."""
        if not any(cell.queue for cell in self._cells):
            return []
        return list(islice((worker for worker, own in self._workers.items() if not own.steps), most))

    def steps(self, worker: int) -> Iterator[Step]:
        """What to give the worker now; nothing where it has enough to do, or where all is done."""
        own = self._workers[worker]
        while True:
            if own.cell is not None and (not own.ready or len(own.steps) >= self._depth(own.cell)):
                return
            if own.cell is not None and self._cells[own.cell].queue:
                step: Step = self._cells[own.cell].queue.popleft()
                self._cells[own.cell].holders.add(worker)
            elif own.steps:  # it ends one cell before it begins another
                return
            else:
                cell = self._choose(own.cell)
                self._leave(worker)
                if cell is None:
                    return
                own.cell, own.ready = cell, False
                self._cells[cell].holders.add(worker)
                step = Load(cell)
            own.steps.append(step)
            yield step

    def loaded(self, worker: int, seconds: float) -> None:
        """The worker has made the model ready."""
        own = self._workers[worker]
        own.steps.popleft()
        own.ready = own.cell is not None
        own.load, own.first = seconds, None

    def refused(self, worker: int, cell: int) -> bool:
        """The worker could not make the model ready, for a reason of the model's; whether the cell was over before."""
        own = self._workers[worker]
        own.steps.popleft()
        self._leave(worker)
        own.cell = None
        over = self._cells[cell].over
        self.drop(cell)
        return over

    def answered(self, worker: int, shard: Shard, seconds: float) -> bool:
        """The worker has answered; whether the answer is wanted still."""
        own = self._workers[worker]
        own.steps.remove(shard)
        cell = self._cells[shard.cell]
        cell.poison = 0
        if shard.row is None:
            self._learn(own, self._pace[cell.model], seconds)
        self._tries.pop(shard, None)
        return not cell.over

    def split(self, shard: Shard, rows: range) -> None:
        """Ask the samples of a batch one by one."""
        if self._cells[shard.cell].over:
            return
        self._cells[shard.cell].queue.extendleft(Shard(shard.cell, shard.batch, row) for row in reversed(rows))

    def drop(self, cell: int) -> None:
        """Ask no more of a cell."""
        self._cells[cell].over = True
        self._cells[cell].queue.clear()
        for worker, own in self._workers.items():
            if own.cell == cell and not own.ready:
                self._leave(worker)
                own.cell = None

    def lost(self, worker: int) -> list[Verdict]:
        """A worker died: its work is owed again, and what it was at is called to account."""
        if worker not in self._workers:  # it had not started
            return []
        self._leave(worker)
        own = self._workers.pop(worker)
        if not own.steps:
            return []
        first, *rest = own.steps
        for step in reversed(rest):
            if isinstance(step, Shard) and not self._cells[step.cell].over:
                self._cells[step.cell].queue.appendleft(step)
        if self._cells[first.cell].over:
            return []
        return self._load_lost(first) if isinstance(first, Load) else self._shard_lost(first)

    def _load_lost(self, load: Load) -> list[Verdict]:
        cell = self._cells[load.cell]
        cell.deaths += 1
        if cell.deaths < LOADS:
            return []
        self.drop(load.cell)
        return [Lost(load.cell, f"{LOADS} workers died while they made the model ready")]

    def _shard_lost(self, shard: Shard) -> list[Verdict]:
        cell = self._cells[shard.cell]
        tries = self._tries[shard] = self._tries.get(shard, 0) + 1
        if tries < DEATHS:
            cell.queue.appendleft(shard)
            return []
        if shard.row is None:
            return [Split(shard)]
        cell.poison += 1
        if cell.poison < POISON:
            return [Dead(shard)]
        self.drop(shard.cell)
        return [Lost(shard.cell, f"{POISON} samples in a row each brought down {DEATHS} workers")]

    def _learn(self, own: _Worker, pace: _Pace, seconds: float) -> None:
        """Take a batch's time in.  Many models load only when they are first asked, so the first batch tells that."""
        if own.first is None:
            own.first = seconds
            return
        pace.batch = seconds if not pace.batch else 0.8 * pace.batch + 0.2 * seconds
        pace.load = max(pace.load, own.load + own.first - pace.batch)

    def _leave(self, worker: int) -> None:
        own = self._workers[worker]
        if own.cell is not None:
            self._cells[own.cell].holders.discard(worker)

    def _depth(self, cell: int) -> int:
        batch = self._pace[self._cells[cell].model].batch
        return DEPTH if 0 < batch < FAST else 1

    def _choose(self, held: int | None) -> int | None:
        """The cell that a worker should begin, which now holds the model of cell `held`."""
        waiting: dict[Hashable, list[int]] = {}
        for i, cell in enumerate(self._cells):
            if cell.queue:
                waiting.setdefault(cell.model, []).append(i)
        own = None if held is None else self._cells[held].model
        if own in waiting:
            return self._least_held(waiting[own])
        holders = {model: self._holders(model) for model in waiting}
        for model, cells in waiting.items():
            if not holders[model]:
                return cells[0]
        paying = [m for m in waiting if self._pays(m, self._left(waiting[m]), holders[m])]
        if not paying:
            return None
        most = max(paying, key=lambda m: max(self._pace[m].batch, 1e-9) * self._left(waiting[m]) / holders[m])
        return self._least_held(waiting[most])

    def _least_held(self, cells: list[int]) -> int:
        return min(cells, key=lambda i: (len(self._cells[i].holders), i))

    def _left(self, cells: list[int]) -> int:
        return sum(len(self._cells[i].queue) for i in cells)

    def _holders(self, model: Hashable) -> int:
        return sum(len(cell.holders) for cell in self._cells if cell.model == model)

    def _pays(self, model: Hashable, left: int, holders: int) -> bool:
        """Whether one more worker for a model saves more time than loading the model costs it."""
        pace = self._pace[model]
        if pace.batch:
            return left * pace.batch / (holders + 1) > pace.load
        return left >= DEPTH * (holders + 1)
