"""Evidence of a Gaussian process with a probit likelihood: Laplace, expectation propagation, and a variational bound.

log Z = log ∫ N(f; 0, K) Π Φ(y_i f_i) df.  Each method finds a Gaussian in place of the posterior: one site a datum, of
precision tau_i and shift nu_i.  All take one process or a batch of them, each of which stops once it has settled.
Sources: Rasmussen and Williams 2006 (Laplace, EP), Khan and Lin 2017 (conjugate variational sites), Li, Hensman and
Solin 2023 for EP's energy at variational sites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.estimators.integral import nodes

STEPS = 300
SETTLED = 1e-13
TINY = 1e-12
NODES = 128


@dataclass(frozen=True, eq=False)
class Evidence:
    """log Z of one method, nats, (...), and the posterior's mean and variance at each datum, (..., n)."""

    log_z: Float64s
    mean: Float64s
    variance: Float64s


def gaussian(kernel: Float64s, targets: Float64s, noise: float) -> float:
    """Exact log Z of a Gaussian likelihood of variance `noise`."""
    total = kernel + noise * np.eye(len(targets))
    return float(-(targets @ np.linalg.solve(total, targets) + np.linalg.slogdet(2 * np.pi * total)[1]) / 2)


def laplace(kernel: Float64s, labels: Float64s) -> Evidence:
    """A Gaussian at the mode, by Newton's method.  kernel: (..., n, n); labels: (..., n) of -1 and 1."""
    f, moving = np.zeros(labels.shape), np.ones((*labels.shape[:-1], 1), dtype=bool)
    for _ in range(100):
        slope, bend = _probit_slopes(labels, f)
        root = np.sqrt(bend)
        b = bend * f + slope
        a = b - root * _solved(_inner(kernel, root), root * _times(kernel, b))
        step = np.where(moving, _times(kernel, a) - f, 0.0)
        f = f + step
        moving = moving & (_largest(step) > 1e-12)
        if not moving.any():
            break
    slope, bend = _probit_slopes(labels, f)
    fit = (_log_ndtr(labels * f) - f * slope / 2).sum(axis=-1)
    value = fit - np.linalg.slogdet(_inner(kernel, np.sqrt(bend)))[1] / 2
    return Evidence(value, f, _posterior(kernel, bend, bend * f + slope)[1])


def expectation_propagation(kernel: Float64s, labels: Float64s) -> Evidence:
    """Sites whose moments agree with those of each tilted distribution, found by damped parallel updates."""
    tau, nu = np.zeros(labels.shape), np.zeros(labels.shape)
    moving = np.ones((*labels.shape[:-1], 1), dtype=bool)
    for _ in range(STEPS):
        mean, variance = _posterior(kernel, tau, nu)
        _, new_mean, new_variance = _tilted(labels, *_cavity(mean, variance, tau, nu))
        # The new site is what the tilted moments leave once the cavity is taken away; half the way is gone.
        sharper = np.where(moving, 0.5 * (1 / new_variance - 1 / variance), 0.0)
        shifted = np.where(moving, 0.5 * (new_mean / new_variance - mean / variance), 0.0)
        tau, nu = tau + sharper, nu + shifted
        moving = moving & (np.maximum(_largest(sharper), _largest(shifted)) > SETTLED)
        if not moving.any():
            break
    return Evidence(site_energy(kernel, labels, tau, nu), *_posterior(kernel, tau, nu))


def variational(kernel: Float64s, labels: Float64s) -> tuple[Evidence, Evidence]:
    """The best Gaussian by KL, whose log Z is a lower bound; and the same Gaussian's sites under EP's energy (hybrid).

    Natural-gradient steps on the sites; expectations by 64-point Gauss-Hermite quadrature.
    """
    tau, nu = np.full(labels.shape, 0.1), np.zeros(labels.shape)
    moving = np.ones((*labels.shape[:-1], 1), dtype=bool)
    for _ in range(STEPS):
        mean, variance = _posterior(kernel, tau, nu)
        _, slope, bend = _expected(labels, mean, variance)
        sharper = np.where(moving, 0.5 * (np.maximum(-bend, TINY) - tau), 0.0)
        tau, nu = tau + sharper, np.where(moving, 0.5 * nu + 0.5 * (slope - bend * mean), nu)
        moving = moving & (_largest(sharper) > SETTLED)
        if not moving.any():
            break
    mean, variance = _posterior(kernel, tau, nu)
    fit, _, _ = _expected(labels, mean, variance)
    weight = _solved(kernel + _diagonal(1 / tau), nu / tau)
    # The trace of the posterior's covariance times the prior's precision is n less that of tau times it.
    square = (weight * _times(kernel, weight)).sum(axis=-1) - (tau * variance).sum(axis=-1)
    divergence = (np.linalg.slogdet(_inner(kernel, np.sqrt(tau)))[1] + square) / 2
    bound = Evidence(fit.sum(axis=-1) - divergence, mean, variance)
    return bound, Evidence(site_energy(kernel, labels, tau, nu), mean, variance)


