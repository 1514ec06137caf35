"""Where records are drawn for which the true value of a metric is known, independent or in clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.special import ndtri

from bench.components import Metric
from bench.records import Classification, Regression
from bench.records.detection import Detection
from bench.registry import find
from bench.stats.intervals import value

SIZE = 10  # rows of a cluster
SHARED = 0.3  # share of a row's variance that its cluster has in common
LARGE = 2_000_000  # independent rows by which a truth without a closed form is found
Rng = np.random.Generator
Draw = Callable[[Rng, int, bool], Any]


@dataclass(frozen=True)
class World:
    """A name, how to draw n rows (clustered or not), and the metrics to be measured there."""

    name: str
    draw: Draw
    metrics: tuple[str, ...]


def _normal(rng: Rng, n: int, clustered: bool, columns: int = 1) -> Any:
    """Standard normal, (n, columns): with clusters of SIZE, rows of one correlate by SHARED."""
    own = rng.normal(size=(n, columns))
    if not clustered:
        return own
    common = np.repeat(rng.normal(size=(n // SIZE, columns)), SIZE, axis=0)
    return np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own


def _rows(n: int, clustered: bool) -> dict[str, Any]:
    names = np.arange(n).astype(np.str_)
    return {"ids": names, "groups": (np.arange(n) // SIZE).astype(np.str_) if clustered else None}


def _classes(rng: Rng, n: int, clustered: bool, sharpness: float) -> Classification:
    """Three classes whose probabilities are the softmax of z; the logits are z times the sharpness."""
    from scipy.special import ndtr

    z = 1.5 * _normal(rng, n, clustered, 3)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    u = ndtr(_normal(rng, n, clustered)[:, 0])
    labels = np.minimum((u[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 2)
    return Classification(logits=sharpness * z, labels=labels, **_rows(n, clustered))


def calibrated(rng: Rng, n: int, clustered: bool) -> Classification:
    """Confidences that are kept."""
    return _classes(rng, n, clustered, 1.0)


def overconfident(rng: Rng, n: int, clustered: bool) -> Classification:
    """Twice the logits that there should be."""
    return _classes(rng, n, clustered, 2.0)


def scores(rng: Rng, n: int, clustered: bool) -> Detection:
    """One row in three is positive, by a threshold on what it shares with its cluster; its score is 1.5 higher."""
    positive = _normal(rng, n, clustered)[:, 0] > ndtri(2 / 3)
    rows = _rows(n, clustered)
    return Detection(scores=_normal(rng, n, clustered)[:, 0] + 1.5 * positive, positive=positive, **rows)


def forecasts(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts whose standard deviation is four fifths of the error's."""
    std = np.exp(0.3 * rng.normal(size=n))
    mean = rng.normal(size=n)
    return Regression(y=mean + 1.25 * std * _normal(rng, n, clustered)[:, 0], mean=mean, std=std, **_rows(n, clustered))


JUDGED = ("ece", "ece-debiased", "overconfidence", "brier-confidence", "nll", "brier", "accuracy")
SELECTIVE = ("aurc", "augrc", "risk-at-80")
DETECTION = ("auroc", "aupr-out", "aupr-in", "fpr95-ood", "fpr95-id", "detection-error")
FORECASTS = (
    *("crps", "forecast-nll", "rmse", "mae", "coverage-90", "width-90", "interval-score-90", "sharpness"),
    *("coverage-error", "pit-ks"),
)
WORLDS = (
    World("calibrated", calibrated, (*JUDGED, *SELECTIVE)),
    World("overconfident", overconfident, (*JUDGED, *SELECTIVE)),
    World("scores", scores, DETECTION),
    World("forecasts", forecasts, FORECASTS),
)


@cache
def truth(world: World, name: str) -> float:
    """The value that an interval should hold.

    The population's, by LARGE rows drawn independently (its marginals are those of clusters), but 0 for the calibration
    errors of a calibrated model.
    """
    metric = find(Metric, name)
    if world.name == "calibrated" and name in {"ece", "ece-debiased", "overconfidence"}:
        return 0.0
    found = value(metric, _large(world))
    if found is None:
        raise ValueError(f"{name} has no value in {world.name}")
    return found


@cache
def _large(world: World) -> Any:
    return replace(world.draw(np.random.default_rng(123_456), LARGE, False))
