"""Rollouts on a random walk whose chance to end right is known from every prefix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np

from bench.checks.cases import ERRORS
from bench.components import Truth, check
from bench.examples import Reading
from bench.language import Draw, Generated, LanguageModel, Scored
from bench.metrics.critical import SOURCE, critical
from bench.seeds import generator
from bench.tasks.reasoning.critical_tokens import worth

LENGTH, UP = 8, 0.55


class Walk:
    """Writes `u` with probability `UP`, else `d`, until there are `LENGTH` letters after the colon."""

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Nothing is scored here."""
        raise NotImplementedError

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """The letters that are still missing."""
        return [self._one(draw) for draw in draws]

    def _one(self, draw: Draw) -> Generated:
        left = LENGTH - len(draw.prompt.partition(":")[2])
        ups = generator(draw.seed, "walk").random(left) < UP
        logs = np.log(np.where(ups, UP, 1 - UP))
        return Generated("".join("u" if up else "d" for up in ups), ups.astype(np.int64), logs, stopped=True)


def _verdict(text: str) -> str:
    """Right where the walk never goes below zero."""
    heights = np.cumsum([1 if letter == "u" else -1 for letter in text])
    return "right" if len(heights) == LENGTH and heights.min() >= 0 else "wrong"


@cache
def chance(height: int, left: int) -> float:
    """p(the walk stays at or above 0), by dynamic programming."""
    if height < 0 or not left:
        return float(height >= 0)
    return UP * chance(height + 1, left - 1) + (1 - UP) * chance(height - 1, left - 1)


@check("reasoning/critical-tokens", area="reasoning", source=f"dynamic programming; {SOURCE}")
def critical_tokens() -> list[Truth]:
    """Values of all prefixes of two walks against their exact chances, and the token that lost the second."""
    walks, rollouts = ("uduuuddu", "uuddduuu"), 2000
    begun = [[walk[:t] for t in range(LENGTH + 1)] for walk in walks]
    reading = Reading(extract=_verdict)
    model = cast("LanguageModel", Walk())
    found = worth(model, ["w:"] * 2, begun, ["right"] * 2, reading, [1, 2], rollouts)
    out = []
    for walk, values in zip(walks, found, strict=True):
        heights = np.concatenate([[0], np.cumsum([1 if letter == "u" else -1 for letter in walk])])
        lost = np.minimum.accumulate(heights) < 0
        exact = np.array([0.0 if lost[t] else chance(int(heights[t]), LENGTH - t) for t in range(LENGTH + 1)])
        bounds = ERRORS * np.sqrt(exact * (1 - exact) / rollouts)
        out.append(
            Truth(0, int((np.abs(values - exact) > bounds).sum()), 0, f"values of {walk} off by more than noise")
        )
        place = int(lost.argmax()) if lost.any() else 0
        out.append(Truth(place, critical(values), 0, f"critical token of {walk}"))
    by_hand = {(0.5, 0.2, 0.0, 0.0): 2, (0.5, 0.0, 0.1, 0.0): 3, (0.0, 0.0): 0, (0.5, 0.7, 1.0): 0}
    wrong = sum(critical(np.array(values)) != place for values, place in by_hand.items())
    return [*out, Truth(0, wrong, 0, "critical tokens by hand")]
