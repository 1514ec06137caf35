"""What a model can be asked.  An adapter is any object that has the methods of one of these protocols.

Beside its capability an adapter may be `Fittable` (the runner fits it on the task's training split) and should be
`Fingerprinted`, so that a changed model never continues another model's run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bench.arrays import AnyArray, Float64s, Floats, Ints
from bench.examples import Examples
from bench.language import LanguageModel


@dataclass(frozen=True)
class Classified:
    """logits (b, C); features (b, d); log-probabilities of ensemble members (b, M, C).

    head: weight (C, d) and bias (C,), where the logits are `features @ weight.T + bias`.
    """

    logits: Float64s
    features: Floats | None = None
    members: Float64s | None = None
    head: tuple[Float64s, Float64s] | None = None


@runtime_checkable
class Classifier(Protocol):
    """Answers with a distribution over classes."""

    def classify(self, inputs: AnyArray) -> Classified:
        """The distribution for each input (b, ...)."""
        ...


@runtime_checkable
class Differentiable(Classifier, Protocol):
    """A classifier that also gives gradients with respect to its inputs."""

    def pullback(self, inputs: AnyArray, weights: Float64s) -> Float64s:
        """Gradient of the sum over classes of weights (b, C) times logits, in the shape of the inputs (b, ...)."""
        ...


@dataclass(frozen=True)
class Forecast:
    """One form of predictive distribution for b real numbers; see `Regression` for the columns."""

    mean: Float64s | None = None
    std: Float64s | None = None
    location: Float64s | None = None
    scale: Float64s | None = None
    df: Float64s | None = None
    mixture_means: Float64s | None = None
    mixture_stds: Float64s | None = None
    mixture_weights: Float64s | None = None
    quantiles: Float64s | None = None
    levels: tuple[float, ...] = ()
    samples: Float64s | None = None
    lower: Float64s | None = None
    upper: Float64s | None = None
    level: float = 0.0
    member_means: Float64s | None = None
    member_stds: Float64s | None = None
    member_quantiles: Float64s | None = None


@runtime_checkable
class Regressor(Protocol):
    """Answers with a predictive distribution of a real number."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        """The forecast for each input (b, ...)."""
        ...


@dataclass(frozen=True)
class LogDensity:
    """log_prob (b,) in nats, and what kind of likelihood it is; see `Density`."""

    log_prob: Float64s
    likelihood: str = "exact"
    dequantisation: str = "none"
    mc_error: Float64s | None = None
    ess: Float64s | None = None
    pareto_k: Float64s | None = None
    solver_error: Float64s | None = None
    evaluations: Ints | None = None
    log_det: Float64s | None = None
    estimator: str = ""
    tolerance: float = 0.0


@runtime_checkable
class DensityModel(Protocol):
    """Answers with the log-density (or, for discrete data, the log-mass) of an input."""

    def density(self, inputs: AnyArray) -> LogDensity:
        """The log-density of each input (b, ...)."""
        ...


@runtime_checkable
class PosteriorModel(Protocol):
    """Answers with a distribution over P parameters of a simulator, given what it put out."""

    def posterior_draws(self, inputs: AnyArray, draws: int, seeds: Ints) -> Float64s:
        """Parameters drawn for each observation (b, ...), (b, draws, P), from its seed (b,) alone."""
        ...

    def log_posterior(self, inputs: AnyArray, parameters: Float64s) -> Float64s:
        """Log-density of parameters (b, S, P) given each observation, nats, (b, S)."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A model that is trained on a task's training split before it is asked."""

    def fit(self, train: Examples, seed: int) -> None:
        """Fit in place; equal (train, seed) give equal answers."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A model that says what it is, weights and all."""

    def fingerprint(self) -> Mapping[str, Any]:
        """JSON-ready facts that change whenever an answer could: weights' digest, configuration, versions."""
        ...


CAPABILITIES: dict[str, type] = {
    "classifier": Classifier,
    "regressor": Regressor,
    "density": DensityModel,
    "posterior": PosteriorModel,
    "language": LanguageModel,
}


@dataclass(frozen=True)
class Machine:
    """Where and how models run.  batch 0: found automatically.  engine: what scores language models."""

    device: str = "cpu"
    dtype: str = "auto"
    batch: int = 0
    offline: bool = False
    trust_remote_code: bool = False
    engine: str = "auto"
