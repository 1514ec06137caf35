"""OOD scores of texts under a language model, alone or beside the one it was tuned from; higher is suspicious."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.components import NotApplicable, score
from bench.records import Contrasted, Tokens
from bench.stats.ngrams import DSIR, log_weights

RATIO = "Your Finetuned Large Language Model is Already a Powerful Out-of-distribution Detector"
_SOURCE = "Zhang et al. 2024, arXiv:2404.08679"


@score("text-nll", of=Tokens, unit="nats", source="Bishop 1994, novelty by likelihood", check="ood/lm-ratio")
def text_nll(record: Tokens) -> Float64s:
    """Negated log-probability of the text, nats, (n,): long texts score higher."""
    return -record.log_prob


@score(
    "text-perplexity", of=Tokens, unit="nats/token", source="Ren et al. 2023, arXiv:2209.15558", check="ood/lm-ratio"
)
def text_perplexity(record: Tokens) -> Float64s:
    """Mean negated log-probability of a token, (n,): the order of perplexity."""
    return -record.log_prob / np.maximum(record.logprobs.lengths, 1)


@score("lm-ratio", of=Contrasted, unit="nats", source=_SOURCE, papers=(RATIO,), check="ood/lm-ratio")
def lm_ratio(record: Contrasted) -> Float64s:
    """Log p_base(q, a) - log p_tuned(q, a), nats, (n,): of the question and its answer together."""
    return _base(record).sums() - record.log_prob


@score("lm-ratio-mean", of=Contrasted, unit="nats/token", source=_SOURCE, papers=(RATIO,), check="ood/lm-ratio")
def lm_ratio_mean(record: Contrasted) -> Float64s:
    """As `lm-ratio`, each log-probability divided by the text's number of tokens, (n,)."""
    base = _base(record)
    return base.sums() / np.maximum(base.lengths, 1) + text_perplexity(record)


@score("lm-ratio-question", of=Contrasted, unit="nats", source=_SOURCE, papers=(RATIO,), check="ood/lm-ratio")
def lm_ratio_question(record: Contrasted) -> Float64s:
    """Log p_base(q) - log p_tuned(q), nats, (n,): of the question alone, before there is an answer."""
    if not record.question.any():
        raise NotApplicable("the texts are no questions")
    return _first(_base(record), _base_question(record)) - _first(record.logprobs, record.question)


@score("lm-ratio-answer", of=Contrasted, unit="nats", source=_SOURCE, papers=(RATIO,), check="ood/lm-ratio")
def lm_ratio_answer(record: Contrasted) -> Float64s:
    """Log p_base(a | q) - log p_tuned(a | q), nats, (n,): of the answer given its question."""
    base = _base(record)
    rest = base.sums() - _first(base, _base_question(record))
    return rest - (record.log_prob - _first(record.logprobs, record.question))


@score("dsir", of=Contrasted, unit="nats", source="Xie et al. 2023, arXiv:2302.03169", papers=(DSIR,), check="ood/dsir")
def dsir(record: Contrasted, train: Contrasted) -> Float64s:
    """Log-likelihood of words and pairs of words in all these texts, less that in the training texts, nats, (n,).

    The negated importance weight of DSIR, training texts being the target and the texts asked about the raw ones.  So a
    text's score hangs on the others; no model is asked.
    """
    if record.text is None or train.text is None:
        raise NotApplicable("the record does not hold its texts")
    raw = [str(text) for text in record.text]
    return -log_weights(raw, [str(text) for text in train.text], raw)


def _base(record: Contrasted) -> Ragged:
    if record.base is None:
        raise NotApplicable("the model has no base beside it: ask pair:TUNED,base=BASE")
    return record.base


def _base_question(record: Contrasted) -> Ints:
    return record.question if record.base_question is None else record.base_question


def _first(ragged: Ragged, count: Ints) -> Float64s:
    """Sum of the first `count` entries of each row, (n,)."""
    sums = np.concatenate([[0.0], np.cumsum(ragged.values)])
    starts = ragged.offsets[:-1]
    return np.asarray(sums[starts + count] - sums[starts], dtype=np.float64)
