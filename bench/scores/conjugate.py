"""ConjNorm: features of a class as an exponential family whose Bregman divergence is that of a norm.

phi = |.|_q^2 / 2 and psi = |.|_p^2 / 2 with 1/p + 1/q = 1 are convex conjugates.  A class's density is
exp(-d(z, mu)) / Phi with d(z, mu) = phi(z) - phi(mu) - <z - mu, grad phi(mu)>; p = q = 2 is the unit Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.components import NotApplicable, score
from bench.records import Classification
from bench.scores.features import blocks, features_of, fitted_on, log_sum_exp
from bench.seeds import generator

PAPER = "ConjNorm: Tractable Density Estimation for Out-of-Distribution Detection"
NORMS = (2.0, 1.75, 2.25, 1.5, 2.5, 3.0)
# All classes together; each has at least the second number.
DRAWS, LEAST = 40_000, 200
# A normaliser whose draws are worth fewer than this share of them is not believed.
WORTH = 0.02
HELD_OUT = 5


@dataclass(frozen=True)
class Family:
    """One density a class: means (C, d), gradients of phi there (C, d), log-shares and log-normalisers (C,).

    unit: the length that features are divided by first.  worth: least effective share of a normaliser's draws.
    """

    q: float
    unit: float
    means: Float64s
    gradients: Float64s
    log_shares: Float64s
    log_normalisers: Float64s
    worth: float

    def log_density(self, points: AnyArray) -> Float64s:
        """Log-density of the mixture of classes, in units of `unit`, (n,)."""
        offset = self.log_shares - self.log_normalisers - phi(self.means, self.q)
        out = np.empty(len(points))
        for part in blocks(len(points)):
            z = points[part].astype(np.float64) / self.unit
            out[part] = log_sum_exp(z @ self.gradients.T + offset) - phi(z, self.q)
        return out


@score(
    "conjnorm", of=Classification, source="Peng et al. 2024, arXiv:2402.17888", papers=(PAPER,), check="ood/conjnorm"
)
def conjnorm(record: Classification, train: Classification, p: float = 0.0) -> Float64s:
    """Negated log-density of the features under the mixture of the classes' conjugate-norm densities, nats, (n,).

    p: the norm's; 0 takes that of 1.5, 1.75, 2, 2.25, 2.5 and 3 with the highest likelihood of every fifth training
    row under a fit to the others.  Features are first divided by their root mean square deviation from the class mean,
    so that p = 2 is a fitted round Gaussian.  Normalisers are exact for p = 2, else importance-sampled; a p whose
    draws have an effective share below 2 % is not taken.
    """
    if p and p <= 1:
        raise NotApplicable("p must be above 1, for its conjugate is p / (p - 1)")
    bank, labels = fitted_on(train)
    features = bank.astype(np.float64)
    family = fit(features, labels, p or chosen(features, labels))
    if family.worth < WORTH:
        raise NotApplicable(f"at p = {p:g} the normaliser's draws have an effective share of {family.worth:.2g}")
    return -family.log_density(features_of(record))


def chosen(features: Float64s, labels: Ints) -> float:
    """The p of highest held-out likelihood; ties go to the one nearer 2."""
    out = np.arange(len(features)) % HELD_OUT == HELD_OUT - 1
    seen = np.isin(labels, labels[~out])
    best, likeliest = 2.0, -np.inf
    for p in NORMS:
        family = fit(features[~out], labels[~out], p)
        value = float(family.log_density(features[out & seen]).mean()) if (out & seen).any() else -np.inf
        if family.worth >= WORTH and value > likeliest:
            best, likeliest = p, value
    return best


def fit(features: Float64s, labels: Ints, p: float) -> Family:
    """The family of norm p fitted to features (n, d) of labelled rows."""
    classes, position, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = (position[:, None] == np.arange(len(classes))).astype(np.float64)
    means = members.T @ features / counts[:, None]
    unit = float(np.sqrt(((features - means[position]) ** 2).mean())) or 1.0
    means = means / unit
    q = p / (p - 1)
    log_normalisers, worth = normalisers(means, q)
    return Family(q, unit, means, slope(means, q), np.log(counts / counts.sum()), log_normalisers, worth)


def phi(z: Float64s, q: float) -> Float64s:
    """|z|_q^2 / 2 over the last axis."""
    if q == 2:
        return (z**2).sum(axis=-1) / 2
    top = np.maximum(np.abs(z).max(axis=-1, keepdims=True), 1e-300)  # no power under- or overflows
    norm: Float64s = top[..., 0] * ((np.abs(z) / top) ** q).sum(axis=-1) ** (1 / q)
    return norm**2 / 2


def slope(z: Float64s, q: float) -> Float64s:
    """Gradient of phi: |z|_q^(2 - q) sign(z) |z|^(q - 1); 0 at 0."""
    norm = np.sqrt(2 * phi(z, q))[..., None]
    shares = np.divide(np.abs(z), norm, out=np.zeros_like(z), where=norm > 0)
    return np.asarray(norm * np.sign(z) * shares ** (q - 1), dtype=np.float64)


def divergence(z: Float64s, means: Float64s, q: float) -> Float64s:
    """Bregman divergence of phi, by <mu, grad phi(mu)> = 2 phi(mu), over the last axis, >= 0."""
    return np.maximum(phi(z, q) - (z * slope(means, q)).sum(axis=-1) + phi(means, q), 0.0)


def normalisers(means: Float64s, q: float) -> tuple[Float64s, float]:
    """Log of the integral of exp(-d(z, mu)) for each mean (C, d), (C,), and the least effective share of draws.

    Draws come from the Gaussian at the mean whose precision is phi's curvature there, coordinate by coordinate, kept
    within [1/9, 9], and a fifth wider, so that its tails are not the lighter ones.
    """
    count, width = means.shape
    if q == 2:
        return np.full(count, width / 2 * np.log(2 * np.pi)), 1.0
    noise = generator(0, "conjnorm").standard_normal((max(LEAST, DRAWS // count), width))
    log_noise = -0.5 * (noise**2).sum(axis=1) - width / 2 * np.log(2 * np.pi)
    norm = np.sqrt(2 * phi(means, q))[:, None]
    shares = np.divide(np.abs(means), norm, out=np.ones_like(means), where=norm > 0)
    with np.errstate(divide="ignore"):
        curvature = (q - 1) * shares ** (q - 2) + (2 - q) * shares ** (2 * q - 2)
    spread = 1.2 / np.sqrt(np.clip(curvature, 1 / 9, 9.0))
    out, worth = np.empty(count), 1.0
    for k in range(count):
        z = means[k] + spread[k] * noise
        log_weight = np.log(spread[k]).sum() - divergence(z, means[k], q) - log_noise
        weight = np.exp(log_weight - log_weight.max())
        out[k] = log_weight.max() + np.log(weight.mean())
        worth = min(worth, float(weight.sum() ** 2 / (weight**2).sum() / len(weight)))
    return out, worth
