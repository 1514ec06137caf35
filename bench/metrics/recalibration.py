"""Cox's recalibration: the line that would put the log-odds of the confidences right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.judged import judged
from bench.metrics.logistic import logistic
from bench.records import Judged
from bench.results import Interval
from bench.stats.design import Design
from bench.stats.score_tests import logistic_ends

COX = "Cox 1958, Two further applications of a model for binary regression; Miller, Hui and Tierney 1991"
EDGE = 1e-6  # confidences are held this far within (0, 1), where their log-odds are finite


def log_odds(confidence: Float64s) -> Float64s:
    """log(c / (1 - c)), with c held within [1e-6, 1 - 1e-6]."""
    c = np.clip(confidence, EDGE, 1 - EDGE)
    return np.log(c) - np.log1p(-c)


@latest
def cox_line(record: Judged, w: Float64s) -> Float64s:
    """Intercept and slope, (B, 2), of logit P(correct) = a + b logit(confidence); NaN where they have no maximum."""
    confidence, correct = judged(record)
    odds = log_odds(confidence)
    return logistic(np.stack([np.ones_like(odds), odds], axis=1), correct.astype(np.float64), w)


def _line_ends(k: int) -> Callable[[Judged, Design], Interval]:
    """Of the intercept (k = 0) or the slope (1)."""

    def ends(record: Judged, d: Design) -> Interval:
        confidence, correct = judged(record)
        odds = log_odds(confidence)
        features = np.stack([np.ones_like(odds), odds], axis=1)
        return logistic_ends(features, correct.astype(np.float64), np.zeros_like(odds), k, d)

    return ends


def _level_ends(record: Judged, d: Design) -> Interval:
    confidence, correct = judged(record)
    return logistic_ends(np.ones((len(correct), 1)), correct.astype(np.float64), log_odds(confidence), 0, d)


@metric(
    "cox-slope",
    of=Judged,
    area="calibration",
    better="none",
    default=False,
    ends=_line_ends(1),
    source=COX,
    check="calibration/cox-recovery",
)
def cox_slope(record: Judged, w: Float64s) -> Float64s:
    """Slope b of logit P(correct) = a + b logit(confidence): 1 if calibrated, below 1 where confidences are extreme.

    Of greatest likelihood, so biased away from 0 by the order 1 / n.  Confidences are held within [1e-6, 1 - 1e-6].
    Undefined where right and wrong are separated by confidence, or all confidences are one.  w: (B, n) -> (B,).
    """
    return cox_line(record, w)[:, 1]


@metric(
    "cox-intercept",
    of=Judged,
    area="calibration",
    better="none",
    unit="log-odds",
    default=False,
    ends=_line_ends(0),
    source=COX,
    check="calibration/cox-recovery",
)
def cox_intercept(record: Judged, w: Float64s) -> Float64s:
    """Intercept a of logit P(correct) = a + b logit(confidence), the slope fitted with it: 0 if calibrated.

    Bias, edges and undefined cases as for `cox-slope`.  w: (B, n); returns (B,).
    """
    return cox_line(record, w)[:, 0]


@metric(
    "cox-in-the-large",
    of=Judged,
    area="calibration",
    better="none",
    unit="log-odds",
    default=False,
    ends=_level_ends,
    source="Steyerberg et al. 2010, Assessing the performance of prediction models (calibration-in-the-large)",
    check="calibration/cox-recovery",
)
def cox_in_the_large(record: Judged, w: Float64s) -> Float64s:
    """Calibration in the large: the intercept a of logit P(correct) = a + logit(confidence), the slope held at 1.

    0 if calibrated on the whole, below 0 for overconfidence.  Biased by the order 1 / n; undefined where all answers
    are right, or all wrong.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    target = correct.astype(np.float64)
    value = logistic(np.ones((len(target), 1)), target, w, log_odds(confidence))[:, 0]
    used = w > 0
    one_sided = ~(used & correct).any(axis=1) | ~(used & ~correct).any(axis=1)
    return np.where(one_sided, np.nan, value)
