"""How much nearer to a target selected texts are than the pool that they come from."""

from __future__ import annotations

from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Selections
from bench.stats.ngrams import DSIR

CHECK = "ood/dsir"
SOURCE = "Xie, Santurkar, Ma and Liang 2023, arXiv:2302.03169"


@metric("kl-reduction", of=Selections, area="ood", better="higher", unit="nats", source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def kl_reduction(record: Selections) -> PerSample:
    """KL(target || pool) - KL(target || texts drawn by DSIR's weights), words and pairs of words in 10,000 buckets."""
    return per_sample(record.weighted)


@metric("kl-reduction-random", of=Selections, area="ood", better="higher", unit="nats", source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def kl_reduction_random(record: Selections) -> PerSample:
    """KL reduction of as many texts drawn at random, which need not be 0.

    Every bucket's count is raised by 1, which draws few texts, like the target's, towards each other.
    """
    return per_sample(record.random)


@metric("kl-reduction-likely", of=Selections, area="ood", better="higher", unit="nats", source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def kl_reduction_likely(record: Selections) -> PerSample:
    """KL reduction of as many texts, those that the model finds likeliest for each token: a filter by perplexity."""
    return per_sample(record.likely)


@metric("selection-gain", of=Selections, area="ood", better="higher", unit="nats", source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def selection_gain(record: Selections) -> PerSample:
    """KL reduction by DSIR's weights less that of a random draw of as many texts."""
    return per_sample(record.weighted - record.random)


@metric("selection-left", of=Selections, area="ood", better="lower", unit="nats", source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def selection_left(record: Selections) -> PerSample:
    """KL reduction of the texts of the target's kind alone less that by DSIR's weights, where the kinds are known."""
    if record.best is None:
        raise NotApplicable("nobody says which texts of the pool are of the target's kind")
    return per_sample(record.best - record.weighted)


@metric("selected-kin", of=Selections, area="ood", better="higher", range=(0, 1), source=SOURCE, papers=(DSIR,),
        check=CHECK)  # fmt: skip
def selected_kin(record: Selections) -> PerSample:
    """Share of the target's kind among the texts drawn by DSIR's weights, where the kinds are known."""
    if record.kin is None:
        raise NotApplicable("nobody says which texts of the pool are of the target's kind")
    return per_sample(record.kin)
