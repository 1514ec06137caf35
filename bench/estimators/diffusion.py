"""Diffusions and their probability flow: dx/dt = f(t) x - g(t)^2 / 2 * score(x, t).  Song et al. 2021.

Every marginal is alpha(t) x_0 + sigma(t) noise; `start` and `end` are the times between which the flow runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

from bench.errors import UsageError
from bench.estimators.flow import Velocity

if TYPE_CHECKING:
    from torch import Tensor

# (positions (b, d), times (b,)) -> gradient of the log-density there, (b, d)
Score = Callable[["Tensor", "Tensor"], "Tensor"]


class Diffusion(Protocol):
    """A linear diffusion of data to noise."""

    @property
    def start(self) -> float:
        """The time of the data."""
        ...

    @property
    def end(self) -> float:
        """The time of the noise."""
        ...

    @property
    def prior(self) -> float:
        """Standard deviation of the noise that it ends in."""
        ...

    def marginal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha and sigma at times (b,)."""
        ...

    def terms(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The drift's factor f and the squared diffusion g^2 at times (b,)."""
        ...


@dataclass(frozen=True)
class VariancePreserving:
    """f = -beta / 2, g^2 = beta, with beta linear in time; `sub` keeps the variance below 1: g^2 is less by alpha^4."""

    low: float = 0.1
    high: float = 20.0
    sub: bool = False
    start: float = 1e-5
    end: float = 1.0
    prior: ClassVar[float] = 1.0

    def marginal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha and sigma, (b,)."""
        square = (-self._spent(t)).exp()
        variance = -(-self._spent(t)).expm1()
        return square.sqrt(), variance if self.sub else variance.sqrt()

    def terms(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """F and g^2, (b,)."""
        beta = self.low + t * (self.high - self.low)
        return -beta / 2, -beta * (-2 * self._spent(t)).expm1() if self.sub else beta

    def _spent(self, t: Tensor) -> Tensor:
        return self.low * t + t.square() * (self.high - self.low) / 2


@dataclass(frozen=True)
class VarianceExploding:
    """No drift; sigma grows geometrically from `low` to `high`.

    clean: count it from the data, sigma^2 - low^2, which is 0 at time 0.  The equation is the same; networks are
    trained without, and what they learn at its start is the data blurred by `low`.
    """

    low: float = 0.01
    high: float = 50.0
    start: float = 1e-5
    end: float = 1.0
    clean: bool = False

    @property
    def prior(self) -> float:
        """The last sigma."""
        return self.high

    def marginal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha = 1, and sigma, (b,)."""
        import torch

        sigma = self._grown(t)
        return torch.ones_like(t), (sigma.square() - self.low**2).clamp_min(0).sqrt() if self.clean else sigma

    def terms(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """F = 0, and g^2 = d sigma^2 / dt, (b,)."""
        import math

        import torch

        return torch.zeros_like(t), 2 * self._grown(t).square() * math.log(self.high / self.low)

    def _grown(self, t: Tensor) -> Tensor:
        return self.low * (self.high / self.low) ** t


SDES = ("vp", "subvp", "ve")


def diffusion(name: str, low: float = 0.0, high: float = 0.0) -> Diffusion:
    """vp, subvp (low, high: of beta) or ve (of sigma); 0 takes the paper's .1 and 20, or .01 and 50."""
    if name not in SDES or low < 0 or high < 0:
        raise UsageError(
            f"'{name}' with {low:g} to {high:g} is no diffusion",
            cause=f"it is one of {', '.join(SDES)}, and its ends are at least 0",
            fix="write sde=vp",
        )
    if name == "ve":
        return VarianceExploding(low or 0.01, high or 50.0)
    return VariancePreserving(low or 0.1, high or 20.0, sub=name == "subvp")


def from_data(sde: Diffusion) -> Diffusion:
    """The same diffusion from time 0, where its marginal is the data's own: for scores that are known there."""
    if isinstance(sde, VarianceExploding):
        return replace(sde, start=0.0, clean=True)
    assert isinstance(sde, VariancePreserving)  # noqa: S101 - for the type checker
    return replace(sde, start=0.0)


def probability_flow(score: Score, sde: Diffusion) -> Velocity:
    """The velocity of the deterministic flow that has the diffusion's marginals."""

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        drift, square = sde.terms(t)
        return drift[:, None] * x - 0.5 * square[:, None] * score(x, t)

    return velocity


def denoised_score(denoiser: Score, sde: Diffusion) -> Score:
    """The score of a denoiser E[x_0 | x_t] by Tweedie's formula, (alpha E[x_0 | x] - x) / sigma^2.

    A consistency trajectory model gives it as its jump of length 0, g(x, t, t): Kim et al. 2024, arXiv:2310.02279.
    """

    def score(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = sde.marginal(t)
        return (alpha[:, None] * denoiser(x, t) - x) / sigma[:, None].square()

    return score
