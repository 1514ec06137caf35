"""With how few samples could it have been known?  Subsets, well-chosen ratings, several groups from one sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench.auditing.findings import Finding
from bench.auditing.subjects import Subject, at
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.controls import expectations
from bench.stats.crowd import agreement, draw, sampling_chances
from bench.stats.design import critical_t
from bench.stats.subsets import choose, estimate, variance

SHARE = 5  # subsets are a fifth of the samples
LEAST = 60
MOST_GROUPS = 12


def subset(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Clustering-based sensitivity sampling: the mean loss from a fifth of the samples, beside the whole's."""
    for s in found:
        if s.embedding is None or len(s) < LEAST:
            continue
        n = len(s)
        asked = max(20, n // SHARE)
        clusters = max(2, min(10, asked // 6))
        losses = s.loss
        chosen = choose(
            s.embedding, at(losses), clusters=clusters, draws=asked - clusters,
            smoothness=float(losses.mean()) / max(s.embedding.shape[1], 1), seed=seed,
        )  # fmt: skip
        whole = estimate(chosen, losses[chosen.drawn])
        uniform = variance(losses, np.full(n, 1 / n), asked)
        ratio = variance(losses, chosen.chances, asked - clusters) / uniform if uniform > 0 else math.nan
        saved = f"{ratio:.2f} times the variance of as many drawn alike" if math.isfinite(ratio) else "losses are equal"
        yield Finding(
            audit="subset", task=s.task, model=s.name, what=f"mean loss from {whole.asked} of {n} samples",
            value=whole.value, low=whole.interval.low, high=whole.interval.high, n=whole.asked,
            says=f"all samples: {losses.mean():.4f}; {saved}", warning=math.isfinite(ratio) and ratio > 1,
        )  # fmt: skip


def crowd(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Importance-sampled ratings: does confidence go with being right?  From a fifth of the verdicts."""
    for s in found:
        n, right = len(s), (~s.wrong).astype(np.float64)
        if n < LEAST or right.std() == 0 or s.confidence.std() == 0:
            continue
        chances = sampling_chances(s.confidence)
        rated = draw(chances, max(30, n // SHARE), seed=seed)
        try:
            told = agreement(s.confidence[rated], right[rated], chances[rated])
        except UsageError:
            continue
        truth = float(np.corrcoef(s.confidence, right)[0, 1])
        yield Finding(
            audit="crowd", task=s.task, model=s.name, what=f"correlation of confidence and right, {len(rated)} ratings",
            value=told.value, low=told.low, high=told.high, n=len(rated), says=f"all {n} verdicts: {truth:.3f}",
        )  # fmt: skip


def groups(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Several groups' error rates from one sample of a fifth, with control variates; groups: data sets or classes."""
    for s in found:
        names, codes, sizes = np.unique(s.groups, return_inverse=True, return_counts=True)
        size = max(40, len(s) // SHARE)
        if not 2 <= len(names) <= MOST_GROUPS or len(s) < LEAST or size < len(names) + 2:
            continue
        rows = generator(seed, "audit groups").integers(0, len(s), size)
        weights = (codes[rows][:, None] == np.arange(len(names))) * (len(s) / sizes)
        wrong = np.repeat(s.wrong[rows].astype(np.float64)[:, None], len(names), axis=1)
        try:
            told = expectations(weights, wrong)
        except UsageError:
            continue
        errors = np.sqrt(np.diag(told.covariance))
        order = np.argsort(-told.values)[:3]
        for k in order:
            if told.effective[k] < 5:
                continue
            half = _t(told.effective[k] - 1) * errors[k]
            truth = float(s.wrong[codes == k].mean())
            yield Finding(
                audit="groups", task=s.task, model=s.name, what=f"error rate of '{names[k]}', from {size} samples",
                value=float(told.values[k]), low=float(told.values[k] - half), high=float(told.values[k] + half),
                n=round(float(told.effective[k])),
                says=f"all samples of it: {truth:.3f}; controls divide the variance by {told.gain[k]:.2f}",
            )  # fmt: skip


def _t(df: float) -> float:
    return critical_t(max(df, 1.0))
