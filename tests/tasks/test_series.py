"""Time series with anomalies of known place: labels, what is asked, and what is made of answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.components import Metric, NotApplicable
from bench.errors import UsageError
from bench.metrics.series import read, same, target
from bench.records import Generations
from bench.references.series import POINTS, RANGES, VARIATES, affinity, anomalous, runs
from bench.registry import find
from bench.seeds import generator
from bench.tasks.ood.series import WINDOW, ood_series, ood_series_text


@pytest.mark.parametrize("kind", [*POINTS, *RANGES, *VARIATES])
def test_series_differ_from_their_twins_where_they_say(kind: str) -> None:
    for number in range(30):
        made = anomalous(kind, 48, generator(number, kind), variates=2)
        np.testing.assert_array_equal(made.values != made.twin, made.anomalous)
        assert len(made.variates) == 1
        again = anomalous(kind, 48, generator(number, kind), variates=2)
        np.testing.assert_array_equal(made.values, again.values)
        if kind == "contextual":  # within the range of all
            assert made.values.max() <= made.twin.max() + 1e-12
            assert made.values.min() >= made.twin.min() - 1e-12
        if kind in RANGES:
            [[first, last]] = made.intervals
            assert 48 // 8 <= last - first + 1 <= 48 // 5 + 1


def test_dropped_samples_keep_the_times_and_labels_of_the_others() -> None:
    made = anomalous("seasonal", 60, generator(3, "drop"))
    thin = made.irregular(0.25, generator(4, "drop"))
    assert len(thin.times) == 45
    np.testing.assert_array_equal(thin.values, made.values[thin.times])
    [whole], found = made.intervals, thin.intervals
    assert all(whole[0] <= a <= b <= whole[1] for a, b in found)
    assert len(found) == 1  # neighbours are those that are left


def test_runs_are_of_neighbours_among_all_times() -> None:
    assert runs(np.array([2, 5, 9]), np.array([0, 2, 5, 7, 9])) == [[2, 5], [9, 9]]
    assert runs(np.array([], dtype=int), np.arange(4)) == []


def test_affinity_of_marks_at_random_is_about_one_half_and_of_near_ones_more() -> None:
    gold = np.zeros(201, dtype=bool)
    gold[100] = True
    everywhere = affinity(np.ones(201, dtype=bool), gold)
    assert everywhere[0] == pytest.approx(0.5, abs=0.01)
    assert everywhere[1] == 1
    beside = np.zeros(201, dtype=bool)
    beside[103] = True
    assert affinity(beside, gold) == pytest.approx((1 - 5 / 201, 1 - 5 / 201))
    with pytest.raises(NotApplicable):
        affinity(beside, np.zeros(201, dtype=bool))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" [3, 17].", [[3, 3], [17, 17]]),
        ("from [[3, 7]] on", [[3, 7]]),
        ("[[7, 3]] and then [4]", [[4, 4]]),
        ("[1, [2, 3]]", [[1, 1], [2, 3]]),
        ("[[[[", None),
        ("[1.5] none", None),
        ("[]", []),
    ],
)
def test_answers_are_read(text: str, answer: list[list[int]] | None) -> None:
    found = read(text)
    assert found == (None if answer is None else json.dumps(answer))


def record(answers: list[str], wanted: list[str]) -> Generations:
    n = len(answers)
    one = Ragged.of([[1.0]] * n, np.float64)
    return Generations(
        ids=np.arange(n).astype(str), answer=np.array(answers, dtype=object), correct=np.zeros(n, dtype=bool),
        confidence=np.zeros(n), text=Ragged.of([[a] for a in answers], object), logprob=one,
        tokens=Ragged.of([[1]] * n, np.int64), target=np.array(wanted, dtype=object),
    )  # fmt: skip


def test_marks_are_counted_by_sample() -> None:
    wanted = target([[4, 7]], list(range(10)), ordered=True)
    answers = ["[[4, 7]]", "[[6, 9]]", "", "[[0, 9]]"]
    found = {
        part: find(Metric, f"series-{part}").function(record(answers, [wanted] * 4)).values.tolist()
        for part in ("precision", "recall", "f1")
    }
    assert found["precision"] == [1, 0.5, 0, 0.4]
    assert found["recall"] == [1, 0.5, 0, 1]
    assert found["f1"] == pytest.approx([1, 0.5, 0, 0.8 / 1.4])
    assert same("[[4, 5], [6, 7]]", wanted)
    assert not same("[[4, 6]]", wanted)
    near = find(Metric, "affinity-f1").function(record(answers, [wanted] * 4)).values
    assert near[0] == 1
    assert near[1] > found["f1"][1]
    assert near[2] == 0
    alike = target([[1, 1]], [0, 1, 2], ordered=False)
    with pytest.raises(NotApplicable, match="no distances"):
        find(Metric, "affinity-f1").function(record(["[1]"], [alike]))
    with pytest.raises(NotApplicable, match="no anomalies"):
        find(Metric, "series-f1").function(record(["[1]"], ["ten"]))


def test_windows_end_in_what_they_are_labelled_by() -> None:
    examples = ood_series(0)
    test, train = examples.split("test"), examples.split("train")
    assert np.asarray(test.inputs).shape[1] == WINDOW
    assert test.ood is not None
    assert test.dataset is not None
    assert train.ood is not None
    assert not train.ood.any()
    assert set(test.dataset[test.ood]) == {*POINTS, *RANGES}
    # A window with an anomaly that does not end in it is left out.
    names = [f"global-{k:02d}" for k in range(12)]
    for number, name in enumerate(names):
        made = anomalous("global", 96, generator(0, "ood/series", "global", number))
        places = np.flatnonzero(made.anomalous[:, 0])
        mine = test.groups == name
        kept = np.array([int(i.rpartition("-")[2]) for i in test.ids[mine]]) + WINDOW - 1
        np.testing.assert_array_equal(np.isin(kept, places), test.ood[mine])
        assert all(not ((p < kept) & (kept < p + WINDOW) & ~np.isin(kept, places)).any() for p in places)


def test_texts_ask_for_what_is_judged() -> None:
    for of, kinds in (("points", POINTS), ("ranges", RANGES), ("variates", VARIATES)):
        examples = ood_series_text(1, of=of)
        assert len(examples) == 24
        assert examples.targets is not None
        assert examples.reading is not None
        assert examples.dataset is not None
        assert set(examples.dataset) == set(kinds)
        for prompt, wanted in zip(examples.inputs, examples.targets, strict=True):
            gold = json.loads(wanted)["gold"]
            assert examples.reading.right(wanted, f" {gold}\n")
            assert prompt.endswith("Answer:")
    thin = ood_series_text(1, irregular=True)
    assert all(len(json.loads(wanted)["times"]) == 36 for wanted in (thin.targets if thin.targets is not None else []))
    with pytest.raises(UsageError, match="no kind of anomaly"):
        ood_series_text(0, of="lines")
