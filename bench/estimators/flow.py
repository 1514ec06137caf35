"""The log-density of a continuous flow: where a sample comes from, and how the flow stretches on its way.

For dx/dt = v(x, t) from the data at time a to the base at time b, log p(x) = log p_b(x(b)) + the integral of div v from
a to b along the path (Chen et al. 2018, arXiv:1806.07366).  The divergence is the exact trace, or v^T J v over random
signs v (Skilling 1989; Hutchinson 1990; Grathwohl et al. 2019, arXiv:1810.01367).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import LogDensity
from bench.errors import UsageError
from bench.estimators.ode import SOLVERS, adaptive, fixed
from bench.seeds import row_uniforms

if TYPE_CHECKING:
    from torch import Tensor

# (positions (b, d), times (b,)) -> velocities (b, d)
Velocity = Callable[["Tensor", "Tensor"], "Tensor"]
DIVERGENCES = ("auto", "exact", "hutchinson")
# A looser tolerance leaves an estimate: at this one, references of known density lose less than .001 bits/dim.
EXACT_TO = 1e-4
# Up to so many dimensions the exact trace is taken unasked.
EXACT_UP_TO = 64
_ELEMENTS = 2**24


@dataclass(frozen=True)
class Integration:
    """How a flow is followed.

    solver: rk45 (adaptive, to `tolerance`), or euler, heun, rk4 in `steps` equal steps.  divergence: exact, hutchinson
    with `probes` random sign vectors a sample, or auto (exact up to 64 dimensions).
    """

    solver: str = "rk45"
    tolerance: float = 1e-5
    steps: int = 100
    divergence: str = "auto"
    probes: int = 8

    def __post_init__(self) -> None:
        wrong = [
            f"{name}={value}"
            for name, value, good in (
                ("solver", self.solver, self.solver in SOLVERS),
                ("tolerance", self.tolerance, 0 < self.tolerance < 1),
                ("steps", self.steps, self.steps >= 1),
                ("divergence", self.divergence, self.divergence in DIVERGENCES),
                ("probes", self.probes, self.probes >= 1),
            )
            if not good
        ]
        if wrong:
            raise UsageError(
                f"a flow cannot be followed with {', '.join(wrong)}",
                cause=f"solver is one of {', '.join(SOLVERS)}; divergence one of {', '.join(DIVERGENCES)}; tolerance "
                "is between 0 and 1; steps and probes are at least 1",
                fix="leave it out for the default",
            )

    def exact(self, dims: int) -> bool:
        """Whether the trace of that many dimensions is taken exactly."""
        return self.divergence == "exact" or (self.divergence == "auto" and dims <= EXACT_UP_TO)

    def described(self, dims: int) -> str:
        """In words, for the record."""
        path = f"rk45 at {self.tolerance:g}" if self.solver == "rk45" else f"{self.solver}, {self.steps} steps"
        return f"{path}; {'exact trace' if self.exact(dims) else f'{self.probes} Hutchinson probes'}"


def log_density(
    velocity: Velocity,
    rows: Float64s,
    span: tuple[float, float],
    base: Callable[[Tensor], Tensor],
    how: Integration,
    *,
    seed: int = 0,
    device: str = "cpu",
) -> LogDensity:
    """The log-density of rows (n, d), nats, with the solver's error, evaluations and, for probes, the standard error.

    span: the times of the data and of the base.  base: log-density of positions (b, d) there, (b,).  It is exact with
    the exact trace and an adaptive solver at a tolerance of 1e-4 or tighter, else an estimate.
    """
    n, d = rows.shape
    count = d if how.exact(d) else how.probes
    block = max(1, _ELEMENTS // (count * d))
    parts = [
        _of_block(velocity, rows[i : i + block], span, base, how, seed, device) for i in range(0, max(n, 1), block)
    ]
    logs, spread, wrong, used = (np.concatenate(column) for column in zip(*parts, strict=True))
    exact, stepped = how.exact(d), how.solver != "rk45"
    return LogDensity(
        logs,
        likelihood="exact" if exact and not stepped and how.tolerance <= EXACT_TO else "estimate",
        mc_error=None if exact or how.probes == 1 else spread,
        solver_error=None if stepped else wrong,
        evaluations=used,
        estimator=f"probability flow ({how.described(d)})",
        tolerance=0.0 if stepped else how.tolerance,
    )


def _of_block(
    velocity: Velocity,
    rows: Float64s,
    span: tuple[float, float],
    base: Callable[[Tensor], Tensor],
    how: Integration,
    seed: int,
    device: str,
) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    import torch

    n, d = rows.shape
    exact = how.exact(d)
    x = torch.as_tensor(rows, dtype=torch.float64, device=device)
    vectors = torch.eye(d, dtype=x.dtype, device=device)[:, None, :].expand(d, n, d) if exact else None
    if vectors is None:
        signs = np.where(row_uniforms(rows, how.probes * d, seed, "hutchinson") < 0.5, -1.0, 1.0)
        vectors = torch.as_tensor(signs.reshape(n, how.probes, d).swapaxes(0, 1).copy(), device=device)

    def field(t: Tensor, state: Tensor, which: Tensor) -> Tensor:
        moved, products = jacobian_products(velocity, state[:, :d], t, vectors[:, which])
        traces = products.sum(dim=0)[:, None] if exact else products.T
        return torch.cat([moved, traces], dim=1)

    state = torch.cat([x, x.new_zeros(n, 1 if exact else how.probes)], dim=1)
    if how.solver == "rk45":
        solved = adaptive(field, state, span, d, how.tolerance)
    else:
        solved = fixed(field, state, span, d, how.solver, how.steps)
    stretch = solved.state[:, d:]
    logs = base(solved.state[:, :d]) + stretch.mean(dim=1)
    spread = stretch.std(dim=1) / how.probes**0.5 if not exact and how.probes > 1 else torch.zeros_like(logs)
    columns = (logs, spread, solved.error.mean(dim=1))
    return *(c.detach().cpu().numpy() for c in columns), solved.evaluations.numpy()  # type: ignore[return-value]


def jacobian_products(velocity: Velocity, x: Tensor, t: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The velocity (b, d), and u^T J u of its Jacobian for each vector u, (P, b).  vectors: (P, b, d)."""
    import torch

    with torch.enable_grad():
        at = x.detach().requires_grad_()
        moved = velocity(at, t)
        if not moved.requires_grad:
            return moved, x.new_zeros(vectors.shape[:2])
        batched = len(vectors) > 1
        outer = vectors if batched else vectors[0]
        (gradient,) = torch.autograd.grad(
            moved, at, outer.to(moved.dtype), is_grads_batched=batched, allow_unused=True, materialize_grads=True
        )
    return moved.detach(), (gradient.reshape(vectors.shape) * vectors).sum(dim=-1)


def standard_normal(scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    """The log-density of a round Gaussian of that standard deviation, for positions (b, d)."""

    def base(x: Tensor) -> Tensor:
        d = x.shape[1]
        return -0.5 * (x / scale).square().sum(dim=1) - d * (0.5 * np.log(2 * np.pi) + np.log(scale))

    return base
