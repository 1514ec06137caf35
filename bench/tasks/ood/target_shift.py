"""Outcomes distributed otherwise than where the model learnt: what it will cost, from unlabelled inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.forecasts.forms import mean_of
from bench.metrics.reweighted import CHECK, SOURCE
from bench.records import Regression, Reweighted
from bench.references.digits import CLASSES, digits
from bench.seeds import generator
from bench.stats.label_shift import RETASA, Shifted, bbse, retasa
from bench.tasks.asking import Asked

WORLDS, SAMPLES, TRAIN = 30, 300, 500
BLUR = 0.3


@dataclass(frozen=True, eq=False)
class World:
    """Labelled source samples, target samples, and the true weights of the source's.  Target outcomes only judge."""

    source: AnyArray
    outcomes: AnyArray
    target: AnyArray
    target_outcomes: AnyArray
    weights: Float64s

    def record(self, found: Shifted, losses: Float64s, suffered: Float64s) -> dict[str, float]:
        """A row of `Reweighted`."""
        return {
            "foretold": found.risk(losses),
            "unweighted": float(losses.mean()),
            "known": Shifted(self.weights).risk(losses),
            "suffered": float(suffered.mean()),
            "error": float(((found.weights - self.weights) ** 2).mean()),
            "flat": float(((1 - self.weights) ** 2).mean()),
            "effective": found.effective / len(losses),
        }


@task("ood/target-shift", needs="regressor", yields=Reweighted, source=SOURCE, papers=(RETASA,), check=CHECK)
def ood_target_shift(seed: int, mean: float = 0.7, std: float = 0.7) -> Examples:
    """30 worlds of 300 labelled source samples and 300 target ones, whose outcome is N(mean, std^2) and not N(0, 1).

    Two inputs of three are the outcome with noise, more of it for larger ones, alike in source and target.  ReTaSA
    weighs source samples by what the model forecasts for either, and so foretells the model's squared error on the
    target.  500 samples are for training.
    """
    if not 0 < std <= 1:
        raise UsageError(f"std is {std}", cause="weights of a wider target have no bound", fix="give one up to 1")
    draws = generator(seed, "ood/target-shift", "train")
    outcomes = draws.standard_normal(TRAIN)
    worlds = [_gaussian(generator(seed, "ood/target-shift", k), mean, std) for k in range(WORLDS)]
    asker = partial(_answered, worlds=worlds, weigh=_of_forecasts)
    return _examples(seen(outcomes, draws), outcomes, worlds, asker)


@task("ood/label-shift", needs="classifier", yields=Reweighted, source=SOURCE, check=CHECK)
def ood_label_shift(seed: int) -> Examples:
    """30 worlds of digits whose classes are as frequent as a Dirichlet law has it, against the even source.

    Of the digits outside training a half is the source, drawn anew for each world, and 300 are drawn from the other.
    BBSE weighs the source by its confusion matrix and what the model predicts on the target, and so foretells the error
    rate there.  Worlds share these digits: intervals are of the shifts.
    """
    held = Examples.join({split: digits(split) for split in ("calibration", "test")})
    worlds = [_digits(held, generator(seed, "ood/label-shift", k)) for k in range(WORLDS)]
    train = digits("train")
    asker = partial(_answered, worlds=worlds, weigh=_of_classes)
    return _examples(np.asarray(train.inputs), np.asarray(train.targets), worlds, asker, CLASSES)


def seen(outcomes: Float64s, draws: np.random.Generator) -> Float64s:
    """Three inputs of each outcome, (n, 3): two that blur larger outcomes more, and one that says nothing."""
    noise = draws.standard_normal((len(outcomes), 3))
    blurred = outcomes[:, None] + BLUR * np.exp(outcomes / 2)[:, None] * noise[:, :2]
    return np.concatenate([blurred, noise[:, 2:]], axis=1)


def _gaussian(draws: np.random.Generator, mean: float, std: float) -> World:
    y, z = draws.standard_normal(SAMPLES), mean + std * draws.standard_normal(SAMPLES)
    weights = np.exp(-(((y - mean) / std) ** 2) / 2 + y**2 / 2) / std
    return World(seen(y, draws), y, seen(z, draws), z, weights)


def _digits(held: Examples, draws: np.random.Generator) -> World:
    order = draws.permutation(len(held))
    source, pool = order[: len(held) // 2], order[len(held) // 2 :]
    images, labels = np.asarray(held.inputs), np.asarray(held.targets)
    share = draws.dirichlet(np.ones(CLASSES))
    drawn = draws.choice(CLASSES, SAMPLES, p=share)
    rows = np.array([draws.choice(pool[labels[pool] == c]) for c in drawn])
    frequency = np.bincount(labels[source], minlength=CLASSES) / len(source)
    return World(images[source], labels[source], images[rows], drawn, (share / frequency)[labels[source]])


def _examples(
    inputs: AnyArray, targets: AnyArray, worlds: list[World], ask: Callable[..., Reweighted], classes: int = 0
) -> Examples:
    """Training rows, and a test row a world: its number, in the shape of an input."""
    n = len(worlds)
    asker = Asked(ask)
    numbers = np.broadcast_to(np.arange(n).reshape(n, *[1] * (inputs.ndim - 1)), (n, *inputs.shape[1:]))
    test = Examples(
        ids=np.array([f"world-{k:02d}" for k in range(n)]),
        inputs=numbers.astype(np.float64),
        targets=np.zeros(n, dtype=targets.dtype),
        asker=asker,
        classes=classes,
    )
    ids = np.array([f"train-{k:04d}" for k in range(len(inputs))])
    return Examples.join(
        {"train": Examples(ids=ids, inputs=inputs, targets=targets, asker=asker, classes=classes), "test": test}
    )


def _answered(
    model: Any,
    _: Any,
    batch: Examples,
    __: int,
    common: dict[str, Any],
    *,
    worlds: list[World],
    weigh: Callable[[Any, World], dict[str, float]],
) -> Reweighted:
    numbers: Ints = np.array([int(str(id_).rpartition("-")[2]) for id_ in batch.ids])
    rows = [weigh(model, worlds[k]) for k in numbers]
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Reweighted(**common, **columns)


def _of_forecasts(model: Any, world: World) -> dict[str, float]:
    said, told = (_mean(model, rows) for rows in (world.source, world.target))
    found = retasa(said, np.asarray(world.outcomes, dtype=np.float64), told)
    return world.record(found, (said - world.outcomes) ** 2, (told - world.target_outcomes) ** 2)


def _of_classes(model: Any, world: World) -> dict[str, float]:
    said, told = (model.classify(rows).logits.argmax(axis=1) for rows in (world.source, world.target))
    by_class = bbse(np.asarray(world.outcomes), said, told, CLASSES)
    losses, suffered = (said != world.outcomes).astype(float), (told != world.target_outcomes).astype(float)
    return world.record(Shifted(by_class[world.outcomes]), losses, suffered)


def _mean(model: Any, rows: AnyArray) -> Float64s:
    n = len(rows)
    forecast = model.forecast(rows)
    return mean_of(Regression(ids=np.arange(n).astype(np.str_), y=np.zeros(n), **vars(forecast)))
