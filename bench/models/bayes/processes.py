"""Networks of infinite width: Gaussian processes with arc-cosine kernels, and their scale mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Forecast
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import facts
from bench.models.scaling import Scale, flat
from bench.models.sklearn import targets_of

MIXTURES = "Scale Mixtures of Neural Network Gaussian Processes"
STUDY = "A Study of Bayesian Neural Network Surrogates for Bayesian Optimization"
NOISES = tuple(np.logspace(-3, 1, 25).tolist())


def arc_cosine(a: Float64s, b: Float64s, depth: int, weight: float = 2.0, bias: float = 0.1) -> Float64s:
    """Covariance (n, m) of the outputs of infinitely wide ReLU networks at rows a (n, d) and b (m, d).

    depth: hidden layers; weight: variance of the weights times the width they come from; bias: of the biases.  Cho and
    Saul 2009; Lee et al. 2018: K' = bias + weight / (2 pi) sqrt(k k') (sin t + (pi - t) cos t).
    """
    d = a.shape[1]
    cross = bias + weight * (a @ b.T) / d
    own_a, own_b = (bias + weight * (x**2).sum(axis=1) / d for x in (a, b))
    for _ in range(depth):
        root = np.sqrt(own_a[:, None] * own_b)
        cosine = np.clip(cross / root, -1.0, 1.0)
        angle = np.arccos(cosine)
        cross = bias + weight / (2 * np.pi) * root * (np.sin(angle) + (np.pi - angle) * cosine)
        own_a, own_b = bias + weight * own_a / 2, bias + weight * own_b / 2
    return cross


@dataclass(frozen=True, eq=False)
class Posterior:
    """What data leave of a process with kernel K, noise included: factor of K, K^-1 y, y' K^-1 y and log det K."""

    factor: Float64s
    weights: Float64s
    fit: float
    log_det: float

    @staticmethod
    def of(kernel: Float64s, y: Float64s) -> Posterior:
        """From K (n, n) and targets (n,)."""
        from scipy.linalg import cho_solve, cholesky

        factor = cholesky(kernel, lower=True)
        weights = cho_solve((factor, True), y)
        return Posterior(factor, weights, float(y @ weights), 2 * float(np.log(np.diag(factor)).sum()))

    def at(self, cross: Float64s, own: Float64s) -> tuple[Float64s, Float64s]:
        """Mean and variance (m,) where the kernel to the data is cross (m, n), and to itself own (m,)."""
        from scipy.linalg import solve_triangular

        half = solve_triangular(self.factor, cross.T, lower=True)
        return cross @ self.weights, np.maximum(own - (half**2).sum(axis=0), 0.0)

    def evidence(self, shape: float = np.inf) -> float:
        """Log marginal likelihood of the targets, nats; a finite shape: of the Student-t process (`student`)."""
        from scipy.special import gammaln

        n = len(self.weights)
        if np.isinf(shape):
            return -0.5 * (self.fit + self.log_det + n * np.log(2 * np.pi))
        ratio = float(gammaln(shape + n / 2) - gammaln(shape))
        power = (shape + n / 2) * np.log1p(self.fit / (2 * shape))
        return ratio - 0.5 * n * float(np.log(2 * np.pi * shape)) - 0.5 * self.log_det - float(power)


@dataclass
class Process:
    """A regressor by an infinitely wide network; shape: of the inverse-gamma mixture of scales (inf: a Gaussian)."""

    name: str
    depth: int
    shape: float
    scale: Scale | None = None
    target: Scale | None = None
    rows: Float64s | None = None
    noise: float = 0.0
    posterior: Posterior | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - nothing is drawn
        """Condition on the training rows, with the noise of most evidence among 25 from .001 to 10 (unit targets)."""
        y = targets_of(train)
        self.scale, self.target = Scale.of(train.inputs), Scale.of(y[:, None])
        self.rows = self.scale.apply(flat(train.inputs))
        values = self.target.apply(y[:, None])[:, 0]
        kernel = arc_cosine(self.rows, self.rows, self.depth)
        found = [Posterior.of(kernel + noise * np.eye(len(y)), values) for noise in NOISES]
        best = int(np.argmax([p.evidence(self.shape) for p in found]))
        self.noise, self.posterior = NOISES[best], found[best]

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Gaussian: mean, std, and their split; Student: location, scale and degrees of freedom, (b,) each."""
        assert self.scale is not None and self.rows is not None  # noqa: S101, PT018 - fit comes first
        assert self.posterior is not None and self.target is not None  # noqa: S101, PT018
        points = self.scale.apply(flat(inputs))
        own = np.array([arc_cosine(p[None], p[None], self.depth)[0, 0] for p in points])
        mean, variance = self.posterior.at(arc_cosine(points, self.rows, self.depth), own)
        centre, width = self.target.mean[0], self.target.width[0]
        total = variance + self.noise
        if np.isinf(self.shape):
            return split(mean, variance, self.noise, self.target)
        freedom, stretch = conditioned(self.shape, len(self.rows), self.posterior.fit)
        return Forecast(
            location=centre + width * mean,
            scale=width * np.sqrt(stretch * total),
            df=np.full(len(points), freedom),
        )

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts(self.name, {"depth": self.depth, "shape": str(self.shape)}, "numpy", "scipy")


def split(mean: Float64s, variance: Float64s, noise: float, target: Scale) -> Forecast:
    """A Gaussian process's forecast in the targets' unit, from mean and variance (b,) of the standardised function.

    Its two members lie a deviation of the function to either side of the mean: their variance is the epistemic one.
    """
    centre, width = target.mean[0], target.width[0]
    std = np.sqrt(variance)
    return Forecast(
        mean=centre + width * mean,
        std=width * np.sqrt(variance + noise),
        member_means=centre + width * np.stack([mean - std, mean + std], axis=1),
        member_stds=np.full((len(mean), 2), width * np.sqrt(noise)),
    )


def conditioned(shape: float, n: int, fit: float) -> tuple[float, float]:
    """Degrees of freedom, and the factor on the Gaussian's variance, after n targets with fit y' K^-1 y.

    The scale's law is inverse-gamma(a, a): y ~ t(2a, 0, K), and after n targets t(2a + n) with (2a + fit) / (2a + n).
    """
    return 2 * shape + n, (2 * shape + fit) / (2 * shape + n)


@model(
    "nngp",
    gives="regressor",
    area="uncertainty",
    source="Lee et al. 2018, arXiv:1711.00165",
    papers=(STUDY,),
    check="uncertainty/infinite-width",
)
def nngp(depth: int = 2) -> Process:
    """A Gaussian process with the covariance of an infinitely wide ReLU network of `depth` hidden layers."""
    return Process("nngp", depth, np.inf)


@model(
    "student-nngp",
    gives="regressor",
    area="uncertainty",
    source="Lee et al. 2022, arXiv:2107.01408",
    papers=(MIXTURES,),
    check="uncertainty/infinite-width",
)
def student_nngp(depth: int = 2, shape: float = 2.0) -> Process:
    """A Student-t process: `nngp` whose last layer has a variance of inverse-gamma(shape, shape) law.

    Its tails are those of 2 shape + n degrees of freedom, and its width follows how well the data fit.
    """
    if not 0 < shape < np.inf:
        raise UsageError(f"shape is {shape}", cause="it is that of a gamma law", fix="give a number above 0")
    return Process("student-nngp", depth, shape)
