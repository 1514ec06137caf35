"""`bench list`: what there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

_OTHERS = ("suite", "paper")


def command(
    kind: Annotated[
        str,
        typer.Argument(
            help="models, tasks, metrics, scores, decoders, verifiers, calibrators, suites, papers, checks; none: all."
        ),
    ] = "",
    family: Annotated[
        str, typer.Argument(metavar="[lm-eval]", help="tasks lm-eval: those of lm-evaluation-harness.")
    ] = "",
    include_paths: Annotated[
        list[Path] | None,
        typer.Option("--include-path", metavar="DIR", help="A folder with lm-evaluation-harness tasks of your own."),
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List models, tasks, metrics and everything else that bench knows."""
    from bench.cli import output
    from bench.components import KINDS
    from bench.errors import unknown_name
    from bench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)
    kinds = (*KINDS, *_OTHERS)
    singular = kind.lower().removesuffix("s")
    if kind and singular not in kinds:
        raise unknown_name("kind", kind, [f"{k}s" for k in kinds], listing="bench list")
    if family:
        _refuse_family(kind, family)
        _harness(include_paths or [], as_json=as_json)
        return
    lines = _lines(singular) if kind else [_overview(k) for k in kinds]
    if as_json:
        for line in lines:
            output.emit(line)
        return
    columns = _columns(singular)
    output.table([[_cell(line[key]) for key in columns] for line in lines], list(columns))
    if singular == "task":
        output.note("lm-eval:NAME asks any task of lm-evaluation-harness: bench list tasks lm-eval")


def _refuse_family(kind: str, family: str) -> None:
    from bench.errors import UsageError
    from bench.registry import HARNESS

    if family != HARNESS or kind.lower().removesuffix("s") != "task":
        raise UsageError(
            f"no '{family}' among the {kind}",
            cause=f"only tasks come from elsewhere too, and only from '{HARNESS}'",
            fix=f"bench list tasks {HARNESS}",
        )


def _harness(folders: list[Path], *, as_json: bool) -> None:
    """The tasks, groups and tags of the harness, without importing it once they are indexed."""
    from bench.cli import output
    from bench.harness import index

    index.told_to(output.note)
    index.include(tuple(folders))
    rows = [[f"lm-eval:{entry.name}", entry.kind, index.where(entry)] for entry in index.entries().values()]
    if as_json:
        for row in rows:
            output.emit(dict(zip(("name", "kind", "where"), row, strict=True)))
    else:
        output.table(rows, ["name", "kind", "where"])


def _overview(kind: str) -> dict[str, Any]:
    return {"kind": f"{kind}s", "number": _count(kind), "command": f"bench list {kind}s"}


def _count(kind: str) -> int:
    """How many there are, without describing each: this is what a newcomer asks first."""
    if kind == "suite":
        from bench.suites import names

        return len(names())
    if kind == "paper":
        from bench.papers import hosted

        return len({h.paper for h in hosted()})
    from bench.registry import components

    return len(components(kind))


def _columns(kind: str) -> tuple[str, ...]:
    return {
        "": ("kind", "number", "command"),
        "suite": ("name", "cells", "description"),
        "paper": ("component", "kind", "check", "paper"),
        "metric": ("name", "area", "of", "better", "unit", "range", "bias", "source"),
        "task": ("name", "area", "needs", "yields", "summary"),
        "model": ("name", "gives", "summary"),
    }.get(kind, ("name", "area", "source", "summary"))


def _lines(kind: str) -> list[dict[str, Any]]:
    if kind == "suite":
        return list(_suites())
    if kind == "paper":
        import dataclasses

        from bench.papers import hosted

        return [dataclasses.asdict(h) for h in hosted()]
    from bench.describe import line
    from bench.registry import components

    return [line(component) for component in components(kind).values()]


def _suites() -> Iterable[dict[str, Any]]:
    from bench.suites import suites

    common = {"area": "general", "source": "", "better": "none", "unit": "", "range": [None, None]}
    for name, suite in suites().items():
        models = {m for cell in suite.cells for m in cell.models}
        tasks = {t for cell in suite.cells for t in cell.tasks}
        cells = sum(len(cell.models) * len(cell.tasks) * max(len(cell.decoders), 1) for cell in suite.cells)
        yield {
            "kind": "suite",
            "name": name,
            **common,
            "models": sorted(models),
            "tasks": sorted(tasks),
            "cells": cells,
            "description": suite.description,
        }


def _cell(value: Any) -> str:
    if isinstance(value, list):
        ends = len(value) == 2 and all(v is None or isinstance(v, int | float) for v in value)
        if ends:
            return f"{'-inf' if value[0] is None else value[0]} .. {'inf' if value[1] is None else value[1]}"
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
