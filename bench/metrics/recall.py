"""Which of two answers a model gives: the one that it remembers, or the one that its prompt claims.

Rows are `Choices` whose first choice is the remembered answer and whose second is the claimed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, update_wrapper

import numpy as np

from bench.arrays import Bools
from bench.components import Metric, NotApplicable, PerSample, per_sample
from bench.records import Choices, Record

SOURCE = "Yu, Merullo and Pavlick 2023, Characterizing Mechanisms for Factual Recall, arXiv:2310.15910"
REMEMBERED, CLAIMED = 0, 1
PLAIN = "plain"  # the part in which nothing is claimed


def claimed(record: Choices) -> Bools:
    """Rows whose prompt claims an answer, (n,)."""
    if record.dataset is None or not (record.dataset != PLAIN).any():
        raise NotApplicable("the record has no rows in which an answer is claimed")
    return np.asarray(record.dataset != PLAIN)


def rate(record: Choices, *, choice: int) -> PerSample:
    """Share of rows with a claim whose likeliest choice is that one; any beyond the second for -1.  Range [0, 1]."""
    rows = claimed(record)
    chosen = record.predicted > CLAIMED if choice < 0 else record.predicted == choice
    return per_sample(chosen & rows, rows)


def log_odds(record: Choices) -> PerSample:
    """Mean of log p(claimed answer) - log p(remembered answer) over rows with a claim, nats."""
    rows = claimed(record)
    logs = record.log_probs
    return per_sample(np.where(rows, logs[:, CLAIMED] - logs[:, REMEMBERED], 0.0), rows)


def preferred(record: Choices) -> PerSample:
    """Share of rows with a claim in which the claimed answer is likelier than the remembered one.  Range [0, 1]."""
    rows = claimed(record)
    logs = record.log_probs
    return per_sample((logs[:, CLAIMED] > logs[:, REMEMBERED]) & rows, rows)


def recall_metrics(_: Record) -> Sequence[Metric]:
    """What a task of claims takes as `own`."""
    return _METRICS


def _rate(name: str, choice: int) -> Metric:
    function = update_wrapper(partial(rate, choice=choice), rate)
    return Metric(name=name, area="reasoning", function=function, source=SOURCE, of=Choices, range=(0, 1))


_METRICS = (
    _rate("claimed-rate", CLAIMED),
    _rate("remembered-rate", REMEMBERED),
    _rate("other-rate", -1),
    Metric(name="claim-preferred", area="reasoning", function=preferred, source=SOURCE, of=Choices, range=(0, 1)),
    Metric(name="claim-log-odds", area="reasoning", function=log_odds, source=SOURCE, of=Choices, unit="nats"),
)
