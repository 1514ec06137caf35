"""Integral circuits: their quadrature, and networks that learn one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import integral
from bench.models.building import NotSuited, build
from bench.specs import parse
from bench.tasks.likelihood.gaussian_tree import likelihood_gaussian_tree


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_more_nodes_come_nearer_to_the_truth() -> None:
    test = likelihood_gaussian_tree(0).split("test")
    assert test.truth is not None
    errors = [np.abs(integral.integrated(np.asarray(test.inputs), n) - test.truth).max() for n in (8, 16, 32)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01
    with pytest.raises(UsageError, match="nodes=1"):
        build(parse("integral-tree,nodes=1"), Machine())
    model = build(parse("integral-tree"), Machine())
    with pytest.raises(NotSuited, match="5 dimensions"):
        model.fit(Examples(ids=np.array(["a"]), inputs=np.zeros((1, 3))), 0)


def test_a_trained_circuit_sums_to_one_and_finds_dependence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integral, "STEPS", 60)
    draws = np.random.default_rng(0)
    kind = draws.integers(2, size=600)
    rows = (draws.random((600, 6)) < np.where(kind[:, None] == 0, 0.1, 0.9)).astype(np.float64)
    model = build(parse("integral-circuit,nodes=8"), Machine())
    model.fit(Examples(ids=np.arange(600).astype(str), inputs=rows, levels=2), 0)
    every = np.indices((2,) * 6).reshape(6, -1).T
    mass = np.exp(model.density(every.astype(np.float64)).log_prob)
    assert mass.sum() == pytest.approx(1.0, rel=1e-9)
    # Two kinds of rows of six coins of .1: log 2 + 6 H(.1) = 2.64 nats; six fair coins 4.16.
    assert -model.density(rows).log_prob.mean() < 3.2
    seen = np.zeros((1, 6), dtype=bool)
    seen[:, [0, 3]] = True
    pair = mass[(every[:, 0] == 1) & (every[:, 3] == 0)].sum()
    assert np.exp(model.marginal(np.array([[1, 0, 0, 0, 0, 0]]), seen))[0] == pytest.approx(pair, rel=1e-9)
