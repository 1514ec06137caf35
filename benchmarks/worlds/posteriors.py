"""Worlds of simulation-based inference: two parameters of a linear Gaussian simulator."""

from __future__ import annotations

import numpy as np
from scipy.special import chndtr, ndtr

from bench.records import Posterior
from benchmarks.worlds.world import Rng, World, names, normal

NOISE = 0.5  # standard deviation of what is observed about the parameters, whose prior is standard normal
STD = NOISE / np.sqrt(1 + NOISE**2)  # of the exact posterior
DRAWS = 127
SHIFT, NARROW = 0.15, 0.8  # of the wrong posterior: how far its mean is off, and its spread, by the exact one's


def _posterior(rng: Rng, n: int, clustered: bool, shift: float, narrow: float) -> Posterior:
    """Ranks and shares are drawn from their laws, as DRAWS posterior draws would give them."""
    # What the posterior doesn't know is drawn first: it is independent of what is observed, row by row.
    apart = normal(rng, n, clustered, 2)
    observed = np.sqrt(1 + NOISE**2) * rng.normal(size=(n, 2))
    exact = observed / (1 + NOISE**2)
    parameters = exact + STD * apart
    mean, std = exact + shift * STD, narrow * STD
    z = (parameters - mean) / std
    square = (z**2).sum(axis=1)
    points = rng.normal(size=(n, 2))
    reach, off = (((x - points) ** 2).sum(axis=1) / std**2 for x in (parameters, mean))
    nearer = np.clip(chndtr(reach, 2, off), 0, 1)
    return Posterior(
        parameters=parameters,
        observed=observed,
        ranks=rng.binomial(DRAWS, ndtr(z)),
        nearer=rng.binomial(DRAWS, nearer) / DRAWS,
        denser=rng.binomial(DRAWS, -np.expm1(-square / 2)) / DRAWS,
        log_prob=-square / 2 - np.log(2 * np.pi * std**2),
        drawn=mean + std * rng.normal(size=(n, 2)),
        truth=-(apart**2).sum(axis=1) / 2 - np.log(2 * np.pi * STD**2),
        draws=DRAWS,
        prior_entropy=PRIOR,
        **names(n, clustered),
    )


def right_posteriors(rng: Rng, n: int, clustered: bool) -> Posterior:
    """The exact posterior."""
    return _posterior(rng, n, clustered, 0.0, 1.0)


def wrong_posteriors(rng: Rng, n: int, clustered: bool) -> Posterior:
    """A posterior of four fifths of the spread that there should be, a little off."""
    return _posterior(rng, n, clustered, SHIFT, NARROW)


PRIOR = float(np.log(2 * np.pi * np.e))
ENTROPY = float(np.log(2 * np.pi * np.e * STD**2))
EXCESS = float(2 * np.log(NARROW) + (1 + SHIFT**2) / NARROW**2 - 1)
RIGHT = {
    "expected-posterior-entropy": ENTROPY,
    "information-gain": PRIOR - ENTROPY,
    "c2st": 0.5,
    "sbc-distance": 0.0,
    "tarp-distance": 0.0,
    "expected-coverage-distance": 0.0,
}
WRONG = {
    "expected-posterior-entropy": ENTROPY + EXCESS,
    "information-gain": PRIOR - ENTROPY - EXCESS,
    "excess-posterior-entropy": EXCESS,
}
WORLDS = (World("right posteriors", right_posteriors, RIGHT), World("wrong posteriors", wrong_posteriors, WRONG))
