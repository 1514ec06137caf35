"""Models of the likelihood lab: latent variables, flows, machines and the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bench.capabilities import LogDensity, Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import latent as latents
from bench.models import timed
from bench.models.building import NotSuited, build
from bench.models.shelf import kept
from bench.runners.models import Models
from bench.specs import parse


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def examples(rows: np.ndarray, levels: int = 0) -> Examples:
    return Examples(ids=np.arange(len(rows)).astype(str), inputs=rows, levels=levels)


def asked(spec: str, train: Examples, rows: np.ndarray) -> LogDensity:
    model = build(parse(spec), Machine())
    if hasattr(model, "fit"):
        model.fit(train, 0)
    found: LogDensity = model.density(rows)
    return found


def factors(n: int = 400, seed: int = 0) -> np.ndarray:
    draws = np.random.default_rng(seed)
    return draws.standard_normal((n, 2)) @ draws.standard_normal((2, 6)) + 0.3 * draws.standard_normal((n, 6)) + 1.0


def test_ppca_is_the_gaussian_of_its_own_covariance() -> None:
    rows = factors()
    found = asked("ppca,latent=2", examples(rows), rows[:9])
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    kept_values = np.where(np.arange(6) < 4, values[:4].mean(), values)  # Tipping and Bishop's maximum
    expected = multivariate_normal(rows.mean(axis=0), vectors * kept_values @ vectors.T).logpdf(rows[:9])
    np.testing.assert_allclose(found.log_prob, expected, rtol=1e-9)
    assert found.likelihood == "exact"


def test_bounds_of_ppca_lie_below_and_rise_with_more_draws() -> None:
    rows = factors()
    exact = asked("ppca,latent=2", examples(rows), rows[:60]).log_prob
    means = []
    for spec in ("elbo,k=20", "miwae,k=5,groups=4", "iwae,k=20", "iwae,k=500"):
        found = asked(f"ppca,latent=2,spread=1.4,bound={spec}", examples(rows), rows[:60])
        assert found.likelihood == "lower"
        assert found.ess is not None
        means.append(found.log_prob.mean())
    assert means == sorted(means)
    assert means[-1] == pytest.approx(exact.mean(), abs=0.01)


def test_draws_of_a_sample_do_not_depend_on_the_batch() -> None:
    rows = factors()
    whole = asked("ppca,latent=2,spread=1.4,bound=vis,k=30", examples(rows), rows[:4])
    alone = asked("ppca,latent=2,spread=1.4,bound=vis,k=30", examples(rows), rows[2:3])
    np.testing.assert_allclose(whole.log_prob[2], alone.log_prob[0], rtol=1e-9)


def test_a_vae_is_trained_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "STEPS", 40)
    draws = np.random.default_rng(0)
    rows = np.clip(np.rint(4 + 2 * draws.standard_normal((200, 1)) + draws.standard_normal((200, 5))), 0, 8)
    first = asked("vae,latent=2,k=5", examples(rows, 9), rows[:20])
    monkeypatch.setattr(latents, "_train_vae", lambda *_: pytest.fail("it was trained again"))
    again = asked("vae,latent=2,k=5", examples(rows, 9), rows[:20])
    np.testing.assert_array_equal(first.log_prob, again.log_prob)
    assert (first.log_prob < 0).all()  # a mass
    assert first.likelihood == "lower"


def test_a_shelf_that_is_damaged_is_filled_again(tmp_path: Path) -> None:
    made = {"a": np.arange(3.0)}
    kept("x", {"k": 1}, lambda: made)
    (file,) = (tmp_path / "cache").rglob("x-*.safetensors")
    file.write_bytes(b"torn")
    np.testing.assert_array_equal(kept("x", {"k": 1}, lambda: made)["a"], made["a"])
    np.testing.assert_array_equal(kept("x", {"k": 1}, lambda: pytest.fail("it was there"))["a"], made["a"])


@pytest.mark.parametrize("spec", ["score-network", "flow-matching", "flow-matching,coupling=weighted"])
def test_small_flows_learn(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "STEPS", 120)
    monkeypatch.setattr(timed, "BATCH", 128)
    monkeypatch.setattr(timed, "WIDTH", 32)
    draws = np.random.default_rng(0)
    rows = 3.0 + 0.5 * draws.standard_normal((500, 2))
    found = asked(f"{spec},solver=heun,steps=15", examples(rows), rows[:100])
    exact = multivariate_normal([3, 3], 0.25).logpdf(rows[:100])
    untrained = multivariate_normal([0, 0], 1).logpdf(rows[:100])
    assert abs((found.log_prob - exact).mean()) < 0.1 * abs((untrained - exact).mean())
    assert found.likelihood == "estimate"
    assert found.log_det is not None
    np.testing.assert_allclose(found.log_det, -np.log(rows.std(axis=0)).sum())


def test_a_mixture_that_nobody_knows_is_not_suited() -> None:
    with pytest.raises(NotSuited, match="source of this data is not known"):
        asked("diffused-mixture", examples(factors()), factors()[:2])


USER = """
import math
import torch

