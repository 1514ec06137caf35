"""Families of the likelihood lab whose truth is known: paths, energies, correctors, residual models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.capabilities import LogDensity, Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import residual
from bench.models.building import NotSuited, build
from bench.specs import parse
from bench.tasks.likelihood.double_well import likelihood_double_well
from bench.tasks.likelihood.guided import likelihood_guided_mixture
from bench.tasks.likelihood.sequences import likelihood_chain


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def asked(spec: str, task: Examples) -> LogDensity:
    model = build(parse(spec), Machine())
    model.fit(task.split("train"), 0)
    found: LogDensity = model.density(np.asarray(task.split("test").inputs))
    return found


def off(spec: str, task: Examples) -> float:
    """How far an estimate of log Z is too low."""
    truth = task.split("test").truth
    assert truth is not None
    return float((asked(spec, task).log_prob - truth).mean())


WELL = "bench.references.energies:well"


def test_paths_of_a_stochastic_flow_bracket_the_double_well() -> None:
    task = likelihood_double_well(0)
    above = [off(f"stochastic-flow:{WELL},steps={n},chains=500", task) for n in (1, 10, 30)]
    below = [off(f"stochastic-flow:{WELL},steps={n},chains=500,z=reverse", task) for n in (1, 10)]
    assert above == sorted(above, reverse=True)
    assert below == sorted(below)
    assert below[-1] < 0 < above[-1] < 0.5
    assert 0 < off(f"stochastic-flow:{WELL},steps=30,moves=langevin,chains=500", task) < above[0]
    assert asked(f"stochastic-flow:{WELL},steps=1", task).likelihood == "upper"


def test_a_trained_layer_is_a_flow_with_its_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models import stochastic_flows

    monkeypatch.setattr(stochastic_flows, "TRAINING", 5)
    task = likelihood_double_well(0)
    model = build(parse(f"stochastic-flow:{WELL},layers=flow,steps=0,chains=50"), Machine())
    model.fit(task.split("train"), 0)
    train = task.split("train")
    (layer,) = model.blocks(np.asarray(train.inputs), train, 0)
    draws = np.random.default_rng(0)
    start = draws.standard_normal((20, 2))
    there, gained = layer(start, draws)
    back, again = layer.back(there, draws)
    np.testing.assert_allclose(back, start, atol=1e-6)
    np.testing.assert_allclose(gained, again, atol=1e-6)
    base = -0.5 * (start**2).sum(axis=1) - np.log(2 * np.pi)
    np.testing.assert_allclose(layer.held.log_density(there), base - gained, atol=1e-6)


def test_both_ends_of_an_energys_bracket_near_its_constant() -> None:
    task = likelihood_double_well(0)
    assert abs(off(f"energy:{WELL},draws=5000", task)) < 0.1
    assert abs(off(f"energy:{WELL},draws=5000,z=high", task)) < 0.1
    assert asked(f"energy:{WELL},z=high", task).likelihood == "lower"


def test_correctors_find_the_constant_that_guidance_leaves_out() -> None:
    task = likelihood_guided_mixture(0, form="guided")
    assert abs(off("feynman-kac,form=guided,steps=60,particles=200,runs=3", task)) < 0.6
    plain = asked("guided-flow,tolerance=0.001", task)
    truth = task.split("test").truth
    assert truth is not None
    assert (truth - plain.log_prob).mean() > 1.0
    with pytest.raises(UsageError, match="form"):
        likelihood_guided_mixture(0, form="other")


def test_a_residual_model_learns_what_its_language_model_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "STEPS", 150)
    task = likelihood_chain(0, length=5)
    every = np.indices((4,) * 5).reshape(5, -1).T.astype(np.float64)
    model = build(parse("residual-lm,order=1,z=exact"), Machine())
    model.fit(task.split("train"), 0)
    assert np.exp(model.density(every).log_prob).sum() == pytest.approx(1.0, rel=1e-6)
    truth = task.split("test").truth
    assert truth is not None
    rows = np.asarray(task.split("test").inputs)
    alone = (truth - model.lm.log_prob(rows)).mean()
    assert (truth - model.density(rows).log_prob).mean() < 0.3 * alone
    low, high = (asked(f"residual-lm,order=1,z={z},draws=4000", task) for z in ("low", "high"))
    assert (low.likelihood, high.likelihood) == ("upper", "lower")
    np.testing.assert_allclose(low.log_prob, model.density(rows).log_prob, atol=0.3)
    np.testing.assert_allclose(high.log_prob, model.density(rows).log_prob, atol=0.3)
    with pytest.raises(NotSuited, match="cannot sum"):
        asked("residual-lm,z=exact", likelihood_chain(0))
