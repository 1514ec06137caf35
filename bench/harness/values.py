"""What a task's own metrics gave a sample, as text that a record can hold, and back to what they gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.errors import EvaluationError

# Aggregations tell tuples from lists and arrays, and JSON does not: such a value is an object of one key.
_TUPLE, _ARRAY, _SET, _PAIRS = "tuple", "array", "set", "pairs"


def written(values: Mapping[str, Any]) -> str:
    """The values of one sample, metric -> value.  Raises `EvaluationError` for one that text cannot hold."""
    return json.dumps({name: _plain(value, name) for name, value in values.items()})


def read(text: str) -> dict[str, Any]:
    """The values that `written` was given; numpy's scalars come back as Python's."""
    return {name: _restored(value) for name, value in json.loads(text).items()}


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list):
        return [_plain(one, name) for one in value]
    if isinstance(value, tuple):
        return {_TUPLE: [_plain(one, name) for one in value]}
    if isinstance(value, np.ndarray):
        return {_ARRAY: [_plain(one, name) for one in value.tolist()]}
    if isinstance(value, set | frozenset):
        return {_SET: sorted((_plain(one, name) for one in value), key=repr)}
    if isinstance(value, Mapping):
        return {_PAIRS: [[_plain(k, name), _plain(v, name)] for k, v in value.items()]}
    raise EvaluationError(
        f"metric '{name}' gave a {type(value).__name__}",
        cause="a run keeps numbers, texts, and lists, tuples, sets and mappings of them",
        fix="let the task's process_results give such values",
    )


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(one) for one in value]
    if not isinstance(value, dict):
        return value
    (kind, items), *_ = value.items()
    if kind == _PAIRS:
        return {_restored(k): _restored(v) for k, v in items}
    restored = [_restored(one) for one in items]
    return np.array(restored) if kind == _ARRAY else tuple(restored) if kind == _TUPLE else set(restored)
