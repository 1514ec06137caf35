"""Small networks of a position and a time, trained as scores or velocities and asked in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import Float64s
from bench.models.descent import descend
from bench.models.shelf import Arrays, digest_of, kept
from bench.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

FREQUENCIES = 8
WIDTH, DEPTH = 128, 3
STEPS, BATCH, RATE = 2500, 512, 2e-3
_RECIPE = 1  # raised when a change alters trained weights

# (network (x, t) -> (b, d), rows (b, d), generator) -> mean loss
Loss = Callable[[Callable[["Tensor", "Tensor"], "Tensor"], "Tensor", Any], "Tensor"]


@dataclass(frozen=True, eq=False)
class Timed:
    """A trained network: weights and biases in turn, SiLU between, the time as sines and cosines."""

    layers: tuple[Tensor, ...]

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """The network at positions (b, d) and times (b,), (b, d)."""
        return _forward(self.layers, x, t)


def trained(name: str, rows: Float64s, loss: Loss, key: Mapping[str, Any], seed: int) -> Timed:
    """A network fitted to rows (n, d) by a loss that draws its own times and noise; kept on the shelf by `key`."""
    import torch

    def train() -> Arrays:
        draws = torch.Generator().manual_seed(derive(seed, name) % 2**63)
        data = torch.as_tensor(rows, dtype=torch.float32)
        layers = _started(rows.shape[1], draws)

        def of_batch() -> Tensor:
            chosen = torch.randint(len(data), (BATCH,), generator=draws)
            return loss(lambda x, t: _forward(layers, x, t), data[chosen], draws)

        found = descend(layers, of_batch, steps=STEPS, rate=RATE, average=0.998)
        return {f"{i:02d}": p.numpy() for i, p in enumerate(found)}

    whole = {**key, "data": digest_of(rows), "seed": seed, "recipe": _RECIPE, "torch": torch.__version__}
    arrays = kept(name, whole, train)
    return Timed(tuple(torch.as_tensor(arrays[k].astype(np.float64)) for k in sorted(arrays)))


def _started(dims: int, draws: Any) -> list[Tensor]:
    import torch

    widths = [dims + 2 * FREQUENCIES + 1, *[WIDTH] * DEPTH, dims]
    layers = []
    for fan_in, fan_out in pairwise(widths):
        layers += [torch.randn(fan_in, fan_out, generator=draws) * fan_in**-0.5, torch.zeros(fan_out)]
    layers[-2].mul_(0.1)
    return [p.requires_grad_() for p in layers]


def _forward(layers: tuple[Tensor, ...] | list[Tensor], x: Tensor, t: Tensor) -> Tensor:
    import torch

    angles = t[:, None] * (torch.pi * 2.0 ** (torch.arange(FREQUENCIES, device=t.device) / 2 - 1)).to(x.dtype)
    x = torch.cat([x, t[:, None].to(x.dtype), angles.sin().to(x.dtype), angles.cos().to(x.dtype)], dim=1)
    for weight, bias in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        x = torch.nn.functional.silu(torch.addmm(bias, x, weight))
    return torch.addmm(layers[-1], x, layers[-2])
