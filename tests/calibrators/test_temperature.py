import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bench.calibrators.temperature import WIDEST, best_temperature, temperature
from bench.components import NotApplicable
from bench.records import Classification, log_softmax


def record(logits: np.ndarray, labels: np.ndarray, **columns: object) -> Classification:
    ids = np.arange(len(labels)).astype(str)
    return Classification(ids=ids, labels=labels, logits=logits, **columns)  # type: ignore[arg-type]


def drawn(n: int = 400, classes: int = 6, scale: float = 4.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    logits = scale * draws.standard_normal((n, classes))
    noisy = logits + 3 * draws.gumbel(size=logits.shape)
    return logits, noisy.argmax(axis=1)


def loss(logits: np.ndarray, labels: np.ndarray, t: float, weights: np.ndarray | float = 1.0) -> float:
    return float(-(weights * log_softmax(logits / t)[np.arange(len(labels)), labels]).sum())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0, 1e5])
def test_agrees_with_scipy(seed: int, scale: float) -> None:
    logits, labels = drawn(seed=seed)
    weights = np.random.default_rng(seed).random(len(labels))
    fitted = best_temperature(scale * logits, labels, weights)
    peer = minimize_scalar(
        lambda t: loss(logits, labels, np.exp(t), weights), bounds=(-5, 5), method="bounded", options={"xatol": 1e-10}
    )
    # A minimiser that sees values only is blind below the square root of the machine's precision.
    assert np.log(fitted / scale) == pytest.approx(peer.x, abs=1e-6)


def test_newton_needs_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.calibrators.temperature as module

    calls: list[float] = []
    original = module._derivatives

    def counted(scaled: np.ndarray, labels: np.ndarray, weights: np.ndarray, beta: float) -> tuple[float, float]:
        calls.append(beta)
        return original(scaled, labels, weights, beta)

    monkeypatch.setattr(module, "_derivatives", counted)
    for seed in range(10):
        calls.clear()
        best_temperature(*drawn(seed=seed), np.ones(400))
        assert len(calls) <= 9  # one of them looks at T -> infinity


def test_one_outlying_row_does_not_hide_the_minimum() -> None:
    logits, labels = drawn()
    logits[0] = [1e9, 0, 0, 0, 0, 0]
    labels[0] = 0
    assert best_temperature(logits, labels, np.ones(len(labels))) == pytest.approx(
        best_temperature(logits[1:], labels[1:], np.ones(len(labels) - 1)), rel=1e-8
    )


def test_separable_and_contrary_labels_end_at_the_range() -> None:
    logits = np.tile([0.0, 1.0], (10, 1))
    assert best_temperature(logits, np.ones(10, dtype=int), np.ones(10)) == 1 / WIDEST
    assert best_temperature(logits, np.zeros(10, dtype=int), np.ones(10)) == WIDEST


def test_constant_logits_have_temperature_one() -> None:
    assert best_temperature(np.full((3, 4), 7.0), np.array([0, 1, 2]), np.ones(3)) == 1.0


def test_impossible_classes_are_left_in_place() -> None:
    logits, labels = drawn(classes=3)
    wide = np.concatenate([logits, np.full((len(logits), 1), -np.inf)], axis=1)
    assert best_temperature(wide, labels, np.ones(len(labels))) == pytest.approx(
        best_temperature(logits, labels, np.ones(len(labels))), rel=1e-10
    )
    applied = temperature(record(wide, labels)).apply(record(wide, labels))
    assert np.isneginf(applied.logits[:, 3]).all()


def test_rows_without_a_possible_label_are_left_out() -> None:
    logits, labels = drawn()
    extra = np.full((1, 6), 0.0)
    extra[0, 2] = -np.inf
    fitted = temperature(record(np.concatenate([logits, extra]), np.append(labels, 2)))
    assert fitted.parameters == temperature(record(logits, labels)).parameters


def test_ood_rows_are_left_out_and_order_is_kept() -> None:
    logits, labels = drawn()
    outside = labels.copy()
    outside[:50] = -1
    whole = record(logits, outside, ood=outside < 0)
    calibration = temperature(whole)
    assert calibration.parameters == temperature(record(logits[50:], labels[50:])).parameters
    applied = calibration.apply(whole)
    np.testing.assert_array_equal(applied.predicted, whole.predicted)
    assert applied.ood is not None
    np.testing.assert_allclose(applied.logits * calibration.parameters["temperature"], logits)


def test_members_are_dropped() -> None:
    logits, labels = drawn()
    ensemble = record(logits, labels, members=np.stack([log_softmax(logits)] * 2, axis=1))
    assert temperature(ensemble).apply(ensemble).members is None


def test_no_labelled_rows_is_not_applicable() -> None:
    nothing = record(np.zeros((2, 3)), np.array([-1, -1]), ood=np.array([True, True]))
    with pytest.raises(NotApplicable):
        temperature(nothing)
