"""Scores that a file brings along."""

from __future__ import annotations

from bench.arrays import Float64s
from bench.components import score
from bench.records import Scores


@score("given", of=Scores, source="the user's own detector")
def given(record: Scores) -> Float64s:
    """The score that was read from a file of predictions, as it stands there."""
    return record.scores
