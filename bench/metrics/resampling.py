"""Resampling until a verifier passes, when the verifier errs: ceilings, curves and the best number of samples.

Of a problem: p = P(right), s = P(pass | right), f = P(pass | wrong), a = s p + f (1 - p) = P(pass).  Within K samples
the first that passes is returned: right with chance s p g, wrong with f (1 - p) g, where g = (1 - (1 - a)^K) / a, and
nothing with (1 - a)^K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.errors import UsageError
from bench.metrics.pools import pass_at_k
from bench.records import Generations
from bench.results import Interval
from bench.stats.best import best_ends
from bench.stats.design import Design

SOURCE = "Stroebl, Kapoor and Narayanan 2024, Inference Scaling fLaws, arXiv:2411.17501"
PAPERS = ("Inference Scaling scriptsizeFLaws: The Limits of LLM Resampling with Imperfect Verifiers",)


@dataclass(frozen=True)
class Resampled:
    """Chances of what resampling returns within each K, (n, K), and samples drawn on the way."""

    right: Float64s
    wrong: Float64s
    samples: Float64s


def _grid(*values: Float64s | float) -> list[Float64s]:
    return [np.asarray(value, dtype=np.float64)[..., None] for value in np.broadcast_arrays(*values)]


def resampled(p: Float64s, f: Float64s, ks: Ints, s: Float64s | float = 1.0) -> Resampled:
    """The closed form, for problems (n,) and numbers of samples ks (K,)."""
    p_, f_, s_ = _grid(p, f, s)
    hit, miss = s_ * p_, f_ * (1 - p_)
    a = hit + miss
    k = np.asarray(ks, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # -expm1(K log1p(-a)) / a: the geometric sum, which tends to K for small a.
        passed = np.where(a > 0, -np.expm1(k * np.log1p(-np.minimum(a, 1.0))) / np.where(a > 0, a, 1.0), k)
    return Resampled(hit * passed, miss * passed, passed)


def ceiling(p: Float64s, f: Float64s, s: Float64s | float = 1.0) -> Float64s:
    """Accuracy of whatever is returned after any number of samples: s p / a, (n,); 0 where nothing ever passes."""
    p, f, s = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(p, f, s))
    a = s * p + f * (1 - p)
    return np.divide(s * p, a, out=np.zeros_like(a), where=a > 0)


def utility(found: Resampled, *, cost: float, sample_cost: float = 0.0) -> Float64s:
    """Mean over problems of P(right) - cost P(wrong) - sample_cost E[samples], at each K, (K,)."""
    return (found.right - cost * found.wrong - sample_cost * found.samples).mean(axis=0)


def best_k(p: Float64s, f: Float64s, *, cost: float, sample_cost: float = 0.0, most: int = 10_000) -> int:
    """The number of samples of greatest utility, 0 (not to try) to `most`; the least of equals."""
    ks = np.arange(most + 1)
    return int(np.argmax(utility(resampled(p, f, ks), cost=cost, sample_cost=sample_cost)))


@dataclass(frozen=True)
class Observed:
    """Chances estimated from samples, without replacement, (n, K): unbiased for those of `resampled`."""

    right: Float64s
    wrong: Float64s


def observed(passed: Ints, both: Ints, count: Ints, ks: Ints) -> Observed:
    """What resampling returns, from `count` samples a problem, `passed` of which pass, `both` rightly: all (n,).

    The average over all ordered draws of K of the samples: the first that passes is any of the passing ones with
    equal chance, so it is the chance that any of K passes (hypergeometric) times the share that is right.  K <= count.
    """
    share = np.divide(both, passed, out=np.zeros(len(passed)), where=passed > 0)
    any_passes = np.stack([pass_at_k(passed, count, int(k)) for k in ks], axis=1)
    return Observed(share[:, None] * any_passes, (1 - share)[:, None] * any_passes)


def accuracy_and_errors(accuracy: Float64s, rate: Float64s) -> float:
    """Spearman's correlation over models of single-sample accuracy and false-positive rate, both (models,)."""
    from scipy.stats import spearmanr

    return float(spearmanr(accuracy, rate).statistic)


@dataclass(frozen=True)
class _Verified:
    """Of each prompt's pool, (n,): generations, those that pass, those that are right, those that are both."""

    count: Ints
    passed: Ints
    right: Ints
    both: Ints


def _verified(record: Generations) -> _Verified:
    if record.passes is None or record.corrects is None:
        raise NotApplicable("the record does not say which generations a verifier passed ('passes', 'corrects')")
    both = Ragged(record.passes.values & record.corrects.values, record.passes.offsets)
    sums = [column.sums().astype(np.int64) for column in (record.passes, record.corrects, both)]
    return _Verified(record.corrects.lengths, *sums)


@metric(
    "verifier-fpr",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/flaws",
)
def verifier_fpr(record: Generations) -> PerSample:
    """Share of wrong generations that the verifier passes: over all pools, a ratio of sums."""
    v = _verified(record)
    return per_sample(v.passed - v.both, v.count - v.right)


@metric(
    "resample-ceiling",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/flaws",
)
def resample_ceiling(record: Generations) -> PerSample:
    """Share of right ones among the generations that pass, mean over prompts where any does.

    Resampling until the verifier passes cannot do better, however many samples it takes.
    """
    v = _verified(record)
    return per_sample(np.divide(v.both, v.passed, out=np.zeros(len(v.passed)), where=v.passed > 0), v.passed > 0)


def _within(record: Generations, k: int) -> Observed:
    v = _verified(record)
    if k < 1:
        raise UsageError(f"k cannot be {k}", cause="it counts generations", fix="give a whole number of at least 1")
    if len(v.count) and v.count.min() < k:
        raise NotApplicable(f"a pool holds {v.count.min()} generations, and k is {k}")
    return observed(v.passed, v.both, v.count, np.array([k]))


@metric(
    "resample-right",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/flaws",
)
def resample_right(record: Generations, k: int = 1) -> PerSample:
    """Chance that the first of k generations that passes the verifier is right (none passing counts as not)."""
    return per_sample(_within(record, k).right[:, 0])


@metric(
    "resample-wrong",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/flaws",
)
def resample_wrong(record: Generations, k: int = 1) -> PerSample:
    """Chance that the first of k generations that passes the verifier is wrong: it grows with k as `resample-right`."""
    return per_sample(_within(record, k).wrong[:, 0])


def _gains(record: Generations, loss: float) -> Float64s:
    """P(right) - loss P(wrong) of each prompt, of 0 generations to the size of the pools, (n, K + 1)."""
    v = _verified(record)
    most = int(v.count.min()) if len(v.count) else 0
    found = observed(v.passed, v.both, v.count, np.arange(1, most + 1))
    return np.concatenate([np.zeros((len(v.count), 1)), found.right - loss * found.wrong], axis=1)


def _best_ends(record: Generations, d: Design, loss: float = 1.0) -> Interval:
    return best_ends(_gains(record, loss), d)


@metric(
    "resample-best-k",
    of=Generations,
    area="reasoning",
    better="none",
    unit="generations",
    range=(0, None),
    default=False,
    ends=_best_ends,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/flaws",
)
def resample_best_k(record: Generations, w: Float64s, loss: float = 1.0) -> Float64s:
    """The number of generations, from 0 to the size of the pools, of greatest utility: P(right) - loss P(wrong).

    w: (B, n); returns (B,).  0 where every try does more harm than good.
    """
    return (w @ _gains(record, loss)).argmax(axis=1).astype(np.float64)
