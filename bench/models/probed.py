"""A density with an ensemble of itself, and a model of the background, for OOD scores that compare them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench import specs
from bench.arrays import AnyArray
from bench.capabilities import DensityModel, Fingerprinted, Fittable, LogDensity, Machine
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import build, facts
from bench.models.scaling import flat
from bench.seeds import derive, generator


@dataclass
class Surrounded:
    """Answers as `inner`; `members` are fitted to bootstrap samples, `background` to rows with cells replaced."""

    inner: Any
    make: Callable[[], Any]
    target: str
    parameters: dict[str, Any]
    size: int
    rate: float
    members: list[Any] = field(default_factory=list)
    background: Any = None

    def fit(self, train: Examples, seed: int) -> None:
        """Fit the model, its bootstrap copies and the background's."""
        rows = np.asarray(train.inputs)
        self.inner.fit(train, seed)
        self.members = []
        for i in range(self.size):
            chosen = generator(seed, "probed", "member", i).integers(0, len(rows), len(rows))
            self.members.append(self._fitted(train, rows[chosen], derive(seed, "member", i)))
        self.background = self._fitted(train, self._mutated(rows, train.levels, seed), derive(seed, "background"))

    def density(self, inputs: AnyArray) -> LogDensity:
        """Of the model itself."""
        answer: LogDensity = self.inner.density(inputs)
        return answer

    def __getattr__(self, name: str) -> Any:
        # Denoising and reconstruction, where the model has them.
        if name in {"denoise", "noise_scale", "reconstruct"}:
            return getattr(self.inner, name)
        raise AttributeError(name)

    def fingerprint(self) -> dict[str, Any]:
        """The model's own, and how many copies there are of it."""
        known = {"target": self.target, "members": self.size, "rate": self.rate, **self.parameters}
        inner = dict(self.inner.fingerprint()) if isinstance(self.inner, Fingerprinted) else {}
        return {**facts("probed", known, "numpy"), "inner": inner}

    def _fitted(self, train: Examples, rows: AnyArray, seed: int) -> Any:
        one = self.make()
        one.fit(replace(train, inputs=rows), seed)
        return one

    def _mutated(self, rows: AnyArray, levels: int, seed: int) -> AnyArray:
        """Rows with a share of their cells drawn anew: uniform levels, or the column's own values in other rows."""
        draws = generator(seed, "probed", "mutated")
        table = flat(rows)
        other = draws.integers(0, levels, table.shape) if levels else draws.permuted(table, axis=0)
        return np.where(draws.random(table.shape) < self.rate, other, table).reshape(rows.shape)


@model(
    "probed",
    gives="density",
    area="ood",
    source="Ren et al. 2019, arXiv:1906.02845; Choi, Jang and Alemi 2018, arXiv:1810.01392",
    check="ood/density-scores",
)
def probed(target: str, machine: Machine, members: int = 5, rate: float = 0.1, **parameters: Any) -> Surrounded:
    """A density with bootstrap copies and a background model: `probed:chow-liu`.

    target: a density that is fitted to the task.  members: bootstrap copies.  rate: share of cells that are drawn anew
    in what the background model is fitted to; fixed beforehand, never chosen on OOD data.  Other parameters go to the
    density.
    """
    spec = specs.parse(target)
    inner = specs.Spec(spec.name, spec.target, parameters)
    made = build(inner, machine)
    if not isinstance(made, DensityModel) or not isinstance(made, Fittable) or members < 2 or not 0 < rate <= 1:
        raise UsageError(
            f"'{target}' cannot be probed so",
            cause="it takes a density that is fitted, two members or more, and a rate above 0 and up to 1",
            fix="bench show model probed",
        )
    return Surrounded(made, lambda: build(inner, machine), target, parameters, members, rate)
