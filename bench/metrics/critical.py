"""Critical tokens: where a chain that ends wrong was lost (Lin et al. 2024)."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Rollouts

SOURCE = "Lin et al. 2024, Critical Tokens Matter, arXiv:2411.19943 (rollout sampling)"
PAPERS = ("Critical Tokens Matter: Token-Level Contrastive Estimation Enhence LLM's Reasoning Capability",)


def critical(values: Float64s, least: float = 0.0) -> int:
    """The first of T tokens (1 .. T) after which no prefix is worth more than `least`; 0 where there is none.

    values: (T + 1,), the value after 0, 1, ... T tokens.  A chain that was lost before its first token has none.
    """
    alive = np.flatnonzero(values > least)
    if not len(alive) or alive[-1] == len(values) - 1:
        return 0
    return int(alive[-1]) + 1


def _places(record: Rollouts) -> Ints:
    return np.array([critical(record.value[row]) for row in range(len(record))], dtype=np.int64)


def _wrong(record: Rollouts) -> None:
    if record.correct.all():
        raise NotApplicable("no chain ends wrong")


@metric(
    "critical-share",
    of=Rollouts,
    area="reasoning",
    better="none",
    range=(0, 1),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/critical-tokens",
)
def critical_share(record: Rollouts) -> PerSample:
    """Share of the chains that end wrong which some token lost: before it a continuation ended right, after it none.

    The rest were lost from the start, as far as the rollouts can tell.
    """
    _wrong(record)
    return per_sample(_places(record) > 0, ~record.correct)


@metric(
    "critical-place",
    of=Rollouts,
    area="reasoning",
    better="none",
    range=(0, 1),
    source=SOURCE,
    check="reasoning/critical-tokens",
)
def critical_place(record: Rollouts) -> PerSample:
    """Mean place of the critical token in its chain, from 0 (the first) to 1 (the last), where there is one."""
    places, tokens = _places(record), record.value.lengths - 1
    found = places > 0
    if not found.any():
        raise NotApplicable("no chain has a critical token")
    return per_sample(np.where(found, (places - 1) / np.maximum(tokens - 1, 1), 0.0), found)


@metric(
    "critical-drop",
    of=Rollouts,
    area="reasoning",
    better="none",
    range=(0, 1),
    source=SOURCE,
    check="reasoning/critical-tokens",
)
def critical_drop(record: Rollouts) -> PerSample:
    """Mean value that the critical token destroyed: the share of right continuations just before it."""
    places = _places(record)
    found = places > 0
    if not found.any():
        raise NotApplicable("no chain has a critical token")
    before = record.value.values[record.value.offsets[:-1] + np.maximum(places - 1, 0)]
    return per_sample(np.where(found, before, 0.0), found)
