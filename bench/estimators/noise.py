"""Unnormalised models against a noise distribution: their likelihood, its bracket, and contrastive losses.

log Z by importance sampling from noise q with a known density: Jiang et al. 2023 (compositional optimisation) descend
on the negative log-likelihood that it gives; noise-contrastive estimation (Gutmann and Hyvarinen 2012) stands beside.
Residual models p = q exp(-E) / Z, and their bracket of log Z: Deng et al. 2020, arXiv:2004.11714.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import LogDensity
from bench.errors import UsageError
from bench.estimators.weights import Weighed, log_mean_exp, weighed

ENDS = ("low", "high")


@dataclass(frozen=True, eq=False)
class Bracket:
    """log Z from n weights: low <= log Z <= high in expectation (high for large n), and what the weights say."""

    low: float
    high: float
    seen: Weighed


def bracket(logs: Float64s) -> Bracket:
    """The bracket of log Z from log-weights (n,), n >= 3.

    With T_n the log of the mean of n weights, E T_n <= log Z <= (2n - 1) E T_n - 2 (n - 1) E T_{n-1}; T_{n-1} is the
    mean over all sets that leave one weight out.
    """
    n = len(logs)
    if n < 3:
        raise UsageError("a bracket of log Z needs three weights", cause=f"there are {n}", fix="draw more noise")
    seen = weighed(logs[None])
    low = float(seen.log_mean[0])
    shares = np.exp(logs - low) / n
    with np.errstate(divide="ignore"):
        # Where one weight is all there is, the others are summed afresh: 1 - share would cancel.
        rest = np.log1p(-np.minimum(shares, 1.0))
    for i in np.flatnonzero(shares > 0.999):
        rest[i] = log_mean_exp(np.delete(logs, i)) + np.log(n - 1) - low - np.log(n)
    left_out = float((low + np.log(n) + rest - np.log(n - 1)).mean())
    return Bracket(low, (2 * n - 1) * low - 2 * (n - 1) * left_out, seen)


def bracketed(logs: Float64s, found: Bracket, end: str, drawn: str) -> LogDensity:
    """Unnormalised log-densities (n,) less an end of the bracket of log Z; drawn: what it was estimated from."""
    each = np.ones(len(logs))
    return LogDensity(
        logs - (found.low if end == "low" else found.high),
        likelihood="upper" if end == "low" else "lower",
        mc_error=each * found.seen.error[0],
        ess=each * found.seen.ess[0],
        pareto_k=each * found.seen.pareto_k[0],
        estimator=f"importance sampling ({drawn}{'' if end == 'low' else ', upper end'})",
    )


def negative_log_likelihood(data: Float64s, noise: Float64s, noise_logs: Float64s) -> tuple[float, float]:
    """Mean of -f over data plus log Z, and its standard error.

    data: f(x), the model's unnormalised log-density, of data (n,).  noise: f of draws of the noise (m,); noise_logs:
    their log-density under it (m,).
    """
    seen = weighed((noise - noise_logs)[None])
    spread = data.std(ddof=1) / np.sqrt(len(data)) if len(data) > 1 else np.nan
    return float(-data.mean() + seen.log_mean[0]), float(np.hypot(spread, seen.error[0]))


def contrastive(data: Float64s, noise: Float64s) -> float:
    """The loss of noise-contrastive estimation from log-ratios model / noise, of data (n,) and of noise (m,)."""
    return float(np.logaddexp(0, -data).mean() + np.logaddexp(0, noise).mean())


def resampled(logs: Float64s, count: int, draws: np.random.Generator) -> np.ndarray:
    """Positions of `count` draws in proportion to exp(logs): sampling-importance-resampling from the noise's draws."""
    shares = np.exp(logs - log_mean_exp(logs))
    return draws.choice(len(logs), size=count, p=shares / shares.sum())
