"""Evidence of a Gaussian process with a probit likelihood: Laplace, expectation propagation, and a variational bound.

log Z = log ∫ N(f; 0, K) Π Φ(y_i f_i) df.  Each method finds a Gaussian in place of the posterior: one site a datum, of
precision tau_i and shift nu_i.  Sources: Rasmussen and Williams 2006 (Laplace, EP), Khan and Lin 2017 (conjugate
variational sites), Li, Hensman and Solin 2023 for EP's energy at variational sites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s

STEPS = 300
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Evidence:
    """log Z of one method, nats, and the posterior's mean and variance at each datum, (n,)."""

    log_z: float
    mean: Float64s
    variance: Float64s


def gaussian(kernel: Float64s, targets: Float64s, noise: float) -> float:
    """Exact log Z of a Gaussian likelihood of variance `noise`."""
    total = kernel + noise * np.eye(len(targets))
    return float(-(targets @ np.linalg.solve(total, targets) + np.linalg.slogdet(2 * np.pi * total)[1]) / 2)


def laplace(kernel: Float64s, labels: Float64s) -> Evidence:
    """A Gaussian at the mode, by Newton's method.  labels: (n,) of -1 and 1."""
    f = np.zeros(len(labels))
    for _ in range(100):
        slope, bend = _probit_slopes(labels, f)
        root = np.sqrt(bend)
        inner = np.eye(len(f)) + root[:, None] * kernel * root
        b = bend * f + slope
        a = b - root * np.linalg.solve(inner, root * (kernel @ b))
        step = kernel @ a - f
        f = f + step
        if np.abs(step).max() < 1e-12:
            break
    slope, bend = _probit_slopes(labels, f)
    root = np.sqrt(bend)
    inner = np.eye(len(f)) + root[:, None] * kernel * root
    value = -f @ slope / 2 + _log_ndtr(labels * f).sum() - np.linalg.slogdet(inner)[1] / 2
    return Evidence(float(value), f, _posterior(kernel, bend, bend * f + slope)[1])


def expectation_propagation(kernel: Float64s, labels: Float64s) -> Evidence:
    """Sites whose moments agree with those of each tilted distribution, found by damped parallel updates."""
    n = len(labels)
    tau, nu = np.zeros(n), np.zeros(n)
    for _ in range(STEPS):
        mean, variance = _posterior(kernel, tau, nu)
        old = tau, nu
        _, new_mean, new_variance = _tilted(labels, *_cavity(mean, variance, tau, nu))
        outer = 1 / variance - tau
        tau = 0.5 * tau + 0.5 * (1 / new_variance - outer)
        nu = 0.5 * nu + 0.5 * (new_mean / new_variance - (mean / variance - nu))
        if max(np.abs(tau - old[0]).max(), np.abs(nu - old[1]).max()) < 1e-13:
            break
    return Evidence(site_energy(kernel, labels, tau, nu), *_posterior(kernel, tau, nu))


def variational(kernel: Float64s, labels: Float64s) -> tuple[Evidence, Evidence]:
    """The best Gaussian by KL, whose log Z is a lower bound; and the same Gaussian's sites under EP's energy (hybrid).

    Natural-gradient steps on the sites; expectations by 64-point Gauss-Hermite quadrature.
    """
    tau, nu = np.full(len(labels), 0.1), np.zeros(len(labels))
    for _ in range(STEPS):
        mean, variance = _posterior(kernel, tau, nu)
        _, slope, bend = _expected(labels, mean, variance)
        old = tau
        tau = 0.5 * tau + 0.5 * np.maximum(-bend, TINY)
        nu = 0.5 * nu + 0.5 * (slope - bend * mean)
        if np.abs(tau - old).max() < 1e-14:
            break
    mean, variance = _posterior(kernel, tau, nu)
    fit, _, _ = _expected(labels, mean, variance)
    inner = np.eye(len(tau)) + np.sqrt(tau)[:, None] * kernel * np.sqrt(tau)
    weight = np.linalg.solve(kernel + np.diag(1 / tau), nu / tau)
    trace = len(tau) - float((tau * variance).sum())
    divergence = (np.linalg.slogdet(inner)[1] + trace + float(weight @ kernel @ weight) - len(tau)) / 2
    bound = Evidence(float(fit.sum() - divergence), mean, variance)
    return bound, Evidence(site_energy(kernel, labels, tau, nu), mean, variance)


def site_energy(kernel: Float64s, labels: Float64s, tau: Float64s, nu: Float64s) -> float:
    """EP's log Z of given sites: each site scaled to the mass of its tilted distribution, then integrated out."""
    mean, variance = _posterior(kernel, tau, nu)
    cavity_mean, cavity_variance = _cavity(mean, variance, tau, nu)
    log_mass, _, _ = _tilted(labels, cavity_mean, cavity_variance)
    spread = cavity_variance + 1 / tau
    scale = log_mass + np.log(2 * np.pi * spread) / 2 + (cavity_mean - nu / tau) ** 2 / (2 * spread)
    total = kernel + np.diag(1 / tau)
    prior = -((nu / tau) @ np.linalg.solve(total, nu / tau) + np.linalg.slogdet(2 * np.pi * total)[1]) / 2
    return float(prior + scale.sum())


def _posterior(kernel: Float64s, tau: Float64s, nu: Float64s) -> tuple[Float64s, Float64s]:
    root = np.sqrt(tau)
    inner = np.eye(len(tau)) + root[:, None] * kernel * root
    covariance = kernel - (kernel * root) @ np.linalg.solve(inner, root[:, None] * kernel)
    return covariance @ nu, np.diag(covariance).copy()


def _cavity(mean: Float64s, variance: Float64s, tau: Float64s, nu: Float64s) -> tuple[Float64s, Float64s]:
    precision = 1 / variance - tau
    return (mean / variance - nu) / precision, 1 / precision


def _tilted(labels: Float64s, mean: Float64s, variance: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Log-mass, mean and variance of N(f; mean, variance) Φ(y f), each (n,)."""
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
    """Expectation of log Φ(y f) under N(mean, variance), and of its first and second derivative by f, (n,) each."""
    at, weight = np.polynomial.hermite_e.hermegauss(64)
    f = mean[:, None] + np.sqrt(variance)[:, None] * at
    share = weight / weight.sum()
    slope, bend = _probit_slopes(labels[:, None], f)
    return _log_ndtr(labels[:, None] * f) @ share, slope @ share, -bend @ share


def _log_ndtr(x: Float64s) -> Float64s:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(x))
