"""Asking on a Ray cluster: an executor whose workers hold the models, and may die.

This process alone knows what is owed and hears every answer; workers write nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.capabilities import Machine
from bench.errors import EvaluationError, IncompleteError, UsageError
from bench.examples import Examples
from bench.records import Record
from bench.runners.ask import Answers
from bench.runners.cluster.connection import Connection, Places, places
from bench.runners.cluster.pool import Came, Died, Pool
from bench.runners.cluster.schedule import DEATHS, LOADS, Dead, Load, Lost, Schedule, Shard, Split, Verdict
from bench.runners.cluster.worker import Asked, Outfit, Said, plugins
from bench.runners.executor import Answered, Began, Event, Failed, Noted, Trouble, Work
from bench.runners.here import machine_of
from bench.runners.progress import counted
from bench.specs import Spec

if TYPE_CHECKING:
    from bench.config import RunConfig

LOGS = "see the workers' logs, in /tmp/ray/session_latest/logs of their node"
# Seconds without any worker after which it is said that there is none.
PATIENCE = 20.0
# Idle workers that are offered work at a time: where some find none that pays, the others will not either.
OFFERS = 4


@dataclass(frozen=True)
class Fetched:
    """Samples that were put on the cluster once, fetched by a worker when it needs them."""

    reference: Any

    def __call__(self) -> Examples:
        """The samples; arrays are in shared memory and cannot be written to."""
        import ray

        examples: Examples = ray.get(self.reference)
        return examples


class Cluster:
    """The executor of a cluster's workers."""

    def __init__(self, connection: Connection, pool: Pool, machine: Machine, note: Callable[[str], None]) -> None:
        self.machine = machine
        self._connection = connection
        self._pool = pool
        self._note = note
        self._fingerprints: dict[Spec, str] = {}
        self._up: set[int] = set()
        self._refused = ""
        self._told: set[str] = set()
        self._schedule = Schedule(())

    @classmethod
    def start(cls, config: RunConfig, note: Callable[[str], None]) -> Self:
        """Join the cluster and start the workers.  Raises `UsageError` where that cannot be."""
        _refuse_device(config.device)
        connection = Connection(config.ray_address, config.workers)
        try:
            gpus = 0.0 if config.device == "cpu" else config.gpus_per_worker
            where = places(connection.rooms, config.workers, gpus)
            if config.device == "cuda":
                _refuse_no_gpu(where)
            machine = machine_of(config, "cuda" if where.gpus else "cpu")
            outfit = Outfit(str(Path.cwd()), machine, config.seed, where.cpus, plugins(config.plugins))
            note(_told(where, len(connection.rooms), connection.address))
            return cls(connection, Pool(outfit, where.workers, cpus=where.cpus, gpus=where.gpus), machine, note)
        except BaseException:
            connection.close()
            raise

    def fingerprints(self, specs: Sequence[Spec]) -> Mapping[Spec, str]:
        """What each model says that it is, asked of the workers: the driver loads none."""
        owed, deaths = deque(specs), dict.fromkeys(specs, 0)
        at: dict[int, Spec] = {}
        while owed or at:
            for worker in [w for w in self._up if w not in at][: len(owed)]:
                at[worker] = owed.popleft()
                self._pool.call(worker, at[worker], "fingerprint", at[worker])
            event = self._next()
            if isinstance(event, Died) and event.worker in at:
                spec = at.pop(event.worker)
                deaths[spec] += 1
                if deaths[spec] >= LOADS:
                    raise EvaluationError(
                        f"model '{spec}' cannot say what it is", cause=f"{LOADS} workers died of it", fix=LOGS
                    )
                owed.append(spec)
            elif isinstance(event, Came) and event.tag is not None:
                spec = at.pop(event.worker)
                if event.said.trouble:
                    raise event.said.trouble.error(LOGS)
                self._fingerprints[spec] = event.said.value
        return self._fingerprints

    def ask(self, work: Sequence[Work]) -> Iterator[Event]:
        """Everything at once, in whatever order the workers answer."""
        schedule = self._schedule = Schedule([(item.job.cell.model, item.owed) for item in work])
        run = _Run(work, schedule, self._pool, self._fingerprints)
        for worker in self._up:
            schedule.add(worker)
        while not schedule.done:
            yield from run.feed()
            event = self._next()
            if isinstance(event, Died):
                yield from run.died(event.worker)
            elif isinstance(event, Came) and event.tag is None:
                schedule.add(event.worker)
            elif isinstance(event, Came):
                yield from (Noted(text) for text in self._fresh(event.said))
                yield from run.came(event)

    def drop(self, cell: int) -> None:
        """Ask no more of this cell."""
        self._schedule.drop(cell)

    def close(self) -> None:
        """End the workers, and the cluster where it was started for this run."""
        self._pool.close()
        self._connection.close()

    def _next(self) -> Came | Died | None:
        """The next event.  Workers that cannot be used are left aside; at least one must remain."""
        event = self._pool.next(PATIENCE)
        if event is None and not self._up:
            self._note(
                "waiting for a first worker; the cluster has no room for one yet, or its nodes are slow to start"
            )
        if isinstance(event, Died):
            self._up.discard(event.worker)
            self._note("a worker died; what it was asked is asked again")
        if isinstance(event, Came):
            if event.said.stop:
                what, cause, fix = event.said.stop
                raise IncompleteError(what, cause=cause, fix=fix)
            if event.tag is None and event.said.trouble:
                self._left_aside(event.said.trouble)
                return None
            if event.tag is None:
                self._up.add(event.worker)
        return event

    def _left_aside(self, trouble: Trouble) -> None:
        self._note(f"a worker is not used: {trouble.reason}")
        self._pool.aside += 1
        if self._pool.aside >= self._pool.size:
            raise trouble.error(LOGS)

    def _fresh(self, said: Said) -> list[str]:
        """Notes that no worker has made before."""
        new = [text for text in said.notes if text not in self._told]
        self._told.update(new)
        return new


