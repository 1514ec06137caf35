from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.components import Metric
from bench.errors import RecordError, UsageError
from bench.metrics.posterior import c2st
from bench.models.posteriors import exact_posterior
from bench.records import Posterior
from bench.registry import find
from bench.stats.design import Estimate, design
from bench.stats.intervals import intervals
from bench.stats.means import cr1
from bench.tasks.likelihood.simulators import ask, likelihood_linear_gaussian
from benchmarks.worlds.posteriors import right_posteriors


def test_a_row_is_answered_alike_in_any_batch() -> None:
    test = likelihood_linear_gaussian(0).split("test").take(np.arange(6))
    model = exact_posterior()
    model.fit(likelihood_linear_gaussian(0).split("train"), 0)
    whole = ask(model, None, test, 0, {"ids": test.ids})
    single = ask(model, None, test.take(np.array([4])), 0, {"ids": test.ids[4:5]})
    assert isinstance(whole, Posterior)
    assert isinstance(single, Posterior)
    np.testing.assert_array_equal(whole.ranks[4], single.ranks[0])
    assert whole.nearer[4] == single.nearer[0]
    np.testing.assert_allclose(whole.log_prob, np.asarray(whole.truth))


def test_a_classifier_cannot_tell_equals_and_can_tell_shifts() -> None:
    draws = np.random.default_rng(0)
    theta, x = draws.normal(size=(400, 2)), draws.normal(size=(400, 1))
    common: dict[str, Any] = {
        "ids": np.arange(400).astype(str),
        "parameters": theta,
        "observed": x,
        "ranks": np.zeros((400, 2), dtype=np.int64),
        "nearer": np.zeros(400),
        "denser": np.zeros(400),
        "log_prob": np.zeros(400),
    }
    same = c2st(Posterior(**common, drawn=draws.normal(size=(400, 2)))).values.mean()
    moved = c2st(Posterior(**common, drawn=draws.normal(size=(400, 2)) + 3)).values.mean()
    assert same == pytest.approx(0.5, abs=0.09)
    assert moved > 0.9


def test_rows_that_learnt_the_same_chance_are_not_taken_for_independent() -> None:
    # Under the exact posterior errors of one fold's classifier come back in the others'.
    means, errors = [], []
    for i in range(80):
        record = right_posteriors(np.random.default_rng(i), 500, clustered=True)
        values = c2st(record).values
        means.append(values.mean())
        errors.append(cr1(values - values.mean(), design(500, groups=record.groups)) / 500)
    assert np.mean(means) == pytest.approx(0.5, abs=0.01)
    assert 0.85 < np.mean(errors) / np.std(means) < 1.5


def test_distances_of_an_exact_posterior_may_be_nothing() -> None:
    metrics = [find(Metric, name) for name in ("sbc-distance", "tarp-distance", "expected-coverage-distance")]
    held = np.zeros(3)
    for i in range(20):
        found = intervals(metrics, right_posteriors(np.random.default_rng(i), 100, clustered=False), seed=i)
        held += [isinstance(each, Estimate) and each.interval.low == 0 for each in found]
    assert (held >= 18).all()  # 19 expected


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="no summary 'median'"):
        likelihood_linear_gaussian(0, "median")
    with pytest.raises(UsageError, match="scale=0"):
        exact_posterior(scale=0)
    one = np.zeros(1)
    with pytest.raises(RecordError, match="ranks"):
        Posterior(
            ids=np.array(["a"]), parameters=one[None], observed=one[None], ranks=np.array([[3]]), nearer=one,
            denser=one, log_prob=one, drawn=one[None], draws=2,
        )  # fmt: skip
