"""OOD scores of how the answer moves with the input; higher is more suspicious.

They need records of tasks that ask about changed inputs too (`Probed`), and what is changed there is fixed beforehand.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.records import Probed

_NO_GRADIENT = "the model gives no gradients with respect to its inputs"


@score("odin", of=Probed, source="Liang, Li and Srikant 2018, arXiv:1706.02690", check="ood/probes")
def odin(record: Probed) -> Float64s:
    """1 minus the largest probability, at temperature 1000, after a step that raises it, (n,).

    The step is .0014 along the sign of the gradient (`step` of the record), the authors' value; they choose it on OOD
    validation data, which is not done here.
    """
    if record.nudged is None:
        raise NotApplicable(_NO_GRADIENT)
    odds = np.exp((record.nudged - record.nudged.max(axis=1, keepdims=True)) / record.temperature)
    total = odds.sum(axis=1)
    odds[np.arange(len(odds)), odds.argmax(axis=1)] = 0.0
    return odds.sum(axis=1) / total


@score(
    "energy-slope", of=Probed, source="Grathwohl et al. 2020 (approximate mass), arXiv:1912.03263", check="ood/probes"
)
def energy_slope(record: Probed) -> Float64s:
    """Length of the gradient of logsumexp(logits) at the input, (n,), >= 0: a mode of the density has little."""
    if record.slope is None:
        raise NotApplicable(_NO_GRADIENT)
    return record.slope


@score(
    "plpd",
    of=Probed,
    source="Lee et al. 2024 (DeYO), arXiv:2403.07366",
    papers=("Entropy is not Enough for Test-Time Adaptation: From the Perspective of Disentangled Factors",),
    check="ood/plpd-patches",
)
def plpd(record: Probed) -> Float64s:
    """Negated fall of the predicted class's probability when the image's patches are shuffled, (n,), in [-1, 1].

    An answer that rests on an object's shape falls; one that survives the shuffle rests on something else.
    """
    if record.shuffled is None:
        raise NotApplicable("the inputs are no images, so there are no patches to shuffle")
    rows = np.arange(len(record))
    after = record.shuffled - record.shuffled.max(axis=1, keepdims=True)
    odds = np.exp(after)
    return odds[rows, record.predicted] / odds.sum(axis=1) - record.confidence