def exponential(places: Float64s, variance: float, length: float = 1.0) -> Float64s:
    """Covariances (..., n, n) of a Markov process (Ornstein and Uhlenbeck 1930) at places (..., n)."""
    return variance * np.exp(-np.abs(places[..., :, None] - places[..., None, :]) / length)


def markov_evidence(
    places: Float64s, labels: Float64s, variance: float, length: float = 1.0, count: int = NODES
) -> Float64s:
    """Exact log Z (b,) of labels (b, n) at rising places (b, n) under the kernel `exponential`.

    The process being Markov, its values are integrated out one after the other, by Gauss-Legendre quadrature over 7
    standard deviations to either side; places must be some .1 of a length apart for the nodes to resolve a step.
    """
    at, weight = nodes(count, 7.0)
    prior = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi) * weight
    gap = np.exp(-np.diff(places, axis=1) / length)
    given = np.exp(_log_ndtr(labels[:, :, None] * np.sqrt(variance) * at))
    held, total = prior * given[:, 0], np.zeros(len(places))
    for i in range(1, places.shape[1]):
        rho = gap[:, i - 1, None, None]
        spread = np.sqrt(1 - rho**2)
        step = np.exp(-(((at - rho * at[:, None]) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi)) * weight
        held = (held[:, None, :] @ step)[:, 0] * given[:, i]
        top = held.sum(axis=1, keepdims=True)
        held, total = held / top, total + np.log(top[:, 0])
    return total + np.log(held.sum(axis=1))


def site_energy(kernel: Float64s, labels: Float64s, tau: Float64s, nu: Float64s) -> Float64s:
    """EP's log Z (...) of given sites: each scaled to the mass of its tilted distribution, then integrated out."""
    mean, variance = _posterior(kernel, tau, nu)
    cavity_mean, cavity_variance = _cavity(mean, variance, tau, nu)
    log_mass, _, _ = _tilted(labels, cavity_mean, cavity_variance)
    spread = cavity_variance + 1 / tau
    scale = log_mass + np.log(2 * np.pi * spread) / 2 + (cavity_mean - nu / tau) ** 2 / (2 * spread)
    total = kernel + _diagonal(1 / tau)
    square = (nu / tau * _solved(total, nu / tau)).sum(axis=-1)
    prior = -(square + np.linalg.slogdet(2 * np.pi * total)[1]) / 2
    return np.asarray(prior + scale.sum(axis=-1))


def _posterior(kernel: Float64s, tau: Float64s, nu: Float64s) -> tuple[Float64s, Float64s]:
    root = np.sqrt(tau)
    inner = np.linalg.solve(_inner(kernel, root), root[..., :, None] * kernel)
    covariance = kernel - (kernel * root[..., None, :]) @ inner
    return _times(covariance, nu), np.diagonal(covariance, axis1=-2, axis2=-1).copy()


def _inner(kernel: Float64s, root: Float64s) -> Float64s:
    return np.eye(root.shape[-1]) + root[..., :, None] * kernel * root[..., None, :]


def _largest(changes: Float64s) -> Float64s:
    return np.abs(changes).max(axis=-1, keepdims=True)


def _diagonal(values: Float64s) -> Float64s:
    return values[..., :, None] * np.eye(values.shape[-1])


def _times(matrix: Float64s, vector: Float64s) -> Float64s:
    return np.asarray((matrix @ vector[..., None])[..., 0])


def _solved(matrix: Float64s, vector: Float64s) -> Float64s:
    return np.asarray(np.linalg.solve(matrix, vector[..., None])[..., 0])


def _cavity(mean: Float64s, variance: Float64s, tau: Float64s, nu: Float64s) -> tuple[Float64s, Float64s]:
    precision = 1 / variance - tau
    return (mean / variance - nu) / precision, 1 / precision


def _tilted(labels: Float64s, mean: Float64s, variance: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Log-mass, mean and variance of N(f; mean, variance) Φ(y f), each (..., n)."""
    spread = np.sqrt(1 + variance)
    z = labels * mean / spread
    log_mass = _log_ndtr(z)
    ratio = np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - log_mass)
    new_mean = mean + labels * variance * ratio / spread
    return log_mass, new_mean, variance - variance**2 * ratio / (1 + variance) * (z + ratio)


def _probit_slopes(labels: Float64s, f: Float64s) -> tuple[Float64s, Float64s]:
    z = labels * f
    ratio = np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - _log_ndtr(z))
    return labels * ratio, ratio * (z + ratio)


def _expected(labels: Float64s, mean: Float64s, variance: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Expectation of log Φ(y f) under N(mean, variance), and of its first and second derivative by f, (..., n) each."""
    at, weight = np.polynomial.hermite_e.hermegauss(64)
    f = mean[..., None] + np.sqrt(variance)[..., None] * at
    share = weight / weight.sum()
    slope, bend = _probit_slopes(labels[..., None], f)
    return _log_ndtr(labels[..., None] * f) @ share, slope @ share, -bend @ share


def _log_ndtr(x: Float64s) -> Float64s:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(x))
