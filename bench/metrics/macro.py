"""Detection as a mean over the data sets out of distribution, each held against all that is in distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, metric
from bench.metrics.detection import aupr_in, aupr_out, auroc, fpr95_id, fpr95_ood
from bench.records.detection import Detection, Several

SOURCE = "Zhang et al. 2023, OpenOOD v1.5, arXiv:2306.09301 (means over near and over far data sets)"


def _mean_over(
    function: Callable[[Detection, Float64s], Float64s], record: Several, w: Float64s, among: str
) -> Float64s:
    """Mean over data sets of a metric of each, (B,); among: only of those whose names begin so, before a /."""
    kept = [k for k, name in enumerate(record.names) if not among or name.startswith(f"{among}/")]
    if not kept:
        raise NotApplicable(f"no data set out of distribution is called '{among}/...'")
    values = [function(part, w[:, rows]) for part, rows in (record.against(k) for k in kept)]
    return np.asarray(np.mean(values, axis=0), dtype=np.float64)


@metric(
    "auroc-macro",
    of=Several,
    area="ood",
    better="higher",
    range=(0, 1),
    source=SOURCE,
    check="metrics/means-over-data-sets",
)
def auroc_macro(record: Several, w: Float64s, among: str = "") -> Float64s:
    """Mean over the data sets out of distribution of each one's AUROC: all count alike, whatever their sizes.

    among: `near` or `far`, of sets that are named near/... and far/...; empty: all.  The interval is about samples
    drawn anew from the same data sets, all against the same in-distribution rows; it says nothing of other data sets.
    """
    return _mean_over(auroc, record, w, among)


@metric(
    "fpr95-ood-macro",
    of=Several,
    area="ood",
    better="lower",
    range=(0, 1),
    source=SOURCE,
    check="metrics/means-over-data-sets",
)
def fpr95_ood_macro(record: Several, w: Float64s, among: str = "") -> Float64s:
    """Mean over data sets of `fpr95-ood`, each at its own threshold; see `auroc-macro`."""
    return _mean_over(fpr95_ood, record, w, among)


@metric(
    "fpr95-id-macro",
    of=Several,
    area="ood",
    better="lower",
    range=(0, 1),
    default=False,
    source=SOURCE,
    check="metrics/means-over-data-sets",
)
def fpr95_id_macro(record: Several, w: Float64s, among: str = "") -> Float64s:
    """Mean over data sets of `fpr95-id`; see `auroc-macro`."""
    return _mean_over(fpr95_id, record, w, among)


@metric(
    "aupr-out-macro",
    of=Several,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    check="metrics/means-over-data-sets",
)
def aupr_out_macro(record: Several, w: Float64s, among: str = "") -> Float64s:
    """Mean over data sets of `aupr-out`, each with its own share of positives; see `auroc-macro`."""
    return _mean_over(aupr_out, record, w, among)


@metric(
    "aupr-in-macro",
    of=Several,
    area="ood",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    check="metrics/means-over-data-sets",
)
def aupr_in_macro(record: Several, w: Float64s, among: str = "") -> Float64s:
    """Mean over data sets of `aupr-in`; see `auroc-macro`."""
    return _mean_over(aupr_in, record, w, among)
