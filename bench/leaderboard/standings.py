"""From run folders to boards: one board a task and metric, one standing a model on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import UsageError
from bench.halves import each
from bench.reports import headlines
from bench.results import Result
from bench.runners.cells import CellEntry
from bench.runners.folder import RunFolder
from bench.runners.results import Head

# What must be equal for two numbers to stand on one board; the metric and the kind of likelihood must be too.
SAME_KEYS = ("task version", "data", "samples asked")


@dataclass(frozen=True, kw_only=True)
class Past:
    """An earlier number of the same model on the same board."""

    created: str
    value: float
    low: float | None
    high: float | None
    run: str


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Standing:
    """One model on one board, by its latest run.

    usual: whether the model stands by this decoder in aggregates: the first that its run names.  seconds: spent on
    1,000 samples, `None` where the run did not ask (saved predictions).  tokens: run through the model for 1,000
    samples, where it counted them.  past: earlier runs of it, oldest first.
    """

    result: Result
    run: RunFolder
    entry: CellEntry
    created: str
    usual: bool
    seconds: float | None
    tokens: float | None
    past: tuple[Past, ...] = ()

    @property
    def model(self) -> str:
        """The model's spec."""
        return self.result.model

    @property
    def name(self) -> str:
        """The model, and the decoder where that is not its usual one."""
        return self.model if self.usual else f"{self.model} · {self.result.decoder}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Board:
    """A task by its headline metric: who stands on it, and who failed and why.

    field: what its numbers may be aggregated with: the area, and for likelihoods their kind too.  variant: tells boards
    of one task apart: the kind of likelihood, or that the data are others.
    """

    task: str
    area: str
    field: str
    variant: str
    standings: tuple[Standing, ...]
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def result(self) -> Result:
        """Any of its results: metric, unit, range and direction are those of all."""
        return self.standings[0].result

    @cached_property
    def usual(self) -> dict[str, int]:
        """Position of each model that stands here by its usual decoder."""
        return {s.result.model: i for i, s in enumerate(self.standings) if s.usual}

    @property
    def name(self) -> str:
        """The task, and the variant in brackets."""
        return f"{self.task} ({self.variant})" if self.variant else self.task

    @property
    def metric(self) -> str:
        """The metric, and the score that it judges."""
        return f"{self.result.metric} of {self.result.score}" if self.result.score else self.result.metric

    @property
    def sign(self) -> float:
        """-1 where lower is better."""
        return -1.0 if self.result.better == "lower" else 1.0


class _Row(NamedTuple):
    result: Result
    run: RunFolder
    entry: CellEntry
    created: str
    place: int


def boards(paths: Sequence[Path]) -> list[Board]:
    """The boards of all runs, in the order of areas and tasks.

    Numbers without a direction and those after a calibrator stand on none.  Raises `UsageError` for runs without any
    number that could.
    """
    runs = [RunFolder.open(path) for path in paths]
    cells = [{(c.model, c.task, c.decoder): c for c in run.cells} for run in runs]
    firsts: dict[tuple[str, str], int] = {}
    kept = each(lambda k: runs[k].results(partial(_may_stand, cells[k], firsts)), range(len(runs)))
    rows: list[_Row] = []
    for place, (run, entries, results) in enumerate(zip(runs, cells, kept, strict=True)):
        created = str(run.manifest.get("created", ""))
        rows += [_Row(r, run, entries[r.model, r.task, r.decoder], created, place) for r in results]
    found = list(_boards(rows, _failures(runs)))
    if not found:
        raise UsageError(
            "no number of these runs can stand on a leaderboard",
            cause="none has a value and a direction",
            fix="name runs that bench eval brought to their end",
        )
    return found


_PLACES = {(area, name): i for area, names in headlines.PRIMARY.items() for i, name in enumerate(names)}
_LAST = len(_PLACES)


def _may_stand(cells: Mapping[tuple[str, str, str], CellEntry], firsts: dict[tuple[str, str], int], row: Head) -> bool:
    """Whether a row of results.json may be a headline; of most it is known before it is made a `Result`.

    firsts: the place in `PRIMARY` of the best metric that a task has had up to now, filled here.
    """
    area, task = row["area"], row["task"]
    place, best = _PLACES.get((area, row["metric"]), _LAST), firsts.get((area, task), _LAST)
    if place > best or row["calibrator"] or row["slice"] or row["better"] == "none" or row["value"] is None:
        return False
    if (row["model"], task, row["decoder"]) not in cells:
        return False
    if place < best:
        firsts[area, task] = place
    return True


