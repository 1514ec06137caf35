"""The gap between what was seen, and searches for a known minimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.capabilities import Forecast
from bench.checking import run, select
from bench.components import NotApplicable
from bench.errors import RecordError, UsageError
from bench.examples import Examples
from bench.metrics.mixing import split_r_hat
from bench.records import Searches
from bench.references import functions
from bench.references.optimisation import LANDSCAPES
from bench.seeds import derive
from bench.tasks.uncertainty.gap import ZONES, uncertainty_gap
from bench.tasks.uncertainty.optimisation import NAME, ask, candidates, search, uncertainty_optimisation

BRANIN = LANDSCAPES["branin"]
NAMES = [c.name for c in select((), ()) if c.function.__module__ == "bench.checks.surrogates"]


@pytest.mark.parametrize("name", NAMES)
def test_check_passes(name: str) -> None:
    outcomes = list(run(select((), (name,))))
    assert outcomes
    assert [o.as_text() for o in outcomes if not o.passed] == []


class Knowing:
    """Knows the function, and is a little unsure of it."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - the protocol's
        self.seen.append(len(train))

    def forecast(self, inputs: Any) -> Forecast:
        return Forecast(mean=BRANIN.function(np.asarray(inputs)), std=np.full(len(inputs), 1e-9))


def test_a_model_that_knows_the_function_takes_the_best_that_is_offered() -> None:
    model, first = Knowing(), np.array([0.9, 0.9])
    values = search(model, BRANIN, first, 3, 2, 7)
    assert model.seen == [3, 4]
    assert values[0] == BRANIN.function(first[None])[0]
    offered = candidates(2, first, derive(7, "offered", 0))
    assert values[3] <= BRANIN.function(offered[:1024]).min()
    assert values.min() - BRANIN.minimum < 0.05


def test_searches_hang_on_their_own_seed_alone() -> None:
    test = uncertainty_optimisation(0, searches=4, steps=2).split("test")
    options: dict[str, Any] = {"landscape": BRANIN, "start": 5, "steps": 2}
    whole = ask(Knowing(), None, test, 3, {"ids": test.ids}, **options)
    part = test.take(np.array([2]))
    alone = ask(Knowing(), None, part, 3, {"ids": part.ids}, **options)
    assert isinstance(whole, Searches)
    assert isinstance(alone, Searches)
    np.testing.assert_array_equal(whole.values[2], alone.values[0])
    assert (np.diff(whole.regrets, axis=1) <= 0).all()
    with pytest.raises(UsageError, match="can't search"):
        ask(object(), None, test, 3, {"ids": test.ids}, **options)
    wrong: list[dict[str, Any]] = [{"function": "ackley"}, {"steps": 0}, {"start": 1}]
    for bad in wrong:
        with pytest.raises(UsageError):
            uncertainty_optimisation(0, **bad)
    assert NAME == "uncertainty/optimisation"


def test_a_value_below_the_minimum_is_refused() -> None:
    with pytest.raises(RecordError, match="at least the minimum"):
        Searches(ids=np.array(["a"]), values=np.array([[1.0, -0.1]]), minimum=np.zeros(1))


def test_the_exact_forecast_of_the_gap_is_that_of_any_data_set() -> None:
    task = uncertainty_gap(1, points=20)
    train, test = task.split("train"), task.split("test")
    assert test.truth is not None
    x, y = np.asarray(train.inputs)[:, 0], np.asarray(train.targets)
    many = len(test)
    mean, std = functions.exact(np.tile(x, (many, 1)), np.tile(y, (many, 1)), np.asarray(test.inputs)[:, 0])
    np.testing.assert_allclose(test.truth, np.stack([mean, std], axis=1), atol=1e-8)
    assert test.dataset is not None
    wide = {zone: std[test.dataset == zone].mean() for zone in ZONES}
    assert wide["seen"] < wide["between"] < wide["beyond"]
    off = (np.asarray(test.targets) - mean) / std
    assert np.abs(off).max() < 5
    with pytest.raises(UsageError, match="points is 1"):
        uncertainty_gap(0, points=1)


def test_runs_that_disagree_have_a_high_r_hat() -> None:
    draws = np.random.default_rng(0).standard_normal((1, 400))
    assert split_r_hat(draws)[0] == pytest.approx(1, abs=0.03)
    draws[:, 200:] += 3
    # Means 0, 0, 3, 3: variance 3 between, 1 within.
    assert split_r_hat(draws)[0] == pytest.approx(2, abs=0.1)
    with pytest.raises(NotApplicable, match="too few"):
        split_r_hat(draws[:, :7])
