"""How a component is named on the command line and in a suite: `name:target,key=value,key=value`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import UsageError


@dataclass(frozen=True)
class Spec:
    """A component's name, what it is pointed at, and its parameters: `hf:./model,dtype=float16`."""

    name: str
    target: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        head = self.name if self.target is None else f"{self.name}:{self.target}"
        return ",".join([head, *(f"{k}={_written(v)}" for k, v in self.params.items())])


def parse(text: str) -> Spec:
    """Read a spec.  Values are JSON where they parse as JSON (numbers, true, null), else plain words."""
    head, *pairs = text.split(",")
    name, colon, target = head.partition(":")
    if not name:
        raise UsageError(f"'{text}' names nothing", cause="a name is expected first", fix="write name:target,key=value")
    params: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(
                f"'{pair}' in '{text}' is no parameter",
                cause="after the first comma, each part is key=value",
                fix="write name:target,key=value",
            )
        if key in params:
            raise UsageError(f"'{text}' sets '{key}' twice", cause="the second would hide the first", fix="keep one")
        params[key] = _read(value)
    return Spec(name, target if colon else None, params)


def bind(function: Callable[..., Any], spec: Spec, *, skip: int, given: tuple[str, ...] = ()) -> dict[str, Any]:
    """All parameters of `function` beyond its first `skip`, with the spec's values put over the defaults.

    Names in `given` are supplied by the framework and left out.  Raises `UsageError` for an unknown parameter and
    names the known ones, and for a value of another type than the parameter's annotation or default; a function with
    `**parameters` takes any, and judges them itself.
    """
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    known = {
        p.name: p.default for p in parameters if p.name not in given and p.kind is not inspect.Parameter.VAR_KEYWORD
    }
    for key in spec.params:
        if key not in known and not takes_any:
            raise UsageError(
                f"'{spec.name}' has no parameter '{key}'",
                cause="its parameters are " + (", ".join(known) or "none"),
                fix=f"leave '{key}=' out, or see bench show {spec.name}",
            )
        if key in known:
            _refuse_type(spec, key, function)
            _refuse_limit(spec, key)
    missing = [k for k, default in known.items() if default is inspect.Parameter.empty and k not in spec.params]
    if missing:
        raise UsageError(
            f"'{spec.name}' needs '{missing[0]}'",
            cause="the parameter has no default",
            fix=f"write {spec},{missing[0]}=...",
        )
    return {**known, **spec.params}


# A parameter of such a name means the same wherever it is: what its number must be, and in words.
_UNIT: tuple[Callable[[float], bool], str] = (lambda x: 0 < x < 1, "above 0 and below 1")
_SHARE: tuple[Callable[[float], bool], str] = (lambda x: 0 < x <= 1, "above 0, at most 1")
_COUNT: tuple[Callable[[float], bool], str] = (lambda x: x >= 1, "at least 1")
_SIZE: tuple[Callable[[float], bool], str] = (lambda x: 0 <= x < float("inf"), "at least 0")
LIMITS: dict[str, tuple[Callable[[float], bool], str]] = {
    **dict.fromkeys(("alpha", "delta", "share"), _UNIT),
    **dict.fromkeys(("top_p", "coverage", "recall"), _SHARE),
    **dict.fromkeys(("batch", "bins", "depth", "epochs", "hidden", "leaf", "n", "neighbours", "trees"), _COUNT),
    **dict.fromkeys(("bandwidth", "components", "decay", "free", "max_length", "penalty", "size"), _SIZE),
    **dict.fromkeys(("smoothing", "strength", "stride", "temperature"), _SIZE),
    "folds": (lambda x: x >= 2, "at least 2"),
    "rate": (lambda x: 0 < x < float("inf"), "above 0"),
}


def _refuse_limit(spec: Spec, key: str) -> None:
    """Hold a number to what a parameter of its name can be."""
    value = spec.params[key]
    fits, rule = LIMITS.get(key, (lambda _: True, ""))
    if isinstance(value, int | float) and not isinstance(value, bool) and not fits(value):
        raise UsageError(
            f"'{key}' of '{spec.name}' cannot be {_written(value)}",
            cause=f"it must be {rule}",
            fix=f"see bench show {spec.name}",
        )


# What a parameter declares, by annotation or default -> what a value may be, and how that is called.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
}


def _refuse_type(spec: Spec, key: str, function: Callable[..., Any]) -> None:
    """Hold a value to what the parameter declares, where that is a truth value or a number."""
    declared = inspect.signature(function).parameters[key]
    annotation, value = declared.annotation, spec.params[key]
    if annotation is inspect.Parameter.empty:
        # Without an annotation, a default of 1 may well stand for 0.5 too.
        annotation = {bool: "bool", int: "float", float: "float"}.get(type(declared.default), "")
    plain = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if value is None and plain.endswith("| None"):
        return
    types, rule = _TYPES.get(plain.removesuffix("| None").strip(), ((), ""))
    wrong_bool = isinstance(value, bool) and bool not in types
    if types and (wrong_bool or not isinstance(value, types) or value != value):  # noqa: PLR0124 - NaN is no number
        default = (
            "" if declared.default is inspect.Parameter.empty else f"; its default is {_written(declared.default)}"
        )
        raise UsageError(
            f"'{key}' of '{spec.name}' cannot be '{_written(value)}'",
            cause=f"it must be {rule}{default}",
            fix=f"see bench show {spec.name}",
        )


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return {"True": True, "False": False, "None": None}.get(value, value)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
