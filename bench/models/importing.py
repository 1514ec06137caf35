"""Reaching a user's Python function by name: `package.module:function` or `file.py:function`."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.errors import EvaluationError, UsageError


def load_callable(reference: str) -> Callable[..., Any]:
    """The function or class that `module:name` or `path/file.py:name` names.

    Raises `UsageError` where the module, the file or the name is not there.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise UsageError(
            f"'{reference}' names no function", cause="module:function is expected", fix="write module:function"
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_path(place)
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(
            f"'{name}' is no function of {place}",
            cause="the module has nothing callable of that name",
            fix=_suggestion(name, [n for n in vars(module) if callable(getattr(module, n)) and n[0] != "_"]),
        )
    return found


def call(function: Callable[..., Any], reference: str, parameters: dict[str, Any]) -> Any:
    """What the user's function returns; its failure becomes a `UsageError` (parameters) or an `EvaluationError`."""
    import inspect

    try:
        inspect.signature(function).bind(**parameters)
    except TypeError as error:
        raise UsageError(
            f"'{reference}' does not take these parameters", cause=str(error), fix="see the function's signature"
        ) from error
    except ValueError:
        pass  # no signature to hold them against
    try:
        return function(**parameters)
    except (Exception, SystemExit) as error:
        raise EvaluationError(
            f"'{reference}' failed", cause=f"{type(error).__name__}: {error}", fix="call it in Python to see more"
        ) from error


def source_digest(reference: str) -> str:
    """Digest of the file that a `file.py:name` reference runs; empty for an importable module."""
    path = Path(reference.rpartition(":")[0])
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() if path.suffix == ".py" else ""


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"'{path}' not found", cause="there is no such file", fix="give the path of a Python file")
    name = "bench_model_" + hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"'{path}' cannot be loaded", cause="it is not a Python file", fix="give a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # classes defined there need their module to be found
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"'{path}' failed to load", cause=f"{type(error).__name__}: {error}", fix=f"python {path}"
        ) from error
    return module


def _from_path(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"module '{name}' cannot be imported",
            cause=f"{type(error).__name__}: {error}",
            fix="install it, or give the path of a .py file",
        ) from error


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else "name one of: " + (", ".join(sorted(known)[:8]) or "(nothing)")
