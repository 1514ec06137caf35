"""Samples of weights: by Langevin and Hamiltonian dynamics, by the path of SGD, by dropout, by reweighting the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import Float64s
from bench.models.bayes.networks import Problem, forward, layers, started
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

Energy = Callable[["Tensor"], "Tensor"]
BETAS = (0.9, 0.999)
BATCH = 64


def slope(energy: Energy, theta: Tensor) -> tuple[Tensor, Tensor]:
    """The energy and its gradient at a vector."""
    import torch

    at = theta.detach().requires_grad_()
    value = energy(at)
    (gradient,) = torch.autograd.grad(value, at)
    return value.detach(), gradient


def batches(n: int, epochs: int, seed: int) -> Iterator[Tensor]:
    """Rows of each step, in an order that the seed decides."""
    import torch

    order = generator(seed, "order")
    for _ in range(epochs):
        yield from torch.split(torch.from_numpy(order.permutation(n)), BATCH)


def optimum(problem: Problem, epochs: int, rate: float, seed: int, drop: float = 0.0) -> Tensor:
    """Weights of about least energy, by Adam on batches, with a share of the hidden units left out at each step."""
    import torch

    theta = started(problem.widths, seed)
    n = len(problem.rows)
    steps = epochs * -(-n // BATCH)
    first, second = torch.zeros_like(theta), torch.zeros_like(theta)
    noise = torch.Generator().manual_seed(derive(seed, "dropout") % 2**63)
    for step, rows in enumerate(batches(n, epochs, seed)):

        def loss(at: Tensor, rows: Tensor = rows) -> Tensor:
            outputs = (
                _dropped(at, problem, rows, drop, noise) if drop else forward(at, problem.widths, problem.rows[rows])
            )
            return problem.loss_of(outputs, rows).mean() + problem.penalty(at) / n

        _, g = slope(loss, theta)
        first.lerp_(g, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
        size = rate * (1 - step / steps) / (1 - BETAS[0] ** (step + 1))
        theta -= size * first / ((second / (1 - BETAS[1] ** (step + 1))).sqrt() + 1e-8)
    return theta


def _dropped(theta: Tensor, problem: Problem, rows: Tensor, drop: float, noise: object) -> Tensor:
    import torch

    x = problem.rows[rows]
    stack = layers(theta, problem.widths)
    for weight, bias in stack[:-1]:
        x = (x @ weight + bias).relu()
        kept = torch.rand(x.shape, generator=noise, dtype=x.dtype) >= drop  # type: ignore[call-overload]
        x = x * kept / (1 - drop)
    out: Tensor = x @ stack[-1][0] + stack[-1][1]
    return out


def dropout(problem: Problem, seed: int, draws: int, epochs: int, rate: float, drop: float) -> Float64s:
    """S networks of which a share of the hidden units is left out, the same for all inputs, (S, size)."""
    theta = optimum(problem, epochs, rate, seed, drop).numpy()
    return masked(theta, problem.widths, drop, draws, seed)


def masked(theta: Float64s, widths: tuple[int, ...], drop: float, draws: int, seed: int) -> Float64s:
    """Vectors in which the weights that leave a dropped unit are 0, and those of kept ones grow by 1 / (1 - drop)."""
    noise = generator(seed, "masks")
    samples = np.tile(theta, (draws, 1))
    for weight, _ in layers(samples, widths)[1:]:
        kept = (noise.random(weight.shape[:2]) >= drop) / (1 - drop)
        np.multiply(weight, kept[:, :, None], out=weight)
    return samples


def swag(problem: Problem, seed: int, draws: int, epochs: int, rate: float, rank: int) -> Float64s:
    """Draws from a Gaussian fitted to the path of SGD at a constant rate from the optimum on, (S, size)."""
    import torch

    theta = optimum(problem, epochs, 1e-2, seed)
    n = len(problem.rows)
    path = []
    for step, rows in enumerate(batches(n, epochs, derive(seed, "path"))):

        def loss(at: Tensor, rows: Tensor = rows) -> Tensor:
            return problem.losses(at, rows).mean() + problem.penalty(at) / n

        _, g = slope(loss, theta)
        theta = theta - rate * g
        if (step + 1) % -(-n // BATCH) == 0:
            path.append(theta.clone())
    return gaussian_of(torch.stack(path).numpy(), rank, draws, seed)


def gaussian_of(path: Float64s, rank: int, draws: int, seed: int) -> Float64s:
    """SWAG's draws from weights (T, size) along a path: half their diagonal variance, half that of the last `rank`.

    mean + sqrt(diagonal / 2) z + deviations' u / sqrt(2 (rank - 1)), with deviations of the last ones from the mean.
    """
    noise = generator(seed, "swag")
    mean = path.mean(axis=0)
    deviations = path[-rank:] - mean
    diagonal = np.maximum((path**2).mean(axis=0) - mean**2, 0.0)
    z, u = noise.standard_normal((draws, path.shape[1])), noise.standard_normal((draws, len(deviations)))
    return mean + np.sqrt(diagonal / 2) * z + u @ deviations / np.sqrt(2 * max(1, len(deviations) - 1))


def langevin(energy: Energy, start: Tensor, step: float, draws: int, thin: int, burn: int, seed: int) -> Float64s:
    """Unadjusted Langevin: theta - step / 2 gradient + sqrt(step) noise; each `thin`th after `burn`, (S, size).

    Of a Gaussian of precision a its variance is 1 / (a (1 - step a / 4)), more than the truth's.
    """
    noise = generator(seed, "langevin")
    theta, out = start.clone(), []
    for k in range(burn + draws * thin):
        _, g = slope(energy, theta)
        z = start.new_tensor(noise.standard_normal(len(start)))
        theta = theta - 0.5 * step * g + step**0.5 * z
        if k >= burn and (k - burn + 1) % thin == 0:
            out.append(theta.numpy().copy())
    return np.stack(out)


def sgld(problem: Problem, seed: int, draws: int, epochs: int, step: float) -> Float64s:
    """Langevin steps on gradients of batches from the optimum on, (S, size): SGLD at a constant step."""
    noise = generator(seed, "sgld")
    theta = optimum(problem, epochs, 1e-2, seed)
    n = len(problem.rows)
    every = max(1, epochs * -(-n // BATCH) // draws)
    out: list[Float64s] = []
    for k, rows in enumerate(batches(n, epochs + 1, derive(seed, "path"))):

        def energy(at: Tensor, rows: Tensor = rows) -> Tensor:
            return n * problem.losses(at, rows).mean() + problem.penalty(at)

        _, g = slope(energy, theta)
        theta = theta - 0.5 * step * g + step**0.5 * theta.new_tensor(noise.standard_normal(len(theta)))
        if (k + 1) % every == 0 and len(out) < draws:
            out.append(theta.numpy().copy())
    return np.stack(out)


def sghmc(problem: Problem, seed: int, draws: int, epochs: int, step: float, friction: float) -> Float64s:
    """Underdamped Langevin steps on gradients of batches from the optimum on, (S, size)."""
    noise = generator(seed, "sghmc")
    theta = optimum(problem, epochs, 1e-2, seed)
    n = len(problem.rows)

    def energies() -> Iterator[Energy]:
        for rows in batches(n, epochs + 1, derive(seed, "path")):
            yield lambda at, rows=rows: n * problem.losses(at, rows).mean() + problem.penalty(at)  # type: ignore[misc]

    return underdamped(energies(), theta, step, friction, max(1, epochs * -(-n // BATCH) // draws), draws, noise)


def underdamped(
    energies: Iterable[Energy],
    start: Tensor,
    step: float,
    friction: float,
    thin: int,
    draws: int,
    noise: np.random.Generator,
) -> Float64s:
    """V <- (1 - friction) v - step gradient + sqrt(2 friction step) z, theta <- theta + v; each `thin`th, (S, size).

    An energy a step; the velocity starts in its own law, variance `step`.
    """
    theta, v = start.clone(), start.new_tensor(noise.standard_normal(len(start))) * step**0.5
    out: list[Float64s] = []
    for k, energy in enumerate(energies):
        _, g = slope(energy, theta)
        z = theta.new_tensor(noise.standard_normal(len(theta)))
        v = (1 - friction) * v - step * g + (2 * friction * step) ** 0.5 * z
        theta = theta + v
        if (k + 1) % thin == 0:
            out.append(theta.numpy().copy())
            if len(out) == draws:
                break
    return np.stack(out)


def hamiltonian(
    energy: Energy, start: Tensor, draws: int, burn: int, leaps: int, seed: int, step: float = 0.01, thin: int = 1
) -> tuple[Float64s, float]:
    """Hamiltonian Monte Carlo: draws (S, size), and the share of proposals that were accepted after `burn`.

    The step size is brought to an acceptance of .8 while burning in, then stays; leaps: of each proposal, varied by a
    fifth so that no orbit closes.
    """
    noise = generator(seed, "hamiltonian")
    theta = start.clone()
    value, gradient = slope(energy, theta)
    out, accepted = [], 0
    for k in range(burn + draws * thin):
        momentum = theta.new_tensor(noise.standard_normal(len(theta)))
        at, g, p = theta, gradient, momentum
        size = step * float(noise.uniform(0.8, 1.2))
        p = p - 0.5 * size * g
        for leap in range(leaps):
            at = at + size * p
            proposed, g = slope(energy, at)
            p = p - (size if leap < leaps - 1 else 0.5 * size) * g
        change = float(value - proposed + 0.5 * (momentum @ momentum - p @ p))
        chance = float(np.exp(min(0.0, change))) if np.isfinite(change) else 0.0
        if noise.random() < chance:
            theta, value, gradient = at, proposed, g
            accepted += k >= burn
        if k < burn:
            step *= float(np.exp((chance - 0.8) / (k + 1) ** 0.6))
        elif (k - burn + 1) % thin == 0:
            out.append(theta.numpy().copy())
    return np.stack(out), accepted / (draws * thin)


def reweighted(problem: Problem, seed: int, draws: int, epochs: int, rate: float) -> Float64s:
    """Optima under weights of the data that a Polya urn ends in, (S, size): Dirichlet(1, ..., 1) times n."""
    from dataclasses import replace

    noise = generator(seed, "urn")
    n = len(problem.rows)
    out = []
    for k in range(draws):
        weights = problem.rows.new_tensor(noise.dirichlet(np.ones(n)) * n)
        out.append(optimum(replace(problem, weights=weights), epochs, rate, derive(seed, "draw", k)).numpy())
    return np.stack(out)
