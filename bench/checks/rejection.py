"""What scores of uncertainty are good for, where every order can be tried or the answer is planted."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ragged
from bench.components import Truth, check
from bench.metrics.rejection import (
    deferral_area,
    deferral_curve,
    deferral_gain,
    error_bias,
    error_brier,
    length_bias,
    prr,
    rank_calibration_error,
)
from bench.records import Generations
from bench.records.detection import Chances, Errors
from bench.scores.answers import deferral_learned, g_nll, quantiles, sequence_perplexity, token_surprise

_CASCADES = "Language Model Cascades: Token-level uncertainty and beyond"


def errors(scores: Float64s, wrong: Bools, **more: Any) -> Errors:
    """Scores held against wrong answers."""
    return Errors(ids=np.arange(len(scores)).astype(str), scores=scores, positive=wrong, **more)


def _one(function: Any, record: Errors) -> float:
    return float(function(record, np.ones((1, len(record))))[0])


@check("uncertainty/rejection", area="uncertainty", source="risk-coverage areas by enumeration; planted ranks")
def rejection() -> list[Truth]:
    """PRR against all orders of seven answers, and calibration measures on answers whose error rates are planted."""
    wrong = np.array([False, True, False, False, True, False, True])
    scores = np.array([0.1, 0.9, 0.3, 0.2, 0.25, 0.8, 0.7])

    def area(order: Any) -> float:
        return float((np.cumsum(wrong[list(order)]) / np.arange(1, 8)).mean())

    every = [area(order) for order in permutations(range(7))]
    chance, best = float(np.mean(every)), min(every)
    expected = (chance - area(np.argsort(scores))) / (chance - best)
    tied = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    orders = [area((*a, *b)) for a in permutations(range(3)) for b in permutations(range(3, 7))]
    ranks = np.repeat(np.arange(10), 10).astype(np.float64)
    rates = np.tile(np.arange(10), 10) < ranks  # k of the ten answers in bin k are wrong
    quarter = Chances(ids=np.arange(8).astype(str), scores=np.full(8, 0.25), positive=np.arange(8) < 2)
    return [
        Truth(expected, _one(prr, errors(scores, wrong)), 1e-12, "PRR, all orders of seven"),
        Truth((chance - float(np.mean(orders))) / (chance - best), _one(prr, errors(tied, wrong)), 1e-12, "PRR, ties"),
        Truth(1, _one(prr, errors(wrong.astype(np.float64), wrong)), 1e-12, "PRR of the best order"),
        Truth(0, _one(prr, errors(np.zeros(7), wrong)), 1e-12, "PRR of no order"),
        Truth(0, _one(rank_calibration_error, errors(ranks, rates)), 1e-12, "rank calibration, in order"),
        Truth(50 / 90, _one(rank_calibration_error, errors(-ranks, rates)), 1e-12, "rank calibration, reversed"),
        Truth(0.1875, float(error_brier(quarter).values.mean()), 1e-12, "Brier score of the base rate"),
        Truth(0, float(error_bias(quarter).values.mean()), 1e-12, "bias of the base rate"),
    ]


@check(
    "uncertainty/deferral-curve",
    area="uncertainty",
    source="deferral curves of all orders; planted lengths and planted errors",
    papers=(_CASCADES,),
)
def deferral() -> list[Truth]:
    """Areas under deferral curves, quantiles of tokens, the length bias of sums, and a rule that is learnt."""
    wrong = np.array([True, True, False, False, True, False])
    other = np.array([True, False, False, True, True, True])
    gain = other.astype(float) - ~wrong

    def area(order: Any) -> float:
        curve = (~wrong).mean() + np.concatenate([[0], np.cumsum(gain[list(order)])]) / 6
        return float(((curve[1:] + curve[:-1]) / 2).mean())

    scores = np.array([0.3, 0.9, 0.1, 0.5, 0.6, 0.2])
    flat, best = errors(np.zeros(6), wrong, deferred=other), errors(gain, wrong, deferred=other)
    some = errors(scores, wrong, deferred=other)
    share, quality = deferral_curve(some)
    under = float(((quality[1:] + quality[:-1]) / 2 * np.diff(share)).sum())
    return [
        Truth(area(np.argsort(-scores)), _one(deferral_area, some), 1e-12, "area under the curve"),
        Truth(under, _one(deferral_area, some), 1e-12, "area of the curve drawn"),
        Truth(((~wrong).mean() + other.mean()) / 2, _one(deferral_area, flat), 1e-12, "area of random deferral"),
        Truth(0, _one(deferral_gain, flat), 1e-12, "gain of random deferral"),
        Truth(max(area(o) for o in permutations(range(6))), _one(deferral_area, best), 1e-12, "the best order"),
        *_planted(),
    ]


def _planted() -> list[Truth]:
    """2,000 answers whose tokens all have one law, however many; wrong where the least is low."""
    rng = np.random.default_rng(0)
    n = 2000
    rows = Ragged.of([-rng.exponential(1.0, k) for k in rng.integers(5, 60, n)], np.float64)
    least = np.array([rows[i].min() for i in range(n)])
    wrong = least < np.median(least)
    text = Ragged.of([["x"]] * n, object)
    record = Generations(
        ids=np.arange(n).astype(str), answer=np.full(n, "x", dtype=object), correct=~wrong, confidence=np.full(n, 0.5),
        text=text, logprob=Ragged.of(rows.sums()[:, None], np.float64),
        tokens=Ragged.of(rows.lengths[:, None], np.int64), token_logprobs=rows,
    )  # fmt: skip
    lengths = rows.lengths.astype(np.float64)

    def bias(scores: Float64s) -> float:
        return _one(length_bias, errors(scores, wrong, tokens=lengths))

    levels = np.array([0.0, 0.3, 0.5, 1.0])
    direct = np.array([np.quantile(rows[i], levels) for i in range(n)])
    learned = _one(prr, errors(deferral_learned(record), wrong))
    return [
        Truth(0, float(np.abs(quantiles(rows, levels) - direct).max()), 1e-12, "quantiles against numpy's"),
        Truth(1, float(bias(g_nll(record)) > 0.9), 0, "Chow-Sum goes by length"),
        Truth(0, bias(sequence_perplexity(record)), 4 / np.sqrt(n), "Chow-Average does not"),
        Truth(1, _one(prr, errors(token_surprise(record), wrong)), 1e-12, "the least token decides"),
        Truth(1, learned, 0.09, "and the learned rule finds it"),
    ]
