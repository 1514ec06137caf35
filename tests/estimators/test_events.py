from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from bench.components import Metric, Task
from bench.errors import RecordError, UsageError
from bench.metrics.events import rescaling_distance
from bench.models import event_networks
from bench.models.events import hawkes, hawkes_oracle, marked_renewal, poisson
from bench.records import Continuations, Events
from bench.references.events import gathered, joined, unpacked
from bench.registry import find
from bench.runners.ask import ask
from bench.stats.intervals import value
from bench.tasks.likelihood.continuations import likelihood_hawkes_forecast, within
from bench.tasks.likelihood.events import likelihood_hawkes, likelihood_marked_renewal


def test_packing_keeps_every_event() -> None:
    events = gathered(3, np.array([2, 0, 2]), np.array([1.5, 0.2, 0.7]), np.array([1, 0, 0]), 4.0)
    again = unpacked(events.packed())
    assert again.counts.tolist() == [1, 0, 2]
    np.testing.assert_array_equal(again.times, events.times)
    np.testing.assert_array_equal(again.marks, [[0, 0], [0, 0], [0, 1]])
    np.testing.assert_allclose(again.gaps.sum(axis=1), 4.0)


def test_models_rank_as_they_must() -> None:
    examples = likelihood_hawkes(0)
    task = find(Task, "likelihood/hawkes")
    test = examples.split("test")
    per_event, records = {}, {}
    for name, model in {
        "oracle": hawkes_oracle(),
        "fitted": hawkes(),
        "rough": hawkes(compensator="trapezoid", points=2),
        "random": hawkes(compensator="monte-carlo", points=5),
        "poisson": poisson(),
    }.items():
        model.fit(examples.split("train"), 0)
        record = ask(model, task, None, test, 0).record
        assert isinstance(record, Events)
        records[name] = record
        per_event[name] = float(value(find(Metric, "nll-per-event"), record) or np.nan)
    assert per_event["oracle"] == pytest.approx(per_event["fitted"], abs=0.02)
    assert per_event["poisson"] > per_event["oracle"] + 0.05
    # Two nodes a gap overrate a falling intensity, so the process looks less likely than it is.
    assert per_event["rough"] > per_event["fitted"] + 0.02
    assert per_event["random"] == pytest.approx(per_event["fitted"], abs=0.02)
    assert records["rough"].likelihood == "estimate"
    assert records["oracle"].likelihood == "exact"
    np.testing.assert_allclose(records["oracle"].log_prob, np.asarray(test.truth))
    ones = np.ones((1, len(test)))
    assert rescaling_distance(records["oracle"], ones)[0] < 0.03 < rescaling_distance(records["poisson"], ones)[0]


def test_independent_heads_lose_the_dependence() -> None:
    examples = likelihood_marked_renewal(0)
    inputs = np.asarray(examples.split("test").inputs)
    losses = []
    for independent in (False, True):
        model = marked_renewal(independent=independent)
        model.fit(examples.split("train"), 0)
        losses.append(model.density(inputs).log_prob.sum())
    events = unpacked(inputs).counts.sum()
    assert (losses[0] - losses[1]) / events == pytest.approx(0.57, abs=0.05)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="compensator=simpson"):
        hawkes(compensator="simpson")
    with pytest.raises(RecordError, match="residuals"):
        Events(ids=np.array(["a"]), log_prob=np.zeros(1), dim=np.ones(1), residuals=[[-1.0]])  # type: ignore[arg-type]


def test_what_comes_next_is_foreseen_better_by_the_truth() -> None:
    examples = likelihood_hawkes(0)
    task, test = find(Task, "likelihood/hawkes"), examples.split("test")
    found = {}
    for model in (hawkes_oracle(), poisson()):
        model.fit(examples.split("train"), 0)
        record = ask(model, task, None, test, 0).record
        assert isinstance(record, Events)
        assert record.marks is not None
        assert record.foretold is not None
        names = ("next-time-rmse", "next-mark-accuracy", "next-mark-f1")
        found[model.name] = [float(value(find(Metric, name), record) or np.nan) for name in names]
        theirs = f1_score(record.marks.values, record.foretold.values, average="macro", zero_division=0)
        assert found[model.name][2] == pytest.approx(theirs)
        assert found[model.name][1] == pytest.approx((record.marks.values == record.foretold.values).mean())
    assert found["hawkes-oracle"][0] < found["poisson"][0]
    assert found["hawkes-oracle"][1] > found["poisson"][1] + 0.05
    assert found["hawkes-oracle"][2] > found["poisson"][2] + 0.1


def test_a_recurrent_network_learns_what_mark_and_wait_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(event_networks, "STEPS", 25)
    monkeypatch.setattr(event_networks, "RATE", 3e-2)
    examples = likelihood_marked_renewal(0)
    train = examples.split("train").take(np.arange(100))
    inputs = np.asarray(examples.split("test").take(np.arange(60)).inputs)
    joint, apart = event_networks.recurrent_events(), event_networks.recurrent_events(independent=True)
    for model in (joint, apart):
        model.fit(train, 0)
    events = unpacked(inputs)
    answer = joint.density(inputs)
    gained = (answer.log_prob - apart.density(inputs).log_prob).sum() / events.counts.sum()
    assert gained == pytest.approx(0.57, abs=0.2)
    assert answer.increments is not None
    assert answer.increments.shape == events.gaps.shape
    again = joint.density(inputs[:1])
    np.testing.assert_allclose(again.log_prob, answer.log_prob[:1], rtol=1e-9)


def test_continuations_of_the_truth_score_best_though_they_lie_farther() -> None:
    examples = likelihood_hawkes_forecast(0)
    task = find(Task, "likelihood/hawkes-forecast")
    test = examples.split("test").take(np.arange(80))
    found = {}
    for model in (hawkes_oracle(), poisson()):
        model.fit(examples.split("train"), 0)
        record = ask(model, task, None, test, 0).record
        assert isinstance(record, Continuations)
        assert abs((record.drawn - record.came).mean()) < 3.0
        names = ("transport-distance", "transport-score")
        found[model.name] = [float(value(find(Metric, name), record) or np.nan) for name in names]
        alone = ask(model, task, None, test.take(np.arange(3, 5)), 0).record
        assert isinstance(alone, Continuations)
        np.testing.assert_allclose(alone.distance, record.distance[3:5])
    # A process of even gaps lies nearer to whatever comes; it is too sure of it.
    assert found["hawkes-oracle"][0] > found["poisson"][0]
    assert found["hawkes-oracle"][1] < found["poisson"][1]


def test_a_sequence_is_cut_in_two() -> None:
    events = gathered(2, np.array([0, 0, 0, 1]), np.array([0.5, 1.5, 2.5, 0.1]), np.array([0, 1, 0, 1]), 3.0)
    first, second = within(events, 0.0, 1.5), within(events, 1.5, 3.0)
    assert first.counts.tolist() == [2, 1]
    assert second.counts.tolist() == [1, 0]
    assert second.times[0, 0] == 2.5
    again = joined([first, second])
    assert again.counts.tolist() == [2, 1, 1, 0]
    np.testing.assert_array_equal(again.horizon, [1.5, 1.5, 3.0, 3.0])
