"""Whether a folder may become a run, and whether it is one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from bench.errors import BenchError, IncompleteError, UsageError
from bench.runners.atomic import TEMPORARY, write_error
from bench.runners.sealed import read_sealed

RUN_SCHEMA = 1
MANIFEST = "run.json"
LOCK = "run.lock"


def read_manifest(path: Path) -> dict[str, Any]:
    """The content of run.json; errors as `read_sealed`."""
    return read_sealed(path / MANIFEST, version=RUN_SCHEMA, fix=manifest_fix())


def manifest_fix() -> str:
    """What to do about a manifest that is damaged."""
    return "put back a copy of run.json, or start a new run: bench eval --out NEW"


def refuse_stranger(path: Path) -> None:
    """Raise `UsageError` where there is no run."""
    try:
        found = (path / MANIFEST).is_file()
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read", cause=str(error), fix="make it readable") from error
    if not found:
        cause = f"there is no {MANIFEST} in it" if path.is_dir() else "there is no such folder"
        raise UsageError(f"'{path}' is not a run folder", cause=cause, fix="give a folder that bench eval --out wrote")


def refuse_occupied(path: Path) -> None:
    """Refuse a folder that holds anything but what a run that was killed before its manifest left there."""
    try:
        if path.exists() and not path.is_dir():
            raise UsageError(f"'{path}' is not a folder", cause="a file has that name", fix="give another --out")
        names = {p.name for p in path.iterdir()} if path.exists() else set()
    except OSError as error:
        raise creation_error(error, path) from error
    occupied = sorted(names - {LOCK} - {p.name for p in half_made(path)})
    if not occupied:
        return
    fix = "give another --out"
    if MANIFEST in occupied:
        fix = f"go on with it: bench eval --resume {shlex.quote(str(path))}, or give another --out"
    raise UsageError(f"'{path}' is not empty", cause=f"it holds {', '.join(occupied[:3])}", fix=fix)


def half_made(path: Path) -> list[Path]:
    """Manifests whose writing was cut short."""
    return list(path.glob(f".{MANIFEST}.*{TEMPORARY}"))


def creation_error(error: OSError, path: Path) -> BenchError:
    """The error for a run that could not be created."""
    shown = write_error(error, path, resumable=False)
    if isinstance(shown, IncompleteError):
        return shown
    return UsageError(f"no run can be written to '{path}'", cause=shown.cause, fix="give another --out")
