"""OOD scores of texts, against sources whose probabilities are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import Truth, check
from bench.records import Contrasted
from bench.scores.texts import RATIO, lm_ratio, lm_ratio_answer, lm_ratio_mean, lm_ratio_question, text_nll
from bench.seeds import generator

LENGTH, LETTERS = 6, 3


@check("ood/lm-ratio", area="ood", source="Neyman and Pearson 1933; enumeration", papers=(RATIO,))
def lm_ratio_truths() -> list[Truth]:
    """Two bigram models over all 729 strings of six letters: the tuned one is the source, the base the outliers'.

    The ratio is by hand, changes sign when the models are swapped, and splits into question and answer.  Its exact
    AUROC is that of the ratio of probabilities, which by Neyman and Pearson no other score passes: not the
    likelihood, not any of 200 random scores.
    """
    draws = generator(0, "check", "lm-ratio")
    texts = np.array(list(product(range(LETTERS), repeat=LENGTH)))
    tuned, base = (_bigram(texts, *_model(draws)) for _ in range(2))
    n = len(texts)
    their = Ragged.of(list(base), np.float64)
    record = Contrasted(
        ids=np.arange(n).astype(np.str_),
        logprobs=Ragged.of(list(tuned), np.float64),
        base=their,
        bytes=np.full(n, LENGTH),
        question=np.full(n, 2),
    )
    swapped = replace(record, logprobs=their, base=record.logprobs)
    p, q = np.exp(tuned.sum(axis=1)), np.exp(base.sum(axis=1))
    found = lm_ratio(record)
    best = _area(found, p, q)
    others = [_area(draws.standard_normal(n), p, q) for _ in range(200)]
    return [
        Truth(1.0, float(p.sum()), 1e-12, "the source's probabilities"),
        Truth(0.0, float(np.abs(found - np.log(q / p)).max()), 1e-12, "log ratio"),
        Truth(0.0, float(np.abs(lm_ratio(swapped) + found).max()), 1e-12, "swapped"),
        Truth(0.0, float(np.abs(lm_ratio_question(record) + lm_ratio_answer(record) - found).max()), 1e-12, "parts"),
        Truth(0.0, float(np.abs(lm_ratio_mean(record) * LENGTH - found).max()), 1e-12, "a token"),
        Truth(_bound(p, q), best, 1e-12, "AUROC of the ratio is the highest"),
        Truth(0.0, max(0.0, max(_area(text_nll(record), p, q), *others) - best), 0.0, "no other passes it"),
    ]


def _model(draws: np.random.Generator) -> tuple[Float64s, Float64s]:
    first, steps = draws.dirichlet(np.ones(LETTERS)), draws.dirichlet(np.ones(LETTERS), size=LETTERS)
    return np.log(first), np.log(steps)


def _bigram(texts: np.ndarray, first: Float64s, steps: Float64s) -> Float64s:
    return np.concatenate([first[texts[:, :1]], steps[texts[:, :-1], texts[:, 1:]]], axis=1)


def _area(scores: Float64s, p: Float64s, q: Float64s) -> float:
    """Exact P(score of an outlier > score of an inlier), ties one half."""
    above = (scores[:, None] > scores) + 0.5 * (scores[:, None] == scores)
    return float(q @ above @ p)


def _bound(p: Float64s, q: Float64s) -> float:
    """Area under the most powerful tests' ROC: texts are flagged in the order of q / p."""
    order = np.argsort(-(q / p))
    hits = np.concatenate([[0.0], np.cumsum(q[order])])
    return float((p[order] * (hits[1:] + hits[:-1]) / 2).sum())
