"""Running a plan: each cell is asked, journaled and compacted, then everything is measured.

A run that was stopped goes on where it stood: complete cells are read back, complete batches are kept, and the rest
is asked in the same batches as before.  Measuring always starts from the parts on disk, so that a resumed run and an
uninterrupted one measure the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, EvaluationError, IncompleteError, NotComparableError, UsageError
from bench.harness.groups import TaskGroup, of_group, part
from bench.records import Record
from bench.records.long import Long
from bench.runners import history
from bench.runners.cells import CellEntry
from bench.runners.executor import (
    TROUBLES,
    Answered,
    Began,
    Executor,
    Failed,
    Noted,
    Trouble,
    trouble,
)
from bench.runners.executors import executor_of
from bench.runners.folder import RunFolder
from bench.runners.identity import Identity, file_digest, fingerprint
from bench.runners.job import Job, entry, jobs_of
from bench.runners.joining import Told, together
from bench.runners.keeper import Keeper, owing
from bench.runners.manifest import manifest
from bench.runners.measure import Measured, measure
from bench.runners.paths import run_path
from bench.runners.plan import Cell, Plan, PlannedCell
from bench.runners.progress import Progress
from bench.runners.wanted import Wanted, for_record
from bench.specs import Spec

if TYPE_CHECKING:
    from bench.config import RunConfig

Rates = dict[tuple[str, str, str], float]


def evaluate(config: RunConfig, plan: Plan, progress: Progress) -> RunFolder:
    """Run a plan, new or resumed, and return its folder, finished, with results.json written.

    A cell whose model fails altogether is kept as failed, with its reason, and the others go on.  Raises
    `NotComparableError` where a resumed cell is no longer what it was, and `EvaluationError` where every cell failed.
    """
    with closing(executor_of(config, progress)) as executor:
        models = executor.fingerprints(list(dict.fromkeys(planned.cell.model for planned in plan.cells)))
        jobs = list(jobs_of(plan, config, executor.machine, models))
        folder = _resumed(config, jobs) if config.resume else _created(config, plan.suite or "custom", jobs)
        with folder:
            progress.start(plan)
            progress.folder(folder.path)
            for note in (*plan.notes, *folder.repaired):
                progress.note(note)
            troubles, rates = _ask(folder, jobs, executor, progress)
            executor.close()  # the metrics need the memory more
            # Of a few samples, most of the time is fitting and loading; a cluster's pace says nothing of this machine.
            if config.limit is None and config.runner == "local":
                history.remember(rates, plan.paces(rates))
            leading = _leading(folder, jobs)
            told = [_told(folder, job, config.seed, progress, ends=job.entry.name in leading) for job in jobs]
            told += _of_groups(folder, plan.groups, jobs, config.seed, progress)
            _finish(folder, together(told), troubles)
            progress.finish()
    return folder


def evaluate_predictions(config: RunConfig, records: Mapping[str, Record | Long], progress: Progress) -> RunFolder:
    """Measure records that came from files, by the name of each, as if a model had just answered them.

    Those too long for memory are copied into the run folder and measured from there like the others, in blocks.
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
    record: Record | Long
    wanted: Wanted
    entry: CellEntry

    @property
    def cell(self) -> Cell:
        """The file's name in place of the model."""
        return self.planned.cell


def _given(name: str, record: Record | Long, config: RunConfig) -> Given:
    planned = PlannedCell(Cell(Spec(name), Spec("predictions")), len(record), 0, None)
    if isinstance(record, Long):
        kind, data = record.type.kind, file_digest(record.path) if record.path else ""
    else:
        kind, data = record.kind, fingerprint([record.attribute_values(), _columns(record)])
    wanted = for_record(record, config)
    keys = Identity({"predictions": name, "data": data})
    new = entry(planned.cell, wanted.area, kind, keys, batch=max(1, len(record)))
    return Given(planned, record, wanted, new)


def _columns(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.columns()}


def _of_predictions(folder: RunFolder, given: Given, seed: int, progress: Progress) -> Measured:
    label, name, n = given.cell.label, given.entry.name, len(given.record)
    progress.cell(label, n)
    if folder.cell(name).status != "done":
        folder.store(folder.cell(name), given.record)
    record = folder.long(name) or folder.record(name)
    measured = measure(given.cell, given.wanted, record, n_failed=given.record.n_failed, seed=seed)
    _note(folder, name, measured, progress)
    progress.advance(label, n, "")
    progress.done(label)
    return measured


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


