"""Running a plan: each cell is asked, journaled and compacted, then everything is measured.

A run that was stopped goes on where it stood: complete cells are read back, complete batches are kept, and the rest
is asked in the same batches as before.  Measuring always starts from the parts on disk, so that a resumed run and an
uninterrupted one measure the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.capabilities import CAPABILITIES, Machine
from bench.components import Task
from bench.errors import BenchError, EvaluationError, IncompleteError, NotComparableError
from bench.examples import Examples
from bench.harness.groups import TaskGroup, of_group, part
from bench.models.devices import device as find_device
from bench.records import Record
from bench.registry import find_task
from bench.runners import history
from bench.runners.ask import ask, batch_size
from bench.runners.cells import CellEntry, cell_name
from bench.runners.folder import RunFolder
from bench.runners.identity import Identity, fingerprint
from bench.runners.journal import Journal
from bench.runners.manifest import manifest
from bench.runners.measure import Measured, measure
from bench.runners.models import Models, identity
from bench.runners.paths import run_path
from bench.runners.plan import Cell, Plan, PlannedCell, asked_rows, load_examples
from bench.runners.progress import Progress
from bench.runners.running import RunningScore
from bench.runners.wanted import Wanted, by_task, extended, for_record
from bench.specs import Spec

if TYPE_CHECKING:
    from bench.config import RunConfig


@dataclass(frozen=True)
class Job:
    """A planned cell with everything that its work needs."""

    planned: PlannedCell
    task: Task
    wanted: Wanted
    examples: Examples
    asked: Examples
    entry: CellEntry

    @property
    def cell(self) -> Cell:
        """Which model is asked which task by which decoder."""
        return self.planned.cell


def evaluate(config: RunConfig, plan: Plan, progress: Progress) -> RunFolder:
    """Run a plan, new or resumed, and return its folder, finished, with results.json written.

    A cell whose model fails altogether is kept as failed, with its reason, and the others go on.  Raises
    `NotComparableError` where a resumed cell is no longer what it was, and `EvaluationError` where every cell failed.
    """
    models = Models(machine_of(config), config.seed)
    jobs = [_job(cell, config, models) for cell in plan.cells]
    folder = _resumed(config, jobs) if config.resume else _created(config, plan.suite or "custom", jobs)
    with folder:
        progress.start(plan)
        progress.folder(folder.path)
        for note in folder.repaired:
            progress.note(note)
        rates: dict[tuple[str, str, str], float] = {}
        mends = [_run_cell(folder, job, models, config.seed, progress, rates) for job in jobs]
        if config.limit is None:  # of a few samples, most of the time is fitting and loading
            history.remember(rates)
        measured = [_measured(folder, job, config.seed, progress) for job in jobs]
        _finish(folder, [*measured, *_of_groups(folder, plan.groups, jobs, config.seed, progress)], mends)
        progress.finish()
    return folder


def evaluate_predictions(config: RunConfig, records: Mapping[str, Record], progress: Progress) -> RunFolder:
    """Measure records that came from files, by the name of each, as if a model had just answered them.

    Raises `NotComparableError` where a resumed run is of other predictions.
    """
    given = [_given(name, record, config) for name, record in records.items()]
    folder = _resumed(config, given) if config.resume else _created(config, "predictions", given)
    with folder:
        progress.start(Plan("predictions", tuple(item.planned for item in given)))
        progress.folder(folder.path)
        measured = [_of_predictions(folder, item, config.seed, progress) for item in given]
        _finish(folder, measured)
        progress.finish()
    return folder


@dataclass(frozen=True)
class Given:
    """Predictions as a cell: who made them is the file's name."""

    planned: PlannedCell
    record: Record
    wanted: Wanted
    entry: CellEntry

    @property
    def cell(self) -> Cell:
        """The file's name in place of the model."""
        return self.planned.cell


def _given(name: str, record: Record, config: RunConfig) -> Given:
    planned = PlannedCell(Cell(Spec(name), Spec("predictions")), len(record), 0, None)
    keys = Identity({"predictions": name, "data": fingerprint([record.attribute_values(), _columns(record)])})
    wanted = for_record(record, config)
    entry = _entry(planned.cell, wanted.area, record.kind, keys, batch=max(1, len(record)))
    return Given(planned, record, wanted, entry)


def _columns(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.columns()}


def _of_predictions(folder: RunFolder, given: Given, seed: int, progress: Progress) -> Measured:
    label, name, n = given.cell.label, given.entry.name, len(given.record)
    progress.cell(label, n)
    if folder.cell(name).status != "done":
        folder.store(folder.cell(name), given.record)
    measured = measure(given.cell, given.wanted, folder.record(name), n_failed=given.record.n_failed, seed=seed)
    _keep(folder, name, measured, progress)
    progress.advance(label, n, "")
    progress.done(label)
    return measured


