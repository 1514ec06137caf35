"""A Gaussian process classifier, asked for its evidence by several approximations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.gaussian_process import (
    expectation_propagation,
    exponential,
    laplace,
    markov_evidence,
    variational,
)
from bench.models.building import NotSuited, facts
from bench.tasks.likelihood.gp_evidence import GP

KINDS = {"exact": "exact", "laplace": "estimate", "ep": "estimate", "vi": "lower", "hybrid": "estimate"}
WORDS = {
    "laplace": "Laplace's approximation",
    "ep": "expectation propagation",
    "vi": "variational bound (natural gradients)",
    "hybrid": "EP's energy at variational sites",
}


@dataclass(frozen=True)
class ProcessEvidence:
    """log p(labels | places) of whole data sets under a kernel that is given."""

    method: str
    variance: float
    length: float

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-evidence of data sets (b, n, 2), (b,): exact, a bound from below, or an estimate, by method."""
        sets = np.asarray(inputs, dtype=np.float64)
        if sets.ndim != 3 or sets.shape[2] != 2 or not (np.abs(sets[:, :, 1]) == 1).all():
            raise NotSuited(
                "gp-classifier cannot be asked about this data",
                cause="it is asked about data sets of places and labels -1 or 1",
                fix="ask it about likelihood/gp-evidence",
            )
        places, labels = sets[:, :, 0], sets[:, :, 1]
        if self.method == "exact":
            return LogDensity(markov_evidence(places, labels, self.variance, self.length))
        kernel = exponential(places, self.variance, self.length)
        found = {
            "laplace": lambda: laplace(kernel, labels),
            "ep": lambda: expectation_propagation(kernel, labels),
            "vi": lambda: variational(kernel, labels)[0],
            "hybrid": lambda: variational(kernel, labels)[1],
        }[self.method]()
        return LogDensity(found.log_z, likelihood=KINDS[self.method], estimator=WORDS[self.method])

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("gp-classifier", dict(vars(self)), "numpy", "scipy")


@model(
    "gp-classifier",
    gives="density",
    source="Rasmussen and Williams 2006; Khan and Lin 2017; Li, Hensman and Solin 2023",
    papers=(GP,),
    check="likelihood/gp-evidence",
)
def gp_classifier(method: str = "ep", variance: float = 9.0, length: float = 1.0) -> ProcessEvidence:
    """A Gaussian process with a probit likelihood: the evidence of whole data sets, by one of several methods.

    method: exact (quadrature along the Markov process), laplace, ep (expectation propagation), vi (a variational lower
    bound), or hybrid (EP's energy at the variational sites).  variance, length: of the kernel variance *
    exp(-|x - x'| / length); those of the task unless told otherwise.
    """
    if method not in KINDS or variance <= 0 or length <= 0:
        raise UsageError(
            f"gp-classifier cannot have method={method},variance={variance:g},length={length:g}",
            cause=f"method is one of {', '.join(KINDS)}; variance and length are above 0",
            fix="bench show model gp-classifier",
        )
    return ProcessEvidence(method, variance, length)
