"""Flows and energies of the user's own: trained score networks, velocity fields and unnormalised models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity, Machine
from bench.components import model
from bench.errors import EvaluationError, UsageError
from bench.estimators.diffusion import denoised_score, diffusion, probability_flow
from bench.estimators.flow import Integration, Velocity, log_density, standard_normal
from bench.estimators.noise import ENDS, Bracket, bracket, bracketed
from bench.examples import Examples
from bench.models import importing
from bench.models.building import facts
from bench.models.densities import Gaussian, training_rows
from bench.models.dequantisation import METHODS, lower_bound
from bench.models.scaling import flat
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

SCORE_SDE = "Score-Based Generative Modeling through Stochastic Differential Equations"
TRAJECTORIES = "Consistency Trajectory Models: Learning Probability Flow ODE Trajectory of Diffusion"
OUTPUTS = ("score", "noise", "denoised")
Network = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True)
class Grey:
    """How a network sees discrete data: levels 0..levels-1 spread over [low, high]; levels 0: as it is."""

    levels: int = 0
    low: float = -1.0
    high: float = 1.0
    dequantisation: str = "uniform"
    draws: int = 1

    def __post_init__(self) -> None:
        if self.levels == 1 or self.levels < 0 or self.high <= self.low or self.dequantisation not in METHODS:
            raise UsageError(
                f"levels={self.levels} from {self.low:g} to {self.high:g}, by {self.dequantisation}, is wrong",
                cause=f"levels is 0 or at least 2, low below high, and dequantisation {' or '.join(METHODS)}",
                fix="levels=256,low=-1,high=1",
            )

    def seen(self, rows: Float64s) -> Float64s:
        """Rows as the network sees them."""
        return self.low + rows * ((self.high - self.low) / self.levels) if self.levels else rows

    def stretch(self, dims: int) -> float:
        """Log |det| of `seen`."""
        return dims * float(np.log((self.high - self.low) / self.levels)) if self.levels else 0.0


@dataclass
class UserFlow:
    """A trained flow on the machine's device; of discrete data a lower bound on the log-mass."""

    velocity: Callable[[tuple[int, ...]], Velocity]
    span: tuple[float, float]
    base: float
    how: Integration
    grey: Grey
    device: str
    identity: dict[str, Any]

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, nats, (b,), in the data's own units."""
        images = np.asarray(inputs, dtype=np.float64)
        rows, velocity = flat(images), self.velocity(images.shape[1:])
        last: list[LogDensity] = []

        def of(points: Float64s) -> Float64s:
            found = log_density(
                velocity, self.grey.seen(points), self.span, standard_normal(self.base), self.how, device=self.device
            )
            last[:] = [found]
            return found.log_prob + self.grey.stretch(points.shape[1])

        if not self.grey.levels:
            logs = of(rows)
            return replace(last[0], log_prob=logs)
        found = lower_bound(of, rows, 0, self.grey.draws, self.grey.dequantisation)
        used = np.asarray(last[0].evaluations) * self.grey.draws
        stretch = np.full(len(rows), self.grey.stretch(rows.shape[1]))
        return replace(
            found, log_det=stretch, evaluations=used, estimator=last[0].estimator, tolerance=last[0].tolerance
        )

    def fingerprint(self) -> dict[str, Any]:
        """Target, weights where they are a module's, parameters and versions."""
        return self.identity


@model(
    "score",
    gives="density",
    source="Song et al. 2021, arXiv:2011.13456; Kim et al. 2024, arXiv:2310.02279",
    papers=(SCORE_SDE, TRAJECTORIES),
    check="likelihood/probability-flow",
)
def score_model(
    target: str,
    machine: Machine,
    sde: str = "vp",
    sde_low: float = 0.0,
    sde_high: float = 0.0,
    output: str = "score",
    solver: str = "rk45",
    tolerance: float = 1e-5,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
    levels: int = 0,
    low: float = -1.0,
    high: float = 1.0,
    dequantisation: str = "uniform",
    draws: int = 1,
) -> UserFlow:
    """A trained diffusion model by its probability flow: a callable (x, t) with x as the task shapes it and t (b,).

    target: `module:factory` or `file.py:factory`.  output: it gives the score, the noise (x = alpha x_0 + sigma noise),
    or denoised data (as a consistency trajectory model's jump of length 0).  sde: vp, subvp (sde_low, sde_high: of
    beta), or ve (of sigma).  levels, low, high: grey levels and the range over which the network saw them.  solver to
    probes: as in diffused-mixture.  dequantisation: uniform or importance, with that many draws.
    """
    if output not in OUTPUTS:
        raise UsageError(f"'{output}' is no output", cause=f"it is one of {', '.join(OUTPUTS)}", fix="output=score")
    chosen = diffusion(sde, sde_low, sde_high)

    def velocity(call: Network) -> Velocity:
        def from_noise(x: Tensor, t: Tensor) -> Tensor:
            return -call(x, t) / chosen.marginal(t)[1][:, None]

        readings = {"score": call, "noise": from_noise, "denoised": denoised_score(call, chosen)}
        return probability_flow(readings[output], chosen)

    how = Integration(solver, tolerance, steps, divergence, probes)
    grey = Grey(levels, low, high, dequantisation, draws)
    said = {"sde": sde, "sde_low": sde_low, "sde_high": sde_high, "output": output}
    return _user_flow("score", target, machine, velocity, (chosen.start, chosen.end), chosen.prior, how, grey, said)


