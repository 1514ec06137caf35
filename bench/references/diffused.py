"""Gaussian mixtures on their way to noise: score and velocity in closed form.

Under x = scale * x_1 + noise, component k is Gaussian with mean scale * m_k and covariance scale^2 S_k + noise^2, which
is diagonal in the basis of S_k's eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import TYPE_CHECKING, NamedTuple

from bench.estimators.diffusion import Diffusion, Score, diffusion
from bench.estimators.flow import Velocity
from bench.estimators.interpolants import Interpolant
from bench.references.mixtures import Mixture, ring

if TYPE_CHECKING:
    from torch import Tensor


class _Parts(NamedTuple):
    """Of each row and component: responsibilities (b, K), whitened offsets (b, K, d) and variances (b, K, d)."""

    shares: Tensor
    offsets: Tensor
    variances: Tensor


class Diffused:
    """A mixture, held as tensors in the eigenbases of its components."""

    def __init__(self, mixture: Mixture, device: str = "cpu") -> None:
        import torch

        values, vectors = torch.linalg.eigh(torch.as_tensor(mixture.covariances, dtype=torch.float64, device=device))
        self.variances = values
        self.means = torch.as_tensor(mixture.means, dtype=torch.float64, device=device)
        # All components' bases side by side, so that one product serves them all.
        self.bases = vectors.movedim(0, 1).reshape(values.shape[1], -1)
        self.centres = torch.einsum("kd,kde->ke", self.means, vectors)
        self.logs = torch.as_tensor(mixture.weights, dtype=torch.float64, device=device).log()

    def parts(self, x: Tensor, scale: Tensor, noise: Tensor) -> _Parts:
        """Responsibilities and offsets at positions (b, d), under scale and noise (b,)."""
        logs, offsets, variances = self.terms(x, scale, noise)
        return _Parts(logs.softmax(dim=1), offsets, variances)

    def terms(self, x: Tensor, scale: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-densities of components but for (2 pi)^(d / 2), weights included, (b, K); offsets and variances."""
        variances = scale[:, None, None].square() * self.variances + noise[:, None, None].square()
        offsets = (x @ self.bases).reshape(len(x), *self.centres.shape) - scale[:, None, None] * self.centres
        return self.logs - 0.5 * (offsets.square() / variances + variances.log()).sum(dim=-1), offsets, variances

    def mixed(self, shares: Tensor, offsets: Tensor) -> Tensor:
        """Vectors (b, K, d) of the eigenbases, back in the data's and averaged, (b, d)."""
        return (shares[:, :, None] * offsets).flatten(1) @ self.bases.T


def log_marginal(mixture: Mixture, sde: Diffusion, time: float, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """The log-density of the diffused mixture at that time, of positions (b, d), (b,)."""
    held = Diffused(mixture, device)

    def at(x: Tensor) -> Tensor:
        alpha, sigma = sde.marginal(x.new_full((len(x),), time))
        return held.terms(x, alpha, sigma)[0].logsumexp(dim=1) - x.shape[1] / 2 * log(2 * pi)

    return at


def score(mixture: Mixture, sde: Diffusion, device: str = "cpu") -> Score:
    """The score of the diffused mixture."""
    held = Diffused(mixture, device)

    def at(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = sde.marginal(t)
        parts = held.parts(x, alpha, sigma)
        return held.mixed(parts.shares, -parts.offsets / parts.variances)

    return at


def ring_denoiser() -> Score:
    """E[x_0 | x_t] of `likelihood/gaussian-mixture` under the preserving diffusion, by Tweedie's formula.

    What a consistency trajectory model's jump of length 0 is when it is right: for `score:...,output=denoised`.
    """
    sde = diffusion("vp")
    exact = score(ring(), sde)

    def at(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = sde.marginal(t)
        return (x + sigma[:, None].square() * exact(x, t)) / alpha[:, None]

    return at


def velocity(mixture: Mixture, interpolant: Interpolant, device: str = "cpu") -> Velocity:
    """E[dx_t/dt | x_t = x] for x_t = alpha x_0 + beta x_1 + gamma z, with x_0 and z standard normal, x_1 the mixture's.

    Given its component, x_t is Gaussian, and so is dx_t/dt: its mean is beta' m_k + C_k (x - beta m_k) / V_k with the
    covariance C_k = alpha alpha' + gamma gamma' + beta beta' S_k of the two.
    """
    held = Diffused(mixture, device)

    def at(x: Tensor, t: Tensor) -> Tensor:
        c = interpolant.at(t)
        parts = held.parts(x, c.beta, (c.alpha.square() + c.gamma_square).sqrt())
        joint = (c.alpha * c.alpha_slope + c.gamma_square_slope / 2)[:, None, None]
        joint = joint + (c.beta * c.beta_slope)[:, None, None] * held.variances
        moved = held.mixed(parts.shares, joint * parts.offsets / parts.variances)
        return moved + (parts.shares @ held.means) * c.beta_slope[:, None]

    return at


def interpolant_score(mixture: Mixture, interpolant: Interpolant, device: str = "cpu") -> Score:
    """The score of x_t, as in `velocity`."""
    held = Diffused(mixture, device)

    def at(x: Tensor, t: Tensor) -> Tensor:
        c = interpolant.at(t)
        parts = held.parts(x, c.beta, (c.alpha.square() + c.gamma_square).sqrt())
        return held.mixed(parts.shares, -parts.offsets / parts.variances)

    return at
