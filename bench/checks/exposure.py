"""Exposure bias of diffusion models whose one-step variance is known."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact
from bench.components import Truth, check
from bench.estimators.exposure import NoisePredictor, Schedule, exposure, scaled
from bench.seeds import generator

EXPOSURE = "Elucidating the Exposure Bias in Diffusion Models"
STEPS, ROWS, DIMS = 20, 5_000, 2


@check("likelihood/exposure-bias", area="likelihood", source="closed form, a Gaussian", papers=(EXPOSURE,))
def exposure_bias() -> list[Truth]:
    """One step by predictions of the data that are off by e is too wide by (sqrt(abar_t) beta e / (1 - abar))^2.

    The best predictor of Gaussian data is linear, and its step's variance is in closed form too: it is too wide even
    though it is the best.  Noise that is overrated by a factor is restored by dividing by it, number for number.
    """
    schedule, kept = Schedule.linear(STEPS), Schedule.linear(STEPS).kept
    data = 1.5 * generator(0, "check", "exposure").standard_normal((ROWS, DIMS))
    error = 0.7

    def off(size: float) -> NoisePredictor:
        draws = generator(1, "check", "exposure")

        def predict(x: Float64s, t: int) -> Float64s:
            wrong = data + size * draws.standard_normal(data.shape)
            return (x - np.sqrt(kept[t]) * wrong) / np.sqrt(1 - kept[t])

        return predict

    def best(x: Float64s, t: int) -> Float64s:
        return np.sqrt(1 - kept[t]) * x / (1.5**2 * kept[t] + 1 - kept[t])

    def found(predict: NoisePredictor) -> Float64s:
        return exposure(predict, schedule, data, generator(2, "check", "exposure")).delta

    at = 2  # where a step still undoes much noise, and errors of the prediction show
    rest, beta = 1 - kept[at + 1], schedule.betas[at]
    pull = np.sqrt(kept[at]) * beta / rest
    keep = np.sqrt(1 - beta) * (1 - kept[at]) / rest
    # x_t - sqrt(abar_t) x_0 in terms of x_0, of the noise in x_{t+1}, and of the step's own noise.
    slope = pull * 1.5**2 * np.sqrt(kept[at + 1]) / (1.5**2 * kept[at + 1] + rest) + keep
    of_data = slope * np.sqrt(kept[at + 1]) - np.sqrt(kept[at])
    wide = (1.5 * of_data) ** 2 + slope**2 * rest + beta * (1 - kept[at]) / rest
    right = 1 - kept[at]

    def gap(variance: float, predict: NoisePredictor, label: str) -> Truth:
        truth = np.sqrt(variance) - np.sqrt(right)
        sampling = ERRORS * np.sqrt(variance / (2 * ROWS * DIMS))
        return Truth(float(truth), float(np.sqrt(found(predict)[at - 1])), float(sampling), label)

    overrated = found(lambda x, t: 1.1 * best(x, t))
    restored = found(scaled(lambda x, t: 1.1 * best(x, t), constant=1.1))
    return [
        gap(right, off(0.0), "gap of standard deviations, predictions that are the data"),
        gap(right + (error * pull) ** 2, off(error), "predictions off by .7"),
        gap(wide, best, "the best predictions of a Gaussian"),
        exact(0.0, float(np.abs(restored - found(best)).max()), "noise 1.1 times too large, over 1.1"),
        exact(1.0, float(overrated.sum() > found(best).sum()), "left so, the bias is larger"),
    ]
