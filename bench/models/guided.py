"""Guided diffusions: scores scaled or added, with Feynman-Kac corrections of what that leaves out, and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.correctors import corrected
from bench.estimators.diffusion import Score, diffusion, from_data, probability_flow
from bench.estimators.flow import Integration, Velocity
from bench.estimators.weights import weighed
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.flowing import Flow
from bench.models.scaling import flat
from bench.seeds import derive
from bench.tasks.likelihood.guided import factors

if TYPE_CHECKING:
    from torch import Tensor

CORRECTORS = "Feynman-Kac Correctors in Diffusion: Annealing, Guidance, and Product of Experts"
LEAST_RUNS = 2


@dataclass
class Corrected:
    """A product of powers of densities, over the constant that weighted particles of the reversed diffusion give."""

    form: str
    steps: int
    particles: int
    runs: int
    log_z: float = 0.0
    error: float = 0.0
    ess: float = 0.0

    def fit(self, train: Examples, seed: int) -> None:
        """Run the particles; each run's constant is an estimate of its own."""
        from bench.references import diffused

        plane(training_rows(train), train.levels)
        sde = diffusion("vp")
        scores = [diffused.score(q, sde) for q, _ in factors(self.form)]
        powers = [power for _, power in factors(self.form)]
        beta = powers[0] if self.form == "annealed" else 1.0
        weight = powers[1] if self.form == "guided" else None
        found = weighed(
            np.array([[
                corrected(
                    scores, sde, particles=self.particles, dims=2, beta=beta, weight=weight,
                    steps=self.steps, seed=derive(seed, "guided", run),
                ).log_z
                for run in range(self.runs)
            ]])
        )  # fmt: skip
        self.log_z, self.error, self.ess = float(found.log_mean[0]), float(found.error[0]), float(found.ess[0])

    def density(self, inputs: AnyArray) -> LogDensity:
        """An estimate, (b,): steps of finite length leave log Z off to either side."""
        rows = flat(inputs)
        each = np.ones(len(rows))
        logs = np.sum([power * q.log_prob(rows) for q, power in factors(self.form)], axis=0)
        return LogDensity(
            logs - self.log_z,
            likelihood="estimate",
            mc_error=each * self.error,
            ess=each * self.ess,
            estimator=f"Feynman-Kac ({self.steps} steps, {self.runs} runs of {self.particles} particles)",
        )

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("feynman-kac", dict(self._said), "numpy", "torch")

    @property
    def _said(self) -> dict[str, Any]:
        return {"form": self.form, "steps": self.steps, "particles": self.particles, "runs": self.runs}


@model(
    "feynman-kac",
    gives="density",
    source="Skreta et al. 2025, arXiv:2503.02819",
    papers=(CORRECTORS,),
    check="likelihood/feynman-kac",
)
def feynman_kac(form: str = "annealed", steps: int = 200, particles: int = 1000, runs: int = 6) -> Corrected:
    """The density that guidance aims at, its constant by weighted particles of the guided diffusion.

    form: annealed, product or guided, as in `likelihood/guided-mixture`, whose factors have exact scores: what is lost
    is lost in log Z.  steps: of the reversed diffusion.  particles: of each of so many independent runs.
    """
    factors(form)
    if steps < 1 or particles < 2 or runs < LEAST_RUNS:
        raise UsageError(
            f"feynman-kac cannot have steps={steps},particles={particles},runs={runs}",
            cause="there is a step, and there are two particles and two runs, whose spread is the error",
            fix="bench show model feynman-kac",
        )
    return Corrected(form, steps, particles, runs)


@model(
    "guided-flow",
    gives="density",
    source="Song et al. 2021, arXiv:2011.13456; Ho and Salimans 2022 for the guidance",
    papers=(CORRECTORS,),
    check="likelihood/feynman-kac",
)
def guided_flow(tolerance: float = 1e-5) -> Flow:
    """Plain classifier-free guidance of weight 2: the flow of the guided scores, and the density that it really has.

    For `likelihood/guided-mixture,form=guided`.  The scores of data with noise are combined, which is not the score of
    the combined density with noise: its divergence from the truth is what correctors mend.
    """
    sde = from_data(diffusion("vp"))

    def make(rows: Float64s, seed: int) -> Velocity:  # noqa: ARG001 - the factors are known
        from bench.references import diffused

        plane(rows, 0)
        return probability_flow(_combined([(diffused.score(q, sde), power) for q, power in factors("guided")]), sde)

    how = Integration(tolerance=tolerance)
    return Flow("guided-flow", make, (sde.start, sde.end), sde.prior, how, {}, scaled=False)


def plane(rows: Float64s, levels: int) -> None:
    """Refuse data that is not in the plane."""
    if levels or rows.shape[1] != 2:
        raise NotSuited(
            "a guided diffusion does not know this data",
            cause="its factors are mixtures in the plane",
            fix="ask it about likelihood/guided-mixture",
        )


def _combined(scores: list[tuple[Score, float]]) -> Score:
    def at(x: Tensor, t: Tensor) -> Tensor:
        (first, power), *rest = scores
        return sum((more * score(x, t) for score, more in rest), power * first(x, t))

    return at
