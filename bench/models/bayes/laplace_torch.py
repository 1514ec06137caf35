"""Laplace's approximation by laplace-torch, the library of the method's authors, over the networks of this package."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import model
from bench.errors import UsageError
from bench.models.bayes import samplers
from bench.models.bayes.linearised import Linearised
from bench.models.bayes.networks import Problem
from bench.models.bayes.networks import layers as layers_of
from bench.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

STRUCTURES = ("full", "kron", "diag")
LAYERS = ("all", "last")


def approximated(problem: Problem, optimum: Tensor, *, structure: str, layers: str) -> Any:
    """The library's own object, fitted about the optimum by the Gauss-Newton matrix, with the problem's prior."""
    import torch

    try:
        from laplace import Laplace
    except ImportError as error:
        raise UsageError(
            "laplace-torch needs the package of that name", cause=str(error), fix="pip install 'bench[laplace]'"
        ) from error
    data = torch.utils.data.TensorDataset(problem.rows, problem.targets)
    found = Laplace(
        _network(problem, optimum),
        "classification",
        subset_of_weights="all" if layers == "all" else "last_layer",
        hessian_structure=structure,
        prior_precision=_precision(problem, structure, layers),
    )
    found.fit(torch.utils.data.DataLoader(data, batch_size=len(data)))
    return found


def drawn(problem: Problem, optimum: Tensor, found: Any, draws: int, seed: int) -> Float64s:
    """The optimum, and draws of its Gaussian about it, (1 + S, size), in the order of `networks.layers`."""
    import torch

    theta = optimum.numpy()
    generator = torch.Generator().manual_seed(derive(seed, "laplace-torch") >> 1)
    steps = (found.sample(draws, generator=generator) - found.mean).detach().numpy()
    samples = np.tile(theta, (1 + draws, 1))
    samples[1:, places(problem.widths)[-steps.shape[1] :]] += steps
    return samples


def places(widths: tuple[int, ...]) -> Ints:
    """Where each weight in torch's order (of a layer outputs first, then inputs) stands in ours, (size,)."""
    size = sum((a + 1) * b for a, b in pairwise(widths))
    parts: list[Any] = []
    for weight, bias in layers_of(np.arange(size), widths):
        parts += [weight.T.ravel(), bias]
    return np.concatenate(parts)


def _network(problem: Problem, optimum: Tensor) -> Any:
    import torch
    from torch import nn

    parts: list[Any] = []
    for weight, bias in layers_of(optimum, problem.widths):
        # Untrained weights would be drawn, and then overwritten.
        layer = nn.utils.skip_init(nn.Linear, *weight.shape, dtype=torch.float64)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def _precision(problem: Problem, structure: str, layers: str) -> Tensor:
    """The prior's, of each weight; of Kronecker factors, of each layer's weights and of its biases."""
    import torch

    pairs = list(pairwise(problem.widths))[0 if layers == "all" else -1 :]
    each = [(a * b, problem.precision * a / 2) for a, b in pairs]
    every = [pair for (a, b), weights in zip(pairs, each, strict=True) for pair in (weights, (b, problem.precision))]
    counts = [1 if structure == "kron" else count for count, _ in every]
    return torch.from_numpy(np.repeat([value for _, value in every], counts))


@model(
    "laplace-torch",
    gives="classifier",
    area="uncertainty",
    source="Daxberger et al. 2021, Laplace Redux, arXiv:2106.14806, by their library laplace-torch",
    check="uncertainty/laplace-linearised",
)
def laplace_torch(
    hidden: int = 32, depth: int = 1, precision: float = 1.0, draws: int = 30, epochs: int = 40, rate: float = 1e-2,
    structure: str = "kron", layers: str = "all",
) -> Linearised:  # fmt: skip
    """Laplace's approximation of the library laplace-torch (extra `laplace`), asked through the linearised network.

    structure: of the Gauss-Newton matrix: kron (a Kronecker product a layer), full or diag.  layers: all, or the last.
    With full it is `laplace-linearised` (all) and `laplace` (last), of the same network, prior and optimum, to
    rounding; kron and diag go where the full matrix is too large.  It classifies only: of forecasts the library knows
    those of one fixed noise, and these networks forecast a width of their own for each input.
    """
    for name, value, known in (("structure", structure, STRUCTURES), ("layers", layers, LAYERS)):
        if value not in known:
            raise UsageError(
                f"laplace-torch: {name} is '{value}'",
                cause=f"it is one of {', '.join(known)}",
                fix=f"{name}={known[0]}",
            )

    def sampler(problem: Problem, seed: int) -> Float64s:
        optimum = samplers.optimum(problem, epochs, rate, seed)
        found = approximated(problem, optimum, structure=structure, layers=layers)
        return drawn(problem, optimum, found, draws, seed)

    every = {"hidden": hidden, "depth": depth, "precision": precision, "draws": draws, "epochs": epochs, "rate": rate}
    return Linearised(
        "laplace-torch", {**every, "structure": structure, "layers": layers}, hidden, depth, precision, sampler
    )
