"""Numbers of other libraries for classifications and detections, to hold bench's against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.records import Classification
from bench.records.detection import Detection

SINGLE = 2e-6  # of numbers in which a peer counts in single precision


@dataclass(frozen=True)
class Pair:
    """One metric, one peer: how the peer finds its number for a record."""

    metric: str
    peer: str
    records: Sequence[Any]
    number: Callable[[Any], float]
    tolerance: float = 0.0  # 0: of double precision
    note: str = ""


def classification(n: int, classes: int, seed: int, *, ties: bool = False, single: bool = False) -> Classification:
    """Overconfident answers."""
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.normal(size=(n, classes))
    labels = (z / 1.3 + rng.gumbel(size=z.shape)).argmax(axis=1)
    z = np.round(z) if ties else z
    # A trifle, or equal logits would leave it to each library which class it takes for the answer.
    z = z + 1e-3 * np.arange(classes)
    logits: Any = z.astype(np.float32) if single else z
    return Classification(ids=np.arange(n).astype(np.str_), logits=logits, labels=labels)


def detection(n: int, seed: int, *, ties: bool = False) -> Detection:
    """One row in three positive."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 1 / 3
    drawn = rng.normal(size=n) + 1.5 * positive
    scores = np.asarray(np.round(drawn, 1) if ties else drawn, dtype=np.float64)
    return Detection(ids=np.arange(n).astype(np.str_), scores=scores, positive=positive)


def pairs() -> list[Pair]:
    """All of them."""
    mixed = [
        classification(1500, 6, 0),
        classification(1500, 6, 1, ties=True),
        classification(1500, 10, 2, single=True),
        classification(600, 2, 3),
    ]
    untied = [classification(600, 5, seed) for seed in range(3)]
    return [*_calibration(mixed, untied), *_proper(mixed), *_fitted(untied), *_detection()]


def _calibration(mixed: list[Classification], untied: list[Classification]) -> list[Pair]:
    from netcal.metrics import ECE, MCE, MMCE

    def judged(measure: Any) -> Callable[[Classification], float]:
        return lambda r: float(measure.measure(r.confidence, r.correct.astype(int)))

    def torch_error(norm: str) -> Callable[[Classification], float]:
        import torch
        from torchmetrics.functional.classification import multiclass_calibration_error

        return lambda r: float(
            multiclass_calibration_error(
                torch.from_numpy(np.asarray(r.probs)), torch.from_numpy(r.labels), r.probs.shape[1], 15, norm=norm
            )
        )

    equal = "bins of equally many rows, without ties"
    halves = [classification(600, 2, seed) for seed in range(5, 8)]
    return [
        Pair("ece", "netcal", mixed, judged(ECE(15))),
        Pair("mce", "netcal", mixed, judged(MCE(15))),
        Pair("ece-mass", "netcal", untied, judged(ECE(15, equal_intervals=False)), note=equal),
        Pair("mce-mass", "netcal", untied, judged(MCE(15, equal_intervals=False)), note=equal),
        Pair("mmce", "netcal", halves, judged(MMCE()), note="of two classes: it takes .3 for .7 of the other"),
        *(
            Pair(name, "torchmetrics", mixed, torch_error(norm), SINGLE, "single precision there")
            for name, norm in (("ece", "l1"), ("mce", "max"), ("ece-l2", "l2"))
        ),
    ]


def _proper(mixed: list[Classification]) -> list[Pair]:
    import scoringrules
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

    def classes(r: Classification) -> list[int]:
        return list(range(r.probs.shape[1]))

    return [
        Pair("nll", "scikit-learn", mixed, lambda r: float(log_loss(r.labels, r.probs, labels=classes(r)))),
        Pair(
            "brier",
            "scikit-learn",
            mixed,
            lambda r: float(brier_score_loss(r.labels, r.probs, labels=classes(r), scale_by_half=False)),
        ),
        Pair("accuracy", "scikit-learn", mixed, lambda r: float(accuracy_score(r.labels, r.predicted))),
        Pair(
            "brier-confidence",
            "scikit-learn",
            mixed,
            lambda r: float(brier_score_loss(r.correct, r.confidence, labels=[False, True])),
        ),
        Pair(
            "rps",
            "scoringrules",
            mixed,
            lambda r: float(np.mean(scoringrules.rps_score(r.labels + 1, r.probs))) / (r.probs.shape[1] - 1),
        ),
        Pair("augrc", "scikit-learn", mixed, _augrc, note="(1 - AUROC) a e + e² / 2, by its AUROC"),
    ]