def velocity():
    return lambda x, t: x * math.log(2.0)          # from N(0, 1) at 0 to N(0, 4) at 1

def score():
    return lambda x, t: -x                          # N(0, 1) stays as it is under the preserving diffusion

class Coder:
    def encode(self, x):
        return 0.5 * x, torch.full_like(x, 0.5 ** 0.5)
    def decode(self, z):
        return torch.distributions.Normal(z, torch.ones_like(z))

def energy():
    return lambda rows: 0.5 * (rows**2).sum(axis=1)

def nothing():
    return 3
"""


@pytest.fixture
def user(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(USER)
    return str(path)


def test_models_of_the_users_own_give_their_closed_forms(user: str) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 3))
    train = examples(np.random.default_rng(1).standard_normal((500, 3)))

    def normal(variance: float) -> Any:
        return multivariate_normal(np.zeros(3), variance).logpdf(rows)

    np.testing.assert_allclose(asked(f"velocity:{user}:velocity", train, rows).log_prob, normal(4.0), atol=1e-4)
    np.testing.assert_allclose(asked(f"score:{user}:score", train, rows).log_prob, normal(1.0), atol=1e-4)
    # x = z + noise: the posterior is N(x / 2, 1 / 2), so that any number of draws is exact.
    np.testing.assert_allclose(asked(f"latent:{user}:Coder,k=3", train, rows).log_prob, normal(2.0), rtol=1e-9)
    found = asked(f"energy:{user}:energy", train, rows)
    assert found.mc_error is not None
    assert abs(found.log_prob - normal(1.0)).max() < 4.5 * found.mc_error[0]
    assert found.likelihood == "upper"


def test_grey_levels_are_scaled_with_their_determinant(user: str) -> None:
    levels = np.random.default_rng(0).integers(0, 9, (30, 1)).astype(float)
    found = asked(
        f"score:{user}:score,levels=9,low=-3,high=3,tolerance=0.01,draws=64,dequantisation=importance",
        examples(levels),
        levels,
    )
    edges = -3 + 6 / 9 * np.arange(10)
    from scipy.stats import norm

    mass = np.diff(norm.cdf(edges))
    np.testing.assert_allclose(found.log_prob, np.log(mass[levels[:, 0].astype(int)]), atol=0.15)
    assert (found.likelihood, found.dequantisation) == ("lower", "importance")
    assert found.log_det is not None
    np.testing.assert_allclose(found.log_det, np.log(6 / 9))


@pytest.mark.parametrize(
    "wrong",
    [
        "velocity:{}:nothing",
        "latent:{}:nothing",
        "score:{}:score,output=x",
        "score:{}:score,levels=1",
        "energy:{}:energy,draws=1",
    ],
)
def test_wrong_models_are_refused(user: str, wrong: str) -> None:
    with pytest.raises(UsageError):
        build(parse(wrong.format(user)), Machine())


def test_an_rbm_sums_to_one_and_its_bounds_lie_about_it() -> None:
    draws = np.random.default_rng(0)
    rows = (draws.random((300, 1)) + 0.3 * draws.standard_normal((300, 6)) > 0.5).astype(float)
    every = ((np.arange(64)[:, None] >> np.arange(6)) & 1).astype(float)
    train = examples(rows, 2)
    assert np.exp(asked("rbm,hidden=4", train, every).log_prob).sum() == pytest.approx(1.0, rel=1e-9)
    kinds = [asked(f"rbm,hidden=4,z={z},steps=50", train, every) for z in ("ais", "smc", "reverse")]
    assert [k.likelihood for k in kinds] == ["upper", "upper", "lower"]
    for found in kinds:
        assert np.exp(found.log_prob).sum() == pytest.approx(1.0, abs=0.05)
    with pytest.raises(NotSuited, match="0 or 1"):
        asked("rbm", examples(rows), rows)


def test_variants_of_a_model_ask_one_training() -> None:
    draws = np.random.default_rng(0)
    train = examples((draws.random((100, 6)) > 0.5).astype(float), 2)
    models = Models(Machine(), 0)
    variants = ("rbm,hidden=4", "rbm,hidden=4,z=ais,steps=3,chains=10", "rbm,hidden=4,z=reverse,steps=3,chains=10")
    first, *others = (models.ready(parse(spec), train, print).machine.weights for spec in variants)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_flows_at_loose_tolerances_are_estimates() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 2))
    kinds = {t: asked(f"diffused-mixture,tolerance={t}", examples(rows), rows).likelihood for t in ("0.01", "0.0001")}
    assert kinds == {"0.01": "estimate", "0.0001": "exact"}
    assert asked("diffused-mixture,solver=heun", examples(rows), rows).likelihood == "estimate"
