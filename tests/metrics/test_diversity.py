"""Against plain loops over pairs of members."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bench.metrics.diversity import double_fault, jensen_gap, kl_diversity, q_statistic, vote_disagreement
from bench.records import Classification, log_softmax
from tests.metrics.cases import classification, ids, point

RECORD = replace(
    classification(150), members=log_softmax(np.random.default_rng(5).normal(0, 2, (150, 5, 4))), truth=None
)


def _members(record: Classification) -> np.ndarray:
    assert record.members is not None
    return log_softmax(record.members)


def test_pairs_of_members_by_loops() -> None:
    logs = _members(RECORD)
    votes = logs.argmax(axis=2)
    right = votes == RECORD.labels[:, None]
    pairs = list(combinations(range(5), 2))
    np.testing.assert_allclose(
        vote_disagreement(RECORD).values, np.mean([votes[:, i] != votes[:, j] for i, j in pairs], axis=0)
    )
    np.testing.assert_allclose(
        double_fault(RECORD).values, np.mean([~right[:, i] & ~right[:, j] for i, j in pairs], axis=0)
    )
    divergences = [
        (np.exp(logs[:, i]) * (logs[:, i] - logs[:, j])).sum(axis=1) for i in range(5) for j in range(5) if i != j
    ]
    np.testing.assert_allclose(kl_diversity(RECORD).values, np.mean(divergences, axis=0), rtol=1e-9)
    qs = []
    for i, j in pairs:
        a, b = (right[:, i] & right[:, j]).sum(), (~right[:, i] & ~right[:, j]).sum()
        c, d = (right[:, i] & ~right[:, j]).sum(), (~right[:, i] & right[:, j]).sum()
        qs.append((a * b - c * d) / (a * b + c * d))
    assert q_statistic(RECORD, np.ones((1, 150)))[0] == pytest.approx(np.mean(qs))


def test_the_jensen_gap_is_what_the_mixture_gains() -> None:
    logs, rows = _members(RECORD), np.arange(150)
    mixed = -np.log(np.exp(logs).mean(axis=1))[rows, RECORD.labels]
    np.testing.assert_allclose(
        jensen_gap(RECORD).values, -logs[rows, :, RECORD.labels].mean(axis=1) - mixed, atol=1e-12
    )


def test_divergence_bounds_mutual_information() -> None:
    assert point("kl-diversity", RECORD) > point("epistemic", RECORD)


def test_members_that_agree_have_no_diversity() -> None:
    logs = _members(RECORD)
    same = replace(RECORD, members=np.repeat(logs[:, :1], 3, axis=1))
    for name in ("vote-disagreement", "kl-diversity", "jensen-gap", "epistemic-gini", "epistemic-jackknife"):
        assert point(name, same) == pytest.approx(0, abs=1e-12), name
    assert point("q-statistic", same) == pytest.approx(1)


def test_certain_members() -> None:
    with np.errstate(divide="ignore"):
        members = np.log(np.array([[[1.0, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]]]))
    record = Classification(ids=ids(3), labels=np.zeros(3, dtype=int), logits=np.zeros((3, 3)), members=members)
    assert kl_diversity(record).values.tolist() == [np.inf, 0, 0]
    assert jensen_gap(record).values.tolist() == [np.inf, 0, 0]
    assert np.isnan(q_statistic(record, np.zeros((1, 3)))[0])