class _Run:
    """The work of one `ask`: what was sent to whom, and the batches that came in pieces."""

    def __init__(self, work: Sequence[Work], schedule: Schedule, pool: Pool, fingerprints: Mapping[Spec, str]) -> None:
        self._work = work
        self._schedule = schedule
        self._pool = pool
        self._fingerprints = fingerprints
        self._began: set[int] = set()
        self._asked: dict[int, Asked] = {}
        self._put: dict[Spec, tuple[Fetched, Fetched]] = {}
        self._pieces: dict[tuple[int, int], dict[int, Answers]] = {}
        self._loading: dict[int, float] = {}

    def feed(self, *workers: int) -> Iterator[Event]:
        """Give these workers what they can take, and then idle ones."""
        began: list[int] = []
        for worker in (*workers, *self._schedule.idle(OFFERS)):
            for step in self._schedule.steps(worker):
                if isinstance(step, Load):
                    began.append(step.cell)
                    self._pool.call(worker, step, "load", self._cell(step.cell))
                else:
                    rows = self._rows(step)
                    self._pool.call(worker, step, "ask", step.cell, rows.start, rows.stop)
        for cell in began:
            if cell not in self._began:
                self._began.add(cell)
                yield Began(cell)

    def came(self, event: Came) -> Iterator[Event]:
        """Take an answer in; its worker is given the next step before anything is done with it."""
        step, said, worker = event.tag, event.said, event.worker
        if isinstance(step, Load):
            yield from self._loaded(worker, step, said)
            return
        wanted = self._schedule.answered(worker, step, said.seconds)
        yield from self.feed(worker)
        if wanted and said.trouble:
            self._schedule.drop(step.cell)
            yield Failed(step.cell, said.trouble)
        elif wanted:
            yield from self._answer(step, said.value, said.seconds)

    def died(self, worker: int) -> Iterator[Event]:
        """A worker is no more."""
        for verdict in self._schedule.lost(worker):
            yield from self._judged(verdict)

    def _loaded(self, worker: int, step: Load, said: Said) -> Iterator[Event]:
        if said.trouble:
            over = self._schedule.refused(worker, step.cell)
            if not over:
                yield Failed(step.cell, said.trouble)
        else:
            self._schedule.loaded(worker, said.seconds)
            self._loading[step.cell] = self._loading.get(step.cell, 0.0) + said.seconds
        yield from self.feed(worker)

    def _judged(self, verdict: Verdict) -> Iterator[Event]:
        if isinstance(verdict, Lost):
            yield Failed(verdict.cell, Trouble(verdict.reason, LOGS))
        elif isinstance(verdict, Split):
            shard = verdict.shard
            self._pieces[shard.cell, shard.batch] = {}
            self._schedule.split(shard, self._work[shard.cell].layout.rows(shard.batch))
        elif isinstance(verdict, Dead):
            at = self._rows(verdict.shard).start
            name = str(self._work[verdict.shard.cell].layout.ids[at])
            reason = f"its worker died {DEATHS} times over it: a crash outside Python, or no memory"
            yield from self._answer(verdict.shard, Answers(None, {name: reason}), 0.0)

    def _answer(self, shard: Shard, answers: Answers, seconds: float) -> Iterator[Event]:
        seconds += self._loading.pop(shard.cell, 0.0)
        if shard.row is None:
            yield Answered(shard.cell, shard.batch, answers, seconds)
            return
        pieces = self._pieces[shard.cell, shard.batch]
        pieces[shard.row] = answers
        item = self._work[shard.cell]
        if len(pieces) == len(item.layout.rows(shard.batch)):
            del self._pieces[shard.cell, shard.batch]
            whole = _joined(item.job.task.yields, [pieces[row] for row in sorted(pieces)])
            yield Answered(shard.cell, shard.batch, whole, seconds)
        else:
            self._loading[shard.cell] = seconds

    def _rows(self, shard: Shard) -> range:
        return self._work[shard.cell].layout.rows(shard.batch) if shard.row is None else range(shard.row, shard.row + 1)

    def _cell(self, number: int) -> Asked:
        if number not in self._asked:
            job = self._work[number].job
            if job.cell.task not in self._put:
                self._put[job.cell.task] = _put(job.asked), _put(job.examples.split("train"))
            samples, train = self._put[job.cell.task]
            self._asked[number] = Asked(number, job.cell, self._fingerprints[job.cell.model], samples, train)
        return self._asked[number]


