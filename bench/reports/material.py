"""What a report is made from: a run folder's manifest, cells, results and records, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError
from bench.records import Record
from bench.records.long import Long
from bench.results import Result

AREAS: tuple[str, ...] = ("likelihood", "calibration", "ood", "uncertainty", "reasoning", "efficiency", "general")
SAMPLE = 200_000  # rows of a record too long for memory that its figures are drawn from


class Folder(Protocol):
    """The part of a run folder that reports read."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What `run.json` says of the run: suite, seed, created, versions, hardware, git, config."""
        ...

    @property
    def cells(self) -> Any:
        """Entries, one a model × task × decoder: mappings or objects with the fields of `Cell`."""
        ...

    def results(self) -> Sequence[Result]:
        """All measured numbers."""
        ...

    def record(self, cell: str) -> Record:
        """What the model answered in that cell."""
        ...

    def long(self, cell: str) -> Long | None:
        """The same in blocks, where it is too long for memory; else `None`."""
        ...


@dataclass(frozen=True)
class Cell:
    """One model on one task: how it went.

    family: of a failed training by one of several seeds, the model.
    """

    name: str
    model: str
    task: str
    decoder: str
    area: str
    status: str
    n: int
    n_failed: int
    error: str
    unmeasured: str = ""
    calibrations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engine: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    family: str = ""

    @property
    def failed(self) -> bool:
        """Whether the cell gave no record."""
        return self.status == "failed" or bool(self.error)

    @property
    def done(self) -> bool:
        """Whether the cell was finished."""
        return self.status == "done" and not self.error


@dataclass(frozen=True)
class Material:
    """A run folder as reports see it.  Records are read when first asked for, each once."""

    folder: Folder
    manifest: Mapping[str, Any]
    cells: tuple[Cell, ...]
    results: tuple[Result, ...]
    _records: dict[str, Record | None] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    sampled: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def gather(folder: Folder) -> Material:
        """Read the manifest and the results of a run folder."""
        entries = folder.cells
        entries = entries.values() if isinstance(entries, Mapping) else entries
        cells, sampled = _as_one([_cell(e) for e in entries])
        results = tuple(_in_order(cells, folder.results()))
        return Material(folder, folder.manifest, cells, results, sampled=sampled)

    def record(self, cell: Cell) -> Record | None:
        """The cell's record; `None` where the cell failed or its data cannot be read (the reason is kept)."""
        if cell.name not in self._records:
            try:
                self._records[cell.name] = self._read(cell.name) if not cell.failed else None
            except (BenchError, OSError) as error:
                self._records[cell.name] = None
                self.unreadable[cell.name] = error.what if isinstance(error, BenchError) else type(error).__name__
        return self._records[cell.name]

    def _read(self, name: str) -> Record:
        long = self.folder.long(name)
        if long is None:
            return self.folder.record(name)
        record = long.sample(SAMPLE)
        self.sampled[name] = f"figures are drawn from {len(record):,} of its {len(long):,} rows, taken at random"
        return record

    def tested(self, cell: Cell) -> Record | None:
        """The record's test split, or `None`."""
        record = self.record(cell)
        if record is None:
            return None
        test = record.split("test")
        return test if len(test) else None

    @cached_property
    def areas(self) -> tuple[str, ...]:
        """Areas that have a result, in the order of the report; unknown ones last."""
        present = {r.area for r in self.results}
        return tuple(a for a in AREAS if a in present) + tuple(sorted(present - set(AREAS)))

    def of(self, area: str) -> list[Result]:
        """The area's results."""
        return [r for r in self.results if r.area == area]

    def cells_of(self, area: str) -> list[Cell]:
        """Cells of the area, in order, whether finished or not."""
        return [c for c in self.cells if c.area == area]

    def tasks_of(self, cells: Iterable[Cell]) -> dict[str, list[Cell]]:
        """Cells by task, both in order of appearance."""
        grouped: dict[str, list[Cell]] = {}
        for cell in cells:
            grouped.setdefault(cell.task, []).append(cell)
        return grouped

    def result(self, cell: Cell, metric: str, **where: str) -> Result | None:
        """The cell's number of that name with the given calibrator, score and slice (empty by default)."""
        wanted = {"calibrator": "", "score": "", "slice": "", **where}
        for r in self.results:
            if (r.model, r.task, r.decoder, r.metric) == (cell.model, cell.task, cell.decoder, metric) and all(
                getattr(r, k) == v for k, v in wanted.items()
            ):
                return r
        return None


def _as_one(cells: Sequence[Cell]) -> tuple[tuple[Cell, ...], dict[str, str]]:
    """Of the cells of one model trained by several seeds the first that is done, and what is to be said of it.

    Those that failed stay, each under its own name.
    """
    families: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.family and cell.done:
            families.setdefault((cell.family, cell.task, cell.decoder), []).append(cell)
    first = {own[0].name: own for own in families.values()}
    later = {cell.name for own in families.values() for cell in own[1:]}
    kept = tuple(
        replace(c, model=c.family, n_failed=max(x.n_failed for x in first[c.name]), unmeasured=_said(first[c.name]))
        if c.name in first
        else c
        for c in cells
        if c.name not in later
    )
    told = {
        name: f"figures are drawn from {own[0].model}; numbers are of all {len(own)} seeds"
        for name, own in first.items()
        if len(own) > 1
    }
    return kept, told


def _said(cells: Sequence[Cell]) -> str:
    return "; ".join(dict.fromkeys(cell.unmeasured for cell in cells if cell.unmeasured))


def _in_order(cells: Sequence[Cell], results: Sequence[Result]) -> list[Result]:
    """Results by task, then by model, both as the plan has them; equal ones as they stand."""
    tasks = {task: i for i, task in enumerate(dict.fromkeys(c.task for c in cells))}
    models = {model: i for i, model in enumerate(dict.fromkeys(c.model for c in cells))}
    last = len(cells)
    return sorted(results, key=lambda r: (tasks.get(r.task, last), models.get(r.model, last), r.decoder))


def _cell(entry: Any) -> Cell:
    def get(key: str, default: Any) -> Any:
        return entry.get(key, default) if isinstance(entry, Mapping) else getattr(entry, key, default)

    task = str(get("task", "") or "")
    status = str(get("status", "done") or "done")
    return Cell(
        name=str(get("name", "")),
        model=str(get("model", "") or ""),
        task=task,
        decoder=str(get("decoder", "") or ""),
        area=str(get("area", "") or task.partition("/")[0]),
        status="done" if status == "complete" else status,
        n=int(get("n", 0) or 0),
        n_failed=int(get("n_failed", 0) or 0),
        error=str(get("error", "") or ""),
        unmeasured=str(get("unmeasured", "") or ""),
        calibrations=get("calibrations", None) or {},
        engine=str(get("engine", "") or ""),
        cost=get("cost", None) or {},
        family=str(get("family", "") or ""),
    )
