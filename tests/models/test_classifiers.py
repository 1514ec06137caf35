from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench.capabilities import Classifier, Fingerprinted, Fittable, Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import build
from bench.models.scaling import Scale
from bench.records import log_softmax
from bench.specs import parse
from bench.tasks.calibration.digits import calibration_digits

SPECS = ("logistic", "mlp,epochs=5", "forest,trees=20", "ensemble:mlp,size=2,epochs=3")


def table(n: int = 150, classes: int = 3, seed: int = 0, told: int = 0) -> Examples:
    draws = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    inputs = draws.standard_normal((n, 4)) + 1.5 * np.eye(4)[labels]
    return Examples(ids=np.arange(n).astype(str), inputs=inputs, targets=labels, classes=told or classes)


def fitted(spec: str, train: Examples, seed: int = 0) -> Any:
    model = build(parse(spec), Machine())
    assert isinstance(model, Classifier)
    assert isinstance(model, Fittable)
    assert isinstance(model, Fingerprinted)
    model.fit(train, seed)
    return model


@pytest.fixture(scope="module")
def digits() -> Examples:
    return calibration_digits(0)


@pytest.mark.parametrize("spec", SPECS)
def test_answers_do_not_depend_on_the_batch_and_fits_repeat(spec: str, digits: Examples) -> None:
    train, test = digits.split("train"), np.asarray(digits.split("test").inputs)[:64]
    model, again = fitted(spec, train, seed=1), fitted(spec, train, seed=1)
    whole = model.classify(test).logits
    one_by_one = np.concatenate([model.classify(test[i : i + 1]).logits for i in range(64)])
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(again.classify(test).logits, whole)


@pytest.mark.parametrize(("spec", "least"), [("logistic", 0.94), ("mlp", 0.96), ("forest", 0.95)])
def test_they_learn_digits(spec: str, least: float, digits: Examples) -> None:
    test = digits.split("test")
    logits = fitted(spec, digits.split("train")).classify(np.asarray(test.inputs)).logits
    assert (logits.argmax(axis=1) == test.targets).mean() > least


def test_seeds_matter_where_something_is_drawn() -> None:
    x = np.asarray(table(seed=1).inputs)
    for spec in ("mlp,epochs=3", "forest,trees=10"):
        assert (
            np.abs(fitted(spec, table(), 0).classify(x).logits - fitted(spec, table(), 1).classify(x).logits).max() > 0
        )


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_agrees_with_scikit_learn(classes: int) -> None:
    train, x = table(classes=classes), np.asarray(table(seed=1).inputs)
    rows = np.asarray(train.inputs)
    scale = Scale.of(rows)
    peer = LogisticRegression(C=0.3, tol=1e-6, max_iter=2000).fit(scale.apply(rows), train.targets)
    answer = fitted("logistic,strength=0.3", train).classify(x)
    np.testing.assert_allclose(log_softmax(answer.logits), peer.predict_log_proba(scale.apply(x)), atol=1e-9)
    np.testing.assert_allclose(answer.features, scale.apply(x))


@pytest.mark.parametrize("spec", SPECS)
def test_a_class_without_training_rows_is_nearly_impossible(spec: str) -> None:
    answer = fitted(spec, table(told=5)).classify(np.asarray(table(seed=1).inputs))
    assert answer.logits.shape == (150, 5)
    share = np.exp(log_softmax(answer.logits))[:, 3:].max()
    assert share < (0.5 if "mlp" in spec else 1e-6)  # a network learns it slowly, from the other classes' gradients


def test_the_last_layer_follows_from_the_features() -> None:
    model = fitted("mlp,epochs=2,hidden=16,depth=2", table())
    answer = model.classify(np.asarray(table(seed=1).inputs))
    assert answer.features.shape == (150, 16)
    weight, bias = model.network.layers[-1]
    np.testing.assert_allclose(answer.features @ weight + bias, answer.logits)
    assert (answer.features >= 0).all()


def test_training_descends_like_torchs_adamw() -> None:
    # Weights after training agree with torch's own AdamW on the same batches.
    import torch

    from bench.models.descent import BETAS
    from bench.models.network import Training, _descend, _started
    from bench.seeds import generator

    x = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32))
    y = torch.arange(40) % 2
    how = Training(epochs=3, batch=16, rate=0.01, decay=0.1)

    def loss(outputs: Any, rows: Any) -> Any:
        return torch.nn.functional.cross_entropy(outputs, y[rows])

    ours = _started((3, 5, 2), 0)
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    _descend(x, loss, ours, how, 0)
    optimiser = torch.optim.AdamW(theirs, lr=how.rate, betas=BETAS, eps=1e-8, weight_decay=how.decay)
    order, step, steps = generator(0, "order"), 0, how.epochs * 3
    for _ in range(how.epochs):
        for rows in torch.split(torch.from_numpy(order.permutation(40)), 16):
            optimiser.param_groups[0]["lr"] = how.rate * (1 - step / steps)
            step += 1
            optimiser.zero_grad()
            hidden = torch.relu(x[rows] @ theirs[0] + theirs[1])
            loss(hidden @ theirs[2] + theirs[3], rows).backward()
            optimiser.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_threads_are_left_as_they_were() -> None:
    import torch

    before = torch.get_num_threads()
    fitted("mlp,epochs=1", table())
    assert torch.get_num_threads() == before


def test_pixels_share_a_scale_and_columns_do_not() -> None:
    draws = np.random.default_rng(0)
    rows = draws.standard_normal((100, 4)) * [1, 10, 100, 0]
    np.testing.assert_allclose(Scale.of(rows).width, [*rows.std(axis=0)[:3], 1.0])
    image = Scale.of(rows.reshape(100, 2, 2))
    np.testing.assert_allclose(image.width, np.sqrt(rows.var(axis=0).mean()))


@pytest.mark.parametrize("spec", ["logistic", "mlp,epochs=1"])
def test_training_rows_without_labels_or_of_one_class_are_refused(spec: str) -> None:
    inputs = np.zeros((4, 2))
    ids = np.arange(4).astype(str)
    for targets in (None, np.zeros(4, dtype=int), np.array([-1, 0, 1, 1])):
        with pytest.raises(UsageError, match="cannot be fitted"):
            fitted(spec, Examples(ids=ids, inputs=inputs, targets=targets, classes=2))


def test_fingerprints_tell_parameters_apart() -> None:
    prints = [
        build(parse(s), Machine()).fingerprint() for s in ("mlp", "mlp,hidden=32", "mlp,decay=0", "logistic", "forest")
    ]
    assert len({str(p) for p in prints}) == 5
    assert all("bench" in p["versions"] for p in prints)
