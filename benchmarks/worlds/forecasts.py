"""Worlds of forecasts."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from bench.records import Regression
from benchmarks.worlds.world import Rng, World, names, normal

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def right_forecasts(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts as uncertain as they should be."""
    std = np.exp(0.3 * rng.normal(size=n))
    mean = rng.normal(size=n)
    return Regression(y=mean + std * normal(rng, n, clustered)[:, 0], mean=mean, std=std, **names(n, clustered))


def forecasts(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts whose standard deviation is four fifths of the error's."""
    std = np.exp(0.3 * rng.normal(size=n))
    mean = rng.normal(size=n)
    return Regression(y=mean + 1.25 * std * normal(rng, n, clustered)[:, 0], mean=mean, std=std, **names(n, clustered))


def quantiles(rng: Rng, n: int, clustered: bool) -> Regression:
    """Quantile forecasts of too little spread, some of which cross."""
    mean = rng.normal(size=n)
    forecast = mean[:, None] + 0.8 * ndtri(np.array(LEVELS)) + 0.1 * rng.normal(size=(n, len(LEVELS)))
    y = mean + normal(rng, n, clustered)[:, 0]
    return Regression(y=y, quantiles=forecast, levels=LEVELS, **names(n, clustered))


def intervals(rng: Rng, n: int, clustered: bool) -> Regression:
    """Interval forecasts of one standard deviation either way, which promise eight tenths."""
    mean = rng.normal(size=n)
    y = mean + normal(rng, n, clustered)[:, 0]
    return Regression(y=y, lower=mean - 1, upper=mean + 1, level=0.8, **names(n, clustered))


def samples(rng: Rng, n: int, clustered: bool) -> Regression:
    """Twenty draws from a Gaussian forecast of four fifths of the spread that there should be."""
    mean = rng.normal(size=n)
    draws = mean[:, None] + 0.8 * rng.normal(size=(n, 20))
    return Regression(y=mean + normal(rng, n, clustered)[:, 0], samples=draws, **names(n, clustered))


def mixtures(rng: Rng, n: int, clustered: bool) -> Regression:
    """Four Gaussian members whose means err on their own; the forecast is their mixture's mean and spread."""
    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    means = mean[:, None] + 0.5 * rng.normal(size=(n, 4))
    stds = std[:, None] * np.exp(0.2 * rng.normal(size=(n, 4)))
    y = mean + std * normal(rng, n, clustered)[:, 0]
    total = np.sqrt((stds**2).mean(axis=1) + means.var(axis=1))
    forecast = {"mean": means.mean(axis=1), "std": total, "member_means": means, "member_stds": stds}
    return Regression(y=y, **forecast, **names(n, clustered))


RIGHT = dict.fromkeys(("coverage-error", "pit-ks", "quantile-calibration-error", "ence"), 0.0) | {"coverage-90": 0.9}
WORLDS = (
    World("right forecasts", right_forecasts, RIGHT),
    World("forecasts", forecasts),
    World("quantiles", quantiles),
    World("intervals", intervals),
    World("samples", samples),
    World("mixtures", mixtures),
)
