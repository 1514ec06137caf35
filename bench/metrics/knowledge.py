"""What a language model knows, in bits."""

from __future__ import annotations

import math

from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Tokens


@metric(
    "knowledge-bits",
    of=Tokens,
    area="likelihood",
    better="higher",
    unit="bits",
    default=False,
    source="Allen-Zhu and Li 2024",
    papers=("Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws",),
    check="likelihood/knowledge",
)
def knowledge_bits(record: Tokens) -> PerSample:
    """Mean bits by which a sample's facts are likelier than a uniform guess, its `truth`; 0 or less: nothing is known.

    Times the samples, over the model's parameters: a lower bound of the bits that one of them stores.
    """
    if record.truth is None:
        raise NotApplicable("the record has no 'truth' to know more than")
    return per_sample((record.log_prob - record.truth) / math.log(2))