def _boards(rows: Sequence[_Row], failures: Mapping[str, Mapping[str, str]]) -> Iterable[Board]:
    by_area: dict[str, list[_Row]] = {}
    for row in rows:
        by_area.setdefault(row.result.area, []).append(row)
    order = [a for a in headlines.PRIMARY if a in by_area] + sorted(set(by_area) - set(headlines.PRIMARY))
    for area in order:
        row_of = {id(row.result): row for row in by_area[area]}
        chosen = [row_of[id(r)] for r in headlines.primary(area, [row.result for row in by_area[area]])]
        grouped: dict[tuple[str, str], dict[tuple[str, ...], list[_Row]]] = {}
        for row in chosen:
            data = tuple([str(row.entry.identity.get(k, "")) for k in SAME_KEYS])
            grouped.setdefault((row.result.task, row.result.likelihood), {}).setdefault(data, []).append(row)
        kinds = {task: len({k for t, k in grouped if t == task}) for task, _ in grouped}
        for (task, kind), versions in grouped.items():
            for number, members in enumerate(versions.values(), start=1):
                parts = [kind] if kind and kinds[task] > 1 else []
                parts += [f"data {number} of {len(versions)}"] if len(versions) > 1 else []
                standings = _standings(members)
                there = {s.model for s in standings}
                yield Board(
                    task=task,
                    area=area,
                    field=f"{area}, {kind}" if kind else area,
                    variant=", ".join(parts),
                    standings=standings,
                    failed={m: why for m, why in failures.get(task, {}).items() if m not in there},
                )


def _standings(rows: Sequence[_Row]) -> tuple[Standing, ...]:
    """Each model and decoder once, by its latest run."""
    usual: dict[str, str] = {}
    by_name: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        model, decoder = row.result.model, row.result.decoder
        usual.setdefault(model, decoder)
        by_name.setdefault((model, decoder), []).append(row)
    found = []
    for (model, decoder), members in by_name.items():
        dated = sorted(members, key=lambda row: (row.created, row.place)) if len(members) > 1 else members
        last = dated[-1]
        entry, asked = last.entry, max(last.entry.n, 1)
        run_tokens = sum([n for k, n in entry.cost.items() if k.endswith("_tokens_run")])
        found.append(
            Standing(
                result=last.result,
                run=last.run,
                entry=entry,
                created=last.created,
                usual=usual[model] == decoder,
                seconds=1000 * entry.seconds / asked if entry.seconds else None,
                tokens=1000 * run_tokens / asked if run_tokens else None,
                past=tuple([_past(row) for row in dated[:-1] if row.created != last.created]),
            )
        )
    return tuple(found)


def _past(row: _Row) -> Past:
    r = row.result
    return Past(created=row.created, value=float(r.value or 0.0), low=r.low, high=r.high, run=row.run.path.name)


def _failures(runs: Sequence[RunFolder]) -> dict[str, dict[str, str]]:
    """Why a model has no number on a task, by task and model: it failed, rather than was never asked."""
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        for cell in run.cells:
            if cell.status != "done":
                found.setdefault(cell.task, {})[cell.model] = cell.error or "the run was not finished"
    return found


def with_values(board: Board, values: Mapping[str, tuple[float, float | None, float | None, str]]) -> Board:
    """The board with other values, intervals and methods, by the standing's name."""

    def changed(s: Standing) -> Standing:
        if s.name not in values:
            return s
        value, low, high, method = values[s.name]
        return replace(s, result=replace(s.result, value=value, low=low, high=high, method=method))

    return replace(board, standings=tuple(map(changed, board.standings)))


def cost_of(standings: Iterable[Standing]) -> float | None:
    """Mean seconds for 1,000 samples over boards; `None` where one does not say."""
    seconds: list[Any] = [s.seconds for s in standings]
    return None if not seconds or any(x is None for x in seconds) else float(sum(seconds) / len(seconds))
