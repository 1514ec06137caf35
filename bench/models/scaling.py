"""Bringing inputs to one scale, by what the training rows show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s


def flat(inputs: AnyArray | Sequence[Any]) -> Float64s:
    """Inputs (n, ...) as rows (n, d), float64."""
    rows = np.asarray(inputs, dtype=np.float64)
    return rows.reshape(len(rows), -1)


@dataclass(frozen=True, eq=False)
class Scale:
    """A shift and a stretch of each of d features: mean (d,), width (d,)."""

    mean: Float64s
    width: Float64s

    @staticmethod
    def of(rows: Float64s) -> Scale:
        """Mean and standard deviation of each column of (n, d); a constant column keeps its unit."""
        width = rows.std(axis=0)
        return Scale(rows.mean(axis=0), np.where(width > 0, width, 1.0))

    def apply(self, rows: Float64s) -> Float64s:
        """Rows (n, d) with mean 0 and standard deviation 1, as far as they resemble the training rows."""
        return (rows - self.mean) / self.width
