"""Where each task of the harness is defined: a name -> file index kept in the user's cache.

The harness parses all of its YAML files at every start.  Here that is done once for each folder; afterwards a name
leads to its file, and only what that file needs is read.  Losing the index costs the time to make it again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from bench.errors import UsageError, unknown_name

FORMAT = 1
LISTING = "bench list tasks lm-eval"
Kind = Literal["task", "group", "tag"]
_KINDS = ("task", "group", "tag")
# Folders of the user's own, as told by --include-path; of two tasks of one name the later folder's counts.
_INCLUDED: list[Path] = []
# Who is told that the index is being made, which takes a while.
_LISTENERS: list[Callable[[str], None]] = []


@dataclass(frozen=True)
class Entry:
    """One name: a task or a group and its YAML file, or a tag and the names of the tasks that carry it."""

    name: str
    kind: Kind
    file: str = ""
    tasks: tuple[str, ...] = ()

    @property
    def path(self) -> Path | None:
        """The YAML file; `None` for a tag."""
        return Path(self.file) if self.file else None


def include(paths: tuple[Path, ...]) -> None:
    """Look for tasks in these folders too.  Raises `UsageError` where one is none."""
    for path in paths:
        if not path.is_dir():
            raise UsageError(
                f"no tasks in '{path}'", cause="there is no such folder", fix="give a folder of YAML files"
            )
        if path.resolve() not in _INCLUDED:
            _INCLUDED.append(path.resolve())


def told_to(listener: Callable[[str], None]) -> None:
    """Tell this function when there is a wait."""
    _LISTENERS[:] = [listener]


def included() -> tuple[Path, ...]:
    """The folders of the user's own."""
    return tuple(_INCLUDED)


def entry(name: str) -> Entry:
    """The entry of a name, or of a YAML file's path; `UsageError` with the nearest name if there is none."""
    found = lookup(name)
    if found is None:
        raise unknown_name("task of lm-evaluation-harness", name, entries(), listing=LISTING)
    return found


def lookup(name: str) -> Entry | None:
    """The entry of a name, or of a YAML file's path; the harness's own index is read only where it is needed."""
    if name.endswith((".yaml", ".yml")):
        return _of_file(Path(name))
    for root in _roots():
        known = _indexed(root)
        if name in known:
            return known[name]
    return None


def entries() -> dict[str, Entry]:
    """All names, sorted."""
    known: dict[str, Entry] = {}
    for root in reversed(_roots()):
        known |= _indexed(root)
    return dict(sorted(known.items()))


def where(known: Entry) -> str:
    """Where an entry is defined, below the harness's own folder if it is there; of a tag, how many tasks carry it."""
    if not known.file:
        return f"{len(known.tasks)} tasks"
    return known.file.removeprefix(f"{package()}{os.sep}tasks{os.sep}").removeprefix(f"{Path.cwd()}{os.sep}")


def _roots() -> list[Path]:
    """Folders in the order in which a name is looked for."""
    return [*reversed(_INCLUDED), package() / "tasks"]


@cache
def package() -> Path:
    """The folder of the harness itself, found without importing it."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("No module named 'lm_eval'", name="lm_eval")
    return Path(next(iter(spec.submodule_search_locations)))


def _indexed(root: Path) -> Mapping[str, Entry]:
    return _read_or_build(root, _state(root))


@cache
def _read_or_build(root: Path, state: str) -> Mapping[str, Entry]:
    path = cache_file(root)
    known = _read(path, root, state)
    if known is None:
        known = _built(root)
        _write(path, root, state, known)
    return {
        name: Entry(name, kind, f"{root}{os.sep}{file}" if file else "", tuple(tasks))
        for name, kind, file, tasks in known
    }


def cache_file(root: Path) -> Path:
    """Where the index of a folder is kept."""
    from platformdirs import user_cache_path

    name = hashlib.blake2b(str(root).encode(), digest_size=8).hexdigest()
    return user_cache_path("bench") / "lm-eval" / f"{name}.json"


def _state(root: Path) -> str:
    """What an index of the folder rests on: of the installed harness its version, of others each file's state."""
    from importlib.metadata import version

    harness = version("lm-eval")
    if root == package() / "tasks":
        return f"{FORMAT} {harness} {root.stat().st_mtime_ns}"
    facts = [f"{path}:{state.st_mtime_ns}:{state.st_size}" for path, state in _files(root)]
    return f"{FORMAT} {harness} " + hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All files, not only those of tasks: what they include may have any name."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in {"__pycache__", ".ipynb_checkpoints"})
        for name in sorted(names):
            with suppress(OSError):  # gone meanwhile
                yield os.path.join(folder, name), os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - in bulk


Row = tuple[str, Kind, str, list[str]]


def _read(path: Path, root: Path, state: str) -> list[Row] | None:
    """The rows of an index that is whole and of that state, else `None`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["state"] != state or document["root"] != str(root):
            return None
        rows = [(str(name), kind, str(file), list(map(str, tasks))) for name, kind, file, tasks in document["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if all(kind in _KINDS and (file or kind == "tag") for _, kind, file, _ in rows) else None


def _write(path: Path, root: Path, state: str, rows: list[Row]) -> None:
    """Best effort: where the cache cannot be written, the index is made again next time."""
    from bench.runners.atomic import write_text

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"state": state, "root": str(root), "rows": rows}))


def _built(root: Path) -> list[Row]:
    """The rows as the harness finds them: all YAML files are parsed."""
    from bench.harness.quiet import quiet

    for listener in _LISTENERS:
        listener(f"indexing the tasks in {root}: this is done once")
    with quiet():
        from lm_eval.tasks._index import Kind as Kinds
        from lm_eval.tasks._index import TaskIndex

        found = TaskIndex.build([root])
    words: dict[Any, Kind] = {Kinds.GROUP: "group", Kinds.TAG: "tag"}
    return [
        (
            name,
            words.get(one.kind, "task"),
            str(one.yaml_path.relative_to(root)) if one.yaml_path else "",
            sorted(one.tags) if one.kind is Kinds.TAG else [],
        )
        for name, one in sorted(found.items())
    ]


def _of_file(path: Path) -> Entry | None:
    from bench.harness.quiet import quiet

    if not path.is_file():
        raise UsageError(f"no task in '{path}'", cause="there is no such file", fix="give a YAML file of the harness")
    with quiet():
        from lm_eval.tasks._yaml_loader import load_yaml

        try:
            config = load_yaml(path, resolve_func=False)
        except Exception as error:
            raise UsageError(
                f"'{path}' holds no task of the harness", cause=f"{type(error).__name__}: {error}", fix="mend the file"
            ) from error
    kind: Kind = "group" if "group" in config and "class" not in config else "task"
    name = config.get(kind)
    if not isinstance(name, str):
        raise UsageError(f"'{path}' holds no task of the harness", cause="it names none", fix="give it 'task: NAME'")
    return Entry(name, kind, str(path.resolve()))
