"""Searching a minimum by a model's uncertainty: what the uncertainty is worth where it decides what to look at."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import Fittable, Forecast
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.forecasts.forms import mean_of, std_of
from bench.metrics.searches import CHECK, STUDY
from bench.records import Record, Regression, Searches
from bench.references.optimisation import LANDSCAPES, Landscape, expected_improvement
from bench.seeds import derive, generator
from bench.tasks.asking import Asked

NAME = "uncertainty/optimisation"
# Places among which the next is chosen: all over the cube, and near the best so far.
SPREAD, NEAR = 1024, 256


@task(
    NAME,
    needs="regressor",
    yields=Searches,
    source="Jones, Schonlau and Welch 1998 (expected improvement); Li, Rudner and Wilson 2024",
    papers=STUDY,
    check=CHECK,
)
def uncertainty_optimisation(
    seed: int, function: str = "branin", searches: int = 10, start: int = 0, steps: int = 20
) -> Examples:
    """Ten searches for a known minimum, each evaluation where the model expects the greatest improvement.

    function: branin (2 variables) or hartmann-6.  start: evaluations at quasi-random places before the first fit (0:
    twice the variables and one).  steps: evaluations after them, before each of which the model is fitted afresh to all
    so far.  Only what can be fitted may search; what the forecast calls noise counts for nothing.
    """
    if function not in LANDSCAPES:
        raise UsageError(f"no function is called '{function}'", cause="it is none of ours", fix=" or ".join(LANDSCAPES))
    landscape = LANDSCAPES[function]
    begun = start or 2 * landscape.dim + 1
    if begun < 2 or steps < 1 or searches < 1:
        raise UsageError(
            f"{NAME} can't do start={start},steps={steps},searches={searches}",
            cause="a search starts with two places at least, and goes on",
            fix=f"{NAME},start=5,steps=20,searches=10",
        )
    # A model is fitted once before it is asked: to these places, of which no search knows.
    places = spread(landscape.dim, begun, derive(seed, NAME, function))
    asker = Asked(partial(ask, landscape=landscape, start=begun, steps=steps))
    firsts = generator(seed, NAME, "first").random((searches, landscape.dim))
    parts = {
        "train": (places, landscape.function(places)),
        "test": (firsts, np.full(searches, landscape.minimum)),
    }
    return Examples.join(
        {
            split: Examples(
                ids=np.array([f"{split}-{k:03d}" for k in range(len(rows))]), inputs=rows, targets=values, asker=asker
            )
            for split, (rows, values) in parts.items()
        }
    )


def ask(
    model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], *,
    landscape: Landscape, start: int, steps: int,
) -> Record:  # fmt: skip
    """A search from each row's place."""
    if not isinstance(model, Fittable):
        raise UsageError(
            "the model can't search", cause="it isn't fitted to what was found", fix="take one that learns: -m gp"
        )
    firsts = np.asarray(batch.inputs, dtype=np.float64)
    streams = [derive(seed, NAME, str(key)) for key in batch.ids]
    found = [
        search(copy.deepcopy(model), landscape, first, start, steps, own)
        for first, own in zip(firsts, streams, strict=True)
    ]
    return Searches(**common, values=np.stack(found), minimum=np.asarray(batch.targets))


def search(model: Any, landscape: Landscape, first: Float64s, start: int, steps: int, seed: int) -> Float64s:
    """The function's values at `start` spread places, the first of them given, and at `steps` chosen ones, (T,)."""
    places = np.concatenate([first[None], spread(landscape.dim, start, seed)[: start - 1]])
    values = landscape.function(places)
    for step in range(steps):
        ids = np.arange(len(values)).astype(np.str_)
        model.fit(Examples(ids=ids, inputs=places, targets=values), derive(seed, "fit", step))
        offered = candidates(landscape.dim, places[values.argmin()], derive(seed, "offered", step))
        gain = expected_improvement(float(values.min()), *believed(model.forecast(offered), len(offered)))
        chosen = offered[[gain.argmax()]]
        places = np.concatenate([places, chosen])
        values = np.concatenate([values, landscape.function(chosen)])
    return values


def candidates(dim: int, best: Float64s, seed: int) -> Float64s:
    """Places all over the cube, and about the best so far at distances from a tenth to a thousandth, (n, dim)."""
    draws = generator(seed, "near")
    reach = 10 ** draws.uniform(-3, -1, (NEAR, 1))
    near = best + reach * draws.standard_normal((NEAR, dim))
    return np.concatenate([spread(dim, SPREAD, seed), np.clip(near, 0.0, 1.0)])


def believed(forecast: Forecast, n: int) -> tuple[Float64s, Float64s]:
    """Mean of the function, and how unsure of it the model is: its members' deviation, else the forecast's, (n,)."""
    record = Regression(ids=np.arange(n).astype(np.str_), y=np.zeros(n), **vars(forecast))
    members = record.member_means
    return mean_of(record), std_of(record) if members is None else np.asarray(members.std(axis=1))


def spread(dim: int, count: int, seed: int) -> Float64s:
    """Places of a scrambled Sobol sequence, (count, dim) in [0, 1]."""
    from scipy.stats import qmc

    drawn = qmc.Sobol(dim, rng=generator(seed, "sobol")).random(1 << (count - 1).bit_length())
    return np.asarray(drawn[:count])
