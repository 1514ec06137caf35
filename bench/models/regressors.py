"""The embedded regressors: small, quick to train, deterministic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.arrays import AnyArray
from bench.capabilities import Forecast
from bench.components import model
from bench.examples import Examples
from bench.models.building import facts
from bench.models.network import Network, Training, trained
from bench.models.scaling import Scale, flat
from bench.models.sklearn import FittableRegressor, QuantileAdapter, targets_of

NARROWEST = 1e-3  # least standard deviation, in standard deviations of the training targets


@dataclass
class GaussianPerceptron:
    """A fully connected network with two outputs: a mean, and a standard deviation through softplus."""

    hidden: int
    depth: int
    training: Training = field(default_factory=Training)
    network: Network | None = None
    target: Scale | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Train by Gaussian negative log-likelihood on standardised targets."""
        import torch

        y = targets_of(train)
        self.target = Scale.of(y[:, None])
        targets = torch.from_numpy(self.target.apply(y[:, None])[:, 0].astype(np.float32))

        def loss(outputs: Any, rows: Any) -> Any:
            std = torch.nn.functional.softplus(outputs[:, 1]) + NARROWEST
            return (torch.log(std) + 0.5 * ((targets[rows] - outputs[:, 0]) / std) ** 2).mean()

        self.network = trained(train.inputs, loss, (self.hidden,) * self.depth + (2,), self.training, seed)

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean and standard deviation, (b,) each, in the targets' unit."""
        assert self.network is not None and self.target is not None  # noqa: S101, PT018 - fit comes first
        outputs = self.network.outputs(self.network.features(flat(inputs)))
        mean, width = self.target.mean[0], self.target.width[0]
        return Forecast(mean=mean + width * outputs[:, 0], std=width * (np.logaddexp(0.0, outputs[:, 1]) + NARROWEST))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        parameters = {"hidden": self.hidden, "depth": self.depth, **asdict(self.training)}
        return facts("mlp-regressor", parameters, "numpy", "torch")


@model("bayes-ridge", gives="regressor", source="MacKay 1992; Tipping 2001; scikit-learn")
def bayes_ridge() -> FittableRegressor:
    """Bayesian linear regression on standardised inputs, noise and prior by evidence: a Gaussian forecast."""
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return FittableRegressor(
        make_pipeline(StandardScaler(), BayesianRidge()), facts("bayes-ridge", {}, "numpy", "scikit-learn")
    )


@model("gradient-quantile", gives="regressor", source="Friedman 2001; Koenker and Bassett 1978; scikit-learn")
def gradient_quantile(trees: int = 40, depth: int = 2, rate: float = 0.1) -> QuantileAdapter:
    """Gradient-boosted trees, one ensemble for each of the quantiles .05, .1, .25, .5, .75, .9, .95.

    Crossing quantiles are put in order by sorting.  trees, depth, rate: of each ensemble.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    parameters = {"trees": trees, "depth": depth, "rate": rate}
    estimator = GradientBoostingRegressor(
        loss="quantile", n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=0.7, min_samples_leaf=15
    )
    return QuantileAdapter(estimator, facts("gradient-quantile", parameters, "numpy", "scikit-learn"), "alpha")


@model("mlp-regressor", gives="regressor", source="Nix and Weigend 1994")
def mlp_regressor(
    *, hidden: int = 32, depth: int = 1, epochs: int = 40, batch: int = 32, rate: float = 1e-2, decay: float = 3.0
) -> GaussianPerceptron:
    """A small network that gives a mean and a standard deviation, trained by Gaussian negative log-likelihood.

    hidden, depth: width and number of hidden layers.  epochs, batch, rate, decay: of the training.
    """
    return GaussianPerceptron(hidden, depth, Training(epochs, batch, rate, decay))