def _augrc(r: Classification) -> float:
    from sklearn.metrics import roc_auc_score

    a = float(r.correct.mean())
    return float(1 - roc_auc_score(r.correct, r.confidence)) * a * (1 - a) + (1 - a) ** 2 / 2


def _fitted(untied: list[Classification]) -> list[Pair]:
    from sklearn.isotonic import IsotonicRegression
    from statsmodels.nonparametric.smoothers_lowess import lowess

    def odds(r: Classification) -> Float64s:
        return np.log(r.confidence) - np.log1p(-r.confidence)

    def line(r: Classification) -> Any:
        import statsmodels.api as sm

        return sm.GLM(r.correct.astype(float), sm.add_constant(odds(r)), family=sm.families.Binomial()).fit(tol=1e-13)

    def hosmer(r: Classification) -> float:
        from scipy.stats import chi2
        from statsmodels.stats.diagnostic_gen import test_chisquare_binning as binning

        counts = np.stack([~r.correct, r.correct], axis=1).astype(float)
        expected = np.stack([1 - r.confidence, r.confidence], axis=1)
        return float(chi2.sf(binning(counts, expected, sort_var=r.confidence, bins=10, df=10).statistic, 10))

    def miscalibration(r: Classification) -> float:
        fitted = IsotonicRegression().fit_transform(r.confidence, r.correct)
        return float(((r.confidence - r.correct) ** 2).mean() - ((fitted - r.correct) ** 2).mean())

    def local(r: Classification) -> float:
        curve = lowess(r.correct.astype(float), r.confidence, frac=0.75, it=0, return_sorted=False)
        return float(np.abs(np.clip(curve, 0, 1) - r.confidence).mean())

    few = [classification(200, 5, seed) for seed in (3, 4)]
    return [
        Pair("cox-slope", "statsmodels", untied, lambda r: float(line(r).params[1])),
        Pair("cox-intercept", "statsmodels", untied, lambda r: float(line(r).params[0])),
        Pair("hosmer-lemeshow-p", "statsmodels", untied, hosmer),
        Pair("mcb-brier", "scikit-learn", untied, miscalibration, note="by its isotonic regression"),
        Pair("ici", "statsmodels", few, local, 1e-5, "the peer's lowess cuts weights off at .999 of the width"),
    ]


def _detection() -> list[Pair]:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    records = [detection(900, 0), detection(900, 1, ties=True), detection(40, 2, ties=True)]

    def rate(labels: Any, scores: Any) -> float:
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        return float(fpr[np.argmax(tpr >= 0.95 - 1e-12)])

    def error(r: Detection) -> float:
        fpr, tpr, _ = roc_curve(r.positive, r.scores, drop_intermediate=False)
        return float(((1 - tpr + fpr) / 2).min())

    def torch_area(r: Detection) -> float:
        import torch
        from torchmetrics.functional.classification import binary_auroc

        inside = (r.scores - r.scores.min()) / np.ptp(r.scores)
        return float(binary_auroc(torch.from_numpy(inside), torch.from_numpy(r.positive.astype(np.int64))))

    peer = "scikit-learn"
    return [
        Pair("auroc", peer, records, lambda r: float(roc_auc_score(r.positive, r.scores))),
        Pair(
            "auroc", "torchmetrics", records, torch_area, SINGLE, "single precision there; scores squeezed into [0, 1]"
        ),
        Pair("aupr-out", peer, records, lambda r: float(average_precision_score(r.positive, r.scores))),
        Pair("aupr-in", peer, records, lambda r: float(average_precision_score(~r.positive, -r.scores))),
        Pair("fpr95-ood", peer, records, lambda r: rate(r.positive, r.scores), note="by its ROC curve"),
        Pair("fpr95-id", peer, records, lambda r: rate(~r.positive, -r.scores), note="by its ROC curve"),
        Pair("detection-error", peer, records, error, note="by its ROC curve"),
    ]
