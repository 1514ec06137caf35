"""A restricted Boltzmann machine small enough to be summed over, and asked by annealing as the large ones are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.annealing import forward, reverse, sequential
from bench.estimators.weights import log_mean_exp
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.discrete import levels_of
from bench.models.scaling import flat
from bench.seeds import generator

CONSTANTS = ("exact", "ais", "reverse", "smc")
EPOCHS, BATCH, RATE = 60, 50, 0.05
MOST_HIDDEN = 20


@dataclass(frozen=True, eq=False)
class Machine:
    """p(v) proportional to exp(a v + sum softplus(c + v W)), and the bridge to it from independent pixels.

    visible: a (d,); hidden: c (h,); weights: W (d, h); base: the biases of the independent pixels, (d,).
    """

    visible: Float64s
    hidden: Float64s
    weights: Float64s
    base: Float64s

    @property
    def log_base(self) -> float:
        """Log Z of the independent pixels, with hidden units that know nothing."""
        return float(np.logaddexp(0, self.base).sum() + len(self.hidden) * np.log(2))

    def start(self, n: int, draws: np.random.Generator) -> Float64s:
        """Independent pixels, (n, d)."""
        return (draws.random((n, len(self.base))) < _sigmoid(self.base)).astype(np.float64)

    def log_density(self, x: Float64s, beta: float = 1.0) -> Float64s:
        """Unnormalised, (n,)."""
        biases = (1 - beta) * self.base + beta * self.visible
        return x @ biases + np.logaddexp(0, beta * (self.hidden + x @ self.weights)).sum(axis=1)

    def move(self, x: Float64s, beta: float, draws: np.random.Generator, *, back: bool = False) -> Float64s:  # noqa: ARG002
        """Hidden units given pixels, then pixels given hidden units; the step is its own reverse."""
        hidden = draws.random((len(x), len(self.hidden))) < _sigmoid(beta * (self.hidden + x @ self.weights))
        inputs = (1 - beta) * self.base + beta * (self.visible + hidden @ self.weights.T)
        return (draws.random(x.shape) < _sigmoid(inputs)).astype(np.float64)

    def summed(self) -> tuple[float, Float64s, Float64s]:
        """Log Z by all 2^h hidden states, the states (2^h, h), and their log-masses."""
        h = len(self.hidden)
        states = ((np.arange(2**h)[:, None] >> np.arange(h)) & 1).astype(np.float64)
        logs = states @ self.hidden + np.logaddexp(0, self.visible + states @ self.weights.T).sum(axis=1)
        total = float(log_mean_exp(logs)) + h * np.log(2)
        return total, states, logs - total

    def exact_samples(self, n: int, draws: np.random.Generator) -> Float64s:
        """Independent samples of the machine, (n, d)."""
        _, states, logs = self.summed()
        chosen = states[draws.choice(len(states), size=n, p=np.exp(logs) / np.exp(logs).sum())]
        return (draws.random((n, len(self.visible))) < _sigmoid(self.visible + chosen @ self.weights.T)).astype(float)


def trained(rows: Float64s, hidden: int, seed: int) -> Machine:
    """By persistent contrastive divergence (Tieleman 2008) on binary rows (n, d)."""
    draws = generator(seed, "rbm")
    share = (rows.sum(axis=0) + 1) / (len(rows) + 2)
    base = np.log(share / (1 - share))
    a, c, w = base.copy(), np.zeros(hidden), 0.01 * draws.standard_normal((rows.shape[1], hidden))
    chains = rows[draws.integers(0, len(rows), 100)]
    steps = EPOCHS * (len(rows) // BATCH)
    for step in range(steps):
        x = rows[draws.integers(0, len(rows), BATCH)]
        chains = Machine(a, c, w, base).move(chains, 1.0, draws)
        rate = RATE * (1 - step / steps)
        seen, dreamt = _sigmoid(c + x @ w), _sigmoid(c + chains @ w)
        w = w + rate * (x.T @ seen / len(x) - chains.T @ dreamt / len(chains) - 1e-3 * w)
        a = a + rate * (x.mean(axis=0) - chains.mean(axis=0))
        c = c + rate * (seen.mean(axis=0) - dreamt.mean(axis=0))
    return Machine(a, c, w, base)


@dataclass
class Boltzmann:
    """A machine trained on a task's binary images, with its constant as asked for."""

    hidden: int
    constant: str
    steps: int
    chains: int
    machine: Machine | None = None
    log_z: float = 0.0
    error: float = 0.0
    ess: float = 0.0

    def fit(self, train: Examples, seed: int) -> None:
        """Train, then find log Z."""
        if train.levels != 2:
            raise NotSuited(
                "an RBM cannot be asked about this data",
                cause=f"its pixels are 0 or 1, this data has {train.levels or 'no'} levels",
                fix="ask it about likelihood/digits-binary",
            )
        rows = levels_of(training_rows(train), 2).astype(np.float64)
        self.machine = trained(rows, self.hidden, seed)
        draws = generator(seed, "rbm", self.constant, self.steps)
        if self.constant == "exact":
            self.log_z = self.machine.summed()[0]
            return
        if self.constant == "smc":
            found = sequential(self.machine, self.chains, self.steps, draws)
            self.log_z, self.error, self.ess = found.value, found.error, found.ess
            return
        if self.constant == "ais":
            found = forward(self.machine, self.chains, self.steps, draws)
        else:
            found = reverse(self.machine, self.machine.exact_samples(self.chains, draws), self.steps, draws)
        # The mean of the chains' log-weights, not the log of their mean: that is closer to the truth, but its bias is
        # so much smaller than its error that it lies on either side of it.
        self.log_z, self.ess = float(found.logs.mean()), found.ess
        self.error = float(found.logs.std(ddof=1) / np.sqrt(self.chains))

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-mass, (b,): exact, or from above (ais, smc: their log Z is too small on average), or below (reverse)."""
        assert self.machine is not None  # noqa: S101 - fit comes first
        logs = self.machine.log_density(levels_of(flat(inputs), 2).astype(np.float64)) - self.log_z
        if self.constant == "exact":
            return LogDensity(logs)
        return LogDensity(
            logs,
            likelihood="lower" if self.constant == "reverse" else "upper",
            mc_error=None if np.isnan(self.error) else np.full(len(logs), self.error),
            ess=np.full(len(logs), self.ess),
            estimator=f"{self.constant} ({self.steps} steps, {self.chains} chains)",
        )

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        said = {"hidden": self.hidden, "z": self.constant, "steps": self.steps, "chains": self.chains}
        return facts("rbm", said, "numpy")


@model(
    "rbm",
    gives="density",
    source="Smolensky 1986; Salakhutdinov and Murray 2008; Grosse et al. 2015, arXiv:1511.02543",
    check="likelihood/annealing-bracket",
)
def rbm(hidden: int = 14, z: str = "exact", steps: int = 100, chains: int = 1000) -> Boltzmann:
    """A restricted Boltzmann machine on binary images, trained by persistent contrastive divergence.

    hidden: units, at most 20, so that log Z can be summed.  z: how log Z is found: exact; ais (annealed importance
    sampling, which makes log p an upper bound), reverse (from exact samples, a lower bound), or smc (an upper bound
    too); in `steps` temperatures with that many chains.  The two bounds are means over chains, each with its error.
    """
    if z not in CONSTANTS or not 1 <= hidden <= MOST_HIDDEN or steps < 1 or chains < 2:
        raise UsageError(
            f"rbm cannot have hidden={hidden},z={z},steps={steps},chains={chains}",
            cause=f"z is one of {', '.join(CONSTANTS)}; hidden is 1 to {MOST_HIDDEN}; there is a step, and two chains",
            fix="bench show model rbm",
        )
    return Boltzmann(hidden, z, steps, chains)


def _sigmoid(x: Float64s) -> Float64s:
    return np.exp(-np.logaddexp(0, -x))