def machine_of(config: RunConfig) -> Machine:
    """Where the run's models work: the accelerator where there is one, unless the configuration says otherwise.

    Raises `UsageError` for a device that is not here, whether or not a model would use it.
    """
    device = str(find_device(config.device))
    batch = 0 if config.batch_size == "auto" else int(config.batch_size)
    return Machine(device, config.dtype, batch, config.offline, config.trust_remote_code)


def _job(planned: PlannedCell, config: RunConfig, models: Models) -> Job:
    cell = planned.cell
    task = extended(find_task(cell.task), config)
    examples = load_examples(cell.task, seed=config.seed, limit=config.limit)
    asked = asked_rows(task, examples)
    keys = identity(cell, task, examples, asked, models, seed=config.seed)
    entry = _entry(cell, task.area, task.yields.kind, keys, batch=batch_size(task, models.machine))
    return Job(planned, task, by_task(task, config), examples, asked, entry)


def _entry(cell: Cell, area: str, record: str, keys: Identity, *, batch: int) -> CellEntry:
    decoder = str(cell.decoder or "")
    return CellEntry(
        name=cell_name(str(cell.task), str(cell.model), keys.digest, decoder=decoder),
        model=str(cell.model),
        task=str(cell.task),
        decoder=decoder,
        area=area,
        record=record,
        identity=dict(keys.keys),
        digest=keys.digest,
        batch=batch,
    )


def _created(config: RunConfig, suite: str, jobs: Sequence[Job | Given]) -> RunFolder:
    return RunFolder.create(run_path(config.out, suite), manifest(config, suite), [job.entry for job in jobs])


def _resumed(config: RunConfig, jobs: Sequence[Job | Given]) -> RunFolder:
    """The run to go on with; refused where its cells are not the cells of the plan, naming the keys that differ."""
    assert config.resume is not None  # noqa: S101 - the caller asked for it
    folder = RunFolder.resume(config.resume)
    try:
        _refuse_changes(folder, jobs)
    except BenchError:
        folder.close()
        raise
    return folder


def _refuse_changes(folder: RunFolder, jobs: Sequence[Job | Given]) -> None:
    fix = "start a new run, or put back what changed"
    then = {(e.model, e.task, e.decoder): e for e in folder.cells}
    for job in jobs:
        entry = then.pop((job.entry.model, job.entry.task, job.entry.decoder), None)
        if entry is None:
            raise NotComparableError(
                f"'{folder.path}' cannot be continued with {job.cell.label}", cause="the run has no such cell", fix=fix
            )
        Identity(entry.identity).refuse(Identity(job.entry.identity), what=job.cell.label, fix=fix)
    if then:
        missing = next(iter(then.values()))
        raise NotComparableError(
            f"'{folder.path}' cannot be continued without {missing.model} on {missing.task}",
            cause=f"{len(then)} of its cells are not in the plan any more",
            fix=fix,
        )


def _run_cell(
    folder: RunFolder, job: Job, models: Models, seed: int, progress: Progress, rates: dict[tuple[str, str, str], float]
) -> str:
    """Ask what the cell still owes and compact it; a failing model fails its cell, not the run.

    Returns what would mend a failure, where that is known.
    """
    mend, entry = "", folder.cell(job.entry.name)
    progress.cell(job.cell.label, len(job.asked))
    if entry.status != "done" or entry.n_failed:
        started = time.monotonic()
        try:
            asked = _ask_owed(folder, entry, job, models, seed, progress)
            seconds = entry.seconds + time.monotonic() - started
            folder.update_cell(replace(folder.cell(entry.name), seconds=round(seconds, 3)))
            if asked == len(job.asked):
                rates[entry.model, entry.task, entry.decoder] = seconds / max(1, asked)
        except IncompleteError:
            raise
        except (BenchError, ImportError, MemoryError) as error:
            _note_failure(folder, entry, error, progress)
            mend = error.fix if isinstance(error, BenchError) else ""
    progress.done(job.cell.label)
    return mend


def _ask_owed(folder: RunFolder, entry: CellEntry, job: Job, models: Models, seed: int, progress: Progress) -> int:
    """Samples that were asked now."""
    import numpy as np

    count = 0
    model: Any = None
    with _journal(folder, entry, job) as journal:
        running = RunningScore()
        for note in journal.damage:
            progress.note(f"{job.cell.label}: {note}")
        for batch in journal.owed:
            model = model if model is not None else _ready(job, models, progress)
            rows = journal.layout.rows(batch)
            part = job.asked.take(np.arange(rows.start, rows.stop))
            answers = ask(model, job.task, job.cell.decoder, part, seed)
            journal.append(batch, answers.record, answers.failed)
            count += len(rows)
            running.add(answers.record)
            progress.advance(job.cell.label, len(job.asked) - _rows_owed(journal), str(running))
        _refuse_all_failed(journal, job)
        folder.compact(entry, journal)
    return count


