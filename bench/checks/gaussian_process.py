"""Evidence of small Gaussian processes against orthant probabilities, and sites that are exact."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.gaussian_process import (
    expectation_propagation,
    exponential,
    gaussian,
    laplace,
    markov_evidence,
    variational,
)
from bench.tasks.likelihood.gp_evidence import GP


def case(n: int = 3) -> tuple[Float64s, Float64s]:
    """A kernel over n points on a line, and labels that mostly agree with their neighbours."""
    at = np.linspace(0, 1.5, n)
    kernel = 2.0 * np.exp(-((at[:, None] - at) ** 2) / 2) + 1e-9 * np.eye(n)
    return kernel, np.where(np.arange(n) < (n + 1) // 2, 1.0, -1.0)


@check("likelihood/gp-evidence", area="likelihood", source="orthant probabilities", papers=(GP,))
def gp_evidence() -> list[Truth]:
    """Of probit data log Z is an orthant probability: EP is nearest, the bound is below, one datum is exact for EP."""
    from scipy.stats import multivariate_normal

    kernel, labels = case()
    signed = labels[:, None] * (kernel + np.eye(3)) * labels
    truth = float(np.log(multivariate_normal(np.zeros(3), signed, seed=0).cdf(np.zeros(3))))
    closed = _orthant(kernel, labels)
    by_mode, by_moments = laplace(kernel, labels), expectation_propagation(kernel, labels)
    bound, hybrid = variational(kernel, labels)
    one = expectation_propagation(kernel[:1, :1], labels[:1])
    targets = np.array([0.3, -0.5, 1.1])
    by_hand = float(multivariate_normal(np.zeros(3), kernel + 0.3 * np.eye(3)).logpdf(targets))
    places, many = np.array([[0.0, 0.4, 1.3]]), np.array([[1.0, -1.0, -1.0]])
    chain = float(markov_evidence(places, many, 4.0)[0])
    return [
        Truth(_orthant(exponential(places[0], 4.0), many[0]), chain, 1e-10, "a Markov process, value after value"),
        exact(by_hand, gaussian(kernel, targets, 0.3), "Gaussian likelihood, against scipy"),
        Truth(truth, closed, 1e-4, "orthant of three, in closed form and by scipy"),
        exact(float(np.log(0.5)), float(one.log_z), "EP of one datum is exact"),
        Truth(closed, float(by_moments.log_z), 1e-3, "expectation propagation"),
        Truth(closed, float(by_mode.log_z), 0.05, "Laplace"),
        exact(1.0, float(bound.log_z < closed), "the variational bound is below"),
        exact(1.0, float(abs(by_moments.log_z - closed) < closed - bound.log_z), "EP is nearer than the bound"),
        exact(
            1.0, float(abs(hybrid.log_z - closed) < closed - bound.log_z), "EP's energy at variational sites is nearer"
        ),
    ]


def _orthant(kernel: Float64s, labels: Float64s) -> float:
    """Log Z of three probit data: the chance that three Gaussians have given signs, closed in their correlations."""
    signed = labels[:, None] * (kernel + np.eye(3)) * labels
    spread = np.sqrt(np.diag(signed))
    angles = np.arcsin((signed / np.outer(spread, spread))[np.triu_indices(3, 1)])
    return float(np.log(1 / 8 + angles.sum() / (4 * np.pi)))
