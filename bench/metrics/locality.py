"""What reasoning through intermediate variables gains over answering at once."""

from __future__ import annotations

from bench.arrays import Float64s
from bench.components import PerSample, metric, per_sample
from bench.records import Conditionals

SOURCE = "Prystawski, Li and Goodman 2023, Why think step by step?, arXiv:2304.03843"
PAPERS = ("Why think step by step? Reasoning emerges from the locality of experience",)


def _square(estimate: Float64s, truth: Float64s) -> Float64s:
    return (estimate - truth) ** 2


@metric(
    "mse-direct", of=Conditionals, area="reasoning", better="lower", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def mse_direct(record: Conditionals) -> PerSample:
    """Mean squared error of the answer at once."""
    return per_sample(_square(record.direct, record.truth))


@metric(
    "mse-scaffolded", of=Conditionals, area="reasoning", better="lower", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def mse_scaffolded(record: Conditionals) -> PerSample:
    """Mean squared error after the variables between the two; of M traces, p (1 - p) / M of it is at most sampling."""
    return per_sample(_square(record.scaffolded, record.truth))


@metric(
    "mse-free", of=Conditionals, area="reasoning", better="lower", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def mse_free(record: Conditionals) -> PerSample:
    """Mean squared error after variables of the model's own choice."""
    return per_sample(_square(record.free, record.truth))


@metric(
    "mse-negative", of=Conditionals, area="reasoning", better="lower", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def mse_negative(record: Conditionals) -> PerSample:
    """Mean squared error after variables that lie elsewhere: what more words alone are worth."""
    return per_sample(_square(record.negative, record.truth))


@metric(
    "mse-marginal", of=Conditionals, area="reasoning", better="none", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def mse_marginal(record: Conditionals) -> PerSample:
    """Mean squared distance of the true conditional from the true marginal: the error of knowing nothing of X."""
    return per_sample(_square(record.marginal, record.truth))


@metric(
    "reasoning-gap", of=Conditionals, area="reasoning", better="none", range=(-1, 1), source=SOURCE,
    papers=PAPERS, check="reasoning/locality",
)  # fmt: skip
def reasoning_gap(record: Conditionals) -> PerSample:
    """Squared error of the answer at once less that of the scaffolded one: what the steps between gain."""
    return per_sample(_square(record.direct, record.truth) - _square(record.scaffolded, record.truth))


@metric(
    "intermediate-relevance", of=Conditionals, area="reasoning", better="higher", range=(0, 1), source=SOURCE,
    check="reasoning/locality",
)  # fmt: skip
def intermediate_relevance(record: Conditionals) -> PerSample:
    """Share of the variables between the two that the model mentions of its own accord."""
    return per_sample(record.mentioned)
