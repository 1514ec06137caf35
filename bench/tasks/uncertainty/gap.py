"""A function seen in two places: what a model makes of the gap between them, and of what lies beyond."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.zones import zones
from bench.records import Record, Regression
from bench.references import functions
from bench.seeds import generator
from bench.tasks.asking import Asked

NAME = "uncertainty/gap"
# Where the values lie that are seen; what is asked about.
SEEN = ((0.0, 0.3), (0.7, 1.0))
ZONES = {"seen": SEEN, "between": ((0.35, 0.65),), "beyond": ((-0.35, -0.05), (1.05, 1.35))}
ASKED = 100
LARGEST = 500


@task(
    NAME,
    needs="regressor",
    yields=Regression,
    source="Foong et al. 2019, arXiv:1906.11537 (in-between uncertainty); Li, Rudner and Wilson 2024",
    papers=("A Study of Bayesian Neural Network Surrogates for Bayesian Optimization",),
    metrics=("kl-to-exact", "mean-to-exact", "forecast-nll", "crps", "coverage-90", "epistemic-variance"),
    own=zones(*ZONES),
    check="uncertainty/gap",
)
def uncertainty_gap(seed: int, points: int = 100) -> Examples:
    """A noisy function of one variable, seen on both sides of a gap; the exact forecast is known everywhere.

    points: values seen (2 to 500), half on each side.  100 further values each are asked about where values were seen,
    between, and beyond, named by `dataset`.  The function is drawn by the seed from the prior of
    `uncertainty/functions`: intervals are those of its values, and other seeds are other functions.
    """
    if not 2 <= points <= LARGEST:
        raise UsageError(f"points is {points}", cause="it is a number of values", fix=f"give 2 to {LARGEST}")
    draws = generator(seed, NAME, points)
    x = np.concatenate([_places(SEEN, points, draws), *(_places(zone, ASKED, draws) for zone in ZONES.values())])
    y = drawn(x, draws)
    asked = np.arange(points, len(x))
    mean, std = functions.exact_at(x[:points], y[:points], x[asked])
    n = len(x)
    truth = np.full((n, 2), np.nan)
    truth[asked] = np.stack([mean, std], axis=1)
    return Examples(
        ids=np.array([f"value-{k:04d}" for k in range(n)]),
        inputs=x[:, None],
        targets=y,
        splits=np.repeat(["train", "test"], [points, len(asked)]),
        dataset=np.concatenate([np.full(points, "seen"), np.repeat(list(ZONES), ASKED)]),
        truth=truth,
        asker=Asked(ask),
    )


def _places(parts: tuple[tuple[float, float], ...], count: int, draws: np.random.Generator) -> Float64s:
    """Uniform places in intervals of equal length, as many in each, (count,)."""
    low, high = np.array(parts).T
    which = np.arange(count) % len(parts)
    return np.asarray(low[which] + (high - low)[which] * draws.random(count))


def drawn(x: Float64s, draws: np.random.Generator) -> Float64s:
    """Noisy values at places x (n,) of one function of the prior."""
    factor = np.linalg.cholesky(functions.kernel(x, x) + functions.NOISE**2 * np.eye(len(x)))
    return np.asarray(factor @ draws.standard_normal(len(x)))


def ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    """The record of a batch: the model's forecast, and the exact one beside it."""
    assert batch.truth is not None  # noqa: S101 - the task gives it
    forecast = model.forecast(np.asarray(batch.inputs))
    return Regression(
        **common,
        y=np.asarray(batch.targets),
        **vars(forecast),
        exact_mean=batch.truth[:, 0],
        exact_std=batch.truth[:, 1],
    )
