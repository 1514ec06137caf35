"""What a task asks: the inputs of its samples, what came true, and how the samples belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Strings
from bench.errors import RecordError
from bench.records import Record


@dataclass(frozen=True)
class Question:
    """A prompt and the continuations among which a language model chooses."""

    prompt: str
    choices: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """What goes through the model."""
        return [self.prompt + choice for choice in self.choices]


@dataclass(frozen=True)
class Reading:
    """How an answer is asked for and read from generated text."""

    extract: Callable[[str], str | None]
    stop: tuple[str, ...] = ("\n",)
    max_tokens: int = 96
    same: Callable[[str, str], bool] = str.__eq__


class Asker(Protocol):
    """A task's own way to ask."""

    def __call__(self, model: Any, decoder: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> Record:
        """The record of a batch; common: the columns that every record has, by name."""
        ...

    def requests(self, model: Any, batch: Examples) -> Sequence[tuple[str, str]]:
        """Some of the (context, continuation) that a batch will have scored, for a model that looks ahead."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """The samples of a task, one row each.

    inputs: an array (n, ...), or n texts or `Question`s.  targets: (n,), absent for densities.  splits: `train` is
    what a model may fit on, `calibration` what a calibrator may, `test` what is scored (absent: all test).
    truth: what is known of the source: p(y|x) as (n, C), or log p(x) as (n,).  reading: for generated answers.
    levels: grey levels of discrete data (0: continuous).  asker: asks a batch and makes its record, where the task's
    record alone doesn't say how.
    """

    ids: Strings
    inputs: AnyArray | Sequence[Any]
    targets: AnyArray | None = None
    groups: Strings | None = None
    splits: Strings | None = None
    weights: Float64s | None = None
    ood: Bools | None = None
    dataset: Strings | None = None
    truth: Float64s | None = None
    classes: int = 0
    levels: int = 0
    reading: Reading | None = None
    asker: Asker | None = None

    def __post_init__(self) -> None:
        for name in self._row_fields():
            value = getattr(self, name)
            if value is not None and len(value) != len(self.ids):
                raise RecordError(
                    f"examples: '{name}' has {len(value)} rows", cause=f"'ids' has {len(self.ids)}", fix="align them"
                )
        if len(np.unique(self.ids)) != len(self.ids):
            raise RecordError("examples: an id occurs twice", cause="ids name the samples", fix="make them unique")

    @staticmethod
    def _row_fields() -> list[str]:
        return [f.name for f in fields(Examples) if f.name not in {"classes", "levels", "reading", "asker"}]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> Examples:
        """The rows at the given positions, in their order."""
        changed: dict[str, Any] = {}
        for name in self._row_fields():
            value = getattr(self, name)
            if value is not None:
                changed[name] = value[rows] if isinstance(value, np.ndarray) else [value[i] for i in rows]
        return replace(self, **changed)

    def split(self, name: str) -> Examples:
        """The rows of one split; examples without splits are all `test`."""
        if self.splits is None:
            return self if name == "test" else self.take(np.empty(0, dtype=np.int64))
        return self.take(np.flatnonzero(self.splits == name))

    @staticmethod
    def join(parts: dict[str, Examples]) -> Examples:
        """Examples of several splits as one table: `Examples.join({"train": a, "test": b})`."""
        values: dict[str, Any] = {}
        first = next(iter(parts.values()))
        for name in Examples._row_fields():
            columns = [getattr(p, name) for p in parts.values()]
            if name != "splits" and all(c is not None for c in columns):
                arrays = all(isinstance(c, np.ndarray) for c in columns)
                values[name] = np.concatenate(columns) if arrays else [row for c in columns for row in c]
        values["splits"] = np.concatenate([np.full(len(p), split) for split, p in parts.items()])
        return Examples(**values, classes=first.classes, levels=first.levels, reading=first.reading, asker=first.asker)
