"""What a pool of generations holds, and what can be got out of it: pass@k, maj@k, and the compute that they take.

All are expectations over a random k of the n generations of each pool, without replacement: no draw is made anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.errors import UsageError
from bench.records import Generations

COVERAGE = "Chen et al. 2021, Evaluating Large Language Models Trained on Code, arXiv:2107.03374"
MAJORITY = "Lewkowycz et al. 2022, Minerva (maj1@k); here its expectation over all subsets of k"


def pass_at_k(right: Ints, count: Ints, k: int) -> Float64s:
    """1 - C(n - c, k) / C(n, k) of each pool of n with c right ones: unbiased for 1 - (1 - p)^k.  All (n,); k <= n."""
    # The product over the n - c wrong ones, in float64: exact to rounding for any n.
    wrong = np.asarray(count) - np.asarray(right)
    steps = np.arange(k)
    factors = np.clip(wrong[:, None] - steps, 0, None) / (np.asarray(count)[:, None] - steps)
    return 1.0 - factors.prod(axis=1)


def maj_at_k(votes: Sequence[int], right: Sequence[bool], n: int, k: int) -> float:
    """Chance that the answer of most votes among a random k of n generations is right; ties are broken at random.

    votes: how many of the n gave each answer (those that gave none are the rest).  right: whether each is right.
    Exact: the number of subsets is counted by a sum over the winning number of votes.
    """
    total = 0.0
    for i, own in enumerate(votes):
        if not right[i]:
            continue
        others = [v for j, v in enumerate(votes) if j != i]
        silent = n - sum(votes)
        for most in range(1, min(own, k) + 1):
            # ways[t, r]: subsets of the others of r in all, none above `most`, t of them at `most`.
            ways = np.zeros((k // most + 1, k - most + 1), dtype=object)
            ways[0, 0] = 1
            for v in others:
                ways = _with(ways, v, most)
            for r in range(k - most + 1):
                fill = k - most - r
                if fill > silent:
                    continue
                outside = comb(own, most) * comb(silent, fill)
                total += sum(float(w * outside) / (t + 1) for t, w in enumerate(ways[:, r]) if w)
    return total / comb(n, k)


def _with(ways: AnyArray, votes: int, most: int) -> AnyArray:
    """The table once another answer takes part, with at most `most` of its votes."""
    out = np.zeros_like(ways)
    for taken in range(min(votes, most, ways.shape[1] - 1) + 1):
        held = ways[: ways.shape[0] - (taken == most), : ways.shape[1] - taken] * comb(votes, taken)
        out[int(taken == most) : int(taken == most) + held.shape[0], taken:] += held
    return out


def _pool(record: Generations, k: int) -> tuple[Ints, Ints]:
    """Right generations and all of them, (n,); `NotApplicable` where a pool is smaller than k."""
    if record.corrects is None:
        raise NotApplicable("the record does not say which generations of the pool are right ('corrects')")
    if not isinstance(k, int) or k < 1:
        raise UsageError(f"k cannot be {k}", cause="it counts generations", fix="give a whole number of at least 1")
    count = record.corrects.lengths
    if len(count) and count.min() < k:
        raise NotApplicable(f"a pool holds {count.min()} generations, and k is {k}")
    return record.corrects.sums().astype(np.int64), count


@metric(
    "pass-at-k",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=COVERAGE,
    check="reasoning/pools",
)
def pass_at(record: Generations, k: int = 1) -> PerSample:
    """Chance that at least one of k generations is right, unbiased from pools of n >= k: `pass-at-k,k=8`."""
    return per_sample(pass_at_k(*_pool(record, k), k))


def _tallies(record: Generations) -> list[tuple[list[int], list[bool]]]:
    if record.answers is None or record.corrects is None:
        raise NotApplicable("the record does not hold the answers of the pool ('answers', 'corrects')")
    out = []
    for row in range(len(record)):
        said, right = record.answers[row].tolist(), record.corrects[row].tolist()
        votes = Counter(answer for answer in said if answer)
        truth = dict(zip(said, right, strict=True))
        out.append((list(votes.values()), [bool(truth[answer]) for answer in votes]))
    return out


@metric(
    "maj-at-k",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=MAJORITY,
    check="reasoning/pools",
)
def maj_at(record: Generations, k: int = 1) -> PerSample:
    """Chance that the most frequent answer of k generations is right, over all subsets of the pool: `maj-at-k,k=8`.

    Answers are compared as they are written; ties are broken at random; where none can be read, it is wrong.
    """
    _, count = _pool(record, k)
    sizes = count.tolist()
    return per_sample([maj_at_k(votes, right, n, k) for (votes, right), n in zip(_tallies(record), sizes, strict=True)])


@metric(
    "selection-gap",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(-1, 1),
    default=False,
    source="Brown et al. 2024, Large Language Monkeys, arXiv:2407.21787 (coverage against selection)",
    check="reasoning/pools",
)
def selection_gap(record: Generations) -> PerSample:
    """Coverage less accuracy: prompts with a right generation in the pool that the decoder did not answer rightly."""
    right, _ = _pool(record, 1)
    return per_sample((right > 0).astype(np.float64) - record.correct)


@metric(
    "accuracy-per-kilotoken",
    of=Generations,
    area="reasoning",
    better="higher",
    unit="right answers per 1000 tokens",
    range=(0, None),
    default=False,
    source="accuracy over the tokens it took, a ratio of sums",
    check="reasoning/pools",
)
def accuracy_per_kilotoken(record: Generations) -> PerSample:
    """Right answers over a thousand of the tokens spent on them: made, thrown away, or read to verify."""
    tokens = record.tokens.sums() if record.spent is None else record.spent
    if not tokens.any():
        raise NotApplicable("no token was spent")
    return per_sample(1000.0 * record.correct, tokens)
