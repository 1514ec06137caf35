"""Metrics of continuations of event sequences."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.metrics.events import EASY
from bench.records.continuations import Continuations

CHECK = "likelihood/transport-distance"


@metric(
    "transport-distance",
    of=Continuations,
    area="likelihood",
    better="lower",
    unit="units of time",
    range=(0, None),
    source="Mei, Qin and Eisner 2019, arXiv:1905.05570; Xue et al. 2024, EasyTPP",
    papers=(EASY,),
    check=CHECK,
)
def transport_distance(record: Continuations) -> PerSample:
    """Mean cost of making what came of what was drawn: events of a mark moved in time, deleted or inserted.

    Averaged over seven costs of a deletion (.05 to 4 units of time), as EasyTPP does.  It is no proper score: a model
    that draws less varied sequences than it should may come out better than the true one.
    """
    return per_sample(record.distance)


@metric(
    "transport-score",
    of=Continuations,
    area="likelihood",
    better="lower",
    unit="units of time",
    source="Gneiting and Raftery 2007 for the form; Mei, Qin and Eisner 2019 for the distance",
    papers=(EASY,),
    check=CHECK,
)
def transport_score(record: Continuations) -> PerSample:
    """`transport-distance` less half the distance of two draws, as an energy score has it: variety is not punished."""
    return per_sample(record.distance - record.spread / 2)


@metric(
    "count-bias",
    of=Continuations,
    area="likelihood",
    better="none",
    unit="events",
    source="mean difference of counts",
    papers=(EASY,),
    check=CHECK,
)
def count_bias(record: Continuations) -> PerSample:
    """Mean number of events in drawn continuations less that of those that came: 0 on average for the true model."""
    return per_sample(record.drawn - record.came)
