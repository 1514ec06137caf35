"""Choices, generations and ensembles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy

from bench.arrays import Ragged
from bench.components import NotApplicable
from bench.metrics.choices import accuracy_bytes, choice_nll
from bench.metrics.ensembles import aleatoric, epistemic, total_entropy
from bench.records import Choices
from tests.metrics.cases import choices, classification, generations, ids, point, regression


def test_choices_row_by_row() -> None:
    record = choices(50)
    assert record.bytes is not None
    right, nats = [], []
    for i in range(50):
        logs, size = record.loglik[i], record.bytes[i]
        right.append(np.argmax(logs / size) == record.labels[i])
        nats.append(-np.log(np.exp(logs) / np.exp(logs).sum())[record.labels[i]])
    np.testing.assert_array_equal(accuracy_bytes(record).values, right)
    np.testing.assert_allclose(choice_nll(record).values, nats, rtol=1e-12, atol=1e-15)


def test_bytes_are_not_characters() -> None:
    words = ["éé", "abc"]  # 4 and 3 bytes, 2 and 3 characters
    size = Ragged.of([[len(w.encode()) for w in words]], np.int64)
    record = Choices(ids=ids(1), labels=np.array([0]), loglik=Ragged.of([[-3.0, -3.5]], np.float64), bytes=size)
    assert point("accuracy-bytes", record) == 1  # -3/4 > -3.5/3; by characters -3/2 < -3.5/3
    with pytest.raises(NotApplicable):
        accuracy_bytes(replace(record, bytes=None))


def test_generations_by_hand() -> None:
    record = generations(20)
    assert point("parse-rate", record) == 16 / 20
    total = sum(int(record.tokens[i].sum()) for i in range(20))
    assert point("tokens-per-answer", record) == pytest.approx(total / 20)
    assert point("mean-logprob", record) == pytest.approx(sum(record.logprob[i].sum() for i in range(20)) / total)
    assert record.corrects is not None
    assert point("pool-accuracy", record) == pytest.approx(np.mean([record.corrects[i].mean() for i in range(20)]))
    assert point("pool-any", record) == pytest.approx(np.mean([record.corrects[i].any() for i in range(20)]))
    with pytest.raises(NotApplicable):
        point("pool-any", replace(record, corrects=None))


def test_entropies_split_against_scipy() -> None:
    record = classification(50)
    assert record.members is not None
    p = np.exp(record.members)
    np.testing.assert_allclose(total_entropy(record).values, entropy(p.mean(axis=1), axis=1), rtol=1e-10)
    np.testing.assert_allclose(aleatoric(record).values, entropy(p, axis=2).mean(axis=1), rtol=1e-10)
    np.testing.assert_allclose(
        epistemic(record).values, total_entropy(record).values - aleatoric(record).values, rtol=1e-8, atol=1e-14
    )


def test_small_disagreement_does_not_cancel() -> None:
    # Two members at 1/2 -+ d: the mutual information is 2 d^2 + O(d^4), far below the entropies' rounding at d = 1e-8.
    members = np.log(np.array([[[0.5 - 1e-6, 0.5 + 1e-6], [0.5 + 1e-6, 0.5 - 1e-6]]]))
    record = replace(classification(1, 2), members=members)
    assert epistemic(record).values[0] == pytest.approx(2e-12, rel=1e-3)


def test_mutual_information_of_few_members_is_low() -> None:
    # What the docstring says: to first order by (M - 1) / M.
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 0.3, (4000, 50, 3))
    base = classification(4000, 3)
    found = {m: epistemic(replace(base, members=logits[:, :m])).values.mean() for m in (2, 5, 50)}
    assert found[2] / found[50] == pytest.approx(0.5 / 0.98, rel=0.05)
    assert found[5] / found[50] == pytest.approx(0.8 / 0.98, rel=0.05)


def test_one_member_is_no_ensemble() -> None:
    record = classification(3, 2)
    assert record.members is not None
    for metric in (epistemic, aleatoric, total_entropy):
        for members in (None, record.members[:, :1]):
            with pytest.raises(NotApplicable):
                metric(replace(record, members=members))


def test_variance_splits() -> None:
    record = regression("gaussian", 30)
    assert record.member_means is not None
    assert record.member_stds is not None
    assert point("epistemic-variance", record) == pytest.approx(np.var(record.member_means, axis=1, ddof=1).mean())
    assert point("aleatoric-variance", record) == pytest.approx((record.member_stds**2).mean())
    for name in ("epistemic-variance", "aleatoric-variance"):
        with pytest.raises(NotApplicable):
            point(name, regression("samples"))
