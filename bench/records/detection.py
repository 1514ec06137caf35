"""A score held against what it should detect."""

from __future__ import annotations

from dataclasses import dataclass

from bench.arrays import Bools, Float64s, Strings
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
