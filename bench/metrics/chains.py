"""What the steps of a reasoning chain do to the uncertainty of its answer, and whether that foretells being right."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.latest import latest
from bench.metrics.detection import auroc
from bench.records import Chains
from bench.records.detection import Detection

SOURCE = "Guo 2025, Measuring Reasoning Utility in LLMs via Conditional Entropy Reduction, arXiv:2508.20395"
PAPERS = ("Measuring Reasoning Utility in LLMs via Conditional Entropy Reduction",)


def ends(column: Ragged) -> tuple[Float64s, Float64s]:
    """The first and the last entry of each row, (n,)."""
    return column.values[column.offsets[:-1]], column.values[column.offsets[1:] - 1]


def reductions(column: Ragged) -> Float64s:
    """First less last entry of each row, (n,)."""
    first, last = ends(column)
    return np.asarray(first - last, dtype=np.float64)


def slopes(column: Ragged) -> Float64s:
    """Least-squares slope of each row over its places 0 .. T, (n,); 0 for a row of one entry."""
    lengths = column.lengths
    row = np.repeat(np.arange(len(column)), lengths)
    place = np.arange(len(row)) - column.offsets[row] - (lengths[row] - 1) / 2  # centred
    squares = np.bincount(row, place**2, len(column))
    cross = np.bincount(row, place * column.values, len(column))
    return np.divide(cross, squares, out=np.zeros(len(column)), where=squares > 0)


def step_utilities(column: Ragged) -> Ragged:
    """Entry before less entry after each step, T of each row."""
    inner = np.ones(len(column.values), dtype=np.bool_)
    inner[column.offsets[:-1]] = False
    steps = -np.diff(column.values, prepend=0.0)[inner]
    return Ragged(steps, np.concatenate([[0], np.cumsum(column.lengths - 1)]).astype(np.int64))


@metric(
    "entropy-reduction", of=Chains, area="reasoning", better="higher", unit="nats/token", source=SOURCE, papers=PAPERS,
    check="reasoning/chain-entropy",
)  # fmt: skip
def entropy_reduction(record: Chains) -> PerSample:
    """Entropy of the right answer's tokens before the first step less that after the last: H_0 - H_T."""
    return per_sample(reductions(record.entropy))


@metric(
    "nll-reduction", of=Chains, area="reasoning", better="higher", unit="nats/token", source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def nll_reduction(record: Chains) -> PerSample:
    """Negative log-probability of the right answer before the first step less that after the last."""
    return per_sample(reductions(record.nll))


@metric(
    "entropy-slope", of=Chains, area="reasoning", better="lower", unit="nats/token/step", source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def entropy_slope(record: Chains) -> PerSample:
    """Least-squares slope of the entropy over the steps: below 0 where steps help."""
    return per_sample(slopes(record.entropy))


@metric(
    "entropy-falls", of=Chains, area="reasoning", better="higher", range=(0, 1), source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def entropy_falls(record: Chains) -> PerSample:
    """Share of steps after which the entropy is lower than before, a ratio of sums."""
    steps = step_utilities(record.entropy)
    if not len(steps.values):
        raise NotApplicable("no chain has a step")
    fell = Ragged((steps.values > 0).astype(np.float64), steps.offsets)
    return per_sample(fell.sums(), steps.lengths)


def _told(record: Chains, scores: Float64s) -> Detection:
    """Right chains as the positives of a score."""
    if record.correct.all() or not record.correct.any():
        raise NotApplicable("all chains are right, or all are wrong")
    return Detection(ids=record.ids, scores=scores, positive=record.correct)


@latest
def _by_reduction(record: Chains) -> Detection:
    return _told(record, reductions(record.entropy))


@latest
def _by_slope(record: Chains) -> Detection:
    return _told(record, -slopes(record.entropy))


@latest
def _by_length(record: Chains) -> Detection:
    return _told(record, record.tokens.astype(np.float64))


@metric(
    "reduction-auroc", of=Chains, area="reasoning", better="higher", range=(0, 1), source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def reduction_auroc(record: Chains, w: Float64s) -> Float64s:
    """How well the entropy reduction tells right chains from wrong ones.  w: (B, n); returns (B,)."""
    return auroc(_by_reduction(record), w)


@metric(
    "slope-auroc", of=Chains, area="reasoning", better="higher", range=(0, 1), source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def slope_auroc(record: Chains, w: Float64s) -> Float64s:
    """How well a falling slope tells right chains from wrong ones.  w: (B, n); returns (B,)."""
    return auroc(_by_slope(record), w)


@metric(
    "length-auroc", of=Chains, area="reasoning", better="none", range=(0, 1), source=SOURCE,
    check="reasoning/chain-entropy",
)  # fmt: skip
def length_auroc(record: Chains, w: Float64s) -> Float64s:
    """How well a greater number of tokens tells right chains from wrong ones.  w: (B, n); returns (B,)."""
    return auroc(_by_length(record), w)