def _journal(folder: RunFolder, entry: CellEntry, job: Job) -> Journal:
    """The cell's journal.  Samples that failed in an earlier session are owed again: their reason may have passed."""
    if entry.status == "done":
        return folder.reopen(entry.name, job.asked.ids)
    return folder.journal(entry.name, job.asked.ids, retry_failed=True)


def _rows_owed(journal: Journal) -> int:
    return sum(len(journal.layout.rows(batch)) for batch in journal.owed)


def _ready(job: Job, models: Models, progress: Progress) -> Any:
    """The model, built and fitted, able to answer the task."""
    model = models.ready(job.cell.model, job.examples.split("train"), progress.note)
    capability = CAPABILITIES[job.task.needs]
    if not isinstance(model, capability):
        raise EvaluationError(
            f"model '{job.cell.model}' is no {job.task.needs} model",
            cause=f"it lacks what {capability.__name__} asks for",
            fix="bench list models shows what each model gives",
        )
    return model


def _refuse_all_failed(journal: Journal, job: Job) -> None:
    """A model that answered nothing has failed; the first reason speaks for all."""
    reasons: list[str] = []
    for batch in range(journal.layout.batches):
        content = journal.read(batch)
        if content.rows:
            return
        reasons += content.failed.values()
    raise EvaluationError(
        f"{job.cell.label}: none of {len(job.asked)} samples was answered",
        cause=reasons[0] if reasons else "there were no samples",
        fix="mend the model",
    )


def _note_failure(folder: RunFolder, entry: CellEntry, error: Exception, progress: Progress) -> None:
    text = f"{error.what}: {error.cause}" if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    folder.update_cell(replace(folder.cell(entry.name), status="failed", error=text))
    progress.note(text)


def _measured(folder: RunFolder, job: Job, seed: int, progress: Progress) -> Measured:
    entry = folder.cell(job.entry.name)
    if entry.status != "done":
        return Measured(())
    record = folder.record(entry.name)
    failed = len(job.asked.split("test")) - len(record.split("test"))
    measured = measure(job.cell, job.wanted, record, n_failed=failed, seed=seed)
    _keep(folder, entry.name, measured, progress)
    return measured


def _of_groups(
    folder: RunFolder, groups: Sequence[TaskGroup], jobs: Sequence[Job], seed: int, progress: Progress
) -> Iterator[Measured]:
    """What each group says of its tasks together, for each model that finished all of them."""
    for group in groups:
        own = [job for job in jobs if job.cell.task in group.tasks]
        for model in dict.fromkeys(job.cell.model for job in own):
            done = [job for job in own if job.cell.model == model and folder.cell(job.entry.name).status == "done"]
            cell = Cell(model, group.spec)
            if len(done) < len(set(group.tasks)):
                progress.note(f"{cell.label}: not told, since {len(set(group.tasks)) - len(done)} of its tasks failed")
                continue
            parts = [part(job.task.own, _tested(folder, job)) for job in done]
            record, metrics = of_group(group, parts)
            wanted = Wanted(own[0].wanted.area, own=metrics)
            yield measure(cell, wanted, record, n_failed=record.n_failed, seed=seed)


def _tested(folder: RunFolder, job: Job) -> Record:
    """The test samples of a finished cell, those that failed counted."""
    record = folder.record(job.entry.name).split("test")
    return replace(record, n_failed=len(job.asked.split("test")) - len(record))


def _keep(folder: RunFolder, name: str, measured: Measured, progress: Progress) -> None:
    for note in (*measured.notes, *measured.failures):
        progress.note(note)
    entry = folder.cell(name)
    kept = replace(entry, unmeasured="; ".join(measured.failures))
    if measured.calibrations:
        kept = replace(kept, calibrations=measured.calibrations)
    if kept != entry:
        folder.update_cell(kept)


def _finish(folder: RunFolder, measured: Sequence[Measured], mends: Sequence[str] = ()) -> None:
    failed = [entry for entry in folder.cells if entry.status == "failed"]
    if failed and len(failed) == len(folder.cells):
        raise EvaluationError(
            f"every cell of '{folder.path}' failed",
            cause=failed[0].error,
            fix=f"{next(filter(None, mends), 'mend it')}; then {folder.resume_command}",
        )
    results = [result for one in measured for result in one.results]
    folder.write_results(results)
    folder.finish()
    if not results:
        reasons = [text for one in measured for text in (*one.failures, *one.notes)]
        raise IncompleteError(
            f"nothing could be measured in '{folder.path}'",
            cause=reasons[0] if reasons else "no metric takes its records",
            fix="give samples that a metric can be computed from; bench list metrics tells what each takes",
        )