def _put(examples: Examples) -> Fetched:
    import ray

    return Fetched(ray.put(examples))


def _joined(record: type[Record], pieces: Sequence[Answers]) -> Answers:
    answered = [piece.record for piece in pieces if piece.record is not None]
    failed = {name: reason for piece in pieces for name, reason in piece.failed.items()}
    return Answers(record.concatenate(answered) if answered else None, failed)


def _refuse_device(name: str) -> None:
    if name not in {"auto", "cpu", "cuda"}:
        raise UsageError(
            f"workers of a cluster cannot all have the device '{name}'",
            cause="Ray gives each worker GPUs of its own",
            fix="--device cuda, cpu or auto; --gpus-per-worker says how many",
        )


def _refuse_no_gpu(where: Places) -> None:
    if not where.gpus:
        raise UsageError("no worker would have a GPU", cause="the cluster has none", fix="leave --device cuda out")


def _told(where: Places, nodes: int, address: str) -> str:
    one = f"{where.cpus} cores each" if where.cpus > 1 else "a core each"
    gpus = f", {where.gpus:g} GPUs each" if where.gpus else ""
    place = "this machine" if address == "local" else f"{counted(nodes, 'node')} of a Ray cluster"
    return f"{counted(where.workers, 'worker')} on {place}, {one}{gpus}"
