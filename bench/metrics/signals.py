"""Metrics of the gradients by which latent-variable models are trained."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.records.signals import Signals

TIGHTER = "Tighter Variational Bounds are Not Necessarily Better"
SOURCE = "Rainforth et al. 2018, arXiv:1802.04537"
CHECK = "likelihood/tighter-bounds"


@metric(
    "generator-signal",
    of=Signals,
    area="likelihood",
    better="higher",
    range=(0, None),
    source=SOURCE,
    papers=(TIGHTER,),
    check=CHECK,
)
def generator_signal(record: Signals) -> PerSample:
    """Mean signal-to-noise ratio of the generator's gradient: it grows as sqrt(M K) of M groups of K draws."""
    return per_sample(record.generator)


@metric(
    "inference-signal",
    of=Signals,
    area="likelihood",
    better="higher",
    range=(0, None),
    source=SOURCE,
    papers=(TIGHTER,),
    check=CHECK,
)
def inference_signal(record: Signals) -> PerSample:
    """Mean signal-to-noise ratio of the proposal's gradient: it grows as sqrt(M / K), so a tighter bound loses it."""
    return per_sample(record.inference)
