"""OOD scores that change features or the last layer, and take the energy of the logits that follow.

Features are those before the last layer, so ASH and SCALE act on pooled activations, as SCALE's authors do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s, Floats
from bench.components import NotApplicable, score
from bench.records import Classification
from bench.scores.features import (
    Head,
    activations_of,
    blocks,
    features_of,
    fitted_on,
    head_of,
    log_sum_exp_spent,
    mean_of,
    single,
)


@score("react", of=Classification, source="Sun, Guo and Li 2021, arXiv:2111.12797", check="ood/shaping")
def react(record: Classification, train: Classification, percentile: float = 90.0) -> Float64s:
    """Energy after features are cut at the 90th percentile of all training activations, (n,)."""
    bank, _ = fitted_on(train)
    limit = np.float32(np.percentile(bank, percentile))
    return _energy(features_of(record), head_of(record, train), lambda rows: np.minimum(rows, limit))


@score("dice", of=Classification, source="Sun and Li 2022, arXiv:2111.09805", check="ood/shaping")
def dice(record: Classification, train: Classification, percentile: float = 90.0) -> Float64s:
    """Energy of a last layer that keeps the tenth of its weights with the largest mean contribution, (n,).

    A weight's contribution is itself times the mean training activation of its feature.
    """
    bank, _ = fitted_on(train)
    weight, bias = head_of(record, train)
    contribution = mean_of(bank) * weight
    kept = np.where(contribution > np.percentile(contribution, percentile), weight, 0.0)
    return _energy(features_of(record), (kept, bias))


@score("ash-p", of=Classification, source="Djurisic et al. 2023, arXiv:2209.09858", check="ood/shaping")
def ash_p(record: Classification, train: Classification, percentile: float = 65.0) -> Float64s:
    """Energy after each sample's lowest 65 % of activations are set to 0, (n,)."""
    return _energy(activations_of(record), head_of(record, train), lambda rows: _pruned(rows, percentile)[0])


@score("ash-b", of=Classification, source="Djurisic et al. 2023, arXiv:2209.09858", check="ood/shaping")
def ash_b(record: Classification, train: Classification, percentile: float = 65.0) -> Float64s:
    """As `ash-p`, with each kept activation replaced by the sum of all divided by the number kept, (n,).

    Only activations above 0 are kept, so a sample with fewer of them fills fewer.
    """

    def shaped(rows: Floats) -> Floats:
        kept = _pruned(rows, percentile)[0] > 0
        share = rows.sum(axis=1) / np.maximum(kept.sum(axis=1), 1)
        return kept * share[:, None].astype(rows.dtype)

    return _energy(activations_of(record), head_of(record, train), shaped)


@score("ash-s", of=Classification, source="Djurisic et al. 2023, arXiv:2209.09858", check="ood/shaping")
def ash_s(record: Classification, train: Classification, percentile: float = 90.0) -> Float64s:
    """As `ash-p` at 90 %, with what is kept times exp(sum of all / sum of the kept), (n,)."""

    def shaped(rows: Floats) -> Floats:
        kept, ratio = _pruned(rows, percentile)
        return kept * np.exp(ratio)[:, None]

    return _energy(activations_of(record), head_of(record, train), shaped)


@score("scale", of=Classification, source="Xu et al. 2024, arXiv:2310.00227", check="ood/shaping")
def scale(record: Classification, train: Classification, percentile: float = 85.0) -> Float64s:
    """Energy after all activations are multiplied by exp(sum of all / sum of the largest 15 %), (n,)."""
    features, (_, bias) = activations_of(record), head_of(record, train)
    constant = bias.astype(np.float32)
    out = np.empty(len(features))
    for part in blocks(len(features)):
        factor = np.exp(_pruned(features[part], percentile)[1])[:, None]
        logits = record.logits[part].astype(np.float32)
        logits -= constant  # the layer is linear: times a factor before it is times a factor after it
        logits *= factor
        logits += constant
        out[part] = -log_sum_exp_spent(logits)
    return out


def _pruned(rows: Floats, percentile: float) -> tuple[Floats, Floats]:
    """The largest activations of each row, the others 0, (n, d), and sum of all / sum of the largest, (n,).

    Ties at the threshold all stay.  A row of zeros has the ratio 0.
    """
    width = rows.shape[1]
    kept = width - round(width * percentile / 100)
    if not 0 < kept <= width:
        raise NotApplicable(f"at percentile {percentile:g} none of {width} activations is left")
    ordered = np.partition(rows, width - kept, axis=1)
    largest = ordered[:, width - kept :].sum(axis=1)
    threshold = ordered[:, width - kept]
    ratio = np.divide(rows.sum(axis=1), largest, out=np.zeros_like(largest), where=largest > 0)
    return np.where(rows >= threshold[:, None], rows, rows.dtype.type(0)), ratio


def _energy(features: Floats, head: Head, change: Callable[[Floats], Floats] = lambda rows: rows) -> Float64s:
    weight, bias = single(head)
    out = np.empty(len(features))
    for part in blocks(len(features)):
        logits = change(features[part]) @ weight
        logits += bias
        out[part] = -log_sum_exp_spent(logits)
    return out
