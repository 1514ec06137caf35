"""Metrics of speculative sampling: how much is accepted, what a round gives, and what that would save."""

from __future__ import annotations

from bench.arrays import Ragged
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Speculation

_SAMPLING = "Accelerating Large Language Model Decoding with Speculative Sampling"
_MULTI = "Multi-Draft Speculative Sampling: Canonical Architectures and Theoretical Limits"
_ADAPTIVE = "SpecDec++: Boosting Speculative Decoding via Adaptive Candidate Lengths"


def _over_drafts(values: Ragged) -> PerSample:
    counts = values.lengths
    if not counts.any():
        raise NotApplicable("no token was drafted")
    return per_sample(values.sums(), counts)


@metric(
    "acceptance-rate",
    of=Speculation,
    area="efficiency",
    better="higher",
    range=(0, 1),
    source="Chen et al. 2023; Leviathan et al. 2023: Σ min(p, q) = 1 - total variation",
    papers=(_SAMPLING,),
    check="speculative-sampling",
)
def acceptance_rate(record: Speculation) -> PerSample:
    """Mean chance of a drafted token to be accepted, over the drafts that the target looked at.

    The chance is computed from both distributions rather than counted, which is the same on average and less noisy.
    """
    return _over_drafts(record.overlap)


@metric(
    "tokens-per-round",
    of=Speculation,
    area="efficiency",
    better="higher",
    unit="tokens",
    range=(0, None),
    source="Chen et al. 2023; Leviathan et al. 2023",
    papers=(_SAMPLING,),
    check="speculative-sampling",
)
def tokens_per_round(record: Speculation) -> PerSample:
    """Tokens of the texts over looks of the target: 1 without drafts, at most drafts + 1."""
    return per_sample(record.tokens, record.drafted.lengths)


@metric(
    "drafts-per-round",
    of=Speculation,
    area="efficiency",
    better="none",
    unit="tokens",
    range=(0, None),
    source="Huang et al. 2024, SpecDec++",
    papers=(_ADAPTIVE,),
)
def drafts_per_round(record: Speculation) -> PerSample:
    """Tokens drafted over looks of the target: the mean length of a draft."""
    return per_sample(record.drafted.sums(), record.drafted.lengths)


@metric(
    "discard-rate",
    of=Speculation,
    area="efficiency",
    better="lower",
    range=(0, 1),
    source="Huang et al. 2024, SpecDec++",
    papers=(_ADAPTIVE,),
)
def discard_rate(record: Speculation) -> PerSample:
    """Share of all drafted tokens that were thrown away: the one that failed in its round, and those after it."""
    drafted = record.drafted.sums()
    if not drafted.any():
        raise NotApplicable("no token was drafted")
    return per_sample(drafted - record.passed.sums(), drafted)


@metric(
    "verification-rate",
    of=Speculation,
    area="efficiency",
    better="lower",
    range=(0, 1),
    source="Huang et al. 2024, SpecDec++",
    papers=(_ADAPTIVE,),
)
def verification_rate(record: Speculation) -> PerSample:
    """Looks of the target over tokens of the texts: the share of its passes that speculation leaves."""
    return per_sample(record.drafted.lengths, record.tokens)


@metric(
    "modelled-speedup",
    of=Speculation,
    area="efficiency",
    better="higher",
    unit="×",
    range=(0, None),
    source="Leviathan et al. 2023: tokens over rounds + cost · drafts",
    papers=(_SAMPLING, _ADAPTIVE),
    check="speculative-sampling",
)
def modelled_speedup(record: Speculation) -> PerSample:
    """Tokens over the cost of all rounds, in passes of the target; below 1 speculation would cost more than it saves.

    A look counts as one pass, whatever the number of tokens (so it is where memory bounds the pass), a drafted token as
    the `draft_cost` of the record.
    """
    return per_sample(record.tokens, record.drafted.lengths + record.draft_cost * record.drafted.sums())


@metric(
    "foresight-brier",
    of=Speculation,
    area="efficiency",
    better="lower",
    range=(0, 1),
    source="Brier 1950, of the foreseen acceptance",
    papers=(_ADAPTIVE,),
)
def foresight_brier(record: Speculation) -> PerSample:
    """Mean squared distance between a draft's foreseen chance to pass and whether it did."""
    apart = (record.predicted.values - record.accepted.values) ** 2
    return _over_drafts(Ragged(apart, record.predicted.offsets))


@metric(
    "foresight-gap",
    of=Speculation,
    area="efficiency",
    better="none",
    range=(-1, 1),
    source="mean foreseen less mean actual chance to pass",
    papers=(_ADAPTIVE,),
)
def foresight_gap(record: Speculation) -> PerSample:
    """Foreseen less actual chance of a draft to pass, in the mean: above 0, drafting goes on for too long."""
    return _over_drafts(Ragged(record.predicted.values - record.overlap.values, record.predicted.offsets))


def _multi(name: str, words: str) -> None:
    @metric(
        f"acceptance-of-two-{name}",
        of=Speculation,
        area="efficiency",
        better="higher",
        range=(0, 1),
        source=f"Khisti et al. 2025; {words}",
        papers=(_MULTI,),
        check="multi-draft",
    )
    def acceptance_of_two(record: Speculation) -> PerSample:
        values = getattr(record, f"{name.replace('-', '_')}_two")
        if values is None:
            raise NotApplicable("it was not computed for so large a vocabulary")
        return _over_drafts(values)

    acceptance_of_two.__doc__ = f"Mean chance that one of two independent drafts is accepted: {words}."


_multi("optimal", "the most that any scheme can reach")
_multi("recursive", "rejection sampling by turns (SpecInfer)")
_multi("k-seq", "each draft against the same scaled target (SpecTr)")
_multi("importance", "one of them chosen by importance, then verified alone")
