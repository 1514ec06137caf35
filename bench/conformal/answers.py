"""Conformal sets of a language model's answers: those that its draws give often enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.components import NotApplicable
from bench.conformal.thresholds import threshold
from bench.records import Generations
from bench.semantics.pools import draws
from bench.semantics.relations import normalised


@dataclass(frozen=True, eq=False)
class AnswerSets:
    """Of n prompts: covered, whether the right answer is in the set; sizes, how many answers are.

    open_: whether every answer is in the set, drawn or not, because the threshold reaches 1: it promises no less. Such
    sets cover, and their size is that of the answers drawn.
    """

    limit: float
    covered: Bools
    sizes: Ints
    open_: bool


def nonconformity(record: Generations) -> Float64s:
    """1 minus the share of draws that give the right answer, after normalising, (n,); 1 where none does."""
    if record.target is None:
        raise NotApplicable("the record has no 'target'")
    own = draws(record)
    right = np.array([normalised(str(target)) for target in record.target], dtype=object)
    said = np.array([normalised(str(text)) for text in own.meanings], dtype=object)
    return 1 - own.mean((said == right[own.owner]).astype(np.float64))


def answer_sets(calibration: Generations, test: Generations, alpha: float) -> AnswerSets:
    """Sets that hold the right answer with probability at least 1 - alpha, if the prompts are exchangeable.

    An answer is in the set where the share of draws that give it is at least 1 - limit.  A right answer that was never
    drawn has score 1: where more than alpha of the prompts have such, no set of drawn answers is enough, and the set is
    open.  Source: Quach et al. 2024, Conformal Language Modeling; Su et al. 2024, API Is Enough (frequency scores).
    """
    limit = threshold(nonconformity(calibration), alpha)
    own = draws(test)
    said = [normalised(str(text)) for text in own.meanings]
    counts: list[dict[str, int]] = [{} for _ in range(len(test))]
    for prompt, text in zip(own.owner.tolist(), said, strict=True):
        counts[prompt][text] = counts[prompt].get(text, 0) + 1
    lengths = own.rows.lengths.tolist()
    sizes = [sum(1 - c / m <= limit + 1e-12 for c in each.values()) for each, m in zip(counts, lengths, strict=True)]
    return AnswerSets(limit, nonconformity(test) <= limit + 1e-12, np.array(sizes), limit >= 1)
