"""Marginalisation models: the probability of any part of a sample in one pass, from a table or a trained network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.estimators.marginals import Table
from bench.examples import Examples
from bench.metrics.marginals import CHECK, MAM
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.descent import descend
from bench.models.discrete import levels_of
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.seeds import derive, generator
from bench.tasks.likelihood.marginals import SPINS, spins

if TYPE_CHECKING:
    from torch import Tensor

WIDTH, STEPS, BATCH, RATE, DECAY = 128, 1000, 256, 3e-3, 0.1
# Of a batch, the share of rows drawn evenly: marginals must be right where there is no data too, or they sum to more.
EVEN = 4
_RECIPE = 1  # raised when a change alters trained weights


@dataclass
class MarginalTable:
    """The exact marginals and conditionals of the task's own distribution."""

    table: Table | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - nothing is learnt
        """Data of another source is refused."""
        if train.levels != 2 or flat(train.inputs).shape[1] != SPINS:
            raise NotSuited(
                "marginal-table does not know this data",
                cause=f"its source has {SPINS} spins in a ring",
                fix="ask it about likelihood/spins",
            )
        self.table = spins()

    def marginal(self, rows: Ints, seen: Bools) -> Float64s:
        """Log-mass of what is seen, (n,)."""
        assert self.table is not None  # noqa: S101 - fit comes first
        return self.table.marginal(rows, seen)

    def conditional(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log-probabilities of each place given what is seen, (n, D, 2)."""
        assert self.table is not None  # noqa: S101 - fit comes first
        return self.table.conditional(rows, hidden)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass of whole rows, (b,)."""
        rows = levels_of(flat(inputs), 2)
        return LogDensity(self.marginal(rows, np.ones(rows.shape, dtype=bool)))

    def fingerprint(self) -> dict[str, Any]:
        """Versions."""
        return facts("marginal-table", {}, "numpy")


@dataclass
class MarginalNetwork:
    """A network with two answers to partly seen rows: the log-mass of what is seen, and what stands elsewhere.

    Its log-masses are estimates: nothing makes one pass sum to 1 over all rows.
    """

    likelihood: ClassVar[str] = "estimate"

    consistency: float
    levels: int = 0
    arrays: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def fit(self, train: Examples, seed: int) -> None:
        """Train on whole rows, or take from the shelf."""
        import torch

        rows = levels_of(training_rows(train), train.levels)
        self.levels = train.levels
        key = {
            "data": digest_of(rows), "levels": self.levels, "consistency": self.consistency, "seed": seed,
            "recipe": _RECIPE, "torch": torch.__version__,
        }  # fmt: skip
        found = kept("marginal-network", key, lambda: _trained(rows, self.levels, self.consistency, seed))
        self.arrays = {k: torch.as_tensor(v.astype(np.float64)) for k, v in found.items()}

    def marginal(self, rows: Ints, seen: Bools) -> Float64s:
        """Log-mass of what is seen in one pass, (n,); of nothing it is 0."""
        return self._asked(rows, seen)[0]

    def conditional(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log-probabilities of each place given what is seen, (n, D, V)."""
        return self._asked(rows, ~hidden)[1]

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-mass of whole rows, (b,)."""
        rows = levels_of(flat(inputs), self.levels)
        return LogDensity(self.marginal(rows, np.ones(rows.shape, dtype=bool)), likelihood=self.likelihood)

    def _asked(self, rows: Ints, seen: Bools) -> tuple[Float64s, Float64s]:
        import torch

        with torch.inference_mode():
            logs, logits = _network(self.arrays, torch.as_tensor(rows), torch.as_tensor(seen))
        return logs.numpy(), logits.log_softmax(dim=2).numpy()

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("marginal-network", {"consistency": self.consistency}, "numpy", "torch")


@model("marginal-table", gives="density", source="closed form, by enumeration", papers=(MAM,), check=CHECK)
def marginal_table() -> MarginalTable:
    """The exact marginals of `likelihood/spins`, summed over all 1,024 states."""
    return MarginalTable()


@model("marginal-network", gives="density", source="Liu, Ramadge and Adams 2024", papers=(MAM,), check=CHECK)
def marginal_network(consistency: float = 1.0) -> MarginalNetwork:
    """A marginalisation model of a few discrete variables: any log-marginal in one pass, trained to be consistent.

    consistency: weight of the squared self-consistency residual beside the conditionals' cross-entropy; at 0 the
    marginals are fitted to nothing but data.  It trains in some ten seconds and is kept for the next run.
    """
    return MarginalNetwork(consistency)


def _network(a: dict[str, Tensor], rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Log-masses (b,) of what is seen of rows (b, D), and logits (b, D, V) of what stands at each place."""
    import torch

    places, levels = rows.shape[1], a["symbols"].shape[1] - 1

    def body(symbols: Tensor) -> Tensor:
        hot = torch.nn.functional.one_hot(symbols, levels + 1).flatten(1).to(a["b0"].dtype)
        hidden = torch.nn.functional.silu(hot @ a["symbols"].flatten(0, 1) + a["b0"])
        return hidden + torch.nn.functional.silu(hidden @ a["w1"] + a["b1"])

    hidden = body(torch.where(seen, rows, levels))
    nothing = body(torch.full_like(rows[:1], levels))
    logits = (hidden @ a["w2"] + a["b2"]).reshape(len(rows), places, levels)
    return (hidden - nothing) @ a["w3"], logits


def _trained(rows: Ints, levels: int, consistency: float, seed: int) -> Arrays:
    """Cross-entropy of hidden symbols, and the squared residual of a random set and one variable more.

    The residual teaches the marginals alone: taught by it too, the conditionals would give up what they know.
    """
    import torch

    start = torch.Generator().manual_seed(derive(seed, "marginal-network") % 2**63)
    draws, dim = generator(seed, "marginal-network", "batches"), rows.shape[1]
    shapes = {"symbols": (dim, levels + 1, WIDTH), "w1": (WIDTH, WIDTH), "w2": (WIDTH, dim * levels), "w3": (WIDTH,)}
    arrays = {k: torch.randn(shape, generator=start) * shape[0] ** -0.5 for k, shape in shapes.items()}
    arrays |= {"b0": torch.zeros(WIDTH), "b1": torch.zeros(WIDTH), "b2": torch.zeros(dim * levels)}
    arrays["w3"] = arrays["w3"] * 0.1
    for p in arrays.values():
        p.requires_grad_()
    each = torch.arange(BATCH)

    def loss() -> Tensor:
        chosen = rows[draws.integers(len(rows), size=BATCH)]
        chosen[: BATCH // EVEN] = draws.integers(levels, size=(BATCH // EVEN, dim))
        x = torch.as_tensor(chosen)
        rank = torch.as_tensor(draws.random((BATCH, dim)).argsort(axis=1).argsort(axis=1))
        count = torch.as_tensor(draws.integers(dim, size=BATCH))
        less, more = rank < count[:, None], rank <= count[:, None]
        added = (more & ~less).float().argmax(dim=1)
        before, logits = _network(arrays, x, less)
        after, _ = _network(arrays, x, more)
        logs = logits.log_softmax(dim=2).gather(2, x[:, :, None])[:, :, 0]
        missed = -(logs * ~less).sum(dim=1) / (dim - count)
        residual = before + logs[each, added].detach() - after
        return missed[BATCH // EVEN :].mean() + consistency * residual.square().mean()

    names = list(arrays)
    found = descend([arrays[k] for k in names], loss, steps=STEPS, rate=RATE, average=0.995, clip=10.0, decay=DECAY)
    return {k: p.numpy() for k, p in zip(names, found, strict=True)}
