"""Copulas of two variables: densities, draws, fits, and the test of what they promise.

Source: Nelsen 2006, An Introduction to Copulas; Genest and Favre 2007 for fits and tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError

FAMILIES = ("clayton", "gumbel", "frank", "gaussian", "student")
# Where the parameter may lie; a student copula has 4 degrees of freedom.
LIMITS = {"clayton": (1e-3, 30), "gumbel": (1.001, 20), "frank": (1e-3, 60), "gaussian": (-0.99, 0.99)}
LIMITS["student"] = LIMITS["gaussian"]
FREEDOM = 4.0


@dataclass(frozen=True)
class Copula:
    """One of `FAMILIES` with its parameter theta (a correlation for the elliptical ones)."""

    family: str
    theta: float

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UsageError(
                f"there is no copula '{self.family}'", cause=f"it is one of {', '.join(FAMILIES)}", fix="name one"
            )
        low, high = LIMITS[self.family]
        if not low <= self.theta <= high:
            raise UsageError(
                f"a {self.family} copula cannot have theta={self.theta}", cause=f"it is within {low} .. {high}",
                fix="choose one within",
            )  # fmt: skip

    def log_density(self, pairs: Float64s) -> Float64s:
        """Exact log-density of pairs (n, 2) in (0, 1), nats, (n,)."""
        u, v = pairs.T
        t = self.theta
        if self.family == "clayton":
            total = u**-t + v**-t - 1
            return np.log1p(t) - (1 + t) * np.log(u * v) - (2 + 1 / t) * np.log(total)
        if self.family == "gumbel":
            x, y = -np.log(u), -np.log(v)
            total = x**t + y**t
            root = total ** (1 / t)
            return -root + x + y + (t - 1) * np.log(x * y) + (1 / t - 2) * np.log(total) + np.log(root + t - 1)
        if self.family == "frank":
            bottom = -np.expm1(-t) - np.expm1(-t * u) * np.expm1(-t * v)
            return np.log(t * -np.expm1(-t)) - t * (u + v) - 2 * np.log(bottom)
        return self._elliptical(u, v)

    def _elliptical(self, u: Float64s, v: Float64s) -> Float64s:
        from scipy.special import gammaln, ndtri, stdtrit

        r, rest = self.theta, 1 - self.theta**2
        if self.family == "gaussian":
            x, y = np.asarray(ndtri(u)), np.asarray(ndtri(v))
            return -np.log(rest) / 2 - (r**2 * (x**2 + y**2) - 2 * r * x * y) / (2 * rest)
        x, y = np.asarray(stdtrit(FREEDOM, u)), np.asarray(stdtrit(FREEDOM, v))
        both = (x**2 - 2 * r * x * y + y**2) / rest
        norm = (
            float(gammaln(FREEDOM / 2 + 1) + gammaln(FREEDOM / 2) - 2 * gammaln((FREEDOM + 1) / 2)) - np.log(rest) / 2
        )
        apart = np.log1p(x**2 / FREEDOM) + np.log1p(y**2 / FREEDOM)
        return norm - (FREEDOM / 2 + 1) * np.log1p(both / FREEDOM) + (FREEDOM + 1) / 2 * apart

    @property
    def tau(self) -> float:
        """Kendall's tau in closed form."""
        if self.family == "clayton":
            return self.theta / (self.theta + 2)
        if self.family == "gumbel":
            return 1 - 1 / self.theta
        if self.family == "frank":
            from scipy.integrate import quad

            debye = quad(lambda s: s / np.expm1(s), 0, self.theta)[0] / self.theta
            return float(1 - 4 / self.theta * (1 - debye))
        return float(2 / np.pi * np.arcsin(self.theta))

    def sample(self, n: int, draws: np.random.Generator) -> Float64s:
        """`n` independent pairs, (n, 2): Marshall and Olkin 1988 for Clayton and Gumbel, inversion for Frank."""
        t = self.theta
        noise = draws.random((n, 2))
        if self.family == "clayton":
            frailty = draws.gamma(1 / t, size=(n, 1))
            return (1 - np.log(noise) / frailty) ** (-1 / t)
        if self.family == "gumbel":
            angle, wait = np.pi * draws.random((n, 1)), draws.exponential(size=(n, 1))
            a = 1 / t  # a positive stable frailty (Kanter 1975)
            frailty = np.sin(a * angle) / np.sin(angle) ** t * (np.sin((1 - a) * angle) / wait) ** (t - 1)
            return np.exp(-((-np.log(noise) / frailty) ** a))
        if self.family == "frank":
            u, p = noise.T
            v = -np.log1p(p * np.expm1(-t) / (np.exp(-t * u) * (1 - p) + p)) / t
            return np.stack([u, v], axis=1)
        from scipy.special import ndtr, stdtr

        pair = draws.standard_normal((n, 2))
        pair[:, 1] = t * pair[:, 0] + (1 - t**2) ** 0.5 * pair[:, 1]
        if self.family == "gaussian":
            return np.asarray(ndtr(pair), dtype=np.float64)
        mixed = pair / np.sqrt(draws.chisquare(FREEDOM, size=(n, 1)) / FREEDOM)
        return np.asarray(stdtr(FREEDOM, mixed), dtype=np.float64)


def most_likely(family: str, pairs: Float64s) -> tuple[Copula, float]:
    """The copula of greatest likelihood in its family, and the standard error of theta from the curvature there."""
    from scipy.optimize import minimize_scalar

    low, high = LIMITS[family]

    def loss(theta: float) -> float:
        return -float(Copula(family, theta).log_density(pairs).mean())

    best = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x)
    step = 1e-3 * max(1.0, abs(best))
    centre = min(max(best, low + step), high - step)
    bend = (loss(centre + step) - 2 * loss(centre) + loss(centre - step)) / step**2
    return Copula(family, best), float((bend * len(pairs)) ** -0.5) if bend > 0 else float("nan")


def ranked(values: Float64s) -> Float64s:
    """Pseudo-observations: ranks over n + 1, (n, 2), whatever the margins."""
    return (values.argsort(axis=0).argsort(axis=0) + 1) / (len(values) + 1)
