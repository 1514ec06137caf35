"""Components as plain JSON-ready facts: the lines of `bench list` and the entries of `bench show`."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from bench.components import Component, Metric

_COMMON = ("kind", "name", "area", "source", "better", "unit", "range")


REQUIRED = "required"  # in place of a default; that of a parameter which may be left unset is `null`


def line(component: Component) -> dict[str, Any]:
    """What `bench list` says of a component: the common facts first, then those of its kind."""
    facts = {key: getattr(component, key) for key in _COMMON}
    for field in dataclasses.fields(component):
        if field.name not in facts and field.name not in {"function", "gaps", "own", "no_interval"}:
            facts[field.name] = _plain(getattr(component, field.name))
    if isinstance(component, Metric):
        facts["bias"] = "biased" if component.biased else "none"
    return {**facts, "range": list(component.range), "origin": component.origin, "summary": summary(component.doc)}


def entry(component: Component) -> dict[str, Any]:
    """What `bench show` says: the line, the whole docstring and the parameters with their defaults."""
    return {**line(component), "parameters": parameters(component), "doc": component.doc}


def summary(doc: str) -> str:
    """The first sentence of a docstring, or as much of it as stands on its first line."""
    first = doc.strip().splitlines()[0] if doc.strip() else ""
    return first.split(".  ")[0].rstrip(".")


def parameters(component: Component) -> dict[str, Any]:
    """What can be set in a spec: parameters with a default, and those of a factory without one (`required`)."""
    own = inspect.signature(component.function).parameters.values()
    return {
        p.name: REQUIRED if p.default is p.empty else _plain(p.default)
        for p in own
        if p.name != "machine" and (p.default is not p.empty or p.kind is p.KEYWORD_ONLY)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, type):
        return getattr(value, "kind", "") or value.__name__.lower()
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if getattr(value, "__args__", None):  # a union of records
        return [_plain(v) for v in value.__args__]
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)
