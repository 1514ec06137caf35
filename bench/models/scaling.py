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
    def of(inputs: AnyArray | Sequence[Any]) -> Scale:
        """Mean and standard deviation of each column of a table (n, d); a constant column keeps its unit.

        Images (n, h, w, ...) share one width, the root mean square of their pixels' deviations: a pixel that is almost
        always black would otherwise be blown up, and rule the answer as soon as it is not.
        """
        rows = flat(inputs)
        width = rows.std(axis=0)
        if np.ndim(inputs) > 2:
            width = np.full_like(width, np.sqrt((width**2).mean()))
        return Scale(rows.mean(axis=0), np.where(width > 0, width, 1.0))

    def apply(self, rows: Float64s) -> Float64s:
        """Rows (n, d) with mean 0 and standard deviation 1, as far as they resemble the training rows."""
        return (rows - self.mean) / self.width
