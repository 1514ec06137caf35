"""Ensembles of members whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified, Forecast, LogDensity
from bench.components import Truth, check
from bench.models.ensemble import ClassifierEnsemble, DensityEnsemble, RegressorEnsemble


@dataclass
class _Fixed:
    """Answers every input alike."""

    probs: Float64s
    mean: float = 0.0
    std: float = 1.0

    def classify(self, inputs: AnyArray) -> Classified:
        return Classified(np.tile(np.log(self.probs), (len(inputs), 1)))

    def forecast(self, inputs: AnyArray) -> Forecast:
        return Forecast(mean=np.full(len(inputs), self.mean), std=np.full(len(inputs), self.std))

    def density(self, inputs: AnyArray) -> LogDensity:
        return LogDensity(np.full(len(inputs), np.log(self.std)))


@check("uncertainty/ensemble-decomposition", area="uncertainty", source="law of total variance; Jensen")
def ensemble_decomposition() -> list[Truth]:
    """Members at (.9, .1) and (.1, .9) mix to (.5, .5); Gaussians at -3 and 3 of deviations 1 and 2 have variance 11.5.

    Their densities of 1 and 2 average to 1.5; and a member alone is itself.
    """
    members = [_Fixed(np.array([0.9, 0.1]), -3.0, 1.0), _Fixed(np.array([0.1, 0.9]), 3.0, 2.0)]
    inputs = np.zeros((1, 1))
    mixed = ClassifierEnsemble(members, "", {}).classify(inputs)
    forecast = RegressorEnsemble(members, "", {}).forecast(inputs)
    density = DensityEnsemble(members, "", {}).density(inputs)
    alone = ClassifierEnsemble(members[:1], "", {}).classify(inputs)
    assert forecast.mean is not None and forecast.std is not None  # noqa: S101, PT018 - Gaussian members
    return [
        Truth(0.0, float(np.abs(np.exp(mixed.logits) - 0.5).max()), 1e-12, "mean probability"),
        Truth(0.0, float(forecast.mean[0]), 1e-12, "mean of the mixture"),
        Truth((1 + 4) / 2 + 9, float(forecast.std[0] ** 2), 1e-9, "variance of the mixture"),
        Truth(float(np.log(1.5)), float(density.log_prob[0]), 1e-12, "mean density"),
        Truth(0.0, float(np.abs(np.exp(alone.logits) - [0.9, 0.1]).max()), 1e-12, "one member"),
    ]
