"""A score held against what it should detect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import Bools, Float64s, Ints, Strings
from bench.errors import RecordError


@dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """Scores of n samples, of which some are positive: out of distribution, or answered wrongly.

    Higher always says "more positive"; a score that runs the other way is negated where it is defined, never where
    it is used.
    """

    ids: Strings
    scores: Float64s
    positive: Bools
    groups: Strings | None = None
    weights: Float64s | None = None
    n_failed: int = 0

    def __post_init__(self) -> None:
        if self.scores.shape != self.ids.shape or self.positive.shape != self.ids.shape:
            raise RecordError(
                "detection: ids, scores and positive differ in length", cause="each is (n,)", fix="align them"
            )

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True, eq=False)
class Several(Detection):
    """Scores held against several data sets out of distribution.

    sets: (n,) the number of each positive's data set, from 0; of negatives it is not looked at.  names: of the sets.
    """

    sets: Ints
    names: tuple[str, ...]

    def against(self, number: int) -> tuple[Detection, Ints]:
        """All negatives with the positives of one data set, and their places, (m,)."""
        return self._parts[number]

    @cached_property
    def _parts(self) -> tuple[tuple[Detection, Ints], ...]:
        found = []
        for number in range(len(self.names)):
            rows = np.flatnonzero(~self.positive | (self.sets == number))
            found.append((Detection(ids=self.ids[rows], scores=self.scores[rows], positive=self.positive[rows]), rows))
        return tuple(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Errors(Detection):
    """Scores held against wrong answers.

    tokens: (n,) of the answers.  deferred: (n,) whether the model to which one could defer is right.
    """

    tokens: Float64s | None = None
    deferred: Bools | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Chances(Errors):
    """Scores that are probabilities of a wrong answer, held against wrong answers."""
