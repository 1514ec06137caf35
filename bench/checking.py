"""Running known-truth checks: bench's answer beside the true one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.components import Component, Truth
from bench.errors import UsageError, unknown_name
from bench.registry import components


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One truth held against its estimate; numbers are `None` where the check crashed, and `message` says why."""

    name: str
    area: str
    label: str
    truth: float | None
    estimate: float | None
    error: float | None
    tolerance: float | None
    passed: bool
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """The line of `bench check --json`."""
        return dict(vars(self))

    def as_text(self) -> str:
        """The line for a person: the verdict in words, then the numbers."""
        name = f"{self.name} ({self.label})" if self.label else self.name
        verdict = "ok  " if self.passed else "FAIL"
        if self.truth is None or self.estimate is None:
            return f"{verdict}  {name}: {self.message}"
        numbers = f"truth {self.truth:.6g}, estimate {self.estimate:.6g}, off by {self.error:.2g}"
        return f"{verdict}  {name}: {numbers} (tolerance {self.tolerance:.2g})"


def select(areas: Sequence[str], names: Sequence[str]) -> list[Component]:
    """The checks of those areas and names (empty: all).  No check at all is an error, never a success."""
    known = components("check")
    all_areas = sorted({component.area for component in known.values()})
    for area in areas:
        if area not in all_areas:
            raise unknown_name("area", area, all_areas, listing="bench list checks")
    for name in names:
        if name not in known:
            raise unknown_name("check", name, known)
    chosen = [c for c in known.values() if (not areas or c.area in areas) and (not names or c.name in names)]
    if not chosen:
        raise UsageError(
            "there is no check to run",
            cause="no check has all that was asked for" if known else "no check is registered",
            fix="see them all: bench list checks",
        )
    return chosen


def run(checks: Iterable[Component]) -> Iterator[Outcome]:
    """Run checks one after the other; one that crashes, or that checks nothing, has failed."""
    for check in checks:
        try:
            result = check.function()
            truths = [result] if isinstance(result, Truth) else list(result)
        except Exception as error:  # noqa: BLE001 - a crash in a check is that check's failure
            yield _failure(check, f"{type(error).__name__}: {error}")
            continue
        if not truths:
            yield _failure(check, "it checked nothing")
        for truth in truths:
            yield Outcome(
                name=check.name,
                area=check.area,
                label=truth.label,
                truth=float(truth.truth),
                estimate=float(truth.estimate),
                error=float(truth.error),
                tolerance=float(truth.tolerance),
                passed=truth.passed,
            )


def _failure(check: Component, message: str) -> Outcome:
    return Outcome(
        name=check.name,
        area=check.area,
        label="",
        truth=None,
        estimate=None,
        error=None,
        tolerance=None,
        passed=False,
        message=message,
    )
