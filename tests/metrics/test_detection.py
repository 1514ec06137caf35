from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from bench.components import NotApplicable
from bench.errors import RecordError
from bench.metrics.ranking import ranked, ranking
from tests.metrics.cases import detection, metrics, point

NAMES = [m.name for m in metrics() if m.of.__name__ == "Detection"]
ROWS = st.lists(
    st.tuples(st.sampled_from([-np.inf, -50.0, 0.0, 0.25, 0.5, 1.0, 1e30, np.inf]), st.booleans()), min_size=2
).filter(lambda rows: len({r[1] for r in rows}) == 2)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_parity_with_scikit_learn_under_ties(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    record = detection(scores, positive)
    finite = np.searchsorted(np.unique(scores), scores).astype(float)  # scikit-learn refuses infinite scores
    assert point("auroc", record) == pytest.approx(roc_auc_score(positive, finite), abs=1e-12)
    assert point("aupr-out", record) == pytest.approx(average_precision_score(positive, finite), abs=1e-12)
    assert point("aupr-in", record) == pytest.approx(average_precision_score(~positive, -finite), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_rates_at_a_threshold_by_trying_all(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    record = detection(scores, positive)
    thresholds = np.unique(scores)
    flagged = scores >= thresholds[:, None]
    rates = [(f[positive].mean(), f[~positive].mean()) for f in flagged]
    assert point("fpr95-ood", record) == pytest.approx(min(fpr for tpr, fpr in rates if tpr >= 0.95 - 1e-12))
    accepted = scores <= thresholds[:, None]
    kept = [(a[~positive].mean(), a[positive].mean()) for a in accepted]
    assert point("fpr95-id", record) == pytest.approx(min(fpr for tpr, fpr in kept if tpr >= 0.95 - 1e-12))
    least = min(0.5, *((1 - tpr + fpr) / 2 for tpr, fpr in rates))
    assert point("detection-error", record) == pytest.approx(least)


def test_the_two_fpr95_differ_and_follow_the_roc_curve() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(size=400), rng.normal(1, 3, 300)])
    positive = np.arange(700) >= 400
    record = detection(scores, positive)
    for name, labels, s in (("fpr95-ood", positive, scores), ("fpr95-id", ~positive, -scores)):
        fpr, tpr, _ = roc_curve(labels, s, drop_intermediate=False)
        assert point(name, record) == pytest.approx(fpr[np.argmax(tpr >= 0.95)])
    assert abs(point("fpr95-ood", record) - point("fpr95-id", record)) > 0.1


def test_energies_outside_the_unit_interval_are_only_ranked() -> None:
    scores = np.array([-30.0, -20, -10, 5])
    assert point("auroc", detection(scores, [0, 0, 1, 1])) == 1
    assert point("auroc", detection(scores * 1000, [1, 1, 0, 0])) == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("positive", [[0, 0, 0], [1, 1, 1]])
def test_one_class_only_does_not_apply(name: str, positive: list[int]) -> None:
    with pytest.raises(NotApplicable, match="does not apply"):
        point(name, detection([0.1, 0.2, 0.3], positive))


@pytest.mark.parametrize("name", NAMES)
def test_a_weighting_of_one_class_only_is_undefined(name: str) -> None:
    metric = next(m for m in metrics() if m.name == name)
    record = detection([0.1, 0.2, 0.3], [0, 1, 1])
    found = metric.function(record, np.array([[1.0, 0, 0], [0, 1, 1], [1, 1, 0]]))
    assert np.isnan(found).tolist() == [True, True, False]


def test_a_score_that_is_no_number_is_named() -> None:
    with pytest.raises(RecordError, match="row 1 is NaN"):
        point("auroc", detection([0.1, np.nan, 0.3], [0, 1, 1]))


def test_merged_runs_are_the_scores_one_by_one() -> None:
    rng = np.random.default_rng(0)
    scores, positive = np.round(rng.normal(size=80), 1), rng.random(80) < 0.5
    w = rng.integers(0, 3, (6, 80)).astype(float)
    each, runs = ranked(scores, positive, w), ranking(scores, positive, merge_hits=True, merge_misses=True).weigh(w)
    assert runs.hits.shape[1] < each.hits.shape[1]
    # Every corner of the ROC curve is kept: those of the runs are some of the scores' own, and the area is the same.
    for found, wrong, row in zip(runs.found, runs.wrong, range(6), strict=True):
        own = set(zip(each.found[row].tolist(), each.wrong[row].tolist(), strict=True))
        assert set(zip(found.tolist(), wrong.tolist(), strict=True)) <= own
    for r in (each, runs):
        area = ((r.found - r.hits / 2) * r.misses).sum(axis=1) / (r.found[:, -1] * r.wrong[:, -1])
        pairs = [
            np.average(
                (scores[positive][:, None] > scores[~positive])
                + 0.5 * (scores[positive][:, None] == scores[~positive]),
                weights=np.outer(row[positive], row[~positive]),
            )
            for row in w
        ]
        np.testing.assert_allclose(area, pairs, rtol=1e-12)
