from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.calibrators.conformal_sets import (
    conformal_aps,
    conformal_class,
    conformal_lac,
    conformal_pac,
    conformal_raps,
)
from bench.components import NotApplicable
from bench.conformal.thresholds import order
from bench.records import Classification


def drawn(seed: int, n: int, classes: int = 5, scale: float = 2.0) -> Classification:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, classes))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return Classification(ids=ids, labels=labels, logits=scale * logits)


# Not 199: where (n + 1) alpha is a whole number, the peers' floating point decides ties.
FIT, TEST = drawn(0, 195), drawn(1, 300)


def sets(record: Classification) -> np.ndarray:
    assert record.sets is not None
    return record.sets


def test_least_ambiguous_sets_against_mapie_and_crepes() -> None:
    from crepes import ConformalClassifier
    from crepes.extras import hinge

    found = sets(conformal_lac(FIT).apply(TEST))
    peer = ConformalClassifier().fit(hinge(FIT.probs, np.arange(5), FIT.labels))
    np.testing.assert_array_equal(found, peer.predict_set(hinge(TEST.probs), confidence=0.9, smoothing=False) == 1)

    from mapie.classification import SplitConformalClassifier

    prefit = _Given(5)
    mapie = SplitConformalClassifier(prefit, confidence_level=0.9, conformity_score="lac", prefit=True)
    mapie.conformalize(FIT.probs, FIT.labels)
    np.testing.assert_array_equal(found, mapie.predict_set(TEST.probs)[1][:, :, 0])


class _Given:
    """A classifier whose inputs are its probabilities."""

    def __init__(self, classes: int) -> None:
        self.classes_ = np.arange(classes)
        self.n_features_in_ = classes
        self.is_fitted_ = True

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x: np.ndarray, y: np.ndarray) -> _Given:  # noqa: ARG002
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x.argmax(axis=1)


def test_class_conditional_sets_against_crepes() -> None:
    from crepes import ConformalClassifier

    found = sets(conformal_class(FIT).apply(TEST))
    for c in range(5):
        mine = FIT.labels == c
        peer = ConformalClassifier().fit(1 - FIT.probs[mine, c])
        held = peer.predict_set((1 - TEST.probs[:, c])[:, None], confidence=0.9, smoothing=False)
        np.testing.assert_array_equal(found[:, c], held[:, 0] == 1)


@pytest.mark.parametrize("method", [conformal_lac, conformal_aps, conformal_raps, conformal_class, conformal_pac])
def test_sets_keep_their_promise(method: object) -> None:
    hits = []
    for seed in range(60):
        calibrated = method(drawn(2 * seed + 10, 150)).apply(drawn(2 * seed + 11, 200))  # type: ignore[operator]
        hits.append(sets(calibrated)[np.arange(200), calibrated.labels].mean())
        assert calibrated.level == 0.9
    mean, error = np.mean(hits), np.std(hits, ddof=1) / math.sqrt(60)
    assert mean >= 0.9 - 4.5 * error
    # Only methods with one threshold of all rows are exact from above as well.
    if method in {conformal_lac, conformal_aps}:
        assert mean <= 0.9 + 1 / 151 + 4.5 * error


def test_every_class_is_covered_by_mondrian_sets() -> None:
    hits: list[list[float]] = []
    for seed in range(40):
        calibrated = conformal_class(drawn(2 * seed + 500, 300)).apply(drawn(2 * seed + 501, 300))
        inside = sets(calibrated)[np.arange(300), calibrated.labels]
        hits.append([inside[calibrated.labels == c].mean() for c in range(5)])
    assert (np.mean(hits, axis=0) >= 0.9 - 4.5 * np.std(hits, axis=0) / math.sqrt(40)).all()


def test_sets_do_not_depend_on_the_batch() -> None:
    for method in (conformal_aps, conformal_raps):
        calibration = method(FIT)
        whole = sets(calibration.apply(TEST))
        rows = np.random.default_rng(0).permutation(300)[:50]
        np.testing.assert_array_equal(sets(calibration.apply(TEST.take(rows))), whole[rows])


def test_without_draws_sets_are_larger() -> None:
    wide, exact = conformal_aps(FIT, randomised=False).apply(TEST), conformal_aps(FIT).apply(TEST)
    assert sets(wide).sum() > sets(exact).sum()


def test_regularised_sets_are_smaller_among_many_classes() -> None:
    fit, test = drawn(2, 600, 60, 0.7), drawn(3, 600, 60, 0.7)
    small, plain = conformal_raps(fit), conformal_aps(fit)
    assert sets(small.apply(test)).sum() < sets(plain.apply(test)).sum()
    assert small.parameters["penalty"] in {0.001, 0.01, 0.1, 0.2, 0.5}
    given = conformal_raps(fit, penalty=0.1, free=3)
    assert given.parameters["n"] == 600
    assert small.parameters["n"] < 600


def test_too_few_rows_promise_nothing() -> None:
    for method in (conformal_lac, conformal_aps, conformal_class, conformal_pac):
        calibration = method(FIT.take(np.arange(8)))
        assert sets(calibration.apply(TEST)).all()
    assert conformal_lac(FIT.take(np.arange(8))).parameters == {"alpha": 0.1, "n": 8, "rank": 9, "threshold": None}


def test_rows_of_no_class_are_left_out_of_the_fit() -> None:
    outside = replace(FIT, labels=np.where(np.arange(195) < 50, -1, FIT.labels), ood=np.arange(195) < 50)
    assert conformal_lac(outside).parameters == conformal_lac(FIT.take(np.arange(50, 195))).parameters
    nothing = replace(FIT, labels=np.full(195, -1), ood=np.ones(195, dtype=bool))
    with pytest.raises(NotApplicable):
        conformal_lac(nothing)


def test_weights_shift_the_threshold_and_pac_refuses_them() -> None:
    weighted = replace(FIT, weights=np.random.default_rng(0).integers(1, 3, 195).astype(float))
    repeated = FIT.take(np.repeat(np.arange(195), weighted.weights.astype(int)))  # type: ignore[union-attr]
    np.testing.assert_array_equal(
        sets(conformal_lac(weighted).apply(TEST)),
        sets(conformal_lac(replace(repeated, ids=np.arange(len(repeated)).astype(str))).apply(TEST)),
    )
    with pytest.raises(NotApplicable):
        conformal_pac(weighted)


def test_pac_sets_leave_out_fewer_than_sets_on_average() -> None:
    pac, plain = conformal_pac(FIT), conformal_lac(FIT)
    assert pac.parameters["errors"] < 195 - order(195, 0.1)
    assert pac.parameters["threshold"] > plain.parameters["threshold"]
