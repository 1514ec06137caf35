"""Simulators of the SBI benchmark: their posteriors against closed forms, sums over grids, and their own draws."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.metrics.posterior import EPE
from bench.references.sbi_benchmark import SIMULATORS, Boxed, Simulator, Slcp, TwoMoons
from bench.references.simulators import entropy
from bench.seeds import generator

OBSERVED, DRAWS = 50, 63


@check("likelihood/sbi-benchmark", area="likelihood", source="Lueckmann et al. 2021", papers=(EPE,))
def sbi_benchmark() -> list[Truth]:
    """Densities integrate to 1, and simulated parameters are as likely and lie as deep as draws given their data.

    The mean shares of draws below the truth, and of draws denser than it, are 1/2 for the exact posterior alone.
    """
    truths = [_gaussian(), *_planes(), *_slcp()]
    for name, simulator in SIMULATORS.items():
        draws = generator(0, "check", "sbibm", name)
        parameters = simulator.prior(OBSERVED, draws)
        observed = simulator.simulate(parameters, draws)
        posterior = np.stack([simulator.posterior(row, DRAWS, draws) for row in observed])
        density = simulator.log_posterior(observed, np.concatenate([parameters[:, None], posterior], axis=1))
        below = (posterior < parameters[:, None]).mean(axis=1)
        worst = np.abs(below.mean(axis=0) - 0.5).max()
        # Of a uniform share over a finite number of draws, a little above 1/12.
        spread = np.sqrt((1 + 2 / DRAWS) / 12 / OBSERVED)
        truths += [
            Truth(0.0, float(worst), ERRORS * spread, f"{name}: share of draws below the truth, less 1/2"),
            simulated(0.5, (density[:, 1:] > density[:, :1]).mean(axis=1), f"{name}: share of draws that are denser"),
        ]
    return truths


def _gaussian() -> Truth:
    simulator, draws = SIMULATORS["gaussian-linear"], generator(0, "check", "sbibm", "entropy")
    parameters = simulator.prior(2000, draws)
    found = -simulator.log_posterior(simulator.simulate(parameters, draws), parameters[:, None])[:, 0]
    return simulated(entropy(0.05 * np.eye(10)), found, "gaussian-linear: entropy of the posterior, nats")


def _planes() -> list[Truth]:
    """Posteriors of two parameters, summed over a grid; one observation whose posterior the box cuts.

    The edges of a crescent run through cells of the grid: hence half a percent.
    """
    mixture, moons = Boxed(2, 10.0, (1.0, 0.1)), TwoMoons()
    wide = np.linspace(-10, 10, 1601)
    fine = np.linspace(-1, 1, 1601)[:-1] + 1 / 1600
    rows: dict[str, tuple[Simulator, Float64s, Float64s, float]] = {
        "gaussian-mixture": (mixture, wide, np.array([[9.6, 0.3]]), 1e-2),
        "two-moons": (moons, fine, np.array([[-0.1, 0.2]]), 5e-3),
    }
    found = []
    for name, (simulator, grid, observed, tolerance) in rows.items():
        points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(1, -1, 2)
        mass = float(np.exp(simulator.log_posterior(observed, points)).sum() * (grid[1] - grid[0]) ** 2)
        found.append(Truth(1.0, mass, tolerance, f"{name}: mass of the posterior"))
    whole = float(moons.evidence(np.array([[-0.1, 0.2]]))[0])
    # Drawn from the crescent and turned back, without any of the quadrature's nodes.
    cut, points = np.array([-0.9, 0.3]), moons.crescent(200_000, generator(0, "check", "sbibm", "moons"))
    z = np.stack([points[:, 0] - cut[0], cut[1] - points[:, 1]])
    fits = (z[0] >= 0) & (np.abs(z[0] - z[1]) <= np.sqrt(2)) & (np.abs(z[0] + z[1]) <= np.sqrt(2))
    return [
        *found,
        exact(2.0, whole, "two-moons: two crescents, both within the square"),
        simulated(float(moons.evidence(cut[None])[0]), 2.0 * fits, "two-moons: crescents that the square cuts"),
    ]


def _slcp() -> list[Truth]:
    """The constant against prior draws, and against a finer grid."""
    simulator, draws = Slcp(), generator(0, "check", "sbibm", "slcp")
    observed = simulator.simulate(np.array([[0.5, -1.0, -1.6, 1.7, 0.2]]), draws)
    parameters = simulator.prior(200_000, draws)
    likelihood = simulator.log_likelihood(observed, parameters[None])[0]
    ratio = np.exp(likelihood - simulator.log_evidence(observed)[0]) * (2 * simulator.bound) ** 5
    others = simulator.simulate(simulator.prior(6, draws), draws)
    finer = Slcp(nodes=(96, 42)).log_evidence(others) - simulator.log_evidence(others)
    return [
        simulated(1.0, ratio, "slcp: mean likelihood of prior draws over the constant"),
        Truth(0.0, float(np.abs(finer).max()), 0.05, "slcp: log of the constant, less that of a finer grid"),
    ]
