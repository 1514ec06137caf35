"""What every record is: a typed, columnar table with one row a sample.

A record's columns are declared once, as dataclass fields made by `column(...)`.  From that declaration follow the
checks, selection, concatenation, the journal's rows and the Arrow table, so that a new record is only its fields
and the quantities derived from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Ragged, Strings
from bench.errors import RecordError

# `str` is for short names (fixed width in memory), `text` for what a model wrote.
DTYPES: dict[str, Any] = {
    "float": np.float64,
    "float32": np.float32,
    "int": np.int64,
    "bool": np.bool_,
    "str": np.str_,
    "text": object,
}


@dataclass(frozen=True)
class Column:
    """How one column of a record looks: its type, the shape of a row, and what it holds."""

    dtype: str
    dims: int
    ragged: bool
    optional: bool
    doc: str


def column(
    dtype: str, doc: str, *, dims: int = 0, ragged: bool = False, optional: bool = False
) -> Any:  # a dataclass field, whatever type it is annotated with
    """Declare a column.  `dims` is the number of axes of one row (0: a scalar); `ragged` rows differ in length."""
    spec = Column(dtype, dims, ragged, optional, doc)
    return field(default=None if optional else MISSING, metadata={"column": spec})


def attribute(default: Any, doc: str) -> Any:
    """Declare a fact about the whole record, such as quantile levels or the kind of a likelihood."""
    return field(default=default, metadata={"attribute": doc})


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """Columns that every record has.  Arrays are (n,) unless said otherwise; `None` means absent."""

    kind: ClassVar[str] = ""

    ids: Strings = column("str", "unique id of the sample")
    groups: Strings | None = column("str", "cluster of samples that are not independent", optional=True)
    splits: Strings | None = column("str", "train, calibration or test; absent: all test", optional=True)
    weights: Float64s | None = column("float", "importance of the sample, >= 0; absent: 1", optional=True)
    ood: Bools | None = column("bool", "whether the sample is out of distribution", optional=True)
    dataset: Strings | None = column("str", "the data set that the sample came from", optional=True)
    task_values: AnyArray | None = column(
        "text", "what the task's own metrics gave the sample, as JSON: metric -> value", optional=True
    )
    n_failed: int = attribute(0, "samples that were asked and gave no answer")

    def __post_init__(self) -> None:
        for name, spec in self.columns().items():
            value = getattr(self, name)
            if value is None:
                if not spec.optional:
                    raise RecordError(
                        f"{self.kind}: column '{name}' is missing", cause="it is required", fix=self._fix()
                    )
                continue
            object.__setattr__(self, name, self._checked(name, spec, value))
        self.validate()

    def _checked(self, name: str, spec: Column, value: Any) -> AnyArray | Ragged:
        if spec.ragged:
            if not isinstance(value, Ragged):
                value = Ragged.of(value, DTYPES[spec.dtype])
        else:
            # The type is given at once: a detour over numpy's fixed-width strings would drop trailing NULs.
            value = np.asarray(value, dtype=DTYPES[spec.dtype])
            if value.ndim != 1 + spec.dims:
                raise RecordError(
                    f"{self.kind}: column '{name}' has {value.ndim} axes",
                    cause=f"it must have {1 + spec.dims}: one for the samples and {spec.dims} within a sample",
                    fix=self._fix(),
                )
        if len(value) != len(self.ids):
            raise RecordError(
                f"{self.kind}: column '{name}' has {len(value)} rows",
                cause=f"'ids' has {len(self.ids)}",
                fix="give each column one row a sample",
            )
        return value

    def _fix(self) -> str:
        return f"bench show record {self.kind}"

    def validate(self) -> None:
        """Check the rules of this record; raises `RecordError` naming the column, the row and the rule."""
        if self.weights is not None:
            self.refuse("weights", ~(np.isfinite(self.weights) & (self.weights >= 0)), "finite and at least 0")

    def refuse(self, name: str, bad: Bools, rule: str) -> None:
        """Raise where any row of `bad` (n,) is true: column `name` must be `rule`."""
        if bad.any():
            row = int(np.argmax(bad))
            value = getattr(self, name)[row]
            raise RecordError(
                f"{self.kind}: column '{name}', row {row} (id {str(self.ids[row])!r}) is {_short(value)}",
                cause=f"'{name}' must be {rule}; {int(bad.sum())} of {len(self)} rows are not",
                fix=self._fix(),
            )

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """The declared columns, in order."""
        return {f.name: f.metadata["column"] for f in fields(cls) if "column" in f.metadata}

    @classmethod
    def attributes(cls) -> dict[str, str]:
        """The declared facts about the whole record, with what each means."""
        return {f.name: f.metadata["attribute"] for f in fields(cls) if "attribute" in f.metadata}

    def attribute_values(self) -> dict[str, Any]:
        """The values of `attributes`, ready for JSON."""
        return {name: _plain(getattr(self, name)) for name in self.attributes()}

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> Self:
        """The rows at the given positions, in their order."""
        changed: dict[str, Any] = {}
        for name in self.columns():
            value = getattr(self, name)
            if value is not None:
                changed[name] = value.take(rows) if isinstance(value, Ragged) else value[rows]
        return replace(self, **changed)

    def where(self, mask: Bools) -> Self:
        """The rows where `mask` (n,) is true."""
        return self.take(np.flatnonzero(mask))

    def split(self, name: str) -> Self:
        """The rows of one split; a record without splits is all `test`."""
        if self.splits is None:
            return self if name == "test" else self.take(np.empty(0, dtype=np.int64))
        return self.where(self.splits == name)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One JSON-ready mapping a sample; absent columns are left out."""
        present = {name: getattr(self, name) for name in self.columns() if getattr(self, name) is not None}
        for i in range(len(self)):
            yield {name: _plain(value[i]) for name, value in present.items()}

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any] | None = None) -> Self:
        """The record whose `rows()` these are."""
        values: dict[str, Any] = {}
        for name, spec in cls.columns().items():
            if rows and name in rows[0]:
                cells = [row[name] for row in rows]
                dtype = DTYPES[spec.dtype]
                values[name] = Ragged.of(cells, dtype) if spec.ragged else np.array(cells, dtype=dtype)
        return cls(**values, **_attributes(cls, attributes or {}))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Rows of several records of one kind, end to end; failures add up, other attributes must agree."""
        if (
            len({tuple(sorted((k, str(v)) for k, v in p.attribute_values().items() if k != "n_failed")) for p in parts})
            > 1
        ):
            raise RecordError(f"{cls.kind}: the parts disagree", cause="their attributes differ", fix="keep them apart")
        values: dict[str, Any] = {}
        for name, spec in cls.columns().items():
            present = [getattr(p, name) for p in parts if getattr(p, name) is not None]
            if len(present) == len(parts) and parts:
                values[name] = (
                    Ragged.of([row for column_ in present for row in column_], DTYPES[spec.dtype])
                    if spec.ragged
                    else np.concatenate(present)
                )
        attributes = _attributes(cls, parts[0].attribute_values() if parts else {})
        return cls(**values, **{**attributes, "n_failed": sum(p.n_failed for p in parts)})


def _attributes(cls: type[Record], values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in cls.attributes()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _short(value: Any) -> str:
    text = np.array2string(np.asarray(value), threshold=4, precision=6)
    return text if len(text) <= 80 else text[:77] + "..."
