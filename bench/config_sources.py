"""The places a setting can come from: each is read into a `Layer`, values with their origins."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import UsageError

LISTS = {"models", "tasks", "decoders", "metrics", "scores", "calibrators", "plugins", "include_paths"}
# Variables that steer the program rather than a run; the command line reads them itself.
_OTHER_VARIABLES = {"BENCH_DEBUG"}


@dataclass(frozen=True)
class Layer:
    """Values of one place: key -> (value, origin)."""

    values: Mapping[str, tuple[Any, str]] = field(default_factory=dict)


def from_environment(environ: Mapping[str, str] | None, keys: Sequence[str]) -> Layer:
    """`BENCH_SEED=7` and so on; lists are separated by `;`.

    A variable that resembles a setting is taken for a slip and refused; others may belong to another program.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, tuple[Any, str]] = {}
    for variable in sorted(v for v in environ if v.startswith("BENCH_") and v not in _OTHER_VARIABLES):
        key = variable.removeprefix("BENCH_").lower()
        text = environ[variable]
        if key in keys:
            value: Any = [part.strip() for part in text.split(";") if part.strip()] if key in LISTS else text
            if text:
                values[key] = (value, variable)
            continue
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.75)
        if near:
            raise UsageError(
                f"unknown setting in the environment: {variable}",
                cause="no setting has that name",
                fix=f"did you mean BENCH_{near[0].upper()}?  All of them: bench config show",
            )
    return Layer(values)


def from_project(cwd: Path, keys: Sequence[str]) -> Layer:
    """The nearest `bench.toml`, or pyproject.toml with `[tool.bench]`, from `cwd` upwards."""
    for folder in (cwd, *cwd.parents):
        for name, section in (("bench.toml", ()), ("pyproject.toml", ("tool", "bench"))):
            path = folder / name
            layer = _from_toml(path, section, keys) if path.is_file() else None
            if layer is not None:
                return layer
    return Layer()


def user_file() -> Path:
    """The user's own settings: $XDG_CONFIG_HOME/bench/config.toml, or the platform's like."""
    import platformdirs

    return platformdirs.user_config_path("bench") / "config.toml"


def from_user(keys: Sequence[str]) -> Layer:
    """The user's own settings, if there are any."""
    path = user_file()
    return (_from_toml(path, (), keys) if path.is_file() else None) or Layer()


def from_run(run: Path, skip: Collection[str]) -> Layer:
    """The configuration that a run folder was started with, so that resuming needs no flags."""
    path = run / "run.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["config"]
        return Layer(
            {key: (entry["value"], f"{path} ({entry['origin']})") for key, entry in stored.items() if key not in skip}
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"'{run}' is no run that can be resumed",
            cause=f"there is no {path}",
            fix="give the folder of a run, which bench eval printed when it began",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"'{path}' cannot be read", cause=f"{type(error).__name__}: {error}", fix="start the run anew"
        ) from error


def _from_toml(path: Path, section: tuple[str, ...], keys: Sequence[str]) -> Layer | None:
    """The settings of one file; `None` where it has no such section."""
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        table: Any = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"'{path}' cannot be read", cause=str(error), fix=f"correct {path}") from error
    for part in section:
        table = table.get(part)
        if not isinstance(table, dict):
            return None
    values: dict[str, tuple[Any, str]] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        line = _line_of(text, section, written)
        where = f"{path}:{line}" if line else str(path)
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?  " if near else ""
            raise UsageError(
                f"unknown setting '{written}' in {where}",
                cause="no setting has that name",
                fix=f"{hint}All of them: bench config show",
            )
        values[key] = (value, where)
    return Layer(values)


def _line_of(text: str, section: tuple[str, ...], key: str) -> int | None:
    """The line on which `key` is set in its section, for messages (tomllib keeps no positions)."""
    current: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            current = tuple(part.strip().strip("\"'") for part in header[1].split("."))
        elif current == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return None
