"""Normalising constants by annealing: from a base whose constant is known, by moves that leave each bridge unchanged.

Annealed importance sampling: Neal 2001.  Run backwards from exact samples of the target its weights bound log Z from
above, and the two make a bracket (bidirectional Monte Carlo): Grosse, Ghahramani and Adams 2015, arXiv:1511.02543.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from bench.arrays import Float64s
from bench.estimators.weights import log_mean_exp, weighed


class Bridge(Protocol):
    """Unnormalised densities from a base (beta = 0) to a target (beta = 1), with moves that keep each."""

    @property
    def log_base(self) -> float:
        """Log Z of the base."""
        ...

    def start(self, n: int, draws: np.random.Generator) -> Float64s:
        """Exact samples of the base, (n, d)."""
        ...

    def log_density(self, x: Float64s, beta: float) -> Float64s:
        """Unnormalised, (n,)."""
        ...

    def move(self, x: Float64s, beta: float, draws: np.random.Generator, *, back: bool = False) -> Float64s:
        """A step that leaves the density at beta unchanged; back: the step that runs it in reverse."""
        ...


@dataclass(frozen=True, eq=False)
class Constant:
    """An estimate of log Z: a lower or upper bound in expectation; logs: the chains' log-weights, base included."""

    value: float
    error: float
    ess: float
    logs: Float64s


def forward(bridge: Bridge, chains: int, steps: int, draws: np.random.Generator) -> Constant:
    """Annealed importance sampling over equal steps of beta: E log Z-hat <= log Z, and Z-hat is unbiased."""
    x = bridge.start(chains, draws)
    logs = np.full(chains, bridge.log_base)
    betas = np.linspace(0, 1, steps + 1)
    for before, beta in pairwise(betas):
        logs += bridge.log_density(x, beta) - bridge.log_density(x, before)
        x = bridge.move(x, beta, draws)
    return _constant(logs, 1.0)


def reverse(bridge: Bridge, samples: Float64s, steps: int, draws: np.random.Generator) -> Constant:
    """The same chain run backwards from exact samples of the target (n, d): E log Z-hat >= log Z."""
    x = samples
    logs = np.full(len(x), bridge.log_base)
    betas = np.linspace(0, 1, steps + 1)
    for before, beta in zip(betas[-2::-1], betas[:0:-1], strict=True):
        x = bridge.move(x, beta, draws, back=True)
        logs += bridge.log_density(x, beta) - bridge.log_density(x, before)
    return _constant(logs, -1.0)


def sequential(bridge: Bridge, particles: int, steps: int, draws: np.random.Generator, least: float = 0.5) -> Constant:
    """Sequential Monte Carlo: as `forward`, resampled systematically whenever fewer than `least` of them count.

    Unbiased for Z.  Its error is not told by one run, since particles share their past: `error` is NaN.
    """
    x = bridge.start(particles, draws)
    total, logs = bridge.log_base, np.zeros(particles)
    betas = np.linspace(0, 1, steps + 1)
    for before, beta in pairwise(betas):
        logs += bridge.log_density(x, beta) - bridge.log_density(x, before)
        if weighed(logs[None]).ess[0] < least * particles:
            total += float(log_mean_exp(logs))
            x, logs = x[systematic(logs, draws)], np.zeros(particles)
        x = bridge.move(x, beta, draws)
    return Constant(total + float(log_mean_exp(logs)), float("nan"), float(weighed(logs[None]).ess[0]), total + logs)


def systematic(logs: Float64s, draws: np.random.Generator) -> np.ndarray:
    """Positions drawn in proportion to exp(logs), by one uniform number and equal steps from it, (n,)."""
    shares = np.exp(logs - log_mean_exp(logs)) / len(logs)
    points = (draws.random() + np.arange(len(logs))) / len(logs)
    return np.minimum(np.searchsorted(np.cumsum(shares), points), len(logs) - 1)


def _constant(logs: Float64s, sign: float) -> Constant:
    found = weighed(sign * logs[None])
    return Constant(sign * float(found.log_mean[0]), float(found.error[0]), float(found.ess[0]), logs)
