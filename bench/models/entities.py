"""APE: the likelihood of an event of several categorical entities, by embeddings of the entities.

An event's score S is a sum over pairs of types of w_ij <v_i, v_j>, w_ij >= 0, and its probability exp(S) / Z.  It is
trained by telling an event from one whose entity of one random type was drawn anew from that type's shares.  The paper
gives each event's noise probability as if contexts had normalisers of their own; what is consistent is to compare an
event with its own noised copy (conditional noise-contrastive estimation, Ceylan and Gutmann 2018), and so it is here:
Z and the contexts' probabilities drop out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import EvaluationError, UsageError
from bench.examples import Examples
from bench.models.building import facts
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

PAPER = "Entity Embedding-based Anomaly Detection for Heterogeneous Categorical Events"
# Events that are enumerated for Z; beyond, it is estimated by this many draws of independent entities.
ENUMERATED, DRAWS = 1_000_000, 200_000
BATCH, RATE = 256, 0.03


@dataclass
class Ape:
    """The fitted model.  vectors: (entities, dimensions) a type; weights: (pairs,), as `combinations` has them."""

    dimensions: int
    epochs: int
    noise: int
    vectors: list[Float64s] = field(default_factory=list)
    weights: Float64s | None = None
    log_normaliser: float = 0.0
    error: float = 0.0

    def fit(self, train: Examples, seed: int) -> None:
        """Learn from events, integers (n, types) from 0."""
        events = _events(train.inputs)
        shares = [(np.bincount(column) + 1.0) / (len(column) + column.max() + 1) for column in events.T]
        self.vectors, self.weights = _trained(events, shares, self.dimensions, self.epochs, self.noise, seed)
        self.log_normaliser, self.error = self._normaliser(shares, seed)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-probability of each event, nats, (b,); exact where Z could be enumerated."""
        events = _events(inputs)
        for place, (column, known) in enumerate(zip(events.T, self.vectors, strict=True)):
            if (column >= len(known)).any():
                raise EvaluationError(
                    f"entity {int(column.max())} of type {place} was never seen",
                    cause=f"training had {len(known)} of that type",
                    fix="give training events with all entities",
                )
        values = self.contributions(events).sum(axis=1) - self.log_normaliser
        if self.error:
            return LogDensity(values, "estimate", mc_error=np.full(len(values), self.error))
        return LogDensity(values)

    def contributions(self, events: Ints) -> Float64s:
        """What each pair of types adds to the score of each event, (n, pairs): the lowest explains an anomaly."""
        assert self.weights is not None  # noqa: S101 - fit comes first
        rows = [known[column] for known, column in zip(self.vectors, events.T, strict=True)]
        each = [(rows[i] * rows[j]).sum(axis=1) for i, j in combinations(range(len(rows)), 2)]
        return np.asarray(np.stack(each, axis=1) * self.weights, dtype=np.float64)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        known = {"dimensions": self.dimensions, "epochs": self.epochs, "noise": self.noise}
        return facts("ape", known, "numpy", "torch")

    def _normaliser(self, shares: list[Float64s], seed: int) -> tuple[float, float]:
        sizes = [len(s) for s in shares]
        if np.prod(sizes, dtype=np.float64) <= ENUMERATED:
            every = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
            return float(np.logaddexp.reduce(self.contributions(every).sum(axis=1))), 0.0
        draws = generator(seed, "ape", "normaliser")
        drawn = np.stack([draws.choice(len(s), size=DRAWS, p=s) for s in shares], axis=1)
        log_q = sum(np.log(s)[column] for s, column in zip(shares, drawn.T, strict=True))
        log_weight = self.contributions(drawn).sum(axis=1) - log_q
        weight = np.exp(log_weight - log_weight.max())
        error = float(weight.std() / weight.mean() / np.sqrt(DRAWS))
        return float(log_weight.max() + np.log(weight.mean())), max(error, 1e-12)


@model(
    "ape", gives="density", area="ood", source="Chen et al. 2016, arXiv:1608.07502", papers=(PAPER,), check="ood/ape"
)
def ape(dimensions: int = 8, epochs: int = 15, noise: int = 3) -> Ape:
    """The probability of events of several categorical entities, by embeddings of the entities.

    dimensions: of the embeddings.  epochs: passes over the training events.  noise: noised copies of an event a pass.
    """
    if min(dimensions, epochs, noise) < 1:
        raise UsageError("ape: a number is below 1", cause="each counts something", fix="bench show model ape")
    return Ape(dimensions, epochs, noise)


def _events(inputs: Any) -> Ints:
    rows = np.asarray(inputs)
    whole = np.asarray(rows, dtype=np.int64)
    if rows.ndim != 2 or rows.shape[1] < 2 or (whole != rows).any() or (whole < 0).any():
        raise EvaluationError(
            "these are no events",
            cause=f"their shape is {rows.shape}; an event is two or more whole numbers from 0, one a type",
            fix="ask a task of events, such as ood/events",
        )
    return whole


def _trained(
    events: Ints, shares: list[Float64s], dimensions: int, epochs: int, noise: int, seed: int
) -> tuple[list[Float64s], Float64s]:
    import torch

    count, types = events.shape
    pairs = list(combinations(range(types), 2))
    start = torch.Generator().manual_seed(derive(seed, "ape", "weights") % 2**63)
    vectors = [torch.randn(len(s), dimensions, generator=start).mul_(0.3).requires_grad_() for s in shares]
    raw = torch.full((len(pairs),), 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([*vectors, raw], lr=RATE)
    steps = epochs * -(-count // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
    log_share = [torch.from_numpy(np.log(s)) for s in shares]

    def value(rows: Tensor) -> Tensor:
        found = [known[rows[:, i]] for i, known in enumerate(vectors)]
        products = torch.stack([(found[i] * found[j]).sum(1) for i, j in pairs], dim=1)
        return products @ torch.nn.functional.softplus(raw)

    draws = generator(seed, "ape", "noise")
    for _ in range(epochs):
        order = draws.permutation(count)
        for first in range(0, count, BATCH):
            rows = np.repeat(events[order[first : first + BATCH]], noise, axis=0)
            changed = rows.copy()
            place = draws.integers(0, types, len(rows))
            for i, share in enumerate(shares):
                mine = place == i
                changed[mine, i] = draws.choice(len(share), size=int(mine.sum()), p=share)
            seen, made = torch.from_numpy(rows), torch.from_numpy(changed)
            # How much likelier the noise makes the change there than the change back.
            odds = sum((log_share[i][made[:, i]] - log_share[i][seen[:, i]] for i in range(types)), torch.zeros(1))
            loss = torch.nn.functional.softplus(-(value(seen) - value(made) + odds)).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            optimiser.step()
            schedule.step()
    weights = torch.nn.functional.softplus(raw).detach().numpy().astype(np.float64)
    return [v.detach().numpy().astype(np.float64) for v in vectors], weights
