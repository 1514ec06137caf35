"""What is raced: metrics of bench and the same numbers from the libraries that people use, from the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.records import Classification, Regression
from bench.records.detection import Detection

Peer = Callable[[Any], float]  # of the rows to be measured: an index for a resample, or all


@dataclass(frozen=True)
class Contest:
    """One metric of one record against its peers.  tolerance: how far apart their numbers may be."""

    metric: str
    record: Any
    peers: dict[str, Peer] = field(default_factory=dict)
    tolerance: float = 1e-6
    note: str = ""


@dataclass(frozen=True)
class Field:
    """Contests over one set of arrays, and its size in words."""

    name: str
    nbytes: int
    contests: tuple[Contest, ...]


def fields(quick: bool) -> Iterator[Field]:
    """One after the other, so that one set of arrays is in memory at a time; a tenth of the rows where quick."""
    scale = 10 if quick else 1
    rng = np.random.default_rng(0)
    yield classification(rng, 1_000_000 // scale, 10)
    yield classification(rng, 50_000 // scale, 1000)
    yield detection(rng, 1_000_000 // scale)
    yield regression(rng, 1_000_000 // scale)


def classification(rng: np.random.Generator, n: int, classes: int) -> Field:
    """Logits, overconfident by a quarter; every peer begins with them, and makes the probabilities that it needs."""
    import torch
    from netcal.metrics import ECE
    from scipy.special import softmax
    from sklearn.metrics import accuracy_score, log_loss
    from torchmetrics.functional.classification import multiclass_calibration_error

    z = 2 * rng.normal(size=(n, classes))
    labels = (z / 1.25 + rng.gumbel(size=z.shape)).argmax(axis=1)
    record = Classification(ids=np.arange(n).astype(np.str_), logits=z, labels=labels)
    tz, ty = torch.from_numpy(z), torch.from_numpy(labels)
    all_classes = np.arange(classes)

    def numpy_ece(rows: Any) -> float:
        p = softmax(z[rows], axis=1)
        confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels[rows]
        index = np.minimum((confidence * 15).astype(np.int64), 14)
        gaps = np.bincount(index, correct - confidence, 15)
        return float(np.abs(gaps).sum() / len(confidence))

    def numpy_aurc(rows: Any) -> float:
        p = softmax(z[rows], axis=1)
        wrong = p.argmax(axis=1) != labels[rows]
        order = np.argsort(-p.max(axis=1), kind="stable")
        return float((np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)).mean())

    def one_hot_brier(rows: Any) -> float:
        p = softmax(z[rows], axis=1)
        p[np.arange(len(p)), labels[rows]] -= 1
        return float((p**2).sum(axis=1).mean())

    contests = (
        Contest(
            "ece",
            record,
            {
                "torchmetrics": lambda rows: float(multiclass_calibration_error(tz[rows], ty[rows], classes, 15)),
                "netcal": lambda rows: float(ECE(15).measure(softmax(z[rows], axis=1), labels[rows])),
                "numpy": numpy_ece,
            },
            tolerance=2e-5,  # torchmetrics counts in single precision
        ),
        Contest("aurc", record, {"numpy": numpy_aurc}),
        Contest(
            "nll",
            record,
            {
                "torch": lambda rows: float(torch.nn.functional.cross_entropy(tz[rows], ty[rows])),
                "scikit-learn": lambda rows: float(
                    log_loss(labels[rows], softmax(z[rows], axis=1), labels=all_classes)
                ),
            },
        ),
        Contest("brier", record, {"numpy": one_hot_brier}),
        Contest(
            "accuracy",
            record,
            {"scikit-learn": lambda rows: float(accuracy_score(labels[rows], z[rows].argmax(axis=1)))},
        ),
    )
    return Field(f"classification, {n:,} × {classes:,}", z.nbytes + labels.nbytes, contests)


def detection(rng: np.random.Generator, n: int) -> Field:
    """Half the rows positive, scores 1.5 higher."""
    import torch
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    positive = rng.random(n) < 0.5
    scores = rng.normal(size=n) + 1.5 * positive
    record = Detection(ids=np.arange(n).astype(np.str_), scores=scores, positive=positive)
    # Within [0, 1], or torchmetrics would squash them and tie the extremes.
    inside = (scores - scores.min()) / np.ptp(scores)
    ts, ty = torch.from_numpy(inside), torch.from_numpy(positive.astype(np.int64))

    def fpr95(rows: Any) -> float:
        fpr, tpr, _ = roc_curve(positive[rows], scores[rows])
        return float(fpr[np.argmax(tpr >= 0.95)])

    contests = (
        Contest(
            "auroc",
            record,
            {
                "scikit-learn": lambda rows: float(roc_auc_score(positive[rows], scores[rows])),
                "torchmetrics": lambda rows: float(binary_auroc(ts[rows], ty[rows])),
            },
            tolerance=2e-5,
        ),
        Contest(
            "aupr-out",
            record,
            {
                "scikit-learn": lambda rows: float(average_precision_score(positive[rows], scores[rows])),
                "torchmetrics": lambda rows: float(binary_average_precision(ts[rows], ty[rows])),
            },
            tolerance=2e-5,
        ),
        Contest("fpr95-ood", record, {"scikit-learn": fpr95}, tolerance=1e-5),
    )
    return Field(f"scores, {n:,}", scores.nbytes + positive.nbytes, contests)


def regression(rng: np.random.Generator, n: int) -> Field:
    """Gaussian forecasts, a fifth too sure."""
    import scoringrules
    from sklearn.metrics import root_mean_squared_error
    from uncertainty_toolbox import metrics_calibration, metrics_scoring_rule

    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    y = mean + 1.25 * std * rng.normal(size=n)
    record = Regression(ids=np.arange(n).astype(np.str_), y=y, mean=mean, std=std)

    def rules(function: Callable[..., Any]) -> Peer:
        return lambda rows: float(function(y[rows], mean[rows], std[rows]).mean())

    def toolbox(function: Callable[..., Any]) -> Peer:
        return lambda rows: float(function(mean[rows], std[rows], y[rows]))

    def interval_score(rows: Any) -> float:
        low, high = _central(mean[rows], std[rows])
        return float(np.mean(scoringrules.interval_score(y[rows], low, high, 0.1)))

    contests = (
        Contest(
            "crps",
            record,
            {
                "scoringrules": rules(scoringrules.crps_normal),
                "uncertainty-toolbox": toolbox(metrics_scoring_rule.crps_gaussian),
            },
        ),
        Contest(
            "forecast-nll",
            record,
            {
                "scoringrules": rules(scoringrules.logs_normal),
                "uncertainty-toolbox": toolbox(metrics_scoring_rule.nll_gaussian),
            },
        ),
        Contest("interval-score-90", record, {"scoringrules": interval_score}),
        Contest("rmse", record, {"scikit-learn": lambda rows: float(root_mean_squared_error(y[rows], mean[rows]))}),
        Contest(
            "coverage-error",
            record,
            {"uncertainty-toolbox": toolbox(lambda *a: metrics_calibration.mean_absolute_calibration_error(*a, 21))},
            tolerance=2e-2,
            note="the peer's mean takes in the shares 0 and 1",
        ),
        Contest("pit-ks", record),
    )
    return Field(f"Gaussian forecasts, {n:,}", 3 * y.nbytes, contests)


def _central(mean: Float64s, std: Float64s) -> tuple[Float64s, Float64s]:
    """Ends of the central 90 % interval of a Gaussian."""
    return mean - 1.6448536269514722 * std, mean + 1.6448536269514722 * std
