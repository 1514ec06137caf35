"""Bounds on the likelihood of latent-variable models, from the weights p(x, z) / q(z | x) of draws of z.

ELBO: Kingma and Welling 2014.  IWAE: Burda, Grosse and Salakhutdinov 2016.  MIWAE, CIWAE: Rainforth et al. 2018.  VIS:
the proposal is first brought to the least forward chi-squared divergence, Su et al. 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import LogDensity
from bench.errors import UsageError
from bench.estimators.weights import density_fields, log_mean_exp, weighed
from bench.models.descent import descend
from bench.seeds import row_normals

if TYPE_CHECKING:
    from torch import Tensor

BOUNDS = ("elbo", "iwae", "miwae", "ciwae", "vis")
_ELEMENTS = 2**21
REPLICATES = 200  # gradients behind one signal-to-noise ratio
VIS_STEPS, VIS_DRAWS, VIS_RATE = 150, 64, 0.05


class Latent(Protocol):
    """A model of x by z with a standard normal prior, and a Gaussian proposal for z given x."""

    @property
    def latents(self) -> int:
        """Dimensions q of z."""
        ...

    def proposal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z given x (n, d), (n, q) each."""
        ...

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x | z), (n, k), of x (n, d) and z (n, k, q)."""
        ...


@dataclass(frozen=True)
class Bound:
    """Which bound: elbo, iwae, vis (of k draws), miwae (mean of `groups` of k draws), ciwae (beta of an ELBO)."""

    name: str = "iwae"
    k: int = 50
    groups: int = 1
    beta: float = 0.5

    def __post_init__(self) -> None:
        if self.name not in BOUNDS or self.k < 1 or self.groups < 1 or not 0 <= self.beta <= 1:
            raise UsageError(
                f"bound={self.name},k={self.k},groups={self.groups},beta={self.beta:g} is no bound",
                cause=f"bound is one of {', '.join(BOUNDS)}; k and groups are at least 1, beta is in [0, 1]",
                fix="write bound=iwae,k=50",
            )

    @property
    def described(self) -> str:
        """In words, for the record."""
        more = {"miwae": f", {self.groups} groups", "ciwae": f", beta {self.beta:g}"}.get(self.name, "")
        return f"{self.name.upper()} (K = {self.k}{more})"


def of_weights(logs: Float64s, how: Bound) -> Float64s:
    """The bound, (n,), from log-weights (n, M, K)."""
    flat = logs.reshape(len(logs), -1)
    if how.name == "elbo":
        return flat.mean(axis=1)
    if how.name == "miwae":
        return log_mean_exp(logs, axis=2).mean(axis=1)
    tight = log_mean_exp(flat, axis=1)
    return how.beta * flat.mean(axis=1) + (1 - how.beta) * tight if how.name == "ciwae" else tight


def bound_of(logs: Tensor, how: Bound) -> Tensor:
    """The same of a tensor, differentiable; (n,) from log-weights (n, M, K)."""
    inner = logs.logsumexp(dim=2) - float(np.log(logs.shape[2]))
    if how.name == "elbo":
        return logs.mean(dim=(1, 2))
    if how.name == "miwae":
        return inner.mean(dim=1)
    tight = inner.logsumexp(dim=1) - float(np.log(logs.shape[1]))
    return how.beta * logs.mean(dim=(1, 2)) + (1 - how.beta) * tight if how.name == "ciwae" else tight


def estimate(model: Latent, rows: Float64s, how: Bound, seed: int) -> LogDensity:
    """A lower bound of log p(x) for rows (n, d), nats, in expectation over the draws.

    Its standard error, the effective number of draws and their Pareto k come with it.  The draws of a row depend on
    (seed, the row) alone, and those of a smaller k are the first of a larger.
    """
    count = how.k * (how.groups if how.name == "miwae" else 1)
    block = max(1, _ELEMENTS // (count * max(model.latents, rows.shape[1])))
    parts = [log_weights(model, rows[i : i + block], count, how, seed) for i in range(0, max(len(rows), 1), block)]
    logs = np.concatenate(parts)
    found = weighed(logs)
    fields = density_fields(found, count)
    if how.name in {"elbo", "miwae", "ciwae"} and count > 1:
        fields["mc_error"] = _error(logs, how)
    return LogDensity(
        of_weights(logs.reshape(len(logs), -1, how.k), how),
        likelihood="lower",
        evaluations=np.full(len(rows), count),
        estimator=how.described,
        mc_error=fields["mc_error"],
        ess=fields["ess"],
        pareto_k=fields["pareto_k"],
    )


def _error(logs: Float64s, how: Bound) -> Float64s | None:
    if how.name == "miwae":
        groups = log_mean_exp(logs.reshape(len(logs), how.groups, how.k), axis=2)
        return groups.std(axis=1, ddof=1) / np.sqrt(how.groups) if how.groups > 1 else weighed(logs).error
    # Each draw's influence on the combination of the two means.
    relative = np.exp(logs - log_mean_exp(logs)[:, None])
    beta = 1.0 if how.name == "elbo" else how.beta
    return (beta * logs + (1 - beta) * relative).std(axis=1, ddof=1) / np.sqrt(logs.shape[1])


def log_weights(model: Latent, rows: Float64s, count: int, how: Bound, seed: int) -> Float64s:
    """Log p(x, z) - log q(z | x) of `count` draws for each of rows (n, d), (n, count)."""
    import torch

    x = torch.as_tensor(rows, dtype=torch.float64)
    with torch.no_grad():
        mean, std = model.proposal(x)
    if how.name == "vis":
        mean, std = least_divergent(model, x, mean, std, rows, seed)
    noise = torch.as_tensor(row_normals(rows, count * model.latents, seed, "latent"))
    with torch.no_grad():
        return proposed(model, x, mean, std, noise.reshape(len(rows), count, -1)).numpy()


def proposed(model: Latent, x: Tensor, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """Log p(x, z) - log q(z | x), (n, k), of z = mean + std * noise; x (n, d), mean and std (n, q), noise (n, k, q)."""
    z = mean[:, None, :] + std[:, None, :] * noise
    # The normalising constants of prior and proposal cancel.
    prior_to_proposal = (0.5 * (noise.square() - z.square())).sum(dim=2) + std.log().sum(dim=1)[:, None]
    return model.log_likelihood(x, z) + prior_to_proposal


def least_divergent(
    model: Latent, x: Tensor, mean: Tensor, std: Tensor, rows: Float64s, seed: int, *, forward: bool = True
) -> tuple[Tensor, Tensor]:
    """The Gaussian proposals, each row's own, that lower the forward chi-squared divergence; mean and std (n, q).

    Its gradient is -E_q[w^2 grad log q], with w^2 normalised over the draws: differentiating through the draws instead
    would reward them for leaving the posterior.  forward: false lowers the reverse KL, as an ELBO does.
    """
    import torch

    scale = std.clone()  # steps are taken in units of the first proposal, whatever the latent's own
    shift, stretch = torch.zeros_like(mean).requires_grad_(), torch.zeros_like(std).requires_grad_()
    step = 0

    def loss() -> Tensor:
        nonlocal step
        step += 1
        normals = row_normals(rows, VIS_DRAWS * model.latents, seed, "vis", step)
        noise = torch.as_tensor(normals).reshape(len(rows), VIS_DRAWS, -1)
        centre, width = mean + scale * shift, scale * stretch.exp()
        if not forward:
            return -proposed(model, x, centre, width, noise).mean(dim=1).sum()
        with torch.no_grad():
            z = centre[:, None, :] + width[:, None, :] * noise
            shares = (2 * proposed(model, x, centre, width, noise)).softmax(dim=1)
        logs = -0.5 * ((z - centre[:, None, :]) / width[:, None, :]).square().sum(dim=2)
        return -(shares * (logs - width.log().sum(dim=1)[:, None])).sum()

    shift, stretch = descend([shift, stretch], loss, steps=VIS_STEPS, rate=VIS_RATE, average=0.95)
    return mean + scale * shift, scale * stretch.exp()


def signals(model: Latent, rows: Float64s, how: Bound, seed: int) -> tuple[Float64s, Float64s]:
    """|mean| / standard deviation of a bound's gradient at each of rows (n, d): generator's and proposal's, (n,) each.

    By 200 independent gradients: with respect to a shift of x, d numbers, and to the logarithm of the proposal's
    standard deviations, q numbers.  Over these both are root sums of squares; the square of the mean is freed of its
    own noise, which would pass for a signal.  Source: Rainforth et al. 2018.
    """
    shape = (how.groups if how.name == "miwae" else 1, how.k)
    block = max(1, _ELEMENTS // (REPLICATES * shape[0] * shape[1] * model.latents))
    found = [_gradients(model, rows[i : i + block], how, shape, seed) for i in range(0, len(rows), block)]
    generator, inference = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return generator, inference


def _gradients(
    model: Latent, rows: Float64s, how: Bound, shape: tuple[int, int], seed: int
) -> tuple[Float64s, Float64s]:
    import torch

    x = torch.as_tensor(rows)
    with torch.no_grad():
        mean, std = (p.repeat_interleave(REPLICATES, dim=0) for p in model.proposal(x))
    many, draws = len(mean), shape[0] * shape[1]
    noise = torch.as_tensor(row_normals(rows, REPLICATES * draws * model.latents, seed, "signal"))
    shift = torch.zeros(many, rows.shape[1], dtype=torch.float64, requires_grad=True)
    stretch = torch.zeros_like(mean).requires_grad_()
    moved = x.repeat_interleave(REPLICATES, dim=0) - shift
    logs = proposed(model, moved, mean, std * stretch.exp(), noise.reshape(many, draws, -1))
    found = torch.autograd.grad(bound_of(logs.reshape(many, *shape), how).sum(), (shift, stretch))
    first, second = (_signal(g.reshape(len(rows), REPLICATES, -1)) for g in found)
    return first, second


def _signal(gradients: Tensor) -> Float64s:
    """From independent gradients of each row, (n, R, parameters), (n,)."""
    noise = gradients.var(dim=1)
    square = gradients.mean(dim=1).square() - noise / gradients.shape[1]
    return (square.sum(dim=1).clamp_min(0) / noise.sum(dim=1)).sqrt().numpy()


def gradient_snr(
    weights: Callable[[Tensor, Tensor], Tensor],
    parameter: float,
    shape: tuple[int, int],
    replicates: int,
    noise: Tensor,
) -> float:
    """|mean| / standard deviation of the gradient of a MIWAE bound with respect to one parameter.

    weights: (parameter (R, 1, 1), noise (R, M, K)) -> log-weights (R, M, K).  shape: (M, K).
    """
    import torch

    at = torch.full((replicates, 1, 1), parameter, dtype=noise.dtype, requires_grad=True)
    logs = weights(at, noise.reshape(replicates, *shape))
    (gradient,) = torch.autograd.grad(logs.logsumexp(dim=2).mean(dim=1).sum(), at)
    return float(gradient.mean().abs() / gradient.std())
