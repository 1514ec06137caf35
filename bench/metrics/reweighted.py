"""How well a loss is foretold under a shift of the outcomes."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.records import Reweighted
from bench.stats.label_shift import RETASA

CHECK = "ood/label-shift"
SOURCE = "Kim et al. 2024, arXiv:2401.16410; Lipton, Wang and Smola 2018, arXiv:1802.03916"


@metric("shift-bias", of=Reweighted, area="ood", better="none", unit="units of the loss", source=SOURCE,
        papers=(RETASA,), check=CHECK)  # fmt: skip
def shift_bias(record: Reweighted) -> PerSample:
    """Loss foretold by estimated weights less that on the target: 0 on average where the weights are right."""
    return per_sample(record.foretold - record.suffered)


@metric("shift-bias-unweighted", of=Reweighted, area="ood", better="none", unit="units of the loss", source=SOURCE,
        papers=(RETASA,), check=CHECK)  # fmt: skip
def shift_bias_unweighted(record: Reweighted) -> PerSample:
    """Loss on the source less that on the target: what is wrong without weights."""
    return per_sample(record.unweighted - record.suffered)


@metric("shift-bias-known", of=Reweighted, area="ood", better="none", unit="units of the loss", source=SOURCE,
        papers=(RETASA,), check=CHECK)  # fmt: skip
def shift_bias_known(record: Reweighted) -> PerSample:
    """Loss foretold by the true weights less that on the target: what no weights can mend."""
    return per_sample(record.known - record.suffered)


@metric("weight-error", of=Reweighted, area="ood", better="lower", range=(0, None), source=SOURCE, papers=(RETASA,),
        check=CHECK)  # fmt: skip
def weight_error(record: Reweighted) -> PerSample:
    """Mean squared error of the estimated weights over that of weights of 1: below 1 they are better than none."""
    return per_sample(record.error, record.flat)


@metric("effective-share", of=Reweighted, area="ood", better="none", range=(0, 1), source="Kish 1965, Survey Sampling",
        papers=(RETASA,), check=CHECK)  # fmt: skip
def effective_share(record: Reweighted) -> PerSample:
    """Share of the source samples that would tell as much if all weighed the same."""
    return per_sample(record.effective)
