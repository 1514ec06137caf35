"""The score so far, for the eye: what a watcher sees while a cell runs.  Results are measured later, from the parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.arrays import Float64s
from bench.records import JUDGED, Density, Record, Regression, Tokens
from bench.stats.wilson import wilson

NORMAL = 1.959964


@dataclass
class RunningScore:
    """Sums over the test samples answered so far: of accuracy, nats a sample, nats a byte or squared error."""

    name: str = ""
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    denominator: float = 0.0

    def add(self, record: Record | None) -> None:
        """Take in a batch; calibration and training rows and OOD rows don't count."""
        if record is None:
            return
        test = record.split("test")
        test = test if test.ood is None else test.where(~test.ood)
        if isinstance(test, JUDGED):
            self._add("accuracy", test.correct.astype(float))
        elif isinstance(test, Tokens):
            self._add("bits/byte", -test.log_prob / math.log(2), test.bytes.astype(float))
        elif isinstance(test, Density):
            self._add("nats/sample", -test.log_prob)
        elif isinstance(test, Regression) and test.mean is not None:
            self._add("squared error", (test.y - test.mean) ** 2)

    def _add(self, name: str, values: Float64s, denominators: Float64s | None = None) -> None:
        self.name = name
        self.n += len(values)
        self.total += float(values.sum())
        self.squares += float((values**2).sum())
        self.denominator += float(len(values) if denominators is None else denominators.sum())

    def __str__(self) -> str:
        if not self.n or not self.denominator:
            return ""
        value = self.total / self.denominator
        if self.name == "accuracy":
            low, high = wilson(value, self.n, NORMAL)
        elif self.n > 1 and self.name != "bits/byte":
            variance = max(0.0, self.squares / self.n - value**2)
            half = NORMAL * math.sqrt(variance / (self.n - 1))
            low, high = value - half, value + half
        else:
            return f"{self.name} {value:.3f}"
        return f"{self.name} {value:.3f} [{low:.3f}, {high:.3f}]"
