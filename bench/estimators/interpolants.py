"""Stochastic interpolants x_t = alpha(t) x_0 + beta(t) x_1 + gamma(t) z between noise (t = 0) and data (t = 1).

Albergo, Boffi and Vanden-Eijnden 2023, arXiv:2303.08797; flow matching is the case gamma = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

PATHS = ("linear", "trigonometric", "bridge")


class Coefficients(NamedTuple):
    """Coefficients and their slopes at times (b,); of gamma the square, whose slope stays finite at the ends."""

    alpha: Tensor
    beta: Tensor
    gamma_square: Tensor
    alpha_slope: Tensor
    beta_slope: Tensor
    gamma_square_slope: Tensor


@dataclass(frozen=True)
class Interpolant:
    """path: linear (1 - t, t, 0), trigonometric (cos, sin, 0), or bridge (1 - t, t, sqrt(2 t (1 - t)))."""

    path: str = "linear"

    def __post_init__(self) -> None:
        if self.path not in PATHS:
            raise UsageError(
                f"'{self.path}' is no path of an interpolant",
                cause=f"it is one of {', '.join(PATHS)}",
                fix="path=linear",
            )

    def at(self, t: Tensor) -> Coefficients:
        """Coefficients at times (b,)."""
        import math

        import torch

        one, zero = torch.ones_like(t), torch.zeros_like(t)
        if self.path == "trigonometric":
            half = math.pi / 2
            c, s = torch.cos(half * t), torch.sin(half * t)
            return Coefficients(c, s, zero, -half * s, half * c, zero)
        if self.path == "bridge":
            return Coefficients(1 - t, t, 2 * t * (1 - t), -one, one, 2 - 4 * t)
        return Coefficients(1 - t, t, zero, -one, one, zero)
