"""Copulas as density models of pairs in the unit square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.copulas import FAMILIES, Copula, most_likely
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.scaling import flat
from bench.tasks.likelihood.copulas import PAIRED


@dataclass
class CopulaModel:
    """A family whose parameter is found by maximum likelihood."""

    family: str
    fitted: Copula | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - nothing is drawn
        """Maximum likelihood; data outside the unit square is refused."""
        rows = training_rows(train)
        if train.levels or rows.shape[1] != 2 or not ((rows > 0) & (rows < 1)).all():
            raise NotSuited(
                "a copula cannot be asked about this data",
                cause="its data are pairs of numbers between 0 and 1",
                fix="ask it about likelihood/copula",
            )
        self.fitted, _ = most_likely(self.family, rows)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact, (b,)."""
        assert self.fitted is not None  # noqa: S101 - fit comes first
        return LogDensity(np.asarray(self.fitted.log_density(flat(inputs))))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("copula", {"family": self.family}, "numpy", "scipy")


@model("copula", gives="density", source="Nelsen 2006", papers=(PAIRED,), check="likelihood/copulas")
def copula(family: str = "clayton") -> CopulaModel:
    """A copula of two variables, fitted by maximum likelihood.

    family: clayton, gumbel, frank, gaussian or student (4 degrees of freedom).
    """
    if family not in FAMILIES:
        raise UsageError(
            f"there is no copula '{family}'", cause=f"it is one of {', '.join(FAMILIES)}", fix="name one of them"
        )
    return CopulaModel(family)
