"""Several expectations from one weighted sample, with control variates that cost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.seeds import generator

Density = Callable[[Float64s], Float64s]


@dataclass(frozen=True, eq=False, kw_only=True)
class Expectations:
    """K expectations with their covariance (K, K), and the effective sample size of each weighting, (K,).

    gain: (K,), variance of plain importance sampling over that with controls.  coefficients: (K, K), of the controls.
    """

    values: Float64s
    covariance: Float64s
    effective: Float64s
    gain: Float64s
    coefficients: Float64s


def expectations(weights: Float64s, integrands: Float64s, *, coefficients: Float64s | None = None) -> Expectations:
    """E_k phi_k for K laws f_k from one sample of g (Beh, Shadaram and others; importance sampling with controls).

    weights: (N, K), f_k / g with both normalised.  integrands: (N, K), phi_k.  Controls w_m - 1 have mean 0 under g;
    their coefficients are those of least squares, or `coefficients` (K, K) from another sample, which leaves the
    estimate unbiased.  Duplicated laws are borne: the pseudo-inverse shares between them.
    """
    n = len(weights)
    if weights.shape != integrands.shape or n < weights.shape[1] + 2:
        raise UsageError(
            "too few samples", cause=f"weights {weights.shape}, integrands {integrands.shape}", fix="give N > K + 1"
        )
    product, controls = weights * integrands, weights - 1
    centred = controls - controls.mean(axis=0)
    if coefficients is None:
        coefficients = np.linalg.lstsq(centred, product - product.mean(axis=0), rcond=1e-10)[0].T
    each = product - controls @ coefficients.T
    plain, reduced = product.var(axis=0, ddof=1), each.var(axis=0, ddof=1)
    return Expectations(
        values=each.mean(axis=0),
        covariance=np.atleast_2d(np.cov(each, rowvar=False)) / n,
        effective=weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0),
        gain=plain / np.where(reduced > 0, reduced, np.where(plain > 0, plain * 1e-300, 1.0)),
        coefficients=coefficients,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Gaussian:
    """A normal proposal: mean (D,), covariance (D, D)."""

    mean: Float64s
    covariance: Float64s

    def draw(self, n: int, rng: np.random.Generator) -> Float64s:
        """Samples (n, D)."""
        return rng.multivariate_normal(self.mean, self.covariance, size=n, method="cholesky")

    def log(self, x: Float64s) -> Float64s:
        """Log density of x (n, D), (n,), nats."""
        factor = np.linalg.cholesky(self.covariance)
        z = np.linalg.solve(factor, (x - self.mean).T)
        return -0.5 * (z**2).sum(axis=0) - np.log(np.diag(factor)).sum() - len(self.mean) / 2 * math.log(2 * math.pi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Adaptive:
    """The final estimates, the proposal that they were drawn from, and how many samples went into finding it."""

    expectations: Expectations
    proposal: Gaussian
    spent: int


def adaptive(
    log_densities: Density,
    integrands: Density,
    start: Gaussian,
    *,
    batch: int,
    budget: int,
    seed: int,
) -> Adaptive:
    """ME-aISCV: find a proposal for K expectations together, then estimate them from a fresh sample.

    log_densities: (N, D) -> (N, K), log f_k, normalised.  integrands: (N, D) -> (N, K).  Each round draws `batch`
    samples, estimates the control coefficients, and refits the normal proposal by cross-entropy to the square root of
    the summed squared (controlled) integrands.  It stops when the variance that the rest of the budget promises no
    longer falls, or half the budget is spent; the rest is drawn from the proposal found, with its coefficients
    frozen, so the estimates are unbiased.
    """
    if batch < 4 * len(start.mean) + 8 or budget < 2 * batch:
        raise UsageError(
            f"a budget of {budget} in batches of {batch}", cause="a proposal is fitted to each", fix="give larger ones"
        )
    proposal, spent, best = start, 0, math.inf
    kept, frozen = start, None
    while spent + batch <= budget // 2:
        x = proposal.draw(batch, generator(seed, "adaptive", spent))
        spent += batch
        w, phi = np.exp(log_densities(x) - proposal.log(x)[:, None]), integrands(x)
        found = expectations(w, phi)
        promised = float(np.trace(found.covariance)) * batch / (budget - spent)
        if promised >= best:
            break
        best, kept, frozen = promised, proposal, found.coefficients
        proposal = _refitted(x, w, phi, found, proposal)
    x = kept.draw(budget - spent, generator(seed, "adaptive-final"))
    w = np.exp(log_densities(x) - kept.log(x)[:, None])
    return Adaptive(expectations=expectations(w, integrands(x), coefficients=frozen), proposal=kept, spent=spent)


def _refitted(x: Float64s, w: Float64s, phi: Float64s, found: Expectations, old: Gaussian) -> Gaussian:
    """Weighted moments under the best density for the summed variance, wide enough to be safe."""
    rest = w * phi - (w - 1) @ found.coefficients.T - found.values
    share = np.sqrt((rest**2).sum(axis=1))
    if share.sum() <= 0:
        return old
    share = share / share.sum()
    mean = share @ x
    away = x - mean
    covariance = (away * share[:, None]).T @ away
    # A little of the old one keeps it from collapsing on a few samples.
    return Gaussian(mean=mean, covariance=0.9 * covariance + 0.1 * old.covariance)
