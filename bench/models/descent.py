"""Adam, written out: creating torch.optim's costs a second of imports, more than many a small network's training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.9, 0.999)
LOOKS = 20  # how often at most a held-out loss is asked for


class Adam:
    """Adam with decoupled weight decay; `step` changes the parameters in place."""

    def __init__(self, parameters: Sequence[Tensor], decay: float = 0.0) -> None:
        import torch

        self.parameters, self.decay = list(parameters), decay
        self.first, self.second = ([torch.zeros_like(p) for p in self.parameters] for _ in range(2))
        self.steps = 0

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """One step of that size against the gradients."""
        import torch

        self.steps += 1
        with torch.no_grad():
            for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=True):
                m.lerp_(g, 1 - BETAS[0])
                v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
                spread = (v / (1 - BETAS[1] ** self.steps)).sqrt_().add_(1e-8)
                p.mul_(1 - rate * self.decay).addcdiv_(m, spread, value=-rate / (1 - BETAS[0] ** self.steps))


def descend(
    parameters: Sequence[Tensor],
    loss: Callable[[], Tensor],
    *,
    steps: int,
    rate: float,
    average: float = 0.0,
    clip: float = 0.0,
    decay: float = 0.0,
    held: Callable[[], float] | None = None,
) -> list[Tensor]:
    """Minimise a loss that draws its own batch at each call, on one thread; the step size falls linearly to 0.

    average: decay of the running mean of the parameters, which is then returned in their place.  clip: the largest norm
    of a gradient; 0: any.  decay: of the weights, decoupled.  held: a loss over rows kept apart, asked of the running
    mean now and then; what is returned is then the mean at which it was least (early stopping).
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    optimiser = Adam(parameters, decay)
    mean = [p.detach().clone() for p in parameters]
    best, least = mean, float("inf")
    try:
        for step in range(steps):
            gradients = torch.autograd.grad(loss(), parameters)
            if clip:
                norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
                gradients = tuple(g * (clip / norm.clamp_min(clip)) for g in gradients)
            optimiser.step(gradients, rate * (1 - step / steps))
            keep = min(average, (1 + step) / (10 + step))  # early on, so that the start is soon forgotten
            for running, p in zip(mean, parameters, strict=True):
                running.lerp_(p.detach(), 1 - keep)
            if held is not None and (step + 1) % (-(-steps // LOOKS)) == 0:
                found = _at(parameters, mean, held)
                if found < least:
                    best, least = [running.clone() for running in mean], found
    finally:
        torch.set_num_threads(threads)
    return mean if held is None else best


def _at(parameters: Sequence[Tensor], values: Sequence[Tensor], loss: Callable[[], float]) -> float:
    """A loss where parameters have other values, which they have for that long only."""
    import torch

    before = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        for p, value in zip(parameters, values, strict=True):
            p.copy_(value)
        try:
            return loss()
        finally:
            for p, value in zip(parameters, before, strict=True):
                p.copy_(value)
