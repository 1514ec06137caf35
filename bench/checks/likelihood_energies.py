"""Unnormalised models whose constant can be summed or written down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.noise import bracket, contrastive, negative_log_likelihood, resampled
from bench.seeds import generator

COMPOSITIONAL = "Learning Unnormalized Statistical Models via Compositional Optimization"
RESIDUAL = "Residual Energy-Based Models for Text Generation"
VOCABULARY, LENGTH = 4, 5


@check("likelihood/noise-distribution", area="likelihood", source="closed form", papers=(COMPOSITIONAL,))
def noise_distribution() -> list[Truth]:
    """An unnormalised Gaussian, log Z = log(s sqrt(2 pi)): Z is unbiased, its logarithm low, the likelihood right.

    Noise that is the model gives it without error.  With noise 5 deviations from the data, the likelihood's curvature
    in the model's mean is 1 and the contrastive loss's about .02, in closed form: why the paper leaves the latter.
    """
    spread, wide = 1.5, 2.0
    truth = float(np.log(spread * np.sqrt(2 * np.pi)))
    draws = generator(0, "check", "noise")
    noise = wide * draws.standard_normal((4000, 50))
    logs = _energy(noise, spread) - _normal(noise, wide)
    z = np.exp(logs).mean(axis=1)
    lost = np.log(z) - truth
    data = spread * draws.standard_normal(5000)
    many = wide * draws.standard_normal(50_000)
    found, error = negative_log_likelihood(_energy(data, spread), _energy(many, spread), _normal(many, wide))
    own = spread * draws.standard_normal(100)
    sure = bracket(_energy(own, spread) - _normal(own, spread))
    bias = -np.exp(logs - truth).var() / (2 * 50)
    steep, flat, closed = _curvatures(5.0)
    return [
        simulated(1.0, z / np.exp(truth), "mean of Z over Z"),
        Truth(
            bias,
            float(lost.mean()),
            ERRORS * float(lost.std()) / 4000**0.5 + bias**2,
            "bias of log Z",
        ),
        Truth(0.5 + truth, found, ERRORS * error, "negative log-likelihood"),
        exact(truth, sure.low, "noise that is the model"),
        exact(0.0, float(sure.seen.error[0]), "its error"),
        Truth(closed, flat, 0.02 * closed, "curvature of the contrastive loss, noise 5 away"),
        Truth(1.0, steep, 1e-2, "curvature of the likelihood, the same"),
    ]


@check("likelihood/residual-energy", area="likelihood", source="enumeration", papers=(RESIDUAL,))
def residual_energy() -> list[Truth]:
    """A language model of 4 words and length 5 with an energy of whole texts: log Z and perplexity by all 1,024 texts.

    The bracket holds log Z on average over repetitions; no energy leaves the language model as it is; the energy of the
    best discriminator recovers the data's source with Z = 1; resampling reaches the exact distribution.
    """
    texts, log_lm, energy, log_data = _language()
    truth = float(np.log(np.exp(log_lm - energy).sum()))
    draws = generator(0, "check", "residual")
    found = [bracket(-energy[draws.choice(len(texts), size=200, p=np.exp(log_lm))]) for _ in range(500)]
    lows, highs = np.array([f.low for f in found]), np.array([f.high for f in found])
    exact_p = np.exp(log_lm - energy - truth)
    best = -(log_data - log_lm)
    return [
        Truth(1.0, float(_mean_below(lows, truth) and _mean_below(-highs, -truth)), 0.0, "the bracket holds log Z"),
        Truth(truth, float((lows.mean() + highs.mean()) / 2), 0.01, "its middle"),
        exact(0.0, bracket(np.zeros(50)).high, "no energy"),
        exact(0.0, float(np.log(np.exp(log_lm - best).sum())), "log Z of the best discriminator's energy"),
        Truth(float(np.exp(-(exact_p @ np.log(exact_p)) / LENGTH)), _perplexity(log_lm, energy, exact_p, draws), 0.02,
              "perplexity a word, log Z from 20,000 draws"),
        *(_resampling(n, log_lm, energy, exact_p, draws) for n in (200, 20_000)),
    ]  # fmt: skip


def _mean_below(values: Float64s, truth: float) -> bool:
    return bool(values.mean() - ERRORS * values.std(ddof=1) / len(values) ** 0.5 <= truth)


def _perplexity(log_lm: Float64s, energy: Float64s, exact_p: Float64s, draws: np.random.Generator) -> float:
    log_z = bracket(-energy[draws.choice(len(log_lm), size=20_000, p=np.exp(log_lm))]).low
    return float(np.exp(-(exact_p @ (log_lm - energy - log_z)) / LENGTH))


def _resampling(n: int, log_lm: Float64s, energy: Float64s, exact_p: Float64s, draws: np.random.Generator) -> Truth:
    """Total variation over the first word between the resampled and the exact distribution."""
    drawn = draws.choice(len(log_lm), size=n, p=np.exp(log_lm))
    kept = drawn[resampled(-energy[drawn], 20_000, draws)]
    first = len(log_lm) // VOCABULARY
    mass = np.array([exact_p[i * first : (i + 1) * first].sum() for i in range(VOCABULARY)])
    seen = np.bincount(kept // first, minlength=VOCABULARY) / len(kept)
    # Each share has a standard error of at most .5 / sqrt(effective draws); energies of unit size keep 1 in 4.
    return Truth(0.0, float(np.abs(seen - mass).sum() / 2), ERRORS / np.sqrt(n / 4), f"distribution resampled from {n}")


def _language() -> tuple[np.ndarray, Float64s, Float64s, Float64s]:
    draws = generator(0, "check", "language")
    texts = np.stack(np.meshgrid(*[np.arange(VOCABULARY)] * LENGTH, indexing="ij"), axis=-1).reshape(-1, LENGTH)
    lm, data = (_chain(texts, draws) for _ in range(2))
    return texts, lm, draws.standard_normal(len(texts)), data


def _chain(texts: np.ndarray, draws: np.random.Generator) -> Float64s:
    start, steps = draws.dirichlet(np.ones(VOCABULARY)), draws.dirichlet(np.ones(VOCABULARY), size=VOCABULARY)
    return np.log(start[texts[:, 0]]) + np.log(steps[texts[:, :-1], texts[:, 1:]]).sum(axis=1)


def _curvatures(mean: float) -> tuple[float, float, float]:
    """Of the likelihood's and the contrastive objective in the mean of N(mean, 1), at the data's own; the closed form.

    Data and noise N(0, 1) stand at 4,000 points of equal mass.  The contrastive curvature is the integral of
    p q / (p + q) (x - mean)^2.
    """
    from scipy.special import ndtri

    middle = ndtri((np.arange(4000) + 0.5) / 4000)
    h = 1e-2

    def contrast(at: float) -> float:
        data, noise = mean + middle, middle
        return contrastive(*(_normal(x - at, 1.0) - _normal(x, 1.0) for x in (data, noise)))

    def bend(f: Callable[[float], float]) -> float:
        return (f(mean + h) - 2 * f(mean) + f(mean - h)) / h**2

    grid = np.linspace(-8, mean + 8, 8001)
    p, q = np.exp(_normal(grid - mean, 1.0)), np.exp(_normal(grid, 1.0))
    closed = float((p * q / (p + q) * (grid - mean) ** 2).sum() * (grid[1] - grid[0]))
    normalised = bend(lambda at: float(-_normal(mean + middle - at, 1.0).mean()))
    return normalised, bend(contrast), closed


def _energy(x: Float64s, spread: float) -> Float64s:
    return -0.5 * (x / spread) ** 2


def _normal(x: Float64s, spread: float) -> Float64s:
    return -0.5 * (x / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi))
