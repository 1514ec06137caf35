"""Conformal prediction sets of classes, at 90 % unless a caller of the functions says otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.components import Calibration, NotApplicable, calibrator
from bench.conformal import scores as fits
from bench.conformal.reasoning import COLEP, by_knowledge
from bench.conformal.thresholds import Weighted, by_class, order, pac_errors, pac_threshold, threshold
from bench.records import Classification, Reasoned
from bench.seeds import uniforms

ALPHA = 0.1
METRICS = (
    "set-coverage",
    "set-size",
    "set-singletons",
    "set-size-violation",
    "worst-class-coverage",
    "worst-dataset-coverage",
    "worst-slab-coverage",
)
CHECK = "uncertainty/split-conformal"
PENALTIES = (0.001, 0.01, 0.1, 0.2, 0.5)  # those that RAPS tries, as in its paper
TUNED_ON = 0.2  # the share of calibration rows that choose RAPS's penalty, and no threshold

Scores = Callable[[Classification], Float64s]


@calibrator(
    "conformal-lac",
    of=Classification,
    area="uncertainty",
    source="Sadinle, Lei and Wasserman 2019, Least Ambiguous Set-Valued Classifiers",
    metrics=METRICS,
    check=CHECK,
)
def conformal_lac(record: Classification, alpha: float = ALPHA) -> Calibration:
    """Sets of the classes whose probability is at least 1 - q: the smallest on average at their coverage.

    q is the ceil((n + 1) (1 - alpha))-th smallest 1 - p(true class); with fewer rows than that, sets hold all classes.
    Coverage is in [1 - alpha, 1 - alpha + 1 / (n + 1)] on average over calibration splits, not for each input.
    """
    return _split(record, lambda r: fits.lac(r.probs), alpha)


@calibrator(
    "conformal-aps",
    of=Classification,
    area="uncertainty",
    source="Romano, Sesia and Candes 2020, Classification with Valid and Adaptive Coverage",
    metrics=METRICS,
    check=CHECK,
)
def conformal_aps(record: Classification, alpha: float = ALPHA, *, randomised: bool = True) -> Calibration:
    """Sets of the most probable classes until their mass reaches q: larger for harder inputs.

    randomised: the last class counts by a uniform share, drawn for the sample's id, at calibration and at prediction;
    sets may then be empty, and coverage is exact.  Without it the whole of each class counts, and sets are larger.
    """
    return _split(record, lambda r: fits.aps(r.probs, _draws(r, randomised)), alpha)


@calibrator(
    "conformal-raps",
    of=Classification,
    area="uncertainty",
    source="Angelopoulos et al. 2021, Uncertainty Sets for Image Classifiers using Conformal Prediction",
    metrics=METRICS,
    check=CHECK,
)
def conformal_raps(
    record: Classification, alpha: float = ALPHA, *, penalty: float | None = None, free: int | None = None
) -> Calibration:
    """APS with a penalty for classes of low rank, so that sets don't grow into the noise of unlikely classes.

    penalty for each rank beyond `free`.  Where not given, a fifth of the calibration rows chooses them, as the paper
    does for size: free is the rank within which 1 - alpha of true classes lie, and the penalty gives the smallest sets;
    the other rows give the threshold.
    """
    usable = _labelled(record)
    chosen: dict[str, Any] = {"penalty": penalty, "free": free}
    if penalty is None or free is None:
        tuning = uniforms(usable.ids, 0, "conformal-raps", "tuning") < TUNED_ON
        if not tuning.any() or tuning.all():
            raise NotApplicable("too few calibration rows to choose the penalty on a part of them")
        part, usable = usable.where(tuning), usable.where(~tuning)
        place = free if free is not None else _free(part, alpha)
        tried = PENALTIES if penalty is None else (penalty,)
        chosen = {"penalty": min(tried, key=lambda p: _mean_size(part, alpha, p, place)), "free": place}
    return _split(usable, lambda r: fits.raps(r.probs, _draws(r), **chosen), alpha, **chosen)


@calibrator(
    "conformal-class",
    of=Classification,
    area="uncertainty",
    source="Vovk 2012, Conditional validity of inductive conformal predictors (Mondrian)",
    metrics=METRICS,
    check=CHECK,
)
def conformal_class(record: Classification, alpha: float = ALPHA) -> Calibration:
    """LAC with a threshold for each class: coverage at least 1 - alpha within every class.

    A class with fewer calibration rows than 1 / alpha - 1 cannot be bounded and is in every set.
    """
    usable = _labelled(record)
    classes = usable.logits.shape[1]
    limits = by_class(_of_labels(fits.lac(usable.probs), usable.labels), usable.labels, classes, alpha)

    def apply(other: Classification) -> Classification:
        return _with_sets(other, fits.lac(other.probs) <= limits, alpha)

    counts = np.bincount(usable.labels, minlength=classes)
    return Calibration({"alpha": alpha, "n": counts.tolist(), "threshold": [_written(x) for x in limits]}, apply)


@calibrator(
    "conformal-pac",
    of=Classification,
    area="uncertainty",
    source="Vovk 2012; Park et al. 2020, PAC Confidence Sets for Deep Neural Networks via Calibrated Prediction",
    metrics=METRICS,
    check="uncertainty/pac-sets",
)
def conformal_pac(record: Classification, alpha: float = ALPHA, *, delta: float = 0.05) -> Calibration:
    """LAC whose coverage is at least 1 - alpha with confidence 1 - delta over calibration splits, not just on average.

    The threshold leaves out the most calibration rows k with P(Bin(n, alpha) <= k) <= delta (Clopper-Pearson); where
    even k = 0 would promise too much, sets hold all classes.  Calibration rows must be independent; weights are refused
    by `NotApplicable`.
    """
    usable = _labelled(record)
    if usable.weights is not None and len(np.unique(usable.weights)) > 1:
        raise NotApplicable("the binomial tail is of equally weighted rows")
    limit = pac_threshold(_of_labels(fits.lac(usable.probs), usable.labels), alpha, delta)

    def apply(other: Classification) -> Classification:
        return _with_sets(other, fits.lac(other.probs) <= limit, alpha)

    facts = {"alpha": alpha, "delta": delta, "n": len(usable), "errors": pac_errors(len(usable), alpha, delta)}
    return Calibration({**facts, "threshold": _written(limit)}, apply)


@calibrator(
    "conformal-knowledge",
    of=Reasoned,
    area="uncertainty",
    source="Kang et al. 2024, arXiv:2403.11348",
    metrics=METRICS,
    papers=(COLEP,),
    check="uncertainty/knowledge-corrected",
)
def conformal_knowledge(record: Reasoned, alpha: float = ALPHA, *, weight: float = 3.0) -> Calibration:
    """LAC of class probabilities corrected by what is known of classes and concepts; weight: of each rule, nats.

    Rules are fixed before calibration, so coverage is as of `conformal-lac`; sets are smaller where concepts are told
    more surely than classes.  A weight of 0 leaves `conformal-lac`.
    """

    def scores(other: Classification) -> Float64s:
        if not isinstance(other, Reasoned):
            raise NotApplicable("the record has no concepts")
        return 1 - by_knowledge(other.probs, other.concepts, other.knowledge, weight)

    return _split(record, scores, alpha, weight=weight)


def _split(record: Classification, scores: Scores, alpha: float, **facts: Any) -> Calibration:
    """Split conformal prediction with scores (n, C); with weights, under covariate shift."""
    usable = _labelled(record)
    values = _of_labels(scores(usable), usable.labels)
    limits = Weighted.of(values, alpha, usable.weights)

    def apply(other: Classification) -> Classification:
        weights = np.ones(len(other)) if other.weights is None else other.weights
        return _with_sets(other, scores(other) <= limits.at(weights)[:, None], alpha)

    limit = threshold(values, alpha)
    return Calibration(
        {"alpha": alpha, "n": len(usable), "rank": order(len(usable), alpha), "threshold": _written(limit), **facts},
        apply,
    )


def _labelled(record: Classification) -> Classification:
    inside = (record.labels >= 0) & (record.labels < record.logits.shape[1])
    if not inside.any():
        raise NotApplicable("there are no labelled calibration rows")
    return record if inside.all() else record.where(inside)


def _of_labels(scores: Float64s, labels: Ints) -> Float64s:
    return scores[np.arange(len(labels)), labels]


def _draws(record: Classification, randomised: bool = True) -> Float64s | None:
    return uniforms(record.ids, 0, "conformal-aps") if randomised else None


def _with_sets(record: Classification, sets: Bools, alpha: float) -> Classification:
    return replace(record, sets=sets, level=1 - alpha)


def _free(part: Classification, alpha: float) -> int:
    places = _of_labels(fits.ranks(part.probs), part.labels)
    limit = threshold(places, alpha)
    return int(limit) if math.isfinite(limit) else part.logits.shape[1]


def _mean_size(part: Classification, alpha: float, penalty: float, free: int) -> float:
    scores = fits.raps(part.probs, _draws(part), penalty=penalty, free=free)
    return float((scores <= threshold(_of_labels(scores, part.labels), alpha)).sum(axis=1).mean())


def _written(limit: float) -> float | None:
    """JSON has no infinity: null says that there is no threshold."""
    return float(limit) if math.isfinite(limit) else None
