"""Ordinary differential equations of many rows, each with steps of its own.

A batch solved with common steps answers for each row by its neighbours: asked alone, it would come out otherwise.  Here
each row has its own time, step and error, rows that have arrived leave the batch, and no answer depends on the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import EvaluationError

if TYPE_CHECKING:
    from torch import Tensor

# (times (b,), states (b, m), which rows they are (b,)) -> derivatives (b, m)
Field = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
FIXED = ("euler", "heun", "rk4")
SOLVERS = ("rk45", *FIXED)
MOST_STEPS = 5000

# Dormand and Prince 1980: stages, fifth-order weights, and their distance from the embedded fourth-order ones.
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERRORS = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the rows arrived.

    state: (n, m).  evaluations: of the field for each row, (n,).  error: sum of the solver's own error estimates of
    the columns beyond the position, (n, m - d); zeros for fixed steps, which estimate none.
    """

    state: Tensor
    evaluations: Tensor
    error: Tensor


def fixed(field: Field, state: Tensor, span: tuple[float, float], dims: int, solver: str, steps: int) -> Solution:
    """Solve with `steps` equal steps of Euler, Heun or the classical Runge-Kutta method; arguments as `adaptive`."""
    import torch

    n = len(state)
    rows = torch.arange(n, device=state.device)
    h = (span[1] - span[0]) / steps
    y = state

    def slope(time: float, at: Tensor) -> Tensor:
        return field(torch.full((n,), time, dtype=state.dtype, device=state.device), at, rows)

    for i in range(steps):
        t = span[0] + i * h
        first = slope(t, y)
        if solver == "euler":
            y = y + h * first
        elif solver == "heun":
            y = y + h / 2 * (first + slope(t + h, y + h * first))
        else:
            second = slope(t + h / 2, y + h / 2 * first)
            third = slope(t + h / 2, y + h / 2 * second)
            y = y + h / 6 * (first + 2 * second + 2 * third + slope(t + h, y + h * third))
    used = steps * {"euler": 1, "heun": 2, "rk4": 4}[solver]
    return Solution(y, torch.full((n,), used, dtype=torch.int64), torch.zeros_like(y[:, dims:]))


def adaptive(field: Field, state: Tensor, span: tuple[float, float], dims: int, tolerance: float) -> Solution:
    """Solve by Dormand and Prince's pair of orders 5 and 4.

    state: (n, m), of which the first `dims` columns are a position and the rest integrals along its path; the error of
    a step is the larger of the two parts' root mean squares, relative to tolerance * (1 + |y|).  span: from when to
    when, in either direction.  Raises `EvaluationError` where a row needs more than 5,000 steps or leaves the reals.
    """
    import torch

    n, device = len(state), state.device
    final, evaluations = state.clone(), torch.zeros(n, dtype=torch.int64, device=device)
    total = torch.zeros_like(state[:, dims:])
    rows = torch.arange(n, device=device)
    t = torch.full((n,), span[0], dtype=state.dtype, device=device)
    y, first = state, field(t, state, rows)
    h = _first_step(field, y, first, rows, span, dims, tolerance)
    evaluations += 2
    for _ in range(MOST_STEPS):
        if not len(rows):
            return Solution(final, evaluations.cpu(), total)
        left = span[1] - t
        last = h.abs() >= left.abs() * (1 - 1e-12)
        h = torch.where(last, left, h)
        after, slope, wrong = _step(field, t, y, first, h, rows)
        evaluations[rows] += 6
        norm = _norm(wrong, torch.maximum(y.abs(), after.abs()), dims, tolerance)
        kept = norm <= 1
        total[rows[kept]] += wrong[kept, dims:].abs()
        t = torch.where(kept, t + h, t)
        y, first = (torch.where(kept[:, None], new, old) for new, old in ((after, y), (slope, first)))
        growth = torch.nan_to_num(0.9 * norm.clamp_min(1e-10) ** -0.2, nan=0.2).clamp(0.2, 10.0)
        h = h * torch.where(kept, growth, growth.clamp_max(1.0))
        done = kept & last
        final[rows[done]] = y[done]
        if done.any():
            rows, t, y, first, h = (v[~done] for v in (rows, t, y, first, h))
    raise EvaluationError(
        "the probability flow cannot be integrated",
        cause=f"a sample needs more than {MOST_STEPS:,} steps at tolerance {tolerance:g}, or its path is not finite",
        fix="raise tolerance=, or mend the model's field",
    )


def _step(field: Field, t: Tensor, y: Tensor, first: Tensor, h: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The state after a step, the slope there, and the error of the step."""
    import torch

    width = h[:, None]
    slopes = [first]
    after = y
    for node, weights in zip(_NODES[1:], _STAGES[1:], strict=True):
        moved = torch.stack([w * k for w, k in zip(weights, slopes, strict=True)]).sum(dim=0)
        after = y + width * moved
        slopes.append(field(t + node * h, after, rows))
    wrong = width * torch.stack([w * k for w, k in zip(_ERRORS, slopes, strict=True)]).sum(dim=0)
    return after, slopes[-1], wrong


def _norm(values: Tensor, size: Tensor, dims: int, tolerance: float) -> Tensor:
    import torch

    square = (values / (tolerance * (1 + size))) ** 2
    parts = [part.mean(dim=1) for part in (square[:, :dims], square[:, dims:]) if part.shape[1]]
    return torch.stack(parts).amax(dim=0).sqrt()


def _first_step(
    field: Field, y: Tensor, slope: Tensor, rows: Tensor, span: tuple[float, float], dims: int, tolerance: float
) -> Tensor:
    # Hairer, Norsett and Wanner 1993, II.4.
    import torch

    length = span[1] - span[0]
    size = y.abs()
    ahead, speed = _norm(y, size, dims, tolerance), _norm(slope, size, dims, tolerance)
    small = torch.where((ahead < 1e-5) | (speed < 1e-5), 1e-6, 0.01 * ahead / speed.clamp_min(1e-300))
    small = small.clamp_max(abs(length))
    signed = small if length > 0 else -small
    there = torch.full_like(small, span[0]) + signed
    bend = _norm(field(there, y + signed[:, None] * slope, rows) - slope, size, dims, tolerance) / small
    steep = torch.maximum(speed, bend)
    good = torch.where(steep <= 1e-15, (small * 1e-3).clamp_min(1e-6), (0.01 / steep.clamp_min(1e-300)) ** 0.2)
    h = torch.minimum(100 * small, good).clamp_max(abs(length))
    return h if length > 0 else -h
