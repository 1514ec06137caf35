"""How much is lost where models learn from their own texts."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.records import Collapses
from bench.stats.collapse import PAPER

CHECK = "ood/machine-text"
SOURCE = "Drayson, Yilmaz and Lampos 2025, arXiv:2502.15654"


@metric("collapse-diversity", of=Collapses, area="ood", better="none", range=(0, None), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def collapse_diversity(record: Collapses) -> PerSample:
    """Chance that two words of the last texts differ, over that of people's texts: 1 where nothing is lost.

    Of a model that draws each of N words by itself and is refitted by counting it is (1 - 1 / N)^(G - 1) on average.
    """
    return per_sample(record.differ[:, -1], record.differ[:, 0])


@metric("collapse-distinct", of=Collapses, area="ood", better="none", range=(0, None), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def collapse_distinct(record: Collapses) -> PerSample:
    """Share of different pairs of neighbouring words in the last texts, over that in people's: above 1 they ramble."""
    return per_sample(record.distinct[:, -1], record.distinct[:, 0])


@metric("collapse-zipf", of=Collapses, area="ood", better="none", source=SOURCE, papers=(PAPER,), check=CHECK)
def collapse_zipf(record: Collapses) -> PerSample:
    """Change of the slope of log frequency on log rank; below 0: rare words have become rarer."""
    return per_sample(record.zipf[:, -1] - record.zipf[:, 0])


@metric("collapse-nll", of=Collapses, area="ood", better="lower", unit="nats/token", source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def collapse_nll(record: Collapses) -> PerSample:
    """Nats a token of people's texts that the last model needs beyond the one that learnt from people."""
    return per_sample(record.nll[:, -1] - record.nll[:, 0])
