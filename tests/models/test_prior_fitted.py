"""Forecasts in one pass by a network that saw draws from the prior alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.metrics.exact import kl_to_exact
from bench.models import prior_fitted
from bench.models.building import NotSuited, build
from bench.models.modules import load
from bench.models.prior_fitted import CENTRES, PriorFitted, function_oracle, log_density, network
from bench.records import Regression
from bench.specs import parse
from bench.tasks.uncertainty.functions import ask, uncertainty_functions
from bench.zoo.prior_fitted import train


@pytest.mark.parametrize("context", [0, 1, 16])
def test_a_forecast_depends_on_its_own_row_alone(context: int) -> None:
    model, rows = build(parse("pfn"), Machine()), np.asarray(uncertainty_functions(0, context).inputs)[:9]
    whole, alone = model.forecast(rows), model.forecast(rows[4:5])
    np.testing.assert_allclose(whole.mixture_weights[4], alone.mixture_weights[0], atol=1e-6)
    np.testing.assert_allclose(whole.mixture_weights.sum(axis=1), 1, atol=1e-12)


def test_the_density_of_the_bars_integrates_to_one() -> None:
    noise = torch.randn(1, 1, len(CENTRES), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logs = torch.log_softmax(noise, dim=-1)
    grid = torch.linspace(-7, 7, 7001, dtype=torch.float64)
    mass = log_density(logs, grid[None]).exp().sum() * (grid[1] - grid[0])
    assert mass.item() == pytest.approx(1, abs=1e-5)


def test_points_asked_about_do_not_see_one_another() -> None:
    rng = np.random.default_rng(0)
    x, y, at = (torch.as_tensor(rng.random((3, n)), dtype=torch.float32) for n in (5, 5, 4))
    parts = network()
    with torch.no_grad():
        both = prior_fitted.log_weights(parts, x, y, at)
        one = prior_fitted.log_weights(parts, x, y, at[:, 2:3])
    np.testing.assert_allclose(both[:, 2], one[:, 0], atol=1e-5)


@pytest.mark.parametrize("rows", [np.zeros((2, 10)), np.full((2, 9), 1.5), np.zeros((2, 35))])
def test_other_data_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(NotSuited, match="no data sets of functions"):
        PriorFitted().forecast(rows)


def test_the_oracle_takes_more_values_than_the_network() -> None:
    rows = np.asarray(uncertainty_functions(0, 40).inputs)[:5]
    found = function_oracle().forecast(rows)
    assert found.std is not None
    assert (found.std < 0.5).all()


def test_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(prior_fitted, "WEIGHTS", tmp_path / "none.safetensors")
    prior_fitted.loaded.cache_clear()
    with pytest.raises(UsageError, match="is missing"):
        PriorFitted()


def surprise(model: PriorFitted) -> float:
    """KL to the exact forecast after eight values."""
    test = uncertainty_functions(0, 8).split("test").take(np.arange(300))
    record = ask(model, None, test, 0, {"ids": test.ids})
    assert isinstance(record, Regression)
    return float(kl_to_exact(record).values.mean())


def test_training_lowers_the_divergence(tmp_path: Path) -> None:
    files = [train(tmp_path / str(steps), steps=steps) for steps in (1, 25)]
    parts = []
    for file in files:
        made = network()
        load(made, load_file(file))
        parts.append(made)
    before, after = (surprise(PriorFitted(tuple(made))) for made in parts)
    # The shipped network has been trained for 60 times as long.
    assert 0 < surprise(PriorFitted()) < after < before


def test_training_gives_the_same_file_again(tmp_path: Path) -> None:
    first, again = (train(tmp_path / name, steps=3) for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
