"""Small torch modules that are trained here: made from a seed, trained in place, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.models.descent import descend
from bench.models.shelf import Arrays

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's own generator at a seed, from which modules draw their weights, and after it at what it was."""
    import torch

    before = torch.get_rng_state()
    torch.manual_seed(seed % 2**63)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def train(
    modules: Sequence[Any],
    loss: Callable[[], Tensor],
    *,
    steps: int,
    rate: float,
    decay: float = 0.0,
    held: Callable[[], float] | None = None,
) -> Arrays:
    """Minimise a loss over all parameters of modules, and leave their running average in them; it is returned.

    decay, held: of weights, and a loss by which the average is chosen, as of `descend`.
    """
    parameters = [p for m in modules for p in m.parameters()]
    found = descend(parameters, loss, steps=steps, rate=rate, average=0.99, clip=100.0, decay=decay, held=held)
    arrays = {f"{i:03d}": p.numpy() for i, p in enumerate(found)}
    load(modules, arrays)
    return arrays


def load(modules: Sequence[Any], arrays: Arrays) -> None:
    """Put what `train` gave into modules of the same make, which then are no longer trained."""
    import torch

    parameters = [p for m in modules for p in m.parameters()]
    with torch.no_grad():
        for p, name in zip(parameters, sorted(arrays), strict=True):
            p.copy_(torch.as_tensor(arrays[name]))
            p.requires_grad_(requires_grad=False)
