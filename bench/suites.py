"""Suites: which models are asked which tasks, as YAML in `bench/configs/` or in a file of the user's own."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field  # noqa: TID253 - the schema is the file's subject

from bench.errors import UsageError, unknown_name

FOLDER = Path(__file__).parent / "configs"


class SuiteCell(BaseModel):
    """Every one of `models` is asked every one of `tasks`, by every one of `decoders` (empty: the task's own).

    seeds: how many times each model is trained; their numbers become one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = Field(min_length=1)
    decoders: tuple[str, ...] = ()
    seeds: int = Field(default=1, ge=1)


class Suite(BaseModel):
    """A named list of cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    cells: tuple[SuiteCell, ...] = Field(min_length=1)


def names() -> list[str]:
    """The names of the built-in suites, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def suites() -> dict[str, Suite]:
    """The built-in suites, by name, sorted."""
    return {name: read(FOLDER / f"{name}.yaml") for name in names()}


def load(name: str) -> Suite:
    """A suite by its name, or by the path of a file (anything that ends in .yaml or .yml or has a slash)."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        if not path.is_file():
            raise UsageError(
                f"suite file '{name}' not found",
                cause="there is no such file",
                fix="give the path of a YAML file, or a name that bench list suites shows",
            )
        return read(path)
    if name not in names():
        raise unknown_name("suite", name, names())
    return read(FOLDER / f"{name}.yaml")


def read(path: Path) -> Suite:
    """Read and check one file; an error names the line."""
    from pydantic import ValidationError

    values, tree = yaml_values(path)
    if not isinstance(values, dict):
        raise UsageError(
            f"'{path}' holds no suite", cause="a suite has name and cells", fix="see bench show suite quick"
        )
    try:
        return Suite.model_validate(values)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the unknown one says more.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise _complaint(path, tree, first) from error


def yaml_values(path: Path) -> tuple[Any, Any]:
    """What a YAML file holds, and its tree of nodes with their places; a key that stands twice is refused."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(
            f"'{path}' is not valid YAML{line}", cause=str(error.problem or error), fix="correct that line"
        ) from error
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"'{path}' cannot be read", cause=str(error), fix="give a readable YAML file") from error
    for number, key in _duplicates(tree):
        raise UsageError(
            f"'{path}', line {number}: '{key}' occurs twice", cause="the second would hide the first", fix="keep one"
        )
    return values, tree


def _complaint(path: Path, tree: Any, error: Any) -> UsageError:
    """One validation error, with its line and, for an unknown key, the nearest known one."""
    location: tuple[str | int, ...] = tuple(error["loc"])
    where = f"'{path}', line {_line(tree, location)}"
    name = str(location[-1])
    fix = "see bench show suite quick"
    if error["type"] == "extra_forbidden":
        known = list((Suite if len(location) == 1 else SuiteCell).model_fields)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        if near:
            fix = f"did you mean '{near[0]}'?  {fix}"
        return UsageError(f"{where}: unknown key '{name}'", cause=f"the keys here are {', '.join(known)}", fix=fix)
    if error["type"] == "missing":
        return UsageError(f"{where}: '{name}' is missing", cause="it is required", fix=fix)
    dotted = ".".join(str(part) for part in location)
    return UsageError(f"{where}: '{dotted}' is wrong", cause=str(error["msg"]), fix=fix)


def _line(node: Any, location: tuple[str | int, ...]) -> int:
    """The line of the deepest node that lies on the way to `location`."""
    import yaml

    line: int = node.start_mark.line + 1
    for part in location:  # names in mappings, positions in sequences
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _duplicates(node: Any, looked_at: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """Keys that a mapping holds twice (YAML loaders keep the last one silently)."""
    import yaml

    # A node with an alias is met again, and may hold itself.
    looked_at = set() if looked_at is None else looked_at
    if id(node) in looked_at:
        return
    looked_at.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, key.value
            seen.add(key.value)
            yield from _duplicates(value, looked_at)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicates(value, looked_at)
