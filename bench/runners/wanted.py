"""What is to be measured on a record: what its task asks for, and what the user asks for beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from bench.components import Calibrator, Metric, Score, Task
from bench.errors import UsageError
from bench.records import Classification, Generations, Record, Scores
from bench.records.long import Long
from bench.registry import chosen, components

if TYPE_CHECKING:
    from bench.config import RunConfig

ALL = "all"
# The area of a record that came without a task.
AREAS: Mapping[str, str] = {
    "classification": "calibration",
    "regression": "uncertainty",
    "choices": "calibration",
    "tokens": "likelihood",
    "density": "likelihood",
    "generations": "reasoning",
    "ood": "ood",
}

C = TypeVar("C", Score, Calibrator)


@dataclass(frozen=True)
class Wanted:
    """What is to be measured on a record: names of metrics (none: the defaults), scores and calibrators.

    more: metrics beside those ("all": every one that fits).  own: the task's own metrics for its record.  asked:
    whether someone asked for these; then what does not apply is noted, else it is passed over.
    """

    area: str
    metrics: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    calibrators: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    asked: bool = True
    own: Callable[[Record], Sequence[Metric]] | None = None


def by_task(task: Task, config: RunConfig) -> Wanted:
    """What a task (see `extended`) asks for, and the metrics that the user adds."""
    return Wanted(task.area, task.metrics, task.scores, task.calibrators, config.metrics, own=task.own)


def extended(task: Task, config: RunConfig) -> Task:
    """The task with the scores and calibrators that the user adds, as far as its record can bear them."""
    return replace(
        task,
        scores=_joined(task.scores, _added(Score, config.scores, task.yields)),
        calibrators=_joined(task.calibrators, _added(Calibrator, config.calibrators, task.yields)),
    )


def for_record(record: Record | Long, config: RunConfig) -> Wanted:
    """What a record that came without a task is measured by: the defaults of its kind, and every score it can bear."""
    head = record.head if isinstance(record, Long) else record
    area = "ood" if head.ood is not None else AREAS.get(head.kind, "general")
    fit = len(record.split("calibration"))
    calibrators = tuple(c.name for c in components(Calibrator).values() if c.default and _can(c, head, fit))
    added = _added(Calibrator, config.calibrators, type(head))
    return Wanted(
        area,
        scores=_joined(_bearable(head, len(record.split("train"))), _added(Score, config.scores, type(head))),
        calibrators=_joined(calibrators, tuple(n for n in added if _can(chosen(Calibrator, n), head, fit))),
        more=config.metrics,
        asked=isinstance(head, Scores),  # whoever brings scores wants them judged
    )


def check_names(config: RunConfig, yields: set[type[Record]]) -> None:
    """Raise `UsageError` for an added name that is unknown, or that fits none of the records that will be made."""
    for cls, names in ((Metric, config.metrics), (Score, config.scores), (Calibrator, config.calibrators)):
        for name in names:
            if name != ALL:
                component = chosen(cls, name)
                if isinstance(component, Score | Calibrator) and not any(issubclass(y, component.of) for y in yields):
                    raise UsageError(
                        f"{cls.kind} '{name}' fits none of the tasks",
                        cause=f"it takes {component.of.__name__}, and they make "
                        + ", ".join(sorted(y.__name__ for y in yields)),
                        fix=f"leave it out; bench show {cls.kind} {name}",
                    )


def _added(cls: type[C], names: tuple[str, ...], of: type[Record]) -> tuple[str, ...]:
    every: list[C] = list(components(cls).values()) if ALL in names else []
    named = [chosen(cls, name) for name in names if name != ALL]
    return tuple(dict.fromkeys(c.name for c in every + named if issubclass(of, c.of)))


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _can(calibrator: Calibrator, record: Record, fit: int) -> bool:
    return isinstance(record, calibrator.of) and (not calibrator.fits or fit > 1)


def _bearable(record: Record, train: int) -> tuple[str, ...]:
    """Scores that can be computed and held against `ood`."""
    if isinstance(record, Scores):
        return ("given",)
    if isinstance(record, Generations):
        return tuple(s.name for s in components(Score).values() if s.of is Generations)
    if record.ood is None or not isinstance(record, Classification):
        return ()
    has_train = train > 0 and record.features is not None
    bearable = [s for s in components(Score).values() if s.of is Classification]
    return tuple(s.name for s in bearable if has_train or not s.fitted)
