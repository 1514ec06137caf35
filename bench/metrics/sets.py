"""Prediction sets: how often they hold the class that came true, and how large they are."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.conformal.conditional import DIRECTIONS, worst_slab
from bench.forecasts.forms import promised
from bench.latest import latest
from bench.metrics.judged import with_classes
from bench.metrics.strata import SIZES, Strata, strata, violation, worst
from bench.records import Classification, Record, Regression
from bench.seeds import uniforms


def covered(record: Record) -> Bools:
    """Whether each prediction set, or each forecast interval (its own, or the central 90 %), holds what came, (n,).

    `NotApplicable` for a classification without sets and for records of other kinds.
    """
    if isinstance(record, Classification):
        return sets_of(record)[np.arange(len(record)), record.labels]
    if isinstance(record, Regression):
        low, high, _ = promised(record)
        return (low <= record.y) & (record.y <= high)
    raise NotApplicable(f"a {record.kind} record has neither prediction sets nor intervals")


def sets_of(record: Classification) -> Bools:
    """The prediction sets, (n, C); `NotApplicable` without them, or where a row is of none of the classes."""
    if record.sets is None:
        raise NotApplicable("the record has no prediction sets")
    with_classes(record)
    return record.sets


@metric(
    "set-coverage",
    of=Classification,
    area="uncertainty",
    better="none",
    range=(0, 1),
    source="Vovk, Gammerman and Shafer 2005; share of prediction sets that hold the true class",
    check="uncertainty/split-conformal",
)
def set_coverage(record: Classification) -> PerSample:
    """Share of prediction sets that hold the class that came true; right is the `level` that they promise."""
    sets_of(record)
    return per_sample(covered(record))


@metric(
    "set-size",
    of=Classification,
    area="uncertainty",
    better="lower",
    unit="classes",
    range=(0, None),
    source="mean number of classes in a prediction set",
    check="uncertainty/split-conformal",
)
def set_size(record: Classification) -> PerSample:
    """Mean number of classes in a prediction set: better lower only at equal coverage.  Sets may be empty."""
    return per_sample(sets_of(record).sum(axis=1))


@metric(
    "set-singletons",
    of=Classification,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    default=False,
    source="share of prediction sets of one class; Vovk et al. 2016, Criteria of efficiency",
)
def set_singletons(record: Classification) -> PerSample:
    """Share of prediction sets that hold just one class: definite answers, right or wrong."""
    return per_sample(sets_of(record).sum(axis=1) == 1)


@latest
def _by_size(record: Classification) -> Strata:
    return strata(covered(record), np.searchsorted(SIZES, sets_of(record).sum(axis=1), side="right"))


def _violations(record: Classification, w: Float64s) -> Float64s:
    """Coverage less the level of each stratum of sizes, (B, S), 0 where it has no weight."""
    return np.nan_to_num(_by_size(record)(w) - record.level)


@metric(
    "set-size-violation",
    of=Classification,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    biased=True,
    norm="max",
    gaps=_violations,
    needs=("labels", "sets"),
    source="Angelopoulos et al. 2021, Uncertainty Sets for Image Classifiers: size-stratified coverage violation",
    check="uncertainty/conditional-coverage",
)
def set_size_violation(record: Classification, w: Float64s) -> Float64s:
    """The largest |coverage - level| over sets of 0-1, 2-3, 4-10, 11-100 and more classes.

    Biased upwards: a stratum of few sets is far off by chance alone.  w: (B, n); returns (B,).
    """
    by_size = _by_size(record)
    if not record.level:
        raise NotApplicable("the record does not state the 'level' that its sets promise")
    return violation(by_size(w), record.level)


@latest
def _by_class(record: Classification) -> Strata:
    return strata(covered(record), record.labels)


def _of_classes(record: Classification, w: Float64s) -> Float64s:
    """Coverage of each class, (B, S), 1 where it has no weight: never the worst."""
    return np.nan_to_num(_by_class(record)(w), nan=1.0)


@metric(
    "worst-class-coverage",
    of=Classification,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    default=False,
    biased=True,
    norm="trough",
    gaps=_of_classes,
    needs=("labels", "sets"),
    source="Ding et al. 2023, Class-Conditional Conformal Prediction with Many Classes",
    check="uncertainty/conditional-coverage",
)
def worst_class_coverage(record: Classification, w: Float64s) -> Float64s:
    """The least coverage among the classes that came true.  Biased downwards: the least of several noisy shares.

    w: (B, n); returns (B,).
    """
    return worst(_by_class(record)(w))


@latest
def _by_dataset(record: Record) -> Strata:
    inside = covered(record)
    if record.dataset is None:
        raise NotApplicable("the record does not say which data set each sample came from: no 'dataset'")
    return strata(inside, record.dataset)


def _of_datasets(record: Record, w: Float64s) -> Float64s:
    """Coverage of each data set, (B, S), 1 where it has no weight: never the worst."""
    return np.nan_to_num(_by_dataset(record)(w), nan=1.0)


@metric(
    "worst-dataset-coverage",
    of=Record,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    default=False,
    biased=True,
    norm="trough",
    gaps=_of_datasets,
    source="group-conditional coverage; Romano et al. 2020, With Malice Toward None",
    check="uncertainty/conditional-coverage",
)
def worst_dataset_coverage(record: Record, w: Float64s) -> Float64s:
    """The least coverage of prediction sets or intervals among the values of the column `dataset`.

    A `group` is a cluster of dependent samples and no part of the population, so it is not meant here.  Biased
    downwards: the least of several noisy shares.  w: (B, n); returns (B,).
    """
    return worst(_by_dataset(record)(w))


@metric(
    "worst-slab-coverage",
    of=Classification,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    default=False,
    whole=True,
    source="Cauchois, Gupta and Duchi 2021, Knowing what you know, section 4",
    check="uncertainty/conditional-coverage",
)
def worst_slab_coverage(record: Classification) -> PerSample:
    """Coverage on the slab of features, of a tenth of the samples at least, where it is least.

    The slab is sought over 200 random directions on half of the samples, and the coverage is that of the other half, so
    the search does not lower it.  Halves (whole groups, where there are groups) and directions are seeded; the interval
    is for this slab.
    """
    sets_of(record)
    inside = covered(record)
    if record.features is None:
        raise NotApplicable("the record has no 'features' to lay slabs through")
    search = uniforms(record.ids if record.groups is None else record.groups, 0, "worst-slab") < 0.5
    weights = np.ones(len(record)) if record.weights is None else record.weights
    if not (weights[search].any() and weights[~search].any()):
        raise NotApplicable("there are too few samples to halve")
    slab = worst_slab(record.features[search], inside[search], weights[search], directions=DIRECTIONS)
    held = ~search & slab.holds(record.features)
    return per_sample(inside & held, held)
