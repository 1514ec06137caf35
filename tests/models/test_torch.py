from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Classifier, DensityModel, Fittable, Machine, Regressor
from bench.errors import BenchError
from bench.models.building import build
from bench.specs import parse

MODULES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, width), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(width, 3)

    def features(self, x):
        return self.body(x)

    def forward(self, x):
        assert not torch.is_grad_enabled()
        return self.head(self.features(x))

class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        rows = x.flatten(1)
        return rows.sum(1, keepdim=True), self.scale.expand(len(rows), 1)

class Gaussian(nn.Module):
    def log_prob(self, x):
        return torch.distributions.Normal(0.0, 1.0).log_prob(x.flatten(1)).sum(1)

class Bottle(Net):
    # Room for four rows.
    def forward(self, x):
        if len(x) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(x)

def net(width=8, seed=0):
    return Net(width, seed)

def bottle():
    return Bottle(8, 0)

def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

def forecaster():
    return Forecaster()

def gaussian():
    return Gaussian()

def nothing():
    return None
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("modules") / "nets.py"
    path.write_text(MODULES)
    return path


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((10, 3, 4)).astype(np.float32)


def made(file: Path, name: str, **machine: Any) -> Any:
    return build(parse(f"torch:{file}:{name}"), Machine(**machine))


def test_a_classifier_with_features(file: Path, x: np.ndarray) -> None:
    model = made(file, "net,width=5")
    assert isinstance(model, Classifier)
    assert not isinstance(model, Fittable | Regressor | DensityModel)
    answer = model.classify(x)
    assert answer.logits.dtype == np.float64
    assert answer.features is not None
    head = model.module.head  # type: ignore[attr-defined]
    weight, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
    np.testing.assert_allclose(answer.features @ weight.T + bias, answer.logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.classify(x).logits, answer.logits)  # dropout is off


def test_a_classifier_without_features(file: Path, x: np.ndarray) -> None:
    answer = made(file, "plain").classify(x)
    assert answer.logits.shape == (10, 3)
    assert answer.features is None


def test_a_regressor(file: Path, x: np.ndarray) -> None:
    forecast = made(file, "forecaster,gives=regressor").forecast(x)
    np.testing.assert_allclose(forecast.mean, x.reshape(10, -1).sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(forecast.std, 2.0)


def test_a_density(file: Path, x: np.ndarray) -> None:
    model = made(file, "gaussian", dtype="float64")
    assert isinstance(model, DensityModel)
    expected = -0.5 * (x.astype(float).reshape(10, -1) ** 2).sum(axis=1) - 6 * np.log(2 * np.pi)
    np.testing.assert_allclose(model.density(x).log_prob, expected, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("auto", 1e-6), ("float64", 1e-14), ("bfloat16", 2e-2)])
def test_batches_and_dtypes_agree(dtype: str, tolerance: float, file: Path, x: np.ndarray) -> None:
    exact = made(file, "net", dtype="float64").classify(x.astype(np.float64)).logits
    whole = made(file, "net", dtype=dtype).classify(x).logits
    single = made(file, "net", dtype=dtype, batch=1).classify(x).logits
    scale = np.abs(exact).max()
    assert np.abs(whole - single).max() <= tolerance * scale
    assert np.abs(whole - exact).max() <= max(tolerance, 1e-6) * scale


def test_batches_shrink_when_memory_runs_out(file: Path, x: np.ndarray) -> None:
    model = made(file, "bottle", batch=10)
    np.testing.assert_allclose(model.classify(x).logits, made(file, "net").classify(x).logits, rtol=1e-5, atol=1e-6)
    assert model.batches.size <= 4


def test_fingerprints_follow_the_weights(file: Path) -> None:
    prints = [str(made(file, s).fingerprint()) for s in ("net", "net,seed=1", "net,width=9", "plain")]
    assert len(set(prints)) == 4
    assert str(made(file, "net").fingerprint()) == prints[0]
    digests = [made(file, s).fingerprint()["parameters"]["weights"] for s in ("net", "net,seed=1")]
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("nothing", "gave no module"),
        ("net,gives=density", "cannot be a density"),
        ("net,gives=everything", "cannot be a everything"),
        ("net,depth=3", "does not take"),
    ],
)
def test_what_cannot_be_made_says_why(name: str, match: str, file: Path) -> None:
    with pytest.raises(BenchError, match=match):
        made(file, name)


def test_answers_of_another_kind_are_refused(file: Path, x: np.ndarray) -> None:
    with pytest.raises(BenchError, match="no logits"):
        made(file, "forecaster").classify(x)
    with pytest.raises(BenchError, match="no forecast"):
        made(file, "net,gives=regressor").forecast(x)
    with pytest.raises(BenchError, match="no dtype"):
        made(file, "net", dtype="int8")
