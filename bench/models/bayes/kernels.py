"""Gaussian processes whose kernels are fitted by evidence: on the inputs, and on a network's features of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Forecast
from bench.components import model
from bench.examples import Examples
from bench.models.bayes.networks import Problem, forward, layers, started
from bench.models.bayes.posteriors import PRECISION, STUDY
from bench.models.bayes.processes import Posterior, split
from bench.models.building import facts
from bench.models.scaling import Scale, flat
from bench.models.sklearn import targets_of
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

RESTARTS = 2
# Variances stay above this share of the targets' own: kernels of noiseless data would be singular.
LEAST = 1e-6


@dataclass
class KernelProcess:
    """A Gaussian process on standardised inputs and targets; scikit-learn's, with a Matérn-5/2 kernel."""

    parameters: dict[str, Any]
    scale: Scale | None = None
    target: Scale | None = None
    noise: float = 0.0
    process: Any = None

    def fit(self, train: Examples, seed: int) -> None:
        """Length scales, variance and noise of most evidence, from three starts."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        y = targets_of(train)
        self.scale, self.target = Scale.of(flat(train.inputs)), Scale.of(y[:, None])
        rows = self.scale.apply(flat(train.inputs))
        lengths = Matern(np.full(rows.shape[1], np.sqrt(rows.shape[1])), (1e-2, 1e3), nu=2.5)
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * lengths + WhiteKernel(0.1, (LEAST, 1e2))
        start = derive(seed, "restarts") % 2**32
        self.process = GaussianProcessRegressor(kernel, n_restarts_optimizer=RESTARTS, random_state=start)
        with warnings.catch_warnings():
            # A length scale at its bound is an input that doesn't matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.process.fit(rows, self.target.apply(y[:, None])[:, 0])
        self.noise = float(self.process.kernel_.k2.noise_level)

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean, std and their split into what the function is unsure of and the noise, (b,) each."""
        assert self.scale is not None and self.target is not None  # noqa: S101, PT018 - fit comes first
        mean, std = self.process.predict(self.scale.apply(flat(inputs)), return_std=True)
        return split(mean, np.maximum(std**2 - self.noise, 0.0), self.noise, self.target)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("gp", self.parameters, "numpy", "scikit-learn")


@dataclass
class DeepKernel:
    """A Gaussian process on a network's features: weights, variance and noise are fitted together by evidence."""

    hidden: int
    depth: int
    features: int
    precision: float
    steps: int
    rate: float
    scale: Scale | None = None
    target: Scale | None = None
    theta: Float64s | None = None
    widths: tuple[int, ...] = ()
    variance: float = 1.0
    noise: float = 0.0
    places: Float64s | None = None
    posterior: Posterior | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Adam on the evidence of all training rows and the weights' prior, on one thread in float64."""
        import torch

        y = targets_of(train)
        self.scale, self.target = Scale.of(flat(train.inputs)), Scale.of(y[:, None])
        rows = torch.from_numpy(self.scale.apply(flat(train.inputs)))
        values = torch.from_numpy(self.target.apply(y[:, None])[:, 0])
        self.widths = (rows.shape[1], *(self.hidden,) * self.depth, self.features)
        problem = Problem(rows, values, self.widths, classes=False, precision=self.precision)
        theta = started(self.widths, seed).requires_grad_()
        with torch.no_grad():
            last, _ = layers(theta, self.widths)[-1]
            draws = generator(seed, "features").standard_normal(last.shape)
            last += theta.new_tensor(draws) / np.sqrt(self.hidden)
        logs = theta.new_tensor([0.0, np.log(0.1)]).requires_grad_()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            optimiser = torch.optim.Adam([theta, logs], self.rate)
            for _ in range(self.steps):
                optimiser.zero_grad()
                loss = surprise(forward(theta, self.widths, rows), values, logs) + problem.penalty(theta)
                (loss / len(values)).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        finally:
            torch.set_num_threads(threads)
        self.theta = theta.detach().numpy()
        self.variance, self.noise = (float(v) for v in logs.detach().exp().clamp(min=LEAST))
        self.places = self._features(rows)
        kernel = self.variance * rbf(self.places, self.places)
        self.posterior = Posterior.of(kernel + self.noise * np.eye(len(y)), values.numpy())

    def _features(self, rows: Tensor) -> Float64s:
        import torch

        with torch.no_grad():
            return np.asarray(forward(torch.from_numpy(self.theta), self.widths, rows).numpy())

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean, std and their split into what the function is unsure of and the noise, (b,) each."""
        import torch

        assert self.scale is not None and self.places is not None  # noqa: S101, PT018 - fit comes first
        assert self.posterior is not None and self.target is not None  # noqa: S101, PT018
        places = self._features(torch.from_numpy(self.scale.apply(flat(inputs))))
        cross = self.variance * rbf(places, self.places)
        mean, variance = self.posterior.at(cross, np.full(len(places), self.variance))
        return split(mean, variance, self.noise, self.target)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        names = ("hidden", "depth", "features", "precision", "steps", "rate")
        return facts("deep-kernel", {name: getattr(self, name) for name in names}, "numpy", "torch")


def rbf(a: Float64s, b: Float64s) -> Float64s:
    """exp(-|a - b|² / 2) between rows a (n, q) and b (m, q), (n, m)."""
    from scipy.spatial.distance import cdist

    return np.asarray(np.exp(-0.5 * cdist(a, b, "sqeuclidean")))


def surprise(places: Tensor, values: Tensor, logs: Tensor) -> Tensor:
    """Minus the evidence of values (n,) at features (n, q), nats; logs: of the kernel's variance and the noise's."""
    import torch

    apart = (places[:, None] - places[None]).square().sum(-1)
    variance, noise = logs.exp().clamp(min=LEAST)
    kernel = variance * torch.exp(-0.5 * apart) + noise * torch.eye(len(values), dtype=values.dtype)
    factor = torch.linalg.cholesky(kernel)
    white = torch.linalg.solve_triangular(factor, values[:, None], upper=False)
    return 0.5 * white.square().sum() + factor.diagonal().log().sum() + 0.5 * len(values) * np.log(2 * np.pi)


@model(
    "gp",
    gives="regressor",
    area="uncertainty",
    source="Rasmussen and Williams 2006, Gaussian Processes for Machine Learning; scikit-learn",
    papers=(STUDY,),
    check="uncertainty/process-evidence",
)
def gp() -> KernelProcess:
    """A Gaussian process with a Matérn-5/2 kernel, a length scale for each input, fitted by evidence."""
    return KernelProcess({"restarts": RESTARTS})


@model(
    "deep-kernel",
    gives="regressor",
    area="uncertainty",
    source="Wilson et al. 2016, Deep Kernel Learning, arXiv:1511.02222",
    papers=(STUDY,),
    check="uncertainty/process-evidence",
)
def deep_kernel(
    hidden: int = 32, depth: int = 1, features: int = 2, precision: float = PRECISION, steps: int = 200,
    rate: float = 1e-2,
) -> DeepKernel:  # fmt: skip
    """A Gaussian process on what a small network makes of its inputs, fitted together by evidence.

    features: outputs of the network, on which the kernel is a squared exponential.  Evidence is no guard against so
    many parameters: on few rows it comes out too sure (Ober, Rasmussen and van der Wilk 2021).
    """
    return DeepKernel(hidden, depth, features, precision, steps, rate)
