"""Posteriors of simulators: the exact one, faults of it, and one that is learnt from simulations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.components import model
from bench.covariance import gaussian_log_density
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.posterior import CHECK
from bench.models.building import NotSuited, facts
from bench.references.sbi_benchmark import Simulator
from bench.tasks.likelihood.simulators import SUMMARIES, known, summarised


@dataclass
class GaussianPosterior:
    """theta | x ~ N(weights x + offset, covariance)."""

    name: str
    scale: float = 1.0
    shift: float = 0.0
    correlation: float | None = None
    blind: bool = False
    weights: Float64s | None = None
    offset: Float64s | None = None
    covariance: Float64s | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - closed form
        """The exact map, or least squares of parameters on observations with the covariance of what is left."""
        observed, parameters = np.asarray(train.inputs), np.asarray(train.targets, dtype=np.float64)
        if self.name == "gaussian-posterior":
            wide = np.hstack([observed, np.ones((len(observed), 1))])
            found, *_ = np.linalg.lstsq(wide, parameters, rcond=None)
            rest = parameters - wide @ found
            self.weights, self.offset = found[:-1], found[-1]
            self.covariance = rest.T @ rest / max(1, len(rest) - wide.shape[1])
            return
        sizes = {weights.shape[0]: name for name, weights in SUMMARIES.items()}
        if observed.shape[1] not in sizes or parameters.shape[1] != 5:
            raise NotSuited(
                "exact-posterior does not know this simulator",
                cause=f"it put out {observed.shape[1]} numbers from {parameters.shape[1]} parameters",
                fix="ask it about likelihood/linear-gaussian",
            )
        simulator = summarised(sizes[observed.shape[1]])
        self._take(np.eye(5) if self.blind else simulator.spread, simulator.means(np.eye(observed.shape[1])))

    def _take(self, covariance: Float64s, weights: Float64s) -> None:
        spread = np.sqrt(np.diag(covariance))
        size = len(spread)
        even = (1 - (self.correlation or 0.0)) * np.eye(size) + (self.correlation or 0.0)
        kept = covariance if self.correlation is None else even * np.outer(spread, spread)
        self.covariance = self.scale**2 * kept
        self.weights, self.offset = weights * (not self.blind), self.shift * spread

    def posterior_draws(self, inputs: AnyArray, draws: int, seeds: Ints) -> Float64s:
        """Exact draws, (b, draws, P)."""
        mean, factor = self._mean(inputs), np.linalg.cholesky(self._covariance())
        noise = np.stack([np.random.default_rng(int(s)).standard_normal((draws, len(factor))) for s in seeds])
        return mean[:, None] + noise @ factor.T

    def log_posterior(self, inputs: AnyArray, parameters: Float64s) -> Float64s:
        """Closed form, (b, S)."""
        apart = parameters - self._mean(inputs)[:, None]
        size = parameters.shape[2]
        flat = gaussian_log_density(apart.reshape(-1, size), np.zeros(size), self._covariance())
        return flat.reshape(parameters.shape[:2])

    def _mean(self, inputs: AnyArray) -> Float64s:
        assert self.weights is not None and self.offset is not None  # noqa: S101, PT018 - fit comes first
        return np.asarray(inputs, dtype=np.float64) @ self.weights + self.offset

    def _covariance(self) -> Float64s:
        assert self.covariance is not None  # noqa: S101 - fit comes first
        return self.covariance

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        own = {k: getattr(self, k) for k in ("scale", "shift", "correlation", "blind")}
        return facts(self.name, own, "numpy")


@model("exact-posterior", gives="posterior", source="closed form", check=CHECK)
def exact_posterior(
    scale: float = 1.0, shift: float = 0.0, correlation: float | None = None, blind: bool = False
) -> GaussianPosterior:
    """The exact posterior of `likelihood/linear-gaussian`, or a fault of it that a test should see.

    scale: of its standard deviations.  shift: of its mean, in standard deviations.  correlation: of all pairs of
    parameters in place of the true ones; each parameter's own law stays right.  blind: the prior, whatever was seen.
    """
    if scale <= 0 or (correlation is not None and not -0.25 < correlation < 1):
        raise UsageError(
            f"exact-posterior cannot have scale={scale},correlation={correlation}",
            cause="scale is above 0, and five parameters can all be correlated by more than -1/4 and less than 1",
            fix="bench show model exact-posterior",
        )
    return GaussianPosterior("exact-posterior", scale, shift, correlation, blind)


@model("gaussian-posterior", gives="posterior", source="least squares; Papamakarios and Murray 2016", check=CHECK)
def gaussian_posterior() -> GaussianPosterior:
    """A Gaussian posterior whose mean is linear in the observation, fitted to simulations."""
    return GaussianPosterior("gaussian-posterior")


@dataclass(frozen=True)
class ReferencePosterior:
    """The exact posterior of a simulator of the SBI benchmark."""

    name: str
    simulator: Simulator

    def posterior_draws(self, inputs: AnyArray, draws: int, seeds: Ints) -> Float64s:
        """Draws, (b, draws, P), each observation's from its own seed."""
        rows = self._rows(inputs)
        pairs = zip(rows, seeds, strict=True)
        return np.stack([self.simulator.posterior(row, draws, np.random.default_rng(int(s))) for row, s in pairs])

    def log_posterior(self, inputs: AnyArray, parameters: Float64s) -> Float64s:
        """Closed form, or by quadrature, (b, S)."""
        return self.simulator.log_posterior(self._rows(inputs), parameters)

    def _rows(self, inputs: AnyArray) -> Float64s:
        rows = np.asarray(inputs, dtype=np.float64)
        width = self.simulator.simulate(self.simulator.prior(1, np.random.default_rng(0)), np.random.default_rng(0))
        if rows.ndim != 2 or rows.shape[1] != width.shape[1]:
            raise NotSuited(
                f"{self.name} does not know this simulator",
                cause=f"it put out {rows.shape[1:]} numbers, where {width.shape[1]} are expected",
                fix=f"ask it about likelihood/sbibm,simulator={self.name.rpartition(':')[2]}",
            )
        return rows

    def fingerprint(self) -> dict[str, Any]:
        """The simulator and versions."""
        return facts("reference-posterior", {"simulator": self.name}, "numpy", "scipy")


@model(
    "reference-posterior",
    gives="posterior",
    source="Lueckmann et al. 2021; closed form",
    check="likelihood/sbi-benchmark",
)
def reference_posterior(target: str) -> ReferencePosterior:
    """The exact posterior of `likelihood/sbibm,simulator=NAME`: `reference-posterior:NAME`."""
    return ReferencePosterior(f"reference-posterior:{target}", known(target))
