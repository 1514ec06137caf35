"""Where cells are asked: the small interface between the runner, which writes, and whatever asks, here or elsewhere.

An executor turns work (cells with the batches that they owe) into a stream of events.  It may answer in any order and
with any number of processes; what is kept, measured and reported is the runner's, the same for every executor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.capabilities import Machine
from bench.errors import BenchError, EvaluationError, IncompleteError, UsageError
from bench.runners.ask import Answers
from bench.runners.job import Job
from bench.runners.journal import Layout
from bench.specs import Spec

# What fails a cell and not the run.
TROUBLES = (BenchError, ImportError, MemoryError)


@dataclass(frozen=True)
class Work:
    """A cell and the batches that it owes, increasing; there is at least one."""

    job: Job
    layout: Layout
    owed: tuple[int, ...]


@dataclass(frozen=True)
class Trouble:
    """Why a cell failed, and what would mend it where that is known; made of text alone, so that it travels.

    told: what and why apart, where the failure said both.  usage: whether what was asked for is at fault.
    """

    reason: str
    mend: str = ""
    told: tuple[str, str] | None = None
    usage: bool = False

    def error(self, fix: str) -> BenchError:
        """The failure as an error again; `fix` for one that names no remedy."""
        what, cause = self.told or ("a worker failed", self.reason)
        return (UsageError if self.usage else EvaluationError)(what, cause=cause, fix=self.mend or fix)


@dataclass(frozen=True)
class Began:
    """The cell at that place of the work is being asked, or its model is being made ready."""

    cell: int


@dataclass(frozen=True)
class Answered:
    """A batch of a cell is answered.  seconds: of work, with what was needed to make the model ready for it."""

    cell: int
    batch: int
    answers: Answers
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The rest of a cell will not be answered."""

    cell: int
    trouble: Trouble


@dataclass(frozen=True)
class Noted:
    """Something that the user should know, and that stops nothing."""

    text: str


Event = Began | Answered | Failed | Noted


class Executor(Protocol):
    """Whoever asks the models."""

    @property
    def machine(self) -> Machine:
        """Where and how the models run."""
        ...

    def fingerprints(self, specs: Sequence[Spec]) -> Mapping[Spec, str]:
        """What each model says that it is (see `Models.fingerprint`).  Raises `BenchError` where one cannot."""
        ...

    def ask(self, work: Sequence[Work]) -> Iterator[Event]:
        """Ask everything: each owed batch is answered once, unless its cell fails.

        Raises `IncompleteError` where nothing more can be asked at present, such as over a budget.
        """
        ...

    def drop(self, cell: int) -> None:
        """Ask no more of this cell of the work."""
        ...

    def close(self) -> None:
        """Let models and machines go; more than once does no harm."""
        ...


def trouble(error: BaseException) -> Trouble:
    """A failure in words.  `IncompleteError` is none and is raised again: it ends the run, not the cell."""
    if isinstance(error, IncompleteError):
        raise error
    if isinstance(error, BenchError):
        told = error.what, error.cause
        return Trouble(f"{error.what}: {error.cause}", error.fix, told, isinstance(error, UsageError))
    return Trouble(f"{type(error).__name__}: {error}")
