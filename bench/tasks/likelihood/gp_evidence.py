"""Labels of a Gaussian process, whose evidence is exact since the process is Markov."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.components import task
from bench.errors import UsageError
from bench.estimators.gaussian_process import exponential, markov_evidence
from bench.examples import Examples
from bench.records import Density, Record
from bench.seeds import generator
from bench.tasks.asking import Asked

GP = "Improving Hyperparameter Learning under Approximate Inference in Gaussian Process Models"
SETS, POINTS = 200, 16
NEAREST, FARTHEST = 0.2, 1.0  # of neighbours, in units of the kernel's length


@task(
    "likelihood/gp-evidence",
    needs="density",
    yields=Density,
    source="exact by quadrature along a Markov process; Li, Hensman and Solin 2023 for the question",
    papers=(GP,),
    check="likelihood/gp-evidence",
)
def likelihood_gp_evidence(seed: int, variance: float = 9.0) -> Examples:
    """200 data sets of 16 labels from a Gaussian process seen through a probit; truth is their exact log-evidence.

    Each sample is a whole data set: places and labels (-1, 1), (16, 2).  Its kernel is variance * exp(-|x - x'|).
    """
    if variance <= 0:
        raise UsageError(f"a process cannot have variance={variance:g}", cause="it is above 0", fix="variance=9")
    from scipy.special import ndtr

    draws = generator(seed, "likelihood/gp-evidence", str(variance))
    places = np.cumsum(draws.uniform(NEAREST, FARTHEST, (SETS, POINTS)), axis=1)
    factor = np.linalg.cholesky(exponential(places, variance))
    values = (factor @ draws.standard_normal((SETS, POINTS, 1)))[:, :, 0]
    labels = np.where(draws.random((SETS, POINTS)) < ndtr(values), 1.0, -1.0)
    return Examples(
        ids=np.array([f"process-{i:04d}" for i in range(SETS)]),
        inputs=np.stack([places, labels], axis=2),
        truth=markov_evidence(places, labels, variance),
        asker=Asked(ask),
    )


def ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    """The record of a batch: dimensions are labels, since places are given."""
    inputs = np.asarray(batch.inputs)
    answer = model.density(inputs)
    return Density(
        **common,
        log_prob=answer.log_prob,
        dim=np.full(len(batch), inputs.shape[1]),
        truth=batch.truth,
        likelihood=answer.likelihood,
        estimator=answer.estimator,
    )
