"""Detection and selective metrics on scores whose distribution is known."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact, ids, measured, simulated
from bench.checks.metrics import confident
from bench.components import Truth, check
from bench.records.detection import Detection
from bench.seeds import generator


def _detection(negative: Float64s, positive: Float64s) -> Detection:
    scores = np.concatenate([negative, positive])
    return Detection(ids=ids(len(scores)), scores=scores, positive=np.arange(len(scores)) >= len(negative))


@check("metrics/auroc-two-gaussians", area="ood", source="binormal ROC: Phi(d / sqrt 2)")
def auroc_two_gaussians() -> list[Truth]:
    """Scores of N(0, 1) and N(d, 1): AUROC is unbiased for Phi(d / sqrt 2)."""
    from scipy.special import ndtr

    rng = generator(0, "auroc-two-gaussians")
    return [
        simulated(
            float(ndtr(d / math.sqrt(2))),
            np.array([measured("auroc", _detection(rng.normal(size=150), rng.normal(d, 1, 100))) for _ in range(100)]),
            f"separation {d}",
        )
        for d in (0.0, 1.0, 2.5)
    ]


@check("metrics/fpr95-two-gaussians", area="ood", source="closed form of the normal distribution")
def fpr95_two_gaussians() -> list[Truth]:
    """Scores at the quantiles of N(0, 1) and N(1, 2): each FPR95 within the width of a step of the closed form."""
    from scipy.special import ndtr, ndtri

    n, shift, scale = 20_000, 1.0, 2.0
    z = ndtri((np.arange(n) + 0.5) / n)
    record = _detection(z, shift + scale * z)
    at_ood, at_id = shift + scale * ndtri(0.05), ndtri(0.95)

    def density(x: float) -> float:
        return math.exp(-x * x / 2)

    # A threshold moves by one quantile step, which the other class sees stretched by the ratio of densities.
    ratio_ood = density(at_ood) * scale / density((at_ood - shift) / scale)
    ratio_id = density((at_id - shift) / scale) / scale / density(at_id)
    return [
        Truth(float(1 - ndtr(at_ood)), measured("fpr95-ood", record), (1 + 2 * ratio_ood) / n, "OOD as positive"),
        Truth(
            float(ndtr((at_id - shift) / scale)), measured("fpr95-id", record), (1 + 2 * ratio_id) / n, "ID as positive"
        ),
    ]


@check("metrics/constant-score", area="ood", source="closed form")
def constant_score() -> list[Truth]:
    """A score that says nothing, 1 % positives: no curve is drawn through thresholds that were not seen."""
    record = _detection(np.zeros(990), np.zeros(10))
    expected = {
        "auroc": 0.5,
        "aupr-out": 0.01,
        "aupr-in": 0.99,
        "fpr95-ood": 1.0,
        "fpr95-id": 1.0,
        "detection-error": 0.5,
    }
    return [exact(truth, measured(name, record), name) for name, truth in expected.items()]


@check("metrics/random-confidence", area="uncertainty", source="expectation over the order of ties")
def random_confidence() -> list[Truth]:
    """Confidence that knows nothing of the errors: risk e at every coverage; the best order has no excess."""
    rng = generator(0, "random-confidence")
    correct = np.arange(200) >= 60
    tied = confident(np.full(200, 0.75), correct)
    best = confident(np.linspace(0.5, 1.0, 200), correct)
    shuffled = [confident(rng.permutation(np.linspace(0.5, 1.0, 200)), correct) for _ in range(300)]
    return [
        exact(0.3, measured("aurc", tied), "AURC, all tied"),
        exact(0.15, measured("augrc", tied), "AUGRC, all tied"),
        exact(0.3, measured("risk-at-80", tied), "risk at 80 %, all tied"),
        exact(0.0, measured("e-aurc", best), "excess of the best order"),
        exact(0.045, measured("augrc", best), "AUGRC of the best order: e^2 / 2"),
        exact(0.125, measured("risk-at-80", best), "risk at 80 % of the best order"),
        simulated(0.3, np.array([measured("aurc", r) for r in shuffled]), "AURC, random order"),
        simulated(0.15, np.array([measured("augrc", r) for r in shuffled]), "AUGRC, random order"),
    ]
