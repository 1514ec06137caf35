"""`bench show`: the whole entry of one component, suite or record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    kind: Annotated[str, typer.Argument(help="metric, task, model, score, decoder, calibrator, check, suite, record.")],
    name: Annotated[str, typer.Argument(help="Its name; KIND may be left out where the name is enough.")] = "",
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    include_paths: Annotated[
        list[Path] | None,
        typer.Option("--include-path", metavar="DIR", help="A folder with lm-evaluation-harness tasks of your own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Show everything about one component: what it is, its source, unit, range and parameters.

    `bench show record classification` prints the columns of that record and how a file of predictions names them.
    """
    from bench.cli import output
    from bench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)
    if include_paths or "lm-eval:" in f"{kind} {name}":
        from bench.harness import index

        index.told_to(output.note)
        index.include(tuple(include_paths or ()))
    facts = _facts(kind, name)
    if as_json:
        output.emit(facts)
    else:
        for text in facts.pop("text", None) or _written(facts):
            output.data(text)


def _facts(kind: str, name: str) -> dict[str, Any]:
    from bench.components import KINDS
    from bench.errors import UsageError, unknown_name
    from bench.registry import HARNESS

    singular = kind.lower().removesuffix("s")
    if singular == "record":
        return _record(name)
    if singular == "suite":
        return _suite(name)
    if singular in KINDS and name:
        return _component(singular, name)
    if singular in KINDS:
        raise UsageError(f"which {singular}?", cause="a name is missing", fix=f"see them all: bench list {singular}s")
    if kind.startswith(f"{HARNESS}:"):
        return _component("task", kind)
    if name:
        raise unknown_name("kind", kind, [*KINDS, "suite", "record"], listing="bench list")
    return _anywhere(kind)


def _anywhere(name: str) -> dict[str, Any]:
    """A component by its name alone, if only one kind has it."""
    from bench.components import KINDS
    from bench.errors import UsageError, unknown_name
    from bench.registry import components

    plain = name.partition(",")[0].partition(":")[0]
    found = [kind for kind in KINDS if plain in components(kind)]
    if not found:
        raise unknown_name("component", name, [n for kind in KINDS for n in components(kind)], listing="bench list")
    if len(found) > 1:
        raise UsageError(
            f"'{name}' is the name of a {' and a '.join(found)}",
            cause="the name alone doesn't say which",
            fix=f"bench show {found[0]} {name}",
        )
    return _component(found[0], plain)


def _component(kind: str, name: str) -> dict[str, Any]:
    from bench.describe import entry
    from bench.registry import HARNESS, components, find

    if kind == "task" and name.startswith(f"{HARNESS}:"):
        from bench.harness.facts import facts

        return facts(name)
    known = components(kind)
    # `bench show model hf:./checkpoint,dtype=float16` means the model `hf`.
    return entry(known[name] if name in known else find(kind, name.partition(",")[0].partition(":")[0] or name))


def _suite(name: str) -> dict[str, Any]:
    from bench.suites import load

    return {"kind": "suite", **load(name or "quick").model_dump(mode="json")}


def _record(name: str) -> dict[str, Any]:
    from bench.predictions import conventions

    return conventions.facts(name) if name else conventions.overview()


def _written(facts: dict[str, Any]) -> list[str]:
    """The facts as text: the name, the docstring, then one fact a line."""
    lines = [f"{facts['kind']} {facts['name']}", ""]
    doc = facts.get("doc") or facts.get("description") or ""
    lines += [f"  {text}".rstrip() for text in doc.splitlines()] + [""] if doc else []
    hidden = {"kind", "name", "doc", "description", "summary"}
    for key, value in facts.items():
        if key not in hidden and value not in ("", [], {}, None):
            lines += _fact(key, value)
    return lines


def _fact(key: str, value: Any) -> list[str]:
    if key == "range":
        low, high = ("inf" if v is None else f"{v}" for v in value)
        return [f"  {key:<12}{'-' if low == 'inf' else ''}{low} .. {high}"]
    if isinstance(value, dict):
        return [f"  {key}", *(f"    {k} = {'unset' if v is None else v}" for k, v in value.items())]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [f"  {key}", *(f"    - {', '.join(f'{k}: {v}' for k, v in row.items() if v)}" for row in value)]
    if isinstance(value, list):
        return [f"  {key:<12}" + "; ".join(map(str, value))]
    written = str(value).replace("\n", "\\n")
    return [f"  {key:<12}{written}" if len(key) < 12 else f"  {key} {written}"]