def _ask(folder: RunFolder, jobs: Sequence[Job], executor: Executor, progress: Progress) -> tuple[list[Trouble], Rates]:
    """Ask what the cells still owe; a failing model fails its cell, not the run.

    Returns why cells failed, and how long samples took.
    """
    keepers = owing(folder, jobs, progress)
    troubles: list[Trouble] = []
    try:
        for keeper in (k for k in keepers if k.complete):  # killed between the last answer and the parts
            keeper.begin()
            _keep(keeper, None, troubles)
        open_ones = [k for k in keepers if not k.complete]
        for event in executor.ask([k.work for k in open_ones]):
            match event:
                case Noted(text):
                    progress.note(text)
                case Began(cell):
                    open_ones[cell].begin()
                case Failed(cell, reason):
                    open_ones[cell].fail(reason)
                    troubles.append(reason)
                case Answered(cell):
                    if not _keep(open_ones[cell], event, troubles):
                        executor.drop(cell)
    finally:
        for keeper in keepers:
            keeper.close()
    rates = {(e.subject, e.task, e.decoder): k.rate for k in open_ones if k.complete for e in [k.job.entry]}
    return troubles, {cell: rate for cell, rate in rates.items() if rate is not None}


def _keep(keeper: Keeper, answered: Answered | None, troubles: list[Trouble]) -> bool:
    """Keep a batch, and compact the cell if that was the last; whether all went well."""
    try:
        if answered is not None:
            keeper.keep(answered)
        if keeper.complete:
            keeper.finish()
    except TROUBLES as error:
        reason = trouble(error)
        keeper.fail(reason)
        troubles.append(reason)
        return False
    return True


def _leading(folder: RunFolder, jobs: Sequence[Job]) -> set[str]:
    """The cells whose numbers are given intervals: of a model trained by several seeds the first that is done."""
    first: dict[tuple[Any, ...], str] = {}
    for job in jobs:
        c = job.cell
        if folder.cell(job.entry.name).status == "done":
            first.setdefault((c.family or c.model, c.task, c.decoder), job.entry.name)
    return set(first.values())


def _measured(folder: RunFolder, job: Job, seed: int, progress: Progress, *, ends: bool) -> Measured:
    entry = folder.cell(job.entry.name)
    if entry.status != "done":
        return Measured(())
    record = folder.record(entry.name)
    failed = len(job.asked.split("test")) - len(record.split("test"))
    measured = measure(job.cell, job.wanted, record, n_failed=failed, seed=seed, ends=ends)
    _note(folder, entry.name, measured, progress)
    return measured


def _told(folder: RunFolder, job: Job, seed: int, progress: Progress, *, ends: bool) -> Told:
    measured = _measured(folder, job, seed, progress, ends=ends)
    return Told(job.cell, measured, lambda: _tested(folder, job, whole=True))


def _of_groups(
    folder: RunFolder, groups: Sequence[TaskGroup], jobs: Sequence[Job], seed: int, progress: Progress
) -> Iterator[Told]:
    """What each group says of its tasks together, for each model that finished all of them."""
    for group in groups:
        own = [job for job in jobs if job.cell.task in group.tasks]
        for model, family in dict.fromkeys((job.cell.model, job.cell.family) for job in own):
            done = [job for job in own if job.cell.model == model and folder.cell(job.entry.name).status == "done"]
            cell = Cell(model, group.spec, family=family)
            if len(done) < len(set(group.tasks)):
                progress.note(f"{cell.label}: not told, since {len(set(group.tasks)) - len(done)} of its tasks failed")
                continue
            parts = [part(job.task.own, _tested(folder, job)) for job in done]
            record, metrics = of_group(group, parts)
            wanted = Wanted(own[0].wanted.area, own=metrics)
            yield Told(cell, measure(cell, wanted, record, n_failed=record.n_failed, seed=seed), lambda: None)


def _tested(folder: RunFolder, job: Job, *, whole: bool = False) -> Record:
    """The test samples of a finished cell, those that failed counted; with the other splits where it is to be whole."""
    record = folder.record(job.entry.name)
    test = record.split("test")
    return replace(record if whole else test, n_failed=len(job.asked.split("test")) - len(test))


def _note(folder: RunFolder, name: str, measured: Measured, progress: Progress) -> None:
    for note in (*measured.notes, *measured.failures):
        progress.note(note)
    entry = folder.cell(name)
    kept = replace(entry, unmeasured="; ".join(measured.failures))
    if measured.calibrations:
        kept = replace(kept, calibrations=measured.calibrations)
    if kept != entry:
        folder.update_cell(kept)


def _finish(folder: RunFolder, measured: Sequence[Measured], troubles: Sequence[Trouble] = ()) -> None:
    failed = [entry for entry in folder.cells if entry.status == "failed"]
    if failed and len(failed) == len(folder.cells):
        mends = (trouble.mend for trouble in troubles)
        # Models that were all asked for what they cannot give are a mistake of usage, found late.
        usage = bool(troubles) and all(trouble.usage for trouble in troubles)
        raise (UsageError if usage else EvaluationError)(
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