@model(
    "velocity",
    gives="density",
    source="Lipman et al. 2023, arXiv:2210.02747; Albergo et al. 2023, arXiv:2303.08797",
    papers=("Stochastic Interpolants: A Unifying Framework for Flows and Diffusions",),
    check="likelihood/interpolants",
)
def velocity_model(
    target: str,
    machine: Machine,
    data_time: float = 1.0,
    noise_time: float = 0.0,
    noise: float = 1.0,
    solver: str = "rk45",
    tolerance: float = 1e-5,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
    levels: int = 0,
    low: float = -1.0,
    high: float = 1.0,
    dequantisation: str = "uniform",
    draws: int = 1,
) -> UserFlow:
    """A trained velocity field: a callable (x, t) that gives dx/dt, with x as the task shapes it and t (b,).

    target: `module:factory` or `file.py:factory`.  data_time, noise_time: when it is at the data and at the noise.
    noise: its standard deviation.  The rest as in `score`.
    """
    how = Integration(solver, tolerance, steps, divergence, probes)
    grey = Grey(levels, low, high, dequantisation, draws)
    said = {"data_time": data_time, "noise_time": noise_time, "noise": noise}
    span = (data_time, noise_time)
    return _user_flow("velocity", target, machine, lambda call: call, span, noise, how, grey, said)


def _user_flow(
    name: str,
    target: str,
    machine: Machine,
    velocity: Callable[[Network], Velocity],
    span: tuple[float, float],
    base: float,
    how: Integration,
    grey: Grey,
    said: dict[str, Any],
) -> UserFlow:
    network = importing.call(importing.load_callable(target), target, {})
    if not callable(network):
        raise UsageError(
            f"'{target}' gave nothing to call",
            cause=f"it returned {type(network).__name__}",
            fix="return a function or module of (x, t)",
        )
    known = {"target": target, "source": importing.source_digest(target), **said, **vars(how), **vars(grey)}
    dtype = None
    if hasattr(network, "state_dict"):
        import torch as pytorch

        from bench.models.torch import digest

        known["weights"] = digest(network)
        network = network.to(machine.device).eval().requires_grad_(False)
        dtype = next((p.dtype for p in network.parameters()), pytorch.float64)

    def shaped(shape: tuple[int, ...]) -> Velocity:
        def call(x: Tensor, t: Tensor) -> Tensor:
            found = network(x.reshape(len(x), *shape).to(dtype or x.dtype), t.to(dtype or t.dtype))
            if found.numel() != x.numel():
                raise EvaluationError(
                    f"'{target}' gave another shape",
                    cause=f"{tuple(found.shape)} came for inputs of {(len(x), *shape)}",
                    fix="return one number for each of x's",
                )
            return found.reshape(len(x), -1).to(x.dtype)

        return velocity(call)

    return UserFlow(shaped, span, base, how, grey, machine.device, facts(name, known, "numpy", "torch"))


@dataclass
class Energy:
    """An unnormalised density, with log Z by importance sampling from a Gaussian fitted to the training rows."""

    function: Callable[[Float64s], Any]
    count: int
    widen: float
    end: str
    identity: dict[str, Any]
    noise: Gaussian | None = None
    bracket: Bracket | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Fit the noise, draw from it, and find log Z."""
        if train.levels:
            raise UsageError(
                "an energy's constant cannot be found here",
                cause="the noise is Gaussian, and the task's data discrete",
                fix="ask it about continuous data",
            )
        rows = training_rows(train)
        self.noise = Gaussian()
        self.noise.fit(replace(train, inputs=rows), seed)
        mean, covariance = self.noise.mean, self.noise.covariance
        assert mean is not None and covariance is not None  # noqa: S101, PT018 - it is fitted
        self.noise.covariance = covariance * self.widen
        factor = np.linalg.cholesky(self.noise.covariance)
        normals = generator(seed, "energy").standard_normal((self.count, rows.shape[1]))
        points = mean + normals @ factor.T
        self.bracket = bracket(self._logs(points) - self.noise.log_density(points))

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, (b,): too high on average where log Z is the bracket's low end, too low where it is its high."""
        assert self.bracket is not None  # noqa: S101 - fit comes first
        return bracketed(self._logs(flat(inputs)), self.bracket, self.end, f"{self.count} draws of Gaussian noise")

    def _logs(self, rows: Float64s) -> Float64s:
        found = self.function(rows)
        found = found.detach().cpu().numpy() if hasattr(found, "detach") else found
        return -np.asarray(found, dtype=np.float64).reshape(len(rows))

    def fingerprint(self) -> dict[str, Any]:
        """Target, parameters and versions."""
        return self.identity


@model(
    "energy",
    gives="density",
    source="Jiang et al. 2023; Gutmann and Hyvarinen 2012",
    papers=("Learning Unnormalized Statistical Models via Compositional Optimization",),
    check="likelihood/noise-distribution",
)
def energy_model(target: str, draws: int = 10_000, widen: float = 1.5, z: str = "low") -> Energy:
    """An energy E of a density exp(-E) / Z: a callable of rows (n, d) in numpy, float64, that gives (n,).

    target: `module:factory` or `file.py:factory`.  log Z comes from `draws` draws of a Gaussian fitted to the training
    rows, its covariance `widen` times as large; Pareto k above .7 says that it doesn't cover the model.  z: low, the
    log of the mean weight, which makes log p an upper bound; or high, the other end of its bracket (Deng et al. 2020),
    which makes it a lower one once there are enough draws.
    """
    if draws < 100 or widen <= 0 or z not in ENDS:
        raise UsageError(
            f"energy cannot have draws={draws},widen={widen:g},z={z}",
            cause=f"there are at least 100 draws, widen is above 0, and z {' or '.join(ENDS)}",
            fix="bench show model energy",
        )
    function = importing.call(importing.load_callable(target), target, {})
    said = {"target": target, "source": importing.source_digest(target), "draws": draws, "widen": widen, "z": z}
    return Energy(function, draws, widen, z, facts("energy", said, "numpy"))
