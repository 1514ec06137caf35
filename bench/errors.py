"""The errors that bench shows to a person: what went wrong, why, and the command that mends it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell.  A crash is never `GATE_FAILED`."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    NOT_COMPARABLE = 4
    FAILED = 5
    INTERRUPTED = 130


class BenchError(Exception):
    """An error in three lines: `error:` what, `cause:` why, `fix:` what to run or change."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, what: str, *, cause: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return f"error: {self.what}\ncause: {self.cause}\nfix: {self.fix}"


class UsageError(BenchError):
    """The command, a name, a file or a configuration is wrong; nothing was run."""

    exit_code = ExitCode.USAGE


class IncompleteError(BenchError):
    """The work could not be finished, but what is there can be continued."""

    exit_code = ExitCode.INCOMPLETE


class NotComparableError(BenchError):
    """Two things that were to be continued or compared are not of one identity."""

    exit_code = ExitCode.NOT_COMPARABLE


class EvaluationError(BenchError):
    """The model, the data or the machine failed while the evaluation ran."""

    exit_code = ExitCode.FAILED


class RecordError(UsageError):
    """A record breaks one of its own rules: a shape, a range, a missing column."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, listing: str | None = None) -> UsageError:
    """Error for a name that is not registered, with the nearest known one suggested.

    `listing` is the command that shows the known names (default: `bench list <kind>s`).
    """
    known = sorted(known)
    near = [k for k in known if name and name in re.split(r"[/:-]", k)]  # a part of a name is nearer than a like one
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [k for k in known if name and name in k]
    command = listing or f"bench list {kind}s"
    fix = f"did you mean '{near[0]}'?  All of them: {command}" if near else f"see all of them: {command}"
    return UsageError(f"unknown {kind} '{name}'", cause=f"no {kind} of that name is registered", fix=fix)
