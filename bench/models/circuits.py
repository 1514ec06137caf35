"""Circuits as density models of discrete data, and the code lengths that they give."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.estimators.circuits import LatentTree, fitted
from bench.estimators.coding import code_lengths
from bench.examples import Examples
from bench.models.building import facts
from bench.models.densities import training_rows
from bench.models.discrete import levels_of
from bench.models.scaling import flat
from bench.seeds import generator

COMPRESSION = "Lossless Compression with Probabilistic Circuits"


@dataclass
class Asked:
    """A tree-shaped circuit, once it is fitted: any part of a row has an exact log-mass."""

    levels: int = 0
    tree: LatentTree | None = None

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass, (b,)."""
        return LogDensity(self.fitted().log_prob(levels_of(flat(inputs), self.levels)))

    def marginal(self, rows: Ints, seen: Bools) -> Float64s:
        """Exact log-mass of what is seen, (n,)."""
        return self.fitted().log_prob(rows, seen)

    def conditional(self, rows: Ints, hidden: Bools) -> Float64s:
        """Exact log-probabilities of what stands at each place given what is seen, (n, D, V)."""
        return self.fitted().log_conditionals(rows, hidden)

    def fitted(self) -> LatentTree:
        """The circuit."""
        assert self.tree is not None  # noqa: S101 - fit comes first
        return self.tree


@dataclass
class Circuit(Asked):
    """A hidden Chow-Liu tree, asked for log-masses or for the lengths of its codes."""

    states: int = 16
    passes: int = 60
    smoothing: float = 1.0
    coded: bool = False

    def fit(self, train: Examples, seed: int) -> None:
        """EM on the training rows."""
        rows = levels_of(training_rows(train), train.levels)
        self.levels = train.levels
        draws = generator(seed, "circuit")
        self.tree, _ = fitted(rows, self.levels, self.states, draws, self.passes, self.smoothing)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass, (b,); coded, -log 2 times the bits of the row's message, which is a lower bound of it."""
        if self.coded:
            lengths = code_lengths(self.fitted(), levels_of(flat(inputs), self.levels))
            return LogDensity(-log(2) * lengths.astype(np.float64), likelihood="lower")
        return super().density(inputs)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        own = {k: getattr(self, k) for k in ("states", "passes", "smoothing", "coded")}
        return facts("hclt", own, "numpy", "scipy")


@model(
    "hclt",
    gives="density",
    source="Liu, Mandt and Van den Broeck 2022",
    papers=(COMPRESSION,),
    check="likelihood/circuit-coder",
)
def hclt(states: int = 16, passes: int = 60, smoothing: float = 1.0, coded: bool = False) -> Circuit:
    """A probabilistic circuit over discrete data: a hidden state behind each variable, the states in a Chow-Liu tree.

    states: of each.  passes: of EM at most.  smoothing: pseudo-counts.  coded: give the length of each row's message,
    arithmetically coded and decoded again, in place of its log-mass.
    """
    return Circuit(states=states, passes=passes, smoothing=smoothing, coded=coded)
