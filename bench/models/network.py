"""Small fully connected networks: trained in torch in float32, asked in float64.

They always run on the CPU, one thread: at this size an accelerator is slower, and the answers are the same on every
machine.  The float64 pass makes an answer independent of the batch that it was asked in, to about 1e-15.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.models.descent import Adam
from bench.models.scaling import Scale, flat
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    epochs: passes over the data.  batch: rows a step.  rate: Adam's first step size; it falls linearly to 0.
    decay: decoupled weight decay.
    """

    epochs: int = 40
    batch: int = 64
    rate: float = 1e-2
    decay: float = 1e-2


@dataclass(frozen=True, eq=False)
class Network:
    """Trained layers: (weights (in, out), biases (out,)) each, ReLU between, inputs brought to `scale` first."""

    scale: Scale
    layers: tuple[tuple[Float64s, Float64s], ...]

    def features(self, rows: Float64s) -> Float64s:
        """Activations of the last hidden layer, (n, width)."""
        x = self.scale.apply(rows)
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight + bias, 0.0)
        return x

    def outputs(self, features: Float64s) -> Float64s:
        """The last layer, (n, out), from `features`."""
        weight, bias = self.layers[-1]
        return features @ weight + bias

    def pullback(self, rows: Float64s, weights: Float64s) -> Float64s:
        """Gradient of the outputs' sum weighted by (n, out) with respect to the rows, (n, d)."""
        x, alive = self.scale.apply(rows), []
        for weight, bias in self.layers[:-1]:
            x = x @ weight + bias
            alive.append(x > 0)
            x = np.maximum(x, 0.0)
        back = weights @ self.layers[-1][0].T
        for (weight, _), lit in zip(reversed(self.layers[:-1]), reversed(alive), strict=True):
            back = (back * lit) @ weight.T
        return back / self.scale.width


def trained(
    inputs: AnyArray | Sequence[Any],
    loss: Callable[[Tensor, Tensor], Tensor],
    widths: tuple[int, ...],
    how: Training,
    seed: int,
) -> Network:
    """A network fitted to inputs (n, ...).

    loss: (outputs (b, out), positions of the b rows) -> mean loss.  widths: the hidden widths, then the outputs.
    Equal arguments give an equal network: weights and the order of rows come from `seed`, on one thread.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        scale = Scale.of(inputs)
        rows = torch.from_numpy(scale.apply(flat(inputs)).astype(np.float32))
        parameters = _started((rows.shape[1], *widths), seed)
        _descend(rows, loss, parameters, how, seed)
    finally:
        torch.set_num_threads(threads)
    arrays = [p.detach().numpy().astype(np.float64) for p in parameters]
    return Network(scale, tuple(zip(arrays[::2], arrays[1::2], strict=True)))


def _started(widths: tuple[int, ...], seed: int) -> list[Tensor]:
    # He initialisation; biases start at 0, and so does the last layer: no answer is preferred before the data speaks.
    import torch

    draws = torch.Generator().manual_seed(derive(seed, "weights") % 2**63)
    parameters = []
    for fan_in, fan_out in pairwise(widths):
        weight = torch.randn(fan_in, fan_out, generator=draws) * (2 / fan_in) ** 0.5
        parameters += [weight, torch.zeros(fan_out)]
    parameters[-2].zero_()
    return [p.requires_grad_() for p in parameters]


def _descend(
    inputs: Tensor, loss: Callable[[Tensor, Tensor], Tensor], parameters: list[Tensor], how: Training, seed: int
) -> None:
    import torch

    order = generator(seed, "order")
    steps = how.epochs * -(-len(inputs) // how.batch)
    optimiser = Adam(parameters, how.decay)
    for _ in range(how.epochs):
        shuffled = torch.from_numpy(order.permutation(len(inputs)))
        for rows in torch.split(shuffled, how.batch):
            gradients = torch.autograd.grad(loss(_forward(inputs[rows], parameters), rows), parameters)
            optimiser.step(gradients, how.rate * (1 - optimiser.steps / steps))


def _forward(x: Tensor, parameters: list[Tensor]) -> Tensor:
    import torch

    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = torch.relu(torch.addmm(bias, x, weight))
    return torch.addmm(parameters[-1], x, parameters[-2])
