"""Records too long for memory: rows in blocks, read again whenever they are needed, and few columns of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Ragged, Strings
from bench.records.base import DTYPES, Record

MOST = 1 << 28  # bytes of the columns of a record that is held in memory; what works on it takes several times that
BLOCK = 1 << 22  # bytes of the columns of a block
NO_ID = np.zeros(1, dtype="U1")


@dataclass(frozen=True, eq=False)
class Rows:
    """How rows were sampled: their clusters, numbered (n,), and their weights (n,)."""

    groups: Ints | None
    weights: Float64s | None


@dataclass(frozen=True, eq=False)
class Long:
    """Rows of one record in blocks.

    type: of each block.  head: the first block, by which columns, widths and attributes are known.  read: the blocks
    anew, each of one row at least, in the same order.  n: rows in all.  splits: rows of each split.  n_failed: samples
    that gave no answer.  path: of the file that holds it.
    """

    type: type[Record]
    head: Record
    read: Callable[[], Iterator[Record]]
    n: int
    splits: Mapping[str, int]
    n_failed: int = 0
    path: Path | None = None
    _rows: dict[str, Rows] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.n

    @property
    def nbytes(self) -> int:
        """Bytes of all columns, as the head has them."""
        return row_bytes(self.head) * self.n

    def split(self, name: str) -> Self:
        """The rows of one split, as `Record.split`."""
        if self.head.splits is None:
            return self if name == "test" else self._those(lambda block: np.zeros(len(block), dtype=bool), 0)
        return self._those(lambda block: block.splits == name, self.splits.get(name, 0))

    def inliers(self) -> Self:
        """The rows that are in distribution."""
        if self.head.ood is None:
            return self
        inside = sum(int((~block.ood).sum()) for block in self.read() if block.ood is not None)
        return self._those(lambda block: ~block.ood, inside)

    def _those(self, chosen: Callable[[Any], Bools], n: int) -> Self:
        def read() -> Iterator[Record]:
            for block in self.read() if n else ():
                mask = chosen(block)
                if mask.all():
                    yield block
                elif mask.any():
                    yield block.where(mask)

        return replace(self, read=read, n=n, _rows={})

    def map(self, function: Callable[[Any], Record]) -> Self:
        """Each block changed, row by row; the same rows in the same order."""
        head = function(self.head)
        return replace(self, type=type(head), head=head, read=lambda: map(function, self.read()))

    def gather(self, functions: Mapping[str, Callable[[Any], AnyArray]]) -> dict[str, AnyArray]:
        """What each function says of each row, from one reading: (n, ...) by name."""
        out: dict[str, AnyArray] = {}
        at = 0
        for block in self.read():
            for name, function in functions.items():
                values = function(block)
                if name not in out:
                    out[name] = np.empty((self.n, *values.shape[1:]), dtype=values.dtype)
                out[name][at : at + len(block)] = values
            at += len(block)
        return out

    def rows(self) -> Rows:
        """Clusters and weights.

        Names of clusters are told apart by 64-bit keys: that chance makes one of any two of 10^7 is 3 in a million.
        """
        if "" not in self._rows:
            functions: dict[str, Callable[[Any], AnyArray]] = {}
            if self.head.groups is not None:
                functions["groups"] = lambda block: keys(block.groups)
            if self.head.weights is not None:
                functions["weights"] = lambda block: block.weights
            columns = self.gather(functions) if functions else {}
            groups = columns.pop("groups", None)
            self._rows[""] = Rows(None if groups is None else _numbered(groups), columns.get("weights"))
        return self._rows[""]

    def held(self) -> Record | None:
        """All rows in memory; `None` where they are too many."""
        if self.nbytes > MOST:
            return None
        parts = list(self.read())
        whole = self.type.concatenate(parts) if parts else self.head.take(np.empty(0, dtype=np.int64))
        return replace(whole, n_failed=self.n_failed)

    def only(self, names: Sequence[str]) -> Record:
        """A record of these columns alone, clusters and weights; ids are empty, other required columns are zeros."""
        columns: dict[str, Any] = dict(self.gather({name: attrgetter(name) for name in names}))
        for name, spec in self.type.columns().items():
            if not spec.optional and name not in columns and name != "ids":
                like = getattr(self.head, name)
                columns[name] = np.broadcast_to(np.zeros((), like.dtype), (self.n, *like.shape[1:]))
        rows = self.rows()
        attributes = {name: getattr(self.head, name) for name in self.type.attributes()}
        about = {**attributes, "n_failed": self.n_failed, "groups": None, "weights": rows.weights}
        record = self.type(**{**about, **columns, "ids": unnamed(self.n)})
        if rows.groups is not None:  # numbers, where a record of its own would have names
            object.__setattr__(record, "groups", rows.groups)
        return record

    def sample(self, rows: int) -> Record:
        """About so many rows, drawn at random without replacement; always the same ones."""
        rng = np.random.default_rng(0)
        share = min(1.0, rows / max(1, self.n))
        drawn = self._those(lambda block: rng.random(len(block)) < share, self.n)
        parts = list(drawn.read())
        return self.type.concatenate(parts) if parts else self.head


def unnamed(n: int) -> Strings:
    """Ids for rows that nobody asks by name, (n,): no memory."""
    return np.broadcast_to(NO_ID, n)


def row_bytes(record: Record) -> int:
    """Bytes of one row's columns, at least 1; ragged columns count as they are on average."""
    total = 0
    for name in record.columns():
        value = getattr(record, name)
        if isinstance(value, Ragged):
            total += value.values.nbytes + value.offsets.nbytes
        elif value is not None:
            total += value.nbytes
    return max(1, total // max(1, len(record)))


def keys(names: Strings) -> Ints:
    """A 64-bit key of each name, (n,): equal for equal names, however wide their array is."""
    if not len(names):
        return np.empty(0, dtype=np.uint64)
    points = np.ascontiguousarray(names, dtype=f"<U{max(1, names.dtype.itemsize // 4)}").view(np.uint32)
    total = np.zeros(len(names), dtype=np.uint64)
    odd = np.random.default_rng(0)
    # Padding has code point 0, which must add nothing: the mixing takes 0 to 0.
    for column in points.reshape(len(names), -1).T:
        mixed = column.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        total += mixed * (odd.integers(1 << 64, dtype=np.uint64, endpoint=False) | np.uint64(1))
    return total


def _numbered(each: Ints) -> Ints:
    """The place of each key among the different ones, rising, (n,)."""
    order = np.argsort(each)
    each = each[order]
    new = np.empty(len(each), dtype=bool)
    new[:1] = False
    np.not_equal(each[1:], each[:-1], out=new[1:])
    del each
    out = np.empty(len(order), dtype=np.int32)
    out[order] = np.cumsum(new, dtype=np.int32)
    return out


def itemsize(dtype: str) -> int:
    """Bytes of a value of a column's type; of a name, those of eight letters."""
    return 32 if dtype in {"str", "text"} else int(np.dtype(DTYPES[dtype]).itemsize)


def counted(names: Strings) -> dict[str, int]:
    """How often each name occurs."""
    different, counts = np.unique(names, return_counts=True)
    return {str(name): int(count) for name, count in zip(different, counts, strict=True)}
