"""A recurrent network of event sequences: log-normal waits whose law hangs on all that came before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.events import EASY
from bench.models.building import facts
from bench.models.events import EventDensity, known_sequences
from bench.models.modules import load, seeded, train
from bench.models.shelf import Arrays, digest_of, kept
from bench.references.events import Sequences, unpacked
from bench.seeds import derive
from bench.tasks.likelihood.events import INTERDEPENDENCE

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WIDTH, COMPONENTS = 32, 4
STEPS, BATCH, RATE = 250, 48, 8e-3
LEAST = 1e-6  # of a mean gap: what waits are raised to before their logarithm is taken
_RECIPE = 1  # raised when a change alters trained weights


@dataclass(frozen=True, eq=False)
class Laws:
    """Of each gap: log-shares of marks (n, M + 1, K), and of the components of each mark's wait (n, M + 1, K, C).

    centre, spread: (n, M + 1, K, C), of the wait's logarithm in mean gaps.
    """

    marks: Tensor
    shares: Tensor
    centre: Tensor
    spread: Tensor

    def log_wait(self, gaps: Tensor, scale: float) -> Tensor:
        """Log p(wait | mark), (n, M + 1, K), of gaps (n, M + 1)."""
        logs = (gaps / scale).clamp_min(LEAST).log()[:, :, None, None]
        normal = (
            -0.5 * ((logs - self.centre) / self.spread).square() - self.spread.log() - 0.5 * float(np.log(2 * np.pi))
        )
        # The wait's own density: over the wait, that is, over the scale times exp(logs).
        return (self.shares + normal).logsumexp(dim=3) - logs[:, :, :, 0] - float(np.log(scale))

    def log_alive(self, gaps: Tensor, scale: float) -> Tensor:
        """Log of the chance of a wait above each of gaps (n, M + 1), (n, M + 1)."""
        import torch

        logs = (gaps / scale).clamp_min(LEAST).log()[:, :, None, None]
        tail = torch.special.log_ndtr((self.centre - logs) / self.spread)
        return (self.marks + (self.shares + tail).logsumexp(dim=3)).logsumexp(dim=2)


@dataclass
class RecurrentEvents:
    """p(mark | past) p(wait | mark, past), or with independent heads p(mark | past) p(wait | past)."""

    independent: bool
    marks: int = 0
    scale: float = 1.0
    network: Any = field(default=None, repr=False)

    def fit(self, train_split: Examples, seed: int) -> None:
        """Train by maximum likelihood, or take from the shelf."""
        import torch

        inputs = known_sequences(train_split)
        events = unpacked(inputs)
        key = {
            "data": digest_of(np.nan_to_num(inputs, nan=-1.0)), "independent": self.independent, "seed": seed,
            "recipe": _RECIPE, "torch": torch.__version__,
        }  # fmt: skip
        self.untrained(events, seed)
        load([self.network], kept("recurrent-events", key, lambda: self._trained(events, seed)))

    def untrained(self, events: Sequences, seed: int) -> None:
        """Make the network, for the marks and the mean gap of these sequences."""
        self.marks = int(events.marks.max(initial=0)) + 1
        self.scale = float(events.horizon.sum() / max(1, events.scored.sum()))
        with seeded(derive(seed, "recurrent-events")):
            self.network = _network(self.marks, 1 if self.independent else self.marks)

    def log_next(self, events: Sequences, row: int, gap: int, waits: Float64s, mark: int | None = None) -> Float64s:
        """Log-density (w,) of waits (w,) in one gap of one sequence, with a mark, or whatever the mark."""
        import torch

        with torch.inference_mode():
            held = _Tensors.of(events)
            laws = self.network(held.gaps / self.scale, held.marks)
            here = Laws(*(part[row : row + 1, gap : gap + 1] for part in vars(laws).values()))
            joint = here.marks + here.log_wait(torch.as_tensor(waits)[:, None], self.scale)
            found = joint.logsumexp(dim=2) if mark is None else joint[:, :, mark]
        return found[:, 0].numpy()

    def _trained(self, events: Sequences, seed: int) -> Arrays:
        import torch

        draws = torch.Generator().manual_seed(derive(seed, "recurrent-events", "batch") % 2**63)
        every = _Tensors.of(events)

        def loss() -> Tensor:
            some = every.take(torch.randint(len(every.gaps), (BATCH,), generator=draws))
            logs, _, _ = self._asked(some)
            return -logs.sum() / some.scored.sum().clamp_min(1)

        return train([self.network], loss, steps=STEPS, rate=RATE)

    def _asked(self, events: _Tensors) -> tuple[Tensor, Tensor, Laws]:
        """Log-density (n,), compensators (n, M + 1), and the laws of all gaps."""
        import torch

        laws = self.network(events.gaps / self.scale, events.marks)
        waits = laws.log_wait(events.gaps, self.scale)[:, :-1]
        own = laws.marks[:, :-1].gather(2, events.marks[:, :, None])[:, :, 0]
        place = torch.zeros_like(events.marks) if self.independent else events.marks
        logs = own + waits.gather(2, place[:, :, None])[:, :, 0]
        ends = torch.arange(events.gaps.shape[1]) <= events.counts[:, None]
        increments = torch.where(ends & (events.gaps > 0), -laws.log_alive(events.gaps, self.scale), 0.0)
        silence = increments.gather(1, events.counts[:, None])[:, 0]
        return torch.where(events.scored, logs, 0.0).sum(dim=1) - silence, increments, laws

    def density(self, inputs: AnyArray) -> EventDensity:
        """Exact log-density of the model, (b,)."""
        import torch

        with torch.inference_mode():
            logs, increments, laws = self._asked(_Tensors.of(unpacked(inputs)))
            means = (laws.shares + laws.centre + laws.spread.square() / 2).logsumexp(dim=3)
            wait = self.scale * (laws.marks + means).logsumexp(dim=2).exp()
        foreseen = wait.numpy(), laws.marks.exp().numpy()
        return EventDensity(logs.numpy(), increments=increments.clamp_min(0).numpy(), foreseen=foreseen)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("recurrent-events", {"independent": self.independent}, "numpy", "torch")


@dataclass(frozen=True, eq=False)
class _Tensors:
    """Sequences as tensors: gaps (n, M + 1), marks (n, M), scored (n, M), counts (n,)."""

    gaps: Tensor
    marks: Tensor
    scored: Tensor
    counts: Tensor

    @staticmethod
    def of(events: Sequences) -> _Tensors:
        import torch

        return _Tensors(*(torch.as_tensor(x) for x in (events.gaps, events.marks, events.scored, events.counts)))

    def take(self, rows: Tensor) -> _Tensors:
        return _Tensors(self.gaps[rows], self.marks[rows], self.scored[rows], self.counts[rows])


def _network(marks: int, heads: int) -> torch.nn.Module:
    import torch
    from torch import nn

    class Recurrent(nn.Module):
        """Gaps (n, M + 1) in mean gaps and marks (n, M) to the laws of all gaps, each by what is before it."""

        def __init__(self) -> None:
            super().__init__()
            self.seen = nn.Embedding(marks, WIDTH)
            self.wait = nn.Linear(2, WIDTH)
            self.past = nn.GRU(WIDTH, WIDTH, batch_first=True)
            self.start = nn.Parameter(torch.zeros(1, 1, WIDTH))
            self.mark = nn.Linear(WIDTH, marks)
            self.law = nn.Linear(WIDTH, 3 * heads * COMPONENTS)

        def forward(self, gaps: Tensor, kinds: Tensor) -> Laws:
            before = gaps[:, :-1, None]
            steps = self.seen(kinds) + self.wait(torch.cat([before, before.clamp_min(LEAST).log()], dim=2))
            first = self.start.expand(len(gaps), 1, WIDTH)
            states = torch.cat([first, self.past(steps, first.transpose(0, 1).contiguous())[0]], dim=1)
            shares, centre, spread = self.law(states).unflatten(2, (3, heads, COMPONENTS)).unbind(dim=2)
            spread = spread.clamp(-5, 3).exp()
            # Components start apart, or their gradients would keep them equal.
            centre = centre + torch.linspace(-2, 1, COMPONENTS, dtype=centre.dtype)
            return Laws(self.mark(states).log_softmax(2), shares.log_softmax(3), centre, spread)

    return Recurrent().double()


@model(
    "recurrent-events",
    gives="density",
    source="Shchur, Bilos and Gunnemann 2020, arXiv:1909.12127; Waghmare et al. 2022 for waits by mark",
    papers=(EASY, INTERDEPENDENCE),
    check="likelihood/recurrent-waits",
)
def recurrent_events(independent: bool = False) -> RecurrentEvents:
    """A recurrent network of marked events, intensity-free: each wait is a mixture of four log-normals by its mark.

    independent: mark and wait by heads that don't know of each other.  It trains in under a minute, and is kept for the
    next run; its density is exact, the silence up to each horizon included.
    """
    if not isinstance(independent, bool):
        raise UsageError(
            f"recurrent-events cannot have independent={independent}",
            cause="it is true or false",
            fix="independent=true",
        )
    return RecurrentEvents(independent)
