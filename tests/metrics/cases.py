"""Records to measure, made from a seed; small, with ties, and with groups of dependent rows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench.arrays import AnyArray, Float64s, Ints, Ragged
from bench.components import Metric
from bench.records import (
    Choices,
    Classification,
    Density,
    Generations,
    Marginals,
    Paired,
    Regression,
    Signals,
    Speculation,
    Tokens,
    log_softmax,
)
from bench.records.detection import Chances, Detection
from bench.registry import components

FORMS = ("gaussian", "student", "mixture", "quantiles", "samples", "interval")


def ids(n: int) -> AnyArray:
    return np.arange(n).astype(np.str_)


def classification(n: int = 40, classes: int = 4, seed: int = 0, **extra: Any) -> Classification:
    """Confidences rounded, so that many tie."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(0, 2, (n, classes)), 0)
    return Classification(
        ids=ids(n),
        labels=rng.integers(0, classes, n),
        logits=logits,
        truth=rng.dirichlet(np.ones(classes), n),
        members=log_softmax(logits[:, None] + rng.normal(size=(n, 3, classes))),
        features=np.sign(rng.normal(size=(n, 1))),
        sets=logits >= np.sort(logits, axis=1)[:, 1:2],
        level=0.9,
        dataset=np.where(np.arange(n) % 3, "a", "b"),
        **extra,
    )


def binary(confidence: ArrayLike, correct: ArrayLike, **extra: Any) -> Classification:
    """Two classes; class 0 has the confidence (>= 1/2) and comes true where correct."""
    confidence = np.asarray(confidence, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(np.stack([confidence, 1 - confidence], axis=1))
    labels = 1 - np.asarray(correct).astype(np.int64)
    return Classification(ids=ids(len(labels)), logits=logits, labels=labels, **extra)


def detection(scores: ArrayLike, positive: ArrayLike, **extra: Any) -> Detection:
    scores = np.asarray(scores, dtype=np.float64)
    return Detection(ids=ids(len(scores)), scores=scores, positive=np.asarray(positive) > 0, **extra)


def random_detection(n: int = 40, seed: int = 0) -> Detection:
    rng = np.random.default_rng(seed)
    return detection(np.round(rng.normal(size=n), 1), np.arange(n) % 3 == 0)


def random_chances(n: int = 40, seed: int = 0) -> Chances:
    """Probabilities of a wrong answer, with ties, and what is known of the answers."""
    rng = np.random.default_rng(seed)
    return Chances(
        ids=ids(n),
        scores=rng.integers(0, 11, n) / 10,
        positive=np.arange(n) % 3 == 0,
        tokens=rng.integers(1, 9, n).astype(np.float64),
        deferred=rng.random(n) < 0.8,
    )


def regression(form: str = "gaussian", n: int = 40, seed: int = 0, **extra: Any) -> Regression:
    """A forecast as `gaussian`, `student`, `mixture`, `quantiles`, `samples` or `interval`."""
    rng = np.random.default_rng(seed)
    y, mean, std = rng.normal(size=n), rng.normal(0, 0.5, n), rng.uniform(0.5, 2, n)
    if form == "gaussian":
        members = mean[:, None] + rng.normal(size=(n, 4))
        return Regression(
            ids=ids(n), y=y, mean=mean, std=std, member_means=members, member_stds=np.abs(members) + 0.1, **extra
        )
    if form == "samples":
        return Regression(ids=ids(n), y=y, samples=mean[:, None] + std[:, None] * rng.normal(size=(n, 29)), **extra)
    if form == "student":
        return Regression(ids=ids(n), y=y, location=mean, scale=std, df=rng.uniform(2.1, 9, n), **extra)
    if form == "mixture":
        means, stds = mean[:, None] + [-1, 0, 2], std[:, None] * [0.5, 1, 2]
        shares = rng.dirichlet(np.ones(3), n)
        return Regression(ids=ids(n), y=y, mixture_means=means, mixture_stds=stds, mixture_weights=shares, **extra)
    if form == "interval":
        return Regression(ids=ids(n), y=y, lower=mean - std, upper=mean + std, level=0.8, **extra)
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    from scipy.special import ndtri

    quantiles = mean[:, None] + std[:, None] * ndtri(np.array(levels))
    return Regression(ids=ids(n), y=y, quantiles=quantiles, levels=levels, **extra)


def paired(n: int = 40, seed: int = 0) -> Paired:
    """Pairs of answers from five laws that the model cannot tell apart, with the truth, which is the first of them."""
    rng = np.random.default_rng(seed)
    laws = rng.dirichlet(np.ones(3), (n, 5))
    answers = (laws[:, 0].cumsum(axis=1)[:, None] < rng.random((n, 2, 1))).sum(axis=2)
    return Paired(
        ids=ids(n),
        logits=np.log(laws.mean(axis=1)),
        labels=answers[:, 0],
        second=answers[:, 1],
        joint=np.einsum("nki,nkj->nij", laws, laws) / 5,
        truth=laws[:, 0],
    )


def density(n: int = 40, seed: int = 0) -> Density:
    rng = np.random.default_rng(seed)
    return Density(ids=ids(n), log_prob=-rng.exponential(size=n), dim=rng.integers(1, 9, n), truth=rng.normal(size=n))


def marginals(n: int = 40, seed: int = 0) -> Marginals:
    rng = np.random.default_rng(seed)
    log_prob = -rng.exponential(size=n)
    return Marginals(
        ids=ids(n),
        log_prob=log_prob,
        dim=rng.integers(1, 9, n),
        truth=rng.normal(size=n),
        residual=rng.normal(size=n),
        chained=log_prob + rng.normal(size=n),
    )


def signals(n: int = 40, seed: int = 0) -> Signals:
    rng = np.random.default_rng(seed)
    return Signals(ids=ids(n), generator=rng.exponential(size=n), inference=rng.exponential(size=n))


def tokens(n: int = 40, seed: int = 0) -> Tokens:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, n)
    return Tokens(
        ids=ids(n),
        logprobs=Ragged.of([-rng.exponential(size=k) for k in lengths], np.float64),
        bytes=lengths * 4,
        words=lengths,
        truth=-rng.exponential(size=n),
    )


