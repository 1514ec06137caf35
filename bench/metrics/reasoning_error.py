"""Why a confidence in the right answer errs: too few samples, or a model that gives it too little probability."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.decoders.budget import require
from bench.decoders.consistency import PAPERS, masses
from bench.records import Generations

_SOURCE = "Zhou et al. 2025, A Theoretical Study on Bridging Internal Probability and Self-Consistency"
METHODS = ("votes", "perplexity-consistency", "rpc")


def _confidence(right: Bools, texts: list[str], logs: Float64s, tokens: Float64s, method: str) -> float:
    """A method's confidence in the right answer, from k samples (k,)."""
    if method == "votes":
        return float(right.mean())
    answers = ["right" if good else "wrong" for good in right]
    probs = np.exp(logs / tokens) if method == "rpc" else np.exp(np.maximum(logs - logs.max(), -80.0))
    return masses(answers, probs, texts, pruned=method == "rpc").get("right", 0.0)


def _each(record: Generations, k: int, method: str, of: Callable[[float, float, float], float]) -> PerSample:
    """of(confidence by the first k samples, share of right ones among the rest, variance of that share) of each row."""
    require(method in METHODS, "reasoning-error", "method", method, "one of " + ", ".join(METHODS))
    require(k >= 1, "reasoning-error", "k", k, "at least 1")
    if record.corrects is None:
        raise NotApplicable("the record does not say which generations of the pool are right ('corrects')")
    if len(record) == 0 or record.text.lengths.min() < k + 2:
        raise NotApplicable(f"the pools hold fewer than {k + 2} generations: {k} to answer by, and two to hold them to")
    out = []
    for i in range(len(record)):
        right = np.asarray(record.corrects[i], dtype=np.bool_)
        logs, tokens = np.asarray(record.logprob[i][:k]), np.maximum(np.asarray(record.tokens[i][:k]), 1)
        if method != "votes" and np.isnan(logs).any():
            raise NotApplicable("the model told no log-probabilities")
        rest = right[k:]
        share = float(rest.mean())
        texts = [str(text) for text in record.text[i][:k]]
        out.append(
            of(_confidence(right[:k], texts, logs, tokens, method), share, share * (1 - share) / (len(rest) - 1))
        )
    return per_sample(out)


@metric(
    "reasoning-error",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(0, 1),
    default=False,
    source=_SOURCE,
    papers=PAPERS,
    check="reasoning-error",
)
def reasoning_error(record: Generations, k: int = 4, method: str = "votes") -> PerSample:
    """Mean of (1 - confidence in the right answer)², the confidence being that of a method from the first k samples.

    method: votes, perplexity-consistency or rpc.  For votes it is `estimation-error` + `model-error` in expectation;
    the others are biased, and what is left over is twice their bias times the model's shortfall.
    """
    return _each(record, k, method, lambda p, _, __: (1 - p) ** 2)


@metric(
    "estimation-error",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(None, 1),
    default=False,
    source=_SOURCE,
    papers=PAPERS,
    check="reasoning-error",
)
def estimation_error(record: Generations, k: int = 4, method: str = "votes") -> PerSample:
    """Mean of (confidence - p)², p being the model's probability of a right sample, without bias.

    p is not known, but the samples after the k-th estimate it; their variance is taken off, so that single values may
    be below 0.
    """
    return _each(record, k, method, lambda p, share, variance: (p - share) ** 2 - variance)


@metric(
    "model-error",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(None, 1),
    default=False,
    source=_SOURCE,
    papers=PAPERS,
    check="reasoning-error",
)
def model_error(record: Generations, k: int = 4) -> PerSample:
    """Mean of (1 - p)², p being the model's probability of a right sample: what no number of samples mends.

    Estimated without bias from the samples after the k-th, as in `estimation-error`.
    """
    return _each(record, k, "votes", lambda _, share, variance: (1 - share) ** 2 - variance)
