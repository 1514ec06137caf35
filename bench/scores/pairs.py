"""Ignorance read off predicted pairs of answers; higher is suspicious."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import score
from bench.metrics.pairs import CHECK, PAPER, SOURCE, told
from bench.records import Paired


@score("cheat-variance", of=Paired, area="uncertainty", source=SOURCE, papers=(PAPER,), check=CHECK)
def cheat_variance(record: Paired) -> Float64s:
    """Sum over answers of p(y) (p(y | y) - p(y)), at least 0, (n,): what the model could still learn of p(y|x)."""
    return np.asarray(told(record).variance.sum(axis=1))


@score("cheat-corrected", of=Paired, area="uncertainty", source=SOURCE, papers=(PAPER,), check=CHECK)
def cheat_corrected(record: Paired) -> Float64s:
    """1 less the cheat-corrected confidence p(y) / p(y | y) of the likeliest answer, (n,).

    A model that is as sure of an answer alone as with it in sight knows how likely it is, however likely that is.
    """
    first = record.joint.sum(axis=2)
    return np.asarray(1 - told(record).confidence[np.arange(len(record)), first.argmax(axis=1)])
