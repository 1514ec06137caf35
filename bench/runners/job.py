"""A planned cell with everything that its work needs: the task, its samples, and the entry for run.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.capabilities import Machine
from bench.components import Task
from bench.examples import Examples
from bench.registry import find_task
from bench.runners.ask import batch_size
from bench.runners.cells import CellEntry, cell_name
from bench.runners.identity import Identity
from bench.runners.models import identity
from bench.runners.plan import Cell, Plan, PlannedCell, asked_rows, load_examples
from bench.runners.wanted import Wanted, by_task, extended
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


def jobs_of(plan: Plan, config: RunConfig, machine: Machine, fingerprints: Mapping[Spec, str]) -> Iterator[Job]:
    """The jobs of a plan, in its order, for models with these fingerprints on that machine."""
    for planned in plan.cells:
        cell = planned.cell
        task = extended(find_task(cell.task), config)
        examples = load_examples(cell.task, seed=config.seed, limit=config.limit)
        asked = asked_rows(task, examples)
        keys = identity(cell, task, examples, asked, machine, fingerprints[cell.model], seed=config.seed)
        new = entry(cell, task.area, task.yields.kind, keys, batch=batch_size(task, machine))
        yield Job(planned, task, by_task(task, config), examples, asked, new)


def entry(cell: Cell, area: str, record: str, keys: Identity, *, batch: int) -> CellEntry:
    """The entry of a cell that was never asked."""
    decoder = str(cell.decoder or "")
    return CellEntry(
        name=cell_name(str(cell.task), str(cell.model), keys.digest, decoder=decoder),
        model=str(cell.model),
        task=str(cell.task),
        decoder=decoder,
        family=str(cell.family or ""),
        area=area,
        record=record,
        identity=dict(keys.keys),
        digest=keys.digest,
        batch=batch,
    )
