"""Models of parts of a sample, asked the way the task asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.components import Metric
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.models import marginals
from bench.models.building import NotSuited, build
from bench.records import Marginals
from bench.registry import chosen
from bench.specs import parse
from bench.stats.intervals import value
from bench.tasks.likelihood.marginals import ask, likelihood_spins, spins


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fitted(spec: str, task: Examples) -> Any:
    model = build(parse(spec), Machine())
    model.fit(task.split("train"), 0)
    return model


def answered(model: Any, task: Examples) -> Marginals:
    batch = task.split("test")
    common = {"ids": batch.ids}
    record = ask(model, None, batch, 0, common)
    assert isinstance(record, Marginals)
    return record


def measured(name: str, record: Marginals) -> float:
    number = value(chosen(Metric, name), record)
    assert number is not None
    return number


def test_exact_marginals_leave_no_residual() -> None:
    task = likelihood_spins(0)
    for spec in ("marginal-table", "hclt,states=2,passes=3"):
        record = answered(fitted(spec, task), task)
        assert measured("self-consistency", record) == pytest.approx(0.0, abs=1e-20)
        assert measured("chain-gap", record) == pytest.approx(0.0, abs=1e-10)
    assert measured("kl-to-truth", answered(fitted("marginal-table", task), task)) == 0.0


def test_a_perturbed_table_is_found_out_by_as_much_as_it_was_perturbed() -> None:
    task = likelihood_spins(0)
    model = fitted("marginal-table", task)
    exact = model.marginal
    model.marginal = lambda rows, seen: exact(rows, seen) + 0.3 * seen.sum(axis=1)
    record = answered(model, task)
    assert measured("self-consistency", record) == pytest.approx(0.09)
    assert measured("chain-gap", record) == pytest.approx(0.3 * record.dim.mean())


def test_a_network_learns_marginals_that_nearly_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marginals, "STEPS", 150)
    task = likelihood_spins(0)
    model = fitted("marginal-network", task)
    record = answered(model, task)
    assert record.likelihood == "estimate"
    # Ten independent spins of the right shares are .276 off.
    assert abs(measured("kl-to-truth", record)) < 0.2
    assert measured("self-consistency", record) < 0.1
    states = spins().values
    assert np.exp(model.density(states.astype(np.float64)).log_prob).sum() == pytest.approx(1.0, abs=0.15)
    nothing = np.zeros((1, 10), dtype=bool)
    assert model.marginal(states[:1], nothing)[0] == pytest.approx(0.0, abs=1e-12)


def test_a_model_without_marginals_is_refused() -> None:
    task = likelihood_spins(0)
    with pytest.raises(EvaluationError, match="part of a sample"):
        answered(fitted("categorical", task), task)
    with pytest.raises(NotSuited, match="ring"):
        fitted(
            "marginal-table",
            Examples(ids=np.array(["a"]), inputs=np.zeros((1, 3)), levels=2, splits=np.array(["train"])),
        )
