"""The array types that the whole package speaks of, and ragged columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]
AnyArray = NDArray[Any]

BLOCK = 1 << 16  # rows at a time


def small(n: int) -> type[np.signedinteger]:
    """The least kind of integer, of 32 bits or 64, for positions among n rows."""
    return np.int32 if n < 1 << 31 else np.int64


def positions(mask: Bools) -> Ints:
    """Where a mask (n,) holds, in small integers: found some rows at a time, as numpy's are large."""
    there = np.empty(np.count_nonzero(mask), dtype=small(len(mask)))
    count = 0
    for start in range(0, len(mask), BLOCK):
        here = np.flatnonzero(mask[start : start + BLOCK])
        np.add(here, start, out=there[count : count + len(here)], casting="same_kind")
        count += len(here)
    return there


@dataclass(frozen=True)
class Ragged:
    """A column whose rows differ in length: row i is `values[offsets[i]:offsets[i + 1]]`.

    values: (total,); offsets: (n + 1,) non-decreasing, from 0 to total.
    """

    values: AnyArray
    offsets: Ints

    @staticmethod
    def of(rows: Iterable[Sequence[Any] | AnyArray], dtype: Any) -> Ragged:
        """Join rows end to end."""
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(a) for a in arrays])]).astype(np.int64)
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
        return Ragged(values.astype(dtype), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> AnyArray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> Ints:
        """Number of values in each row, (n,)."""
        return np.diff(self.offsets)

    def take(self, rows: Ints) -> Ragged:
        """The rows at the given positions, in their order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[index], offsets)

    def sums(self) -> Float64s:
        """Sum of each row, (n,); an empty row sums to 0."""
        out = np.zeros(len(self), dtype=np.float64)
        filled = self.lengths > 0
        if filled.any():
            # reduceat over the starts of non-empty rows: empty rows add nothing between them.
            out[filled] = np.add.reduceat(self.values.astype(np.float64), self.offsets[:-1][filled])
        return out

    def padded(self, fill: float) -> Float64s:
        """A dense (n, longest) array, short rows filled up with `fill`."""
        out = np.full((len(self), int(self.lengths.max(initial=0))), fill, dtype=np.float64)
        out[np.arange(out.shape[1]) < self.lengths[:, None]] = self.values
        return out
