"""A Gaussian process whose kernel is fitted by evidence, and what a kernel on features needs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Forecast
from bench.components import model
from bench.examples import Examples
from bench.models.bayes.posteriors import STUDY
from bench.models.bayes.processes import split
from bench.models.building import facts
from bench.models.scaling import Scale, flat
from bench.models.sklearn import targets_of
from bench.seeds import derive

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
