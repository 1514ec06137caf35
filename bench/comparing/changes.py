"""The samples behind a difference: which became right, which became wrong, and which moved most, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Ints
from bench.comparing.comparison import Comparison
from bench.comparing.evidence import CellEvidence, Evidence, digests
from bench.comparing.gathering import sample_ids
from bench.comparing.pairing import Match
from bench.records import Choices, Classification, Generations, Record
from bench.reports.headlines import PRIMARY
from bench.runners.folder import RunFolder

MOST = 20
LONGEST = 400


@dataclass(frozen=True, kw_only=True)
class Change:
    """One sample as both sides answered it.  gained: whether the candidate did better.  by: how far it moved."""

    id: str
    gained: bool
    by: float
    target: str
    reference: str
    candidate: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What changed in one cell by one metric: how many each way, and those of them that moved farthest."""

    task: str
    decoder: str
    models: tuple[str, str]
    metric: str
    gained: int
    lost: int
    shown: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def changes(comparison: Comparison, *, most: int = MOST) -> list[Changes]:
    """What changed, cell by cell, `most` samples each way; a sample stays nameless without the records."""
    if not (comparison.reference.folder and comparison.candidate.folder):
        return []
    runs = RunFolder.open(Path(comparison.reference.folder)), RunFolder.open(Path(comparison.candidate.folder))
    found = []
    for one in comparison.reference.cells:
        for other in comparison.candidate.cells:
            m = comparison.matches.get((one.task, one.decoder, other.model))
            if m is None or (one.task, one.decoder) != (other.task, other.decoder):
                continue
            if (
                len(comparison.reference.models) > 1
                and len(comparison.candidate.models) > 1
                and one.model != other.model
            ):
                continue
            changed = _of_cells(runs, (one, other), m, most)
            if changed is not None:
                found.append(changed)
    return found


def _of_cells(
    runs: tuple[RunFolder, RunFolder], cells: tuple[CellEvidence, CellEvidence], m: Match, most: int
) -> Changes | None:
    if any(cell.trainings > 1 for cell in cells):
        return None  # each seed answers for itself, and a mean of answers is none
    number = _headline(cells[0])
    twin = cells[1].number(number.key) if number else None
    if number is None or twin is None or number.value is None or twin.value is None:
        return None
    sign = -1.0 if number.better == "lower" else 1.0
    moved = sign * (twin.values[m.rows[1]] - number.values[m.rows[0]])
    moved = np.where(np.isnan(moved), 0.0, moved)
    records = [_record(run, cell) for run, cell in zip(runs, cells, strict=True)]
    ids = sample_ids(runs[0], _name(runs[0], cells[0]))
    shown = []
    for gained in (True, False):
        way = np.flatnonzero(moved > 0 if gained else moved < 0)
        for k in way[np.argsort(-np.abs(moved[way]), kind="stable")][:most]:
            rows = int(m.rows[0][k]), int(m.rows[1][k])
            shown.append(
                Change(
                    id=str(ids[rows[0]]),
                    gained=gained,
                    by=float(moved[k]),
                    target=_target(records[0], rows[0]),
                    reference=_answer(records[0], rows[0], number),
                    candidate=_answer(records[1], rows[1], twin),
                )
            )
    return Changes(
        task=cells[0].task,
        decoder=cells[0].decoder,
        models=(cells[0].model, cells[1].model),
        metric=number.metric,
        gained=int((moved > 0).sum()),
        lost=int((moved < 0).sum()),
        shown=tuple(shown),
    )


def _headline(cell: CellEvidence) -> Evidence | None:
    """The number by which samples are said to have changed: right or wrong where there is such, else the area's own."""
    plain = {
        e.metric: e for e in cell.numbers if not (e.calibrator or e.score or e.slice) and e.kind in {"share", "mean"}
    }
    order: Sequence[str] = ("accuracy", "nll", *PRIMARY.get(cell.area, ()), "nll-nats", "crps", *plain)
    return next((plain[name] for name in order if name in plain and plain[name].better != "none"), None)


def _name(run: RunFolder, cell: CellEvidence) -> str:
    wanted = (cell.model, cell.task, cell.decoder)
    return next(e.name for e in run.cells if (e.model, e.task, e.decoder) == wanted)


def _record(run: RunFolder, cell: CellEvidence) -> Record:
    test = run.record(_name(run, cell)).split("test")
    order: Ints = np.argsort(digests(test.ids, "sample ids"))
    return test.take(order)


def _target(record: Record, row: int) -> str:
    if isinstance(record, Generations):
        return "" if record.target is None else str(record.target[row])[:LONGEST]
    if isinstance(record, Classification | Choices):
        return str(int(record.labels[row]))
    y = getattr(record, "y", None)
    return "" if y is None else f"{float(y[row]):.5g}"


def _answer(record: Record, row: int, number: Evidence) -> str:
    """What was answered: the text, the class and its probability, or the sample's number."""
    if isinstance(record, Generations):
        text = str(record.text[row][0]).strip()
        return f"{record.answer[row]}\n{text}"[:LONGEST]
    if isinstance(record, Classification | Choices):
        return f"{int(record.predicted[row])} at {100 * float(record.confidence[row]):.0f} %"
    return f"{number.metric} {float(number.values[row]):.5g}"
