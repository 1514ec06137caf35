"""The world of speculative sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from bench.arrays import Ints, Ragged
from bench.records import Speculation
from benchmarks.worlds.world import Rng, World, names, normal

CHANCES = np.array([0.5, 0.7, 0.9])  # of a draft to pass: of a third of the prompts each
MOST = np.array([2, 4, 6])  # tokens that are drafted in a round at most: more, where more pass
WIDTH = 0.1  # chances of the tokens of a prompt lie so far about its own
COST = 0.1
BEYOND = {"optimal": 0.8, "importance": 0.7, "recursive": 0.6, "k_seq": 0.5}  # of what one draft leaves to a second


def _offsets(lengths: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)])


def speculation(rng: Rng, n: int, clustered: bool) -> Speculation:
    """One to five rounds a prompt, of more drafts where more pass; chances hang on the prompt and on the token."""
    kind = np.minimum((3 * ndtr(normal(rng, n, clustered)[:, 0])).astype(int), 2)
    rounds = rng.integers(1, 6, n)
    row = np.repeat(np.arange(n), rounds)
    drafted = 1 + (rng.random(len(row)) * MOST[kind[row]]).astype(int)
    chance = CHANCES[kind[row], None] + rng.uniform(-WIDTH, WIDTH, (len(row), MOST.max()))
    passing = rng.random(chance.shape) < chance
    passed = np.minimum(np.cumprod(passing, axis=1).sum(axis=1), drafted)
    looked = np.minimum(passed + 1, drafted)
    seen = np.arange(MOST.max()) < looked[:, None]
    overlap = chance[seen]
    by_round = _offsets(rounds)
    by_draft = _offsets(np.bincount(row, looked, n).astype(int))
    two: dict[str, Any] = {
        f"{name}_two": Ragged(overlap + b * overlap * (1 - overlap), by_draft) for name, b in BEYOND.items()
    }
    return Speculation(
        drafted=Ragged(drafted, by_round),
        passed=Ragged(passed, by_round),
        emitted=Ragged(passed + 1, by_round),
        accepted=Ragged(passing[seen], by_draft),
        predicted=Ragged(0.1 + 0.8 * overlap, by_draft),
        overlap=Ragged(overlap, by_draft),
        tokens=np.bincount(row, passed + 1, n).astype(int),
        draft_cost=COST,
        **two,
        **names(n, clustered),
    )


def _known() -> dict[str, float]:
    """Ratios of expectations of a round, over the kinds of prompts and the lengths of drafts."""
    a, most = CHANCES, MOST
    # By kinds: tokens drafted, looked at, and passed, in the mean over lengths from 1 to the most.
    drafted = (most + 1) / 2
    powers = [c ** np.arange(m + 1) for c, m in zip(a, most, strict=True)]  # that so many pass in a row
    looked = np.array([np.cumsum(p[:-1]).mean() for p in powers])
    passed = np.array([np.cumsum(p[1:]).mean() for p in powers])
    square = a**2 + WIDTH**2 / 3  # mean of a squared chance
    foreseen, crossed = 0.01 + 0.16 * a + 0.64 * square, 0.1 * a + 0.8 * square
    over_drafts = looked / looked.sum()
    tokens = passed.mean() + 1
    rate = float(over_drafts @ a)
    left = float(over_drafts @ (a - square))
    return {
        "acceptance-rate": rate,
        "tokens-per-round": tokens,
        "drafts-per-round": drafted.mean(),
        "discard-rate": 1 - passed.sum() / drafted.sum(),
        "verification-rate": 1 / tokens,
        "modelled-speedup": tokens / (1 + COST * drafted.mean()),
        "foresight-brier": float(over_drafts @ (foreseen - 2 * crossed + a)),
        "foresight-gap": 0.1 - 0.2 * rate,
        **{f"acceptance-of-two-{name.replace('_', '-')}": rate + b * left for name, b in BEYOND.items()},
    }


WORLDS = (World("speculation", speculation, _known()),)
