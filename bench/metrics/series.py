"""Answers that name anomalies of a time series: which samples they mark, against those that are anomalous."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.latest import latest
from bench.records import Generations
from bench.references.series import affinity

PAPER = "Can Multimodal LLMs Perform Time Series Anomaly Detection?"
SOURCE = "Xu et al. 2025, VisualTimeAnomaly, arXiv:2502.17812"
_LIST = re.compile(r"\[[\d\s,\[\]]*\]")
LONGEST = 4000
MOST = 200  # intervals of an answer


def read(text: str) -> str | None:
    """The first list of whole numbers, or of pairs of them, in a text, as JSON; `None` where there is none."""
    for found in _LIST.findall(text[:LONGEST]):
        try:
            items = json.loads(found)
        except ValueError:
            continue
        if len(items) <= MOST and all(_sound(item) for item in items):
            return json.dumps([item if isinstance(item, list) else [item, item] for item in items])
    return None


def _sound(item: Any) -> bool:
    return isinstance(item, int) or (
        isinstance(item, list) and len(item) == 2 and all(isinstance(x, int) for x in item) and item[0] <= item[1]
    )


def target(intervals: list[list[int]], times: list[int], *, ordered: bool) -> str:
    """What an answer is held against: anomalous intervals among times; ordered: whether times have distances."""
    return json.dumps({"gold": intervals, "times": times, "ordered": ordered})


def marks(intervals: list[list[int]], times: AnyArray) -> Bools:
    """Which times lie in one of the intervals, both ends included, (n,)."""
    out = np.zeros(len(times), dtype=bool)
    for first, last in intervals:
        out |= (times >= first) & (times <= last)
    return out


def same(answer: str, wanted: str) -> bool:
    """Whether an answer marks just the anomalous samples."""
    known = json.loads(wanted)
    times = np.array(known["times"])
    return bool((marks(json.loads(answer), times) == marks(known["gold"], times)).all())


@latest
def _each(record: Generations) -> list[tuple[Bools, Bools, bool]]:
    """Marked and anomalous samples of each series, and whether its samples have distances."""
    if record.target is None:
        raise NotApplicable("the record has no targets")
    found = []
    for answer, wanted in zip(record.answer, record.target, strict=True):
        try:
            known = json.loads(wanted)
            times, gold = np.array(known["times"]), known["gold"]
        except (ValueError, KeyError, TypeError) as error:
            raise NotApplicable("the targets are no anomalies of a series") from error
        said = read(str(answer))
        found.append((marks(json.loads(said) if said else [], times), marks(gold, times), bool(known["ordered"])))
    return found


def plain(predicted: Bools, gold: Bools) -> tuple[float, float]:
    """Precision and recall of marked samples; of no mark both are 0."""
    hits = float((predicted & gold).sum())
    return (hits / float(predicted.sum()), hits / float(gold.sum())) if hits else (0.0, 0.0)


@latest
def _pairs(record: Generations, of: Callable[[Bools, Bools], tuple[float, float]]) -> Float64s:
    """Precision and recall of each answer, (n, 2)."""
    rows = _each(record)
    if of is affinity and not all(ordered for _, _, ordered in rows):
        raise NotApplicable("variates have no distances")
    return np.array([of(predicted, gold) for predicted, gold, _ in rows]).reshape(-1, 2)


def _measured(record: Generations, of: Callable[[Bools, Bools], tuple[float, float]], part: str) -> PerSample:
    precision, recall = _pairs(record, of).T
    if part != "f1":
        return per_sample(precision if part == "precision" else recall)
    total = precision + recall
    return per_sample(np.divide(2 * precision * recall, total, out=np.zeros(len(total)), where=total > 0))


@metric(
    "series-precision",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def series_precision(record: Generations) -> PerSample:
    """Of each answer, how many of the samples that it marks are anomalous; mean over series.

    An answer that cannot be read marks none, and has 0.
    """
    return _measured(record, plain, "precision")


@metric(
    "series-recall",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def series_recall(record: Generations) -> PerSample:
    """Of each answer, how many of the anomalous samples it marks; mean over series.

    An answer that cannot be read marks none, and has 0.
    """
    return _measured(record, plain, "recall")


@metric(
    "series-f1",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def series_f1(record: Generations) -> PerSample:
    """Of each answer, the harmonic mean of precision and recall of the samples that it marks; mean over series.

    An answer that cannot be read marks none, and has 0.
    """
    return _measured(record, plain, "f1")


@metric(
    "affinity-precision",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source="Huet, Navarro and Rossi 2022, arXiv:2206.13167; " + SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def affinity_precision(record: Generations) -> PerSample:
    """Mean over series of the affinity precision: near misses count in part (see `bench.references.series.affinity`).

    Marks at random have about one half, so it is no share.  Variates have no distances, and so no affinity.
    """
    return _measured(record, affinity, "precision")


@metric(
    "affinity-recall",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source="Huet, Navarro and Rossi 2022, arXiv:2206.13167; " + SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def affinity_recall(record: Generations) -> PerSample:
    """Mean over series of the affinity recall: near misses count in part (see `bench.references.series.affinity`).

    Marks at random have about one half, so it is no share.  Variates have no distances, and so no affinity.
    """
    return _measured(record, affinity, "recall")


@metric(
    "affinity-f1",
    of=Generations,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source="Huet, Navarro and Rossi 2022, arXiv:2206.13167; " + SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
)
def affinity_f1(record: Generations) -> PerSample:
    """Mean over series of the affinity f1: near misses count in part (see `bench.references.series.affinity`).

    Marks at random have about one half, so it is no share.  Variates have no distances, and so no affinity.
    """
    return _measured(record, affinity, "f1")
