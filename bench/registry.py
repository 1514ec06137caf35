"""Finding components: built-in modules, installed packages and `--plugin` files.

A kind's modules are imported when that kind is first asked for; they import neither torch nor any other heavy
library at their top (the linter holds them to it), so that listing stays instant.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bench.components import KINDS, REGISTERED, Component, Metric, Task, positional
from bench.errors import UsageError, unknown_name
from bench.specs import Spec, bind, parse

if TYPE_CHECKING:
    from bench.harness.groups import TaskGroup

C = TypeVar("C", bound=Component)
FOLDERS: dict[str, str] = {kind: f"{kind}s" for kind in KINDS}
# The name before the colon of tasks that lm-evaluation-harness defines.
HARNESS = "lm-eval"


@overload
def components(kind: type[C]) -> dict[str, C]: ...
@overload
def components(kind: str) -> dict[str, Component]: ...
def components(kind: Any) -> Any:
    """All components of one kind (`Metric` or "metric"), by name, sorted."""
    kind = kind if isinstance(kind, str) else kind.kind
    _discover(kind)
    return dict(sorted(REGISTERED.get(kind, {}).items()))


@overload
def find(kind: type[C], name: str) -> C: ...
@overload
def find(kind: str, name: str) -> Component: ...
def find(kind: Any, name: str) -> Any:
    """The component of that kind and name; `UsageError` with the nearest name if there is none."""
    known = components(kind)
    if name not in known:
        raise unknown_name(kind if isinstance(kind, str) else kind.kind, name, known)
    return known[name]


def chosen(kind: type[C], text: str) -> C:
    """The component that a spec names, `name,key=value`, with its parameters set; its name is then the whole spec.

    Raises `UsageError` for an unknown name or parameter, and for a value that the parameter cannot take.
    """
    spec = parse(text)
    component = find(kind, spec.name)
    if spec.target is not None:
        raise UsageError(
            f"{kind.kind} '{spec.name}' takes no target",
            cause=f"'{spec.target}' follows its name",
            fix=f"write {spec.name}",
        )
    if not spec.params:
        return component
    skip = len(positional(component.function))
    values = {k: v for k, v in bind(component.function, spec, skip=skip).items() if k in spec.params}
    changes: dict[str, Any] = {"name": str(spec), "function": _set(component.function, values)}
    if isinstance(component, Metric):
        # Rows are gathered by the bins of the default, so each stays apart.
        changes |= {"gathers": False}
        changes |= {k: f and _set(f, values) for k, f in (("gaps", component.gaps), ("ends", component.ends))}
    return replace(component, **changes)


def _set(function: Callable[..., Any], values: Mapping[str, Any]) -> Callable[..., Any]:
    return update_wrapper(partial(function, **values), function)


def find_task(spec: Spec) -> Task:
    """The task that a spec names: a registered one, or one of lm-evaluation-harness (`lm-eval:hellaswag`)."""
    if spec.name == HARNESS:
        from bench.harness.tasks import task

        return task(spec)
    return find(Task, spec.name)


def expanded(spec: Spec) -> tuple[list[Spec], list[TaskGroup]]:
    """The tasks that a spec stands for, and the groups that tell of them together; most specs stand for themselves."""
    if spec.name == HARNESS:
        from bench.harness import tasks

        return tasks.expanded(spec)
    return [spec], []


def load_plugin(path: Path) -> None:
    """Run a user's file, which registers its components by the same decorators as the built-ins."""
    if not path.is_file():
        raise UsageError(
            f"plugin '{path}' not found", cause="there is no such file", fix="give the path of a Python file"
        )
    name = f"bench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"plugin '{path}' cannot be loaded", cause="it is not a Python file", fix="give a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # a script that ends the process has not loaded
        raise UsageError(
            f"plugin '{path}' failed to load", cause=f"{type(error).__name__}: {error}", fix=f"python {path}"
        ) from error


@cache
def _discover(kind: str) -> None:
    folder = Path(__file__).parent / FOLDERS[kind]
    for path in sorted(folder.rglob("*.py")):
        if path.stem != "__init__":
            parts = path.relative_to(folder.parent).with_suffix("").parts
            importlib.import_module(".".join(("bench", *parts)))
    for entry in _entry_points(f"bench.{FOLDERS[kind]}"):
        try:
            entry.load()
        except Exception as error:
            raise UsageError(
                f"the installed package behind '{entry.value}' failed to load",
                cause=f"{type(error).__name__}: {error}",
                fix="mend or uninstall that package",
            ) from error


def _entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
    import importlib.metadata  # 30 ms that `bench --help` can spare

    return list(importlib.metadata.entry_points(group=group))
