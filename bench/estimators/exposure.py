"""Exposure bias of diffusion models: how the inputs that sampling makes differ from those of training.

In training x_t is drawn from q(x_t | x_0), with variance 1 - abar_t around sqrt(abar_t) x_0; in sampling it comes from
x_{t+1} by the network's own prediction, and its variance is larger.  The gap of their standard deviations, squared, is
delta_t; dividing the predicted noise by a factor (epsilon scaling) closes it.  Ning et al. 2024, arXiv:2308.15321.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError

# (x (n, d), step t = 1 .. T) -> predicted noise (n, d)
NoisePredictor = Callable[[Float64s, int], Float64s]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Variances beta_1 .. beta_T of the steps to noise, (T,)."""

    betas: Float64s

    def __post_init__(self) -> None:
        if self.betas.ndim != 1 or not ((self.betas > 0) & (self.betas < 1)).all():
            raise UsageError("a schedule holds what is no variance", cause="each is in (0, 1)", fix="use linear(1000)")

    @staticmethod
    def linear(steps: int) -> Schedule:
        """From 1e-4 to .02 at 1,000 steps, and as much noise in fewer: Ho, Jain and Abbeel 2020."""
        return Schedule(np.minimum(np.linspace(0.1, 20, steps) / steps, 0.999))

    @property
    def kept(self) -> Float64s:
        """Abar_0 .. abar_T, (T + 1,): the share of the data's variance that is left; abar_0 = 1."""
        return np.concatenate([[1.0], np.cumprod(1 - self.betas)])

    def step(self, x: Float64s, noise: Float64s, t: int, draws: np.random.Generator) -> Float64s:
        """One ancestral step from x_t to x_{t-1} (n, d), by the noise predicted in x_t."""
        kept, beta = self.kept, self.betas[t - 1]
        clean = (x - np.sqrt(1 - kept[t]) * noise) / np.sqrt(kept[t])
        rest = 1 - kept[t]
        mean = np.sqrt(kept[t - 1]) * beta / rest * clean + np.sqrt(1 - beta) * (1 - kept[t - 1]) / rest * x
        return mean + np.sqrt(beta * (1 - kept[t - 1]) / rest) * draws.standard_normal(x.shape)


@dataclass(frozen=True, eq=False)
class Exposure:
    """At t = 1 .. T - s: delta_t, and the mean norm of predicted noise in sampling less that in training, (T - s,)."""

    delta: Float64s
    norm_gap: Float64s

    @property
    def total(self) -> float:
        """Sum of delta_t over the steps."""
        return float(self.delta.sum())


def exposure(
    predict: NoisePredictor, schedule: Schedule, data: Float64s, draws: np.random.Generator, steps: int = 1
) -> Exposure:
    """delta_t after `steps` sampler steps from x_{t+s} ~ q(. | x_0), for data x_0 (n, d).

    The variance is that around sqrt(abar_t) x_0, over all samples and dimensions together.
    """
    last = len(schedule.betas)
    if not 1 <= steps < last:
        raise UsageError(f"{steps} steps cannot be taken", cause=f"the schedule has {last}", fix="steps=1")
    kept = schedule.kept
    delta, gap = np.empty(last - steps), np.empty(last - steps)
    for t in range(1, last - steps + 1):
        x = _noised(data, kept[t + steps], draws)
        for at in range(t + steps, t, -1):
            x = schedule.step(x, predict(x, at), at, draws)
        spread = np.sqrt(((x - np.sqrt(kept[t]) * data) ** 2).mean())
        delta[t - 1] = (spread - np.sqrt(1 - kept[t])) ** 2
        met = predict(_noised(data, kept[t], draws), t)
        gap[t - 1] = np.linalg.norm(predict(x, t), axis=1).mean() - np.linalg.norm(met, axis=1).mean()
    return Exposure(delta, gap)


def scaled(predict: NoisePredictor, slope: float = 0.0, constant: float = 1.0) -> NoisePredictor:
    """Epsilon scaling: the predicted noise over lambda(t) = slope t + constant."""
    return lambda x, t: predict(x, t) / (slope * t + constant)


def _noised(data: Float64s, kept: float, draws: np.random.Generator) -> Float64s:
    return np.sqrt(kept) * data + np.sqrt(1 - kept) * draws.standard_normal(data.shape)
