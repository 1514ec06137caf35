"""What answers must be like, whoever gives them: choices, numbers and counts that can be true."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.models.api.failures import MalformedError

# A log-probability that rounding has put above 0 is 0; more than that is none.
ROUNDING = 1e-4


def choices(answer: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    """The choices in the order of their indices; `MalformedError` unless there are `count`, numbered from 0."""
    given = answer.get("choices")
    if not isinstance(given, list) or not all(isinstance(choice, dict) for choice in given):
        raise MalformedError("the answer has no list of choices")
    if len(given) != count:
        raise MalformedError(f"{len(given)} choices came, and {count} were asked for")
    indices = [choice.get("index", place) for place, choice in enumerate(given)]
    if not all(isinstance(index, int) for index in indices) or sorted(indices) != list(range(count)):
        raise MalformedError(f"{count} choices are numbered {indices}")
    return [choice for _, choice in sorted(zip(indices, given, strict=True), key=lambda pair: pair[0])]


def usage(answer: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens of the prompt and of the answer, as the server counts them; `None` where it doesn't."""
    given = answer.get("usage")
    if not isinstance(given, dict):
        return None
    counts = [given.get("prompt_tokens"), given.get("completion_tokens", 0)]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    return int(counts[0]), int(counts[1])


def log_probabilities(values: Any, length: int, *, first_may_lack: bool = False) -> Float64s:
    """Log-probabilities (length,), nats; NaN for a first one that is null where that may be.

    Raises `MalformedError` for another length, for what is no number, and for NaN, infinite or positive ones.
    """
    if not isinstance(values, list) or len(values) != length:
        count = len(values) if isinstance(values, list) else "no"
        raise MalformedError(f"{count} log-probabilities came for {length} tokens")
    out = np.empty(length)
    for place, value in enumerate(values):
        if value is None and place == 0 and first_may_lack:
            out[place] = math.nan
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise MalformedError(f"the log-probability of token {place} is {value!r}")
        if value > ROUNDING:
            raise MalformedError(f"the log-probability of token {place} is above 0: {value!r}")
        out[place] = min(float(value), 0.0)
    return out


def strings(values: Any, what: str) -> list[str]:
    """A list of strings; `MalformedError` for anything else."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise MalformedError(f"{what} are no list of texts")
    return values
