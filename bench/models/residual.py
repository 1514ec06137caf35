"""A residual energy-based model of text: a language model corrected by a learnt energy of whole texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.noise import ENDS, Bracket, bracket, bracketed
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.descent import descend
from bench.models.discrete import levels_of
from bench.models.masked import counted
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.references.chains import Chain
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

RESIDUAL = "Residual Energy-Based Models for Text Generation"
CONSTANTS = ("exact", *ENDS)
WIDTH, STEPS, BATCH, RATE, DECAY = 64, 600, 256, 3e-3, 0.3
ENUMERATED = 2**16
BLOCK = 8192
_RECIPE = 1  # raised when a change alters trained weights


@dataclass
class ResidualText:
    """P(x) = P_LM(x) exp(-E(x)) / Z over sequences of symbols, E trained to tell data from the language model's."""

    order: int
    constant: str
    draws: int
    levels: int = 0
    lm: Chain | None = None
    arrays: dict[str, Tensor] = field(default_factory=dict, repr=False)
    log_z: float = 0.0
    bracket: Bracket | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Count the language model, train the energy or take it from the shelf, then find log Z."""
        import torch

        rows = levels_of(training_rows(train), train.levels)
        self.levels = train.levels
        every = self.levels ** rows.shape[1]
        if self.constant == "exact" and every > ENUMERATED:
            raise NotSuited(
                "residual-lm cannot sum over these sequences",
                cause=f"there are {every:.2g} of them",
                fix="write z=low and z=high, which bracket its constant",
            )
        lm = self.lm = language_model(rows, self.levels, self.order)
        key = {
            "data": digest_of(rows), "levels": self.levels, "order": self.order, "seed": seed, "recipe": _RECIPE,
            "torch": torch.__version__,
        }  # fmt: skip
        found = kept("residual-lm", key, lambda: _trained(rows, self.levels, lm, seed))
        self.arrays = {k: torch.as_tensor(v) for k, v in found.items()}
        if self.constant == "exact":
            whole = np.indices((self.levels,) * rows.shape[1]).reshape(rows.shape[1], -1).T
            self.log_z = float(np.logaddexp.reduce(self.unnormalised(whole)))
            return
        samples = lm.sample(self.draws, rows.shape[1], generator(seed, "residual-lm", self.draws))
        self.bracket = bracket(-self.energy(samples))

    def energy(self, rows: Ints) -> Float64s:
        """E of sequences (n, L), (n,)."""
        import torch

        with torch.inference_mode():
            parts = [
                _energy(self.arrays, torch.as_tensor(rows[i : i + BLOCK])).double().numpy()
                for i in range(0, len(rows), BLOCK)
            ]
        return np.concatenate(parts) if parts else np.empty(0)

    def unnormalised(self, rows: Ints) -> Float64s:
        """Log P_LM(x) - E(x), (n,)."""
        assert self.lm is not None  # noqa: S101 - fit comes first
        return self.lm.log_prob(rows) - self.energy(rows)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-mass, (b,): exact, or above it on average (z=low), or below it once draws are many (z=high)."""
        logs = self.unnormalised(levels_of(flat(inputs), self.levels))
        if self.bracket is None:
            return LogDensity(logs - self.log_z)
        return bracketed(logs, self.bracket, self.constant, f"{self.draws} texts of the language model")

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        own = {"order": self.order, "z": self.constant, "draws": self.draws}
        return facts("residual-lm", own, "numpy", "torch")


@model(
    "residual-lm",
    gives="density",
    source="Deng et al. 2020, arXiv:2004.11714; Gutmann and Hyvarinen 2012 for the training",
    papers=(RESIDUAL,),
    check="likelihood/residual-energy",
)
def residual_lm(order: int = 2, z: str = "low", draws: int = 10_000) -> ResidualText:
    """A counted language model of symbols, corrected by an energy of whole sequences that tells its texts from data.

    order: of the language model: 1 (symbols independent) or 2 (each given the one before).  z: low or high, the two
    ends of the bracket of log Z from `draws` texts of the language model: low makes log p an upper bound, high a lower
    one once the draws are enough; or exact, by summing over at most 65,536 sequences.  It trains in some ten seconds,
    by noise-contrastive estimation, and is kept for the next run.
    """
    if order not in {1, 2} or z not in CONSTANTS or draws < 3:
        raise UsageError(
            f"residual-lm cannot have order={order},z={z},draws={draws}",
            cause=f"order is 1 or 2, z one of {', '.join(CONSTANTS)}, and there are three draws",
            fix="bench show model residual-lm",
        )
    return ResidualText(order, z, draws)


def language_model(rows: Ints, levels: int, order: int) -> Chain:
    """Symbols counted in rows (n, L): independent (order 1), or each given the one before (order 2)."""
    if order == 2:
        return counted(rows, levels)
    share = np.bincount(rows.ravel(), minlength=levels) + 0.1
    share = share / share.sum()
    return Chain(share, np.tile(share, (levels, 1)))


def _energy(arrays: dict[str, Tensor], rows: Tensor) -> Tensor:
    """A network of two hidden layers over symbols at their places; rows (b, L), (b,)."""
    import torch

    symbols = arrays["symbols"]
    hot = torch.nn.functional.one_hot(rows, symbols.shape[1]).flatten(1).to(symbols.dtype)
    hidden = torch.nn.functional.silu(hot @ symbols.flatten(0, 1) + arrays["b0"])
    hidden = torch.nn.functional.silu(hidden @ arrays["w1"] + arrays["b1"])
    return hidden @ arrays["w2"]


def _trained(rows: Ints, levels: int, lm: Chain, seed: int) -> Arrays:
    """By the binary classification of data against the language model's texts, whose logit is -E."""
    import torch

    start = torch.Generator().manual_seed(derive(seed, "residual-lm") % 2**63)
    draws = generator(seed, "residual-lm", "batches")
    length = rows.shape[1]
    arrays = {
        "symbols": torch.randn(length, levels, WIDTH, generator=start) * length**-0.5, "b0": torch.zeros(WIDTH),
        "w1": torch.randn(WIDTH, WIDTH, generator=start) * WIDTH**-0.5, "b1": torch.zeros(WIDTH),
        "w2": torch.zeros(WIDTH),
    }  # fmt: skip
    for p in arrays.values():
        p.requires_grad_()

    def loss() -> Tensor:
        data = torch.as_tensor(rows[draws.integers(len(rows), size=BATCH)])
        drawn = torch.as_tensor(lm.sample(BATCH, length, draws))
        softplus = torch.nn.functional.softplus
        return (softplus(_energy(arrays, data)) + softplus(-_energy(arrays, drawn))).mean()

    names = list(arrays)
    found = descend([arrays[k] for k in names], loss, steps=STEPS, rate=RATE, average=0.99, clip=10.0, decay=DECAY)
    return {k: p.numpy() for k, p in zip(names, found, strict=True)}
