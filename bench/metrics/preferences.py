"""Metrics of preferred and rejected texts."""

from __future__ import annotations

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records.preferences import Preferences

CHES = "Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization"
Q_FUNCTION = "From $r$ to $Q^*$: Your Language Model is Secretly a Q-Function"
SPPO = "Self-Play Preference Optimization for Language Model Alignment"
THREE_D = "3D-Properties: Identifying Challenges in DPO and Charting a Path Forward"
FLR = "Aligning Language Models Using Follow-up Likelihood as Reward Signal"


def _changes(record: Preferences) -> tuple[Float64s, Float64s]:
    if record.chosen_reference is None or record.rejected_reference is None:
        raise NotApplicable("there is no reference model to compare with")
    return record.chosen - record.chosen_reference, record.rejected - record.rejected_reference


@metric(
    "preference-accuracy",
    of=Preferences,
    area="likelihood",
    better="higher",
    range=(0, 1),
    source="Zhang et al. 2024 (FLR); ties count one half",
    papers=(FLR,),
    check="likelihood/follow-ups",
)
def preference_accuracy(record: Preferences) -> PerSample:
    """Share of pairs whose preferred text has the higher log-likelihood or reward, ties one half."""
    return per_sample((record.chosen > record.rejected) + 0.5 * (record.chosen == record.rejected))


@metric(
    "implicit-reward-accuracy",
    of=Preferences,
    area="likelihood",
    better="higher",
    range=(0, 1),
    source="Rafailov et al. 2024",
    papers=(Q_FUNCTION,),
    check="likelihood/implicit-rewards",
)
def implicit_reward_accuracy(record: Preferences) -> PerSample:
    """Share of pairs whose preferred text gained more log-probability on the reference, ties one half."""
    chosen, rejected = _changes(record)
    return per_sample((chosen > rejected) + 0.5 * (chosen == rejected))


@metric(
    "chosen-displacement",
    of=Preferences,
    area="likelihood",
    better="higher",
    unit="nats",
    source="Razin et al. 2024",
    papers=(CHES, SPPO, THREE_D),
    check="likelihood/displacement",
)
def chosen_displacement(record: Preferences) -> PerSample:
    """Mean of log pi - log pi_ref of the preferred text; below 0 it lost probability: likelihood displacement."""
    return per_sample(_changes(record)[0])


@metric(
    "rejected-displacement",
    of=Preferences,
    area="likelihood",
    better="lower",
    unit="nats",
    source="Razin et al. 2024",
    papers=(CHES, SPPO, THREE_D),
    check="likelihood/displacement",
)
def rejected_displacement(record: Preferences) -> PerSample:
    """Mean of log pi - log pi_ref of the rejected text."""
    return per_sample(_changes(record)[1])


@metric(
    "displaced-share",
    of=Preferences,
    area="likelihood",
    better="lower",
    range=(0, 1),
    source="Razin et al. 2024; Yan et al. 2024",
    papers=(CHES, THREE_D),
    check="likelihood/displacement",
)
def displaced_share(record: Preferences) -> PerSample:
    """Share of pairs whose preferred text lost probability on the reference."""
    return per_sample(_changes(record)[0] < 0)


@metric(
    "ches",
    of=Preferences,
    area="likelihood",
    better="lower",
    source="Razin et al. 2024",
    papers=(CHES,),
    check="likelihood/displacement",
)
def ches(record: Preferences) -> PerSample:
    """Mean length-normalised CHES of the pairs under the reference: the higher, the more displacement to expect."""
    if record.ches_mean is None:
        raise NotApplicable("the model gives no hidden states")
    return per_sample(record.ches_mean)
