"""Stochastic normalising flows: an energy whose constant is found along paths of layers and random moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.stochastic_flow import (
    Affine,
    Block,
    Force,
    Langevin,
    Metropolis,
    Potential,
    path_weights,
    reversed_weights,
)
from bench.estimators.weights import weighed
from bench.examples import Examples
from bench.models import importing
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.normalising_flows import TrainedFlow
from bench.models.scaling import flat
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

SNF = "Stochastic Normalizing Flows"
LAYERS, MOVES, WAYS = ("gaussian", "flow"), ("metropolis", "langevin"), ("forward", "reverse")
WIDTH = 0.7  # of a Metropolis proposal, in standard deviations of the training rows
STEP = 0.05  # of Langevin dynamics, in their variances
NUDGE = 1e-4  # over which slopes are taken, in standard deviations
TRAINING = 200  # steps: a flow that random moves follow need not be a good one


@dataclass(frozen=True, eq=False)
class FlowLayer:
    """A trained flow as a layer, from standard normal points to the data."""

    held: TrainedFlow

    def __call__(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:  # noqa: ARG002
        """DS = log |det| of the map to the data."""
        at, scale = self._transform(), self._scale()
        seen, stretch = _numbers(at.inv.call_and_ladj, y)
        return seen * scale[1] + scale[0], stretch + np.log(scale[1]).sum()

    def back(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:  # noqa: ARG002
        """The inverse."""
        at, scale = self._transform(), self._scale()
        before, stretch = _numbers(at.call_and_ladj, (y - scale[0]) / scale[1])
        return before, np.log(scale[1]).sum() - stretch

    def _transform(self) -> Any:
        return self.held.flow().transform

    def _scale(self) -> tuple[Float64s, Float64s]:
        assert self.held.view is not None  # noqa: S101 - it is fitted
        return self.held.view.scale.mean, self.held.view.scale.width


def _numbers(function: Callable[[Tensor], tuple[Tensor, Tensor]], rows: Float64s) -> tuple[Float64s, Float64s]:
    import torch

    with torch.no_grad():
        to, stretch = function(torch.as_tensor(rows))
    return to.numpy(), stretch.numpy()


@dataclass
class StochasticFlow:
    """An unnormalised density, with log Z from the weights of paths that end at it, or come from it."""

    function: Callable[[Float64s], Any]
    layers: str
    moves: str
    steps: int
    chains: int
    way: str
    identity: dict[str, Any]
    log_z: float = 0.0
    error: float = 0.0
    ess: float = 0.0

    def fit(self, train: Examples, seed: int) -> None:
        """Fit the layers to the training rows by maximum likelihood, then walk the paths."""
        rows = training_rows(train)
        if train.levels:
            raise NotSuited(
                "a stochastic flow cannot be asked about this data",
                cause="its layers move points of the real line, and the task's data is discrete",
                fix="ask it about continuous data",
            )
        blocks = self.blocks(rows, train, seed)
        draws = generator(seed, "stochastic-flow", self.way, self.steps)
        if self.way == "forward":
            start = draws.standard_normal((self.chains, rows.shape[1]))
            logs = path_weights(start, _round, blocks, self._potential, draws)[1]
        else:
            # Training rows are samples of the target as far as the model is right, which is what its bound assumes.
            ends = rows[draws.choice(len(rows), size=min(self.chains, len(rows)), replace=False)]
            logs = reversed_weights(ends, _round, blocks, self._potential, draws)[1]
        # The mean of the log-weights is below log Z (or, backwards, above it) on average, whatever their number.
        self.log_z, self.error = float(logs.mean()), float(logs.std(ddof=1) / np.sqrt(len(logs)))
        self.ess = float(weighed((logs if self.way == "forward" else -logs)[None]).ess[0])

    def blocks(self, rows: Float64s, train: Examples, seed: int) -> list[Block]:
        """The layer, then a move at each of the bridges from the layer's density to the target, evenly spaced."""
        unit = rows.std(axis=0)
        first: Block
        if self.layers == "gaussian":
            mean = rows.mean(axis=0)
            factor = np.linalg.cholesky(np.cov(rows, rowvar=False).reshape(len(unit), -1)).astype(np.float64)
            first = Affine(factor, mean)

            def pushed(x: Float64s) -> Float64s:
                return _round(np.linalg.solve(factor, (x - mean).T).T) + float(np.log(np.diag(factor)).sum())
        else:
            held = TrainedFlow("nsf", "uniform", 1, TRAINING)
            held.fit(train, seed)
            first = FlowLayer(held)

            def pushed(x: Float64s) -> Float64s:
                return -held.log_density(x)

        def bridge(beta: float) -> Potential:
            return lambda x: (1 - beta) * pushed(x) + beta * self._potential(x)

        made: list[Block] = [first]
        for beta in np.linspace(0, 1, self.steps + 1)[1:]:
            at, typical = bridge(beta), float(np.sqrt((unit**2).mean()))
            if self.moves == "metropolis":
                made.append(Metropolis(at, WIDTH * typical))
            else:
                made.append(Langevin(_slope(at, NUDGE * typical), STEP * typical**2))
        return made

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, (b,): too high on average by paths forwards, too low by paths backwards; with their error."""
        each = np.ones(len(inputs))
        return LogDensity(
            -self._potential(flat(inputs)) - self.log_z,
            likelihood="upper" if self.way == "forward" else "lower",
            mc_error=each * self.error,
            ess=each * self.ess,
            estimator=f"stochastic flow ({self.way}, {self.layers}, {self.steps} {self.moves}, {self.chains} chains)",
        )

    def _potential(self, rows: Float64s) -> Float64s:
        return np.asarray(self.function(rows), dtype=np.float64).reshape(len(rows))

    def fingerprint(self) -> dict[str, Any]:
        """Target, parameters and versions."""
        return self.identity


@model(
    "stochastic-flow",
    gives="density",
    source="Wu, Koehler and Noe 2020, arXiv:2002.06707",
    papers=(SNF,),
    check="likelihood/stochastic-flow",
)
def stochastic_flow(
    target: str,
    layers: str = "gaussian",
    moves: str = "metropolis",
    steps: int = 10,
    chains: int = 2000,
    z: str = "forward",
) -> StochasticFlow:
    """An energy E of a density exp(-E) / Z, with log Z by a stochastic normalising flow; E as in `energy`.

    target: `module:factory` or `file.py:factory`.  layers: gaussian (an affine layer) or flow (a neural spline flow),
    fitted to the training rows.  moves: metropolis or langevin (unadjusted), one at each of `steps` bridges from there
    to the target; 0 steps leave the layers alone.  z: forward, from noise to the target, which makes log p an upper
    bound; or reverse, from training rows back to noise, a lower bound if they are the target's.
    """
    if layers not in LAYERS or moves not in MOVES or z not in WAYS or steps < 0 or chains < 2:
        raise UsageError(
            f"stochastic-flow cannot have layers={layers},moves={moves},steps={steps},chains={chains},z={z}",
            cause=f"layers is {' or '.join(LAYERS)}, moves {' or '.join(MOVES)}, z {' or '.join(WAYS)}; chains from 2",
            fix="bench show model stochastic-flow",
        )
    function = importing.call(importing.load_callable(target), target, {})
    said: dict[str, Any] = {
        "target": target,
        "source": importing.source_digest(target),
        "layers": layers,
        "moves": moves,
    }
    said |= {"steps": steps, "chains": chains, "z": z}
    return StochasticFlow(function, layers, moves, steps, chains, z, facts("stochastic-flow", said, "numpy", "torch"))


def _round(x: AnyArray) -> Float64s:
    return np.asarray(0.5 * (x**2).sum(axis=1) + x.shape[1] * np.log(2 * np.pi) / 2)


def _slope(potential: Potential, nudge: float) -> Force:
    """Its gradient by central differences: the weights are right for any force, so long as it is the same each time."""

    def of(x: Float64s) -> Float64s:
        unit = nudge * np.eye(x.shape[1])
        return np.stack([(potential(x + e) - potential(x - e)) / (2 * nudge) for e in unit], axis=1)

    return of