def choices(n: int = 40, seed: int = 0) -> Choices:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, n)
    return Choices(
        ids=ids(n),
        labels=rng.integers(0, counts),
        loglik=Ragged.of([-np.round(rng.exponential(5, k)) for k in counts], np.float64),
        bytes=Ragged.of([rng.integers(1, 9, k) for k in counts], np.int64),
        truth=Ragged.of([rng.dirichlet(np.ones(k)) for k in counts], np.float64),
    )


def ordered_choices(n: int = 40, seed: int = 0) -> Choices:
    """Four choices in a drawn order, a question a row."""
    rng = np.random.default_rng(seed)
    return Choices(
        ids=ids(n),
        groups=ids(n),
        labels=rng.integers(0, 4, n),
        loglik=Ragged.of([-np.round(rng.exponential(5, 4)) for _ in range(n)], np.float64),
        order=Ragged.of([rng.permutation(4) for _ in range(n)], np.int64),
    )


def generations(n: int = 40, seed: int = 0) -> Generations:
    rng = np.random.default_rng(seed)
    pools = rng.integers(1, 5, n)
    return Generations(
        ids=ids(n),
        answer=np.array(["" if i % 5 == 0 else str(i) for i in range(n)], dtype=object),
        correct=rng.random(n) < 0.6,
        confidence=rng.integers(0, 5, n) / 4,
        text=Ragged.of([["t"] * k for k in pools], object),
        logprob=Ragged.of([-rng.exponential(size=k) for k in pools], np.float64),
        tokens=Ragged.of([rng.integers(1, 9, k) for k in pools], np.int64),
        corrects=Ragged.of([rng.random(k) < 0.5 for k in pools], np.bool_),
    )


def speculation(n: int = 40, seed: int = 0) -> Speculation:
    """Rounds of up to four drafts; each look of the target ends at the first failure and gives one token more."""
    rng = np.random.default_rng(seed)
    drafted = [list(map(int, rng.integers(1, 5, rng.integers(1, 6)))) for _ in range(n)]
    passed = [[int(rng.integers(0, k + 1)) for k in rounds] for rounds in drafted]
    looks = [
        [float(i < p) for k, p in zip(*each, strict=True) for i in range(min(p + 1, k))]
        for each in zip(drafted, passed, strict=True)
    ]

    def chances() -> Ragged:
        return Ragged.of([rng.random(len(each)) for each in looks], np.float64)

    return Speculation(
        ids=ids(n),
        drafted=Ragged.of(drafted, np.int64),
        passed=Ragged.of(passed, np.int64),
        emitted=Ragged.of([[p + 1 for p in each] for each in passed], np.int64),
        accepted=Ragged.of(looks, np.bool_),
        predicted=chances(),
        overlap=chances(),
        optimal_two=chances(),
        recursive_two=chances(),
        k_seq_two=chances(),
        importance_two=chances(),
        tokens=np.array([sum(each) + len(each) for each in passed]),
        draft_cost=0.2,
    )


def records(n: int = 40, seed: int = 0) -> list[Any]:
    """One record of every kind and form."""
    return [
        classification(n, seed=seed),
        random_detection(n, seed),
        random_chances(n, seed),
        *(regression(form, n, seed) for form in FORMS),
        density(n, seed),
        marginals(n, seed),
        signals(n, seed),
        paired(n, seed),
        tokens(n, seed),
        choices(n, seed),
        ordered_choices(n, seed),
        generations(n, seed),
        speculation(n, seed),
    ]


def metrics() -> list[Metric]:
    """All built-in metrics."""
    return [m for m in components("metric").values() if isinstance(m, Metric) and m.origin.startswith("bench.")]


def find(name: str) -> Metric:
    """The built-in metric of that name."""
    return next(m for m in metrics() if m.name == name)


def point(name: str, record: Any) -> float:
    """A set metric at weights of one, or the plain mean or ratio of a per-sample one."""
    metric = find(name)
    if metric.weighted:
        return float(metric.function(record, np.ones((1, len(record))))[0])
    values = metric.function(record)
    denominators = 1.0 if values.denominators is None else values.denominators.mean()
    ratio = float(values.values.mean() / denominators)
    return {"identity": ratio, "exp": math.exp(min(ratio, 700)), "sqrt": math.sqrt(max(ratio, 0))}[values.link]


def rows_of(record: Any, rows: Ints) -> Any:
    """The rows at the given positions, repeated ones included, each named anew and grouped by the row it came from."""
    groups = np.asarray(rows).astype(np.str_)
    if isinstance(record, Detection):
        columns: dict[str, Any] = {"scores": record.scores[rows], "positive": record.positive[rows]}
        if isinstance(record, Chances) and record.tokens is not None and record.deferred is not None:
            columns |= {"tokens": record.tokens[rows], "deferred": record.deferred[rows]}
        return replace(record, ids=ids(len(rows)), groups=groups, **columns)
    return replace(record.take(rows), ids=ids(len(rows)), groups=groups)


def weights(n: int, seed: int = 0, rows: int = 5) -> Float64s:
    """Integer weights (rows, n), zeros among them."""
    return np.random.default_rng(seed).integers(0, 4, (rows, n)).astype(np.float64)
