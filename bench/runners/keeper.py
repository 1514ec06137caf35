"""The runner's side of one cell: its answers are journaled as they come, and compacted when all are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.errors import EvaluationError
from bench.runners.cells import CellEntry
from bench.runners.executor import Answered, Trouble, Work
from bench.runners.folder import RunFolder
from bench.runners.job import Job
from bench.runners.journal import Journal
from bench.runners.progress import Progress
from bench.runners.running import RunningScore
from bench.usage import Usage


class Keeper:
    """One cell that owes samples.  Samples that failed in an earlier session are owed again: their reason may pass."""

    def __init__(self, folder: RunFolder, job: Job, progress: Progress) -> None:
        self.job = job
        self._folder = folder
        self._progress = progress
        self._entry = folder.cell(job.entry.name)
        self._journal = _journal(folder, self._entry, job)
        self._running = RunningScore()
        self._seconds = 0.0
        self._cost = Usage()
        self._left = sum(len(self._journal.layout.rows(batch)) for batch in self._journal.owed)
        self._fresh = self._left == len(job.asked)

    @property
    def work(self) -> Work:
        """What the cell owes."""
        return Work(self.job, self._journal.layout, tuple(self._journal.owed))

    @property
    def complete(self) -> bool:
        """Whether nothing is owed."""
        return self._left == 0

    @property
    def rate(self) -> float | None:
        """Seconds a sample, where all of them were asked in this session."""
        return self._seconds / max(1, len(self.job.asked)) if self._fresh else None

    def begin(self) -> None:
        """Say that the cell is being asked."""
        label = self.job.cell.label
        self._progress.cell(label, len(self.job.asked))
        for note in self._journal.damage:
            self._progress.note(f"{label}: {note}")

    def keep(self, answered: Answered) -> None:
        """Journal a batch; it is durable when this returns.  Errors as `Journal.append`."""
        usage = answered.answers.usage
        self._note_engine(usage)
        self._cost.add(usage)
        self._journal.append(answered.batch, answered.answers.record, answered.answers.failed)
        self._seconds += answered.seconds
        self._left -= len(self._journal.layout.rows(answered.batch))
        self._running.add(answered.answers.record)
        self._progress.advance(self.job.cell.label, len(self.job.asked) - self._left, str(self._running))

    def finish(self) -> None:
        """Compact the cell.  Raises `EvaluationError` where not one sample was answered."""
        _refuse_all_failed(self._journal, self.job)
        done = self._folder.compact(self._folder.cell(self._entry.name), self._journal)
        if self._cost.forwards:
            spent = Usage.of(done.cost)
            spent.add(self._cost)
            done = replace(done, cost={key: round(number, 3) for key, number in spent.counts().items()})
        self._folder.update_cell(replace(done, seconds=round(done.seconds + self._seconds, 3)))
        self._progress.done(self.job.cell.label)

    def fail(self, trouble: Trouble) -> None:
        """Note that the cell failed, and why; what is in its journal stays."""
        self._fresh = False
        self._journal.close()
        entry = self._folder.cell(self._entry.name)
        self._folder.update_cell(replace(entry, status="failed", error=trouble.reason))
        self._progress.note(trouble.reason)
        self._progress.done(self.job.cell.label)

    def _note_engine(self, usage: Usage) -> None:
        """Keep what scored the cell, before its first answers are: so that every session says the same."""
        used = usage.engine + (f": {usage.note}" if usage.note else "")
        entry = self._folder.cell(self._entry.name)
        if used and usage.scored_tokens and used != entry.engine:
            self._folder.update_cell(replace(entry, engine=used))

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def owing(folder: RunFolder, jobs: Sequence[Job], progress: Progress) -> list[Keeper]:
    """A keeper for each cell that owes something; the others are done."""
    keepers = []
    for job in jobs:
        entry = folder.cell(job.entry.name)
        if entry.status != "done" or entry.n_failed:
            keepers.append(Keeper(folder, job, progress))
        else:
            progress.cell(job.cell.label, len(job.asked))
            progress.done(job.cell.label)
    return keepers


def _journal(folder: RunFolder, entry: CellEntry, job: Job) -> Journal:
    if entry.status == "done":
        return folder.reopen(entry.name, job.asked.ids)
    return folder.journal(entry.name, job.asked.ids, retry_failed=True)


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
