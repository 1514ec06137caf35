"""Dequantisation of a Gaussian whose mass of every cell is known, by uniform and by learnt noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import simulated
from bench.components import Truth, check
from bench.models.dequantisation import lower_bound
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

MEAN, SPREAD = np.array([3.2, 7.4]), np.array([0.6, 1.1])
STEPS, DRAWS, REPEATS = 160, 8, 40


@check(
    "likelihood/variational-dequantisation",
    area="likelihood",
    source="Theis et al. 2016; Ho et al. 2019; Hoogeboom et al. 2020",
)
def variational_dequantisation() -> list[Truth]:
    """A Gaussian rounded down to a grid: each bound lies below the exact log-mass, and above the looser ones.

    The uniform bound is closed: the logarithm's quadratic with the noise's mean 1/2 and variance 1/12.  With any
    noise, uniform or learnt, the mean of the ratios q(x + u) / r(u | x) is the mass itself: this holds only if r is
    normalised and its Jacobian right.  One draw of importance weighting is the mean's bound; in expectation more draws
    only raise it.
    """
    from scipy.special import ndtr

    from bench.models.normalising_flows import drawn_noise, learnt_noise

    sample = np.floor(MEAN + SPREAD * generator(0, "check", "cells").standard_normal((1500, 2)))
    # Equal rows have equal noise: each cell is asked once, and counts as often as it occurs.
    rows, often = np.unique(sample, axis=0, return_counts=True)
    exact = np.log(ndtr((rows + 1 - MEAN) / SPREAD) - ndtr((rows - MEAN) / SPREAD)).sum(axis=1)
    closed = _of_squares((rows + 0.5 - MEAN) ** 2 + 1 / 12)
    learnt = learnt_noise(_differentiable, sample, 0, STEPS)

    def asked(method: str) -> Float64s:
        """Bounds of every cell from draws of their own, (REPEATS, cells)."""
        found = []
        for seed in range(REPEATS):
            noise = drawn_noise(*learnt, seed) if method.startswith("v") else None
            found.append(lower_bound(_log_density, rows, seed, DRAWS, method, noise).log_prob)
        return np.stack(found)

    def mean(values: Float64s) -> Float64s:
        return values @ often / often.sum()

    held = {m: asked(m) for m in ("uniform", "importance", "variational", "variational-importance")}
    gaps = {m: float(mean(values - exact).mean()) for m, values in held.items()}
    order = gaps["uniform"] < gaps["variational"] < gaps["variational-importance"] < 0
    return [
        simulated(0.0, mean(held["uniform"] - closed), "uniform noise: its bound less the closed form"),
        simulated(1.0, mean(np.exp(held["importance"] - exact)), "uniform noise: mean ratio over the mass"),
        simulated(1.0, mean(np.exp(held["variational-importance"] - exact)), "learnt noise: mean ratio over the mass"),
        Truth(1.0, float(order), 0.0, "uniform < variational < importance-weighted < exact"),
        Truth(1.0, float(gaps["uniform"] < gaps["importance"] < 0), 0.0, "uniform < importance-weighted < exact"),
        Truth(1.0, _mass_of_a_flow(), 1e-3, "mass of a spline flow over a grid"),
        Truth(1.0, _mass_of_grey_levels(), 1e-3, "mass of a spline flow of 9 grey levels over their range"),
    ]


def _of_squares(squares: Float64s) -> Float64s:
    return (-0.5 * squares / SPREAD**2 - np.log(SPREAD * np.sqrt(2 * np.pi))).sum(axis=1)


def _log_density(rows: Float64s) -> Float64s:
    return _of_squares((rows - MEAN) ** 2)


def _differentiable(rows: Tensor) -> Tensor:
    import torch

    z = (rows - torch.as_tensor(MEAN)) / torch.as_tensor(SPREAD)
    return -0.5 * z.square().sum(dim=1) - float(np.log(SPREAD * np.sqrt(2 * np.pi)).sum())


def _mass_of_a_flow() -> float:
    """Of one fitted for a few steps to correlated points, so that its scale and splines all take part."""
    from bench.examples import Examples
    from bench.models.normalising_flows import TrainedFlow

    draws = generator(0, "check", "spline-flow")
    points = draws.standard_normal((500, 2)) @ np.array([[2.0, 1.0], [0.0, 0.5]]) + 3.0
    model = TrainedFlow("nsf", "uniform", 1, steps=10)
    model.fit(Examples(ids=np.arange(500).astype(np.str_), inputs=points), 0)
    grid = np.linspace(-12, 18, 160)
    every = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(np.exp(model.density(every).log_prob).sum() * (grid[1] - grid[0]) ** 2)


def _mass_of_grey_levels() -> float:
    """Midpoints on a grid over the flow's whole support, the range with its margins: true only of a right Jacobian."""
    from bench.examples import Examples
    from bench.models.normalising_flows import MARGIN, TrainedFlow

    levels, places = 9, 500
    draws = generator(0, "check", "grey-flow")
    points = draws.standard_normal((500, 2)) @ np.array([[2.0, 1.0], [0.0, 1.0]]) + 4.0
    model = TrainedFlow("nsf", "uniform", 1, steps=10)
    grey = Examples(ids=np.arange(500).astype(np.str_), inputs=np.clip(np.rint(points), 0, levels - 1), levels=levels)
    model.fit(grey, 0)
    width = levels / (1 - 2 * MARGIN)
    grid = -MARGIN * width + width * (np.arange(places) + 0.5) / places
    every = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(np.exp(model.log_density(every)).sum() * (width / places) ** 2)
