"""Bits a byte of texts of one domain, for collections of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from bench.components import Metric, PerSample, metric, per_sample
from bench.metrics.parts import part_of
from bench.records import Record, Tokens
from bench.records.last_words import LastWords

PILE = "Gao et al. 2020, The Pile"


def bits_in(record: Any, *, domain: str) -> PerSample:
    """-log2 of the probability of the texts of one domain over their UTF-8 bytes, a ratio of sums."""
    inside = part_of(record, domain)
    return per_sample(-record.log_prob / math.log(2) * inside, record.bytes * inside)


def domain_metrics(record: Record) -> Sequence[Metric]:
    """What a task takes as `own`: `bits-per-byte-DOMAIN` of each of the record's domains (`dataset`)."""
    if not isinstance(record, Tokens) or record.dataset is None:
        return ()
    return [
        Metric(
            name=f"bits-per-byte-{name}",
            area="likelihood",
            function=update_wrapper(partial(bits_in, domain=str(name)), bits_in),
            source=PILE,
            better="lower",
            range=(0, None),
            unit="bits/byte",
            of=Tokens,
        )
        for name in np.unique(record.dataset)
    ]


@metric(
    "last-word-accuracy",
    of=LastWords,
    area="likelihood",
    better="higher",
    range=(0, 1),
    source="Paperno et al. 2016, The LAMBADA dataset",
    check="metrics/uniform-tokens",
)
def last_word_accuracy(record: LastWords) -> PerSample:
    """Share of words of which every token is the likeliest one in its place."""
    return per_sample(record.greedy)
