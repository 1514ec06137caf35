"""Digits 0 to 5 in distribution; what else there is, out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Strings
from bench.components import task
from bench.examples import Examples
from bench.records import Probed
from bench.references.corruptions import blurred, permuted, textures, uniform_noise
from bench.references.digits import CLASSES, SOURCE, TOP, digits, of_classes
from bench.seeds import generator
from bench.tasks.ood.probing import Probing
from bench.tasks.ood.wanted import METRICS, PROBES, SCORES

INSIDE = 6
EACH = 200
BLUR = 1.5
ASKER = Probing()


@task(
    "ood/digits-near",
    needs="classifier",
    yields=Probed,
    source=SOURCE,
    metrics=METRICS,
    scores=SCORES + PROBES,
    version=2,
)
def ood_digits_near(seed: int) -> Examples:  # noqa: ARG001 - the split is fixed
    """Test digits 0 to 5 against test digits 6 to 9, which no model here was trained on."""
    outside = of_classes(digits("test"), np.arange(CLASSES) >= INSIDE)
    return _against(_outside(outside.ids, np.asarray(outside.inputs), "digits 6-9", outside.ids))


@task(
    "ood/digits-far",
    needs="classifier",
    yields=Probed,
    source=SOURCE,
    metrics=METRICS,
    scores=SCORES + PROBES,
    version=2,
)
def ood_digits_far(seed: int) -> Examples:
    """Test digits 0 to 5 against 200 images each of five kinds, named by `dataset`.

    Permuted pixels (one order for all), blurred (1.5 pixels) and inverted are made of test digits, and grouped with
    the digit that they were made of; noise is uniform over the 17 levels; textures have the 1/f spectrum of natural
    scenes.
    """
    source = _inside("test")
    rows = generator(0, "ood/digits-far", "rows").permutation(len(source))[:EACH]  # the same for every seed
    images, origin = np.asarray(source.inputs)[rows], source.ids[rows]
    alone = np.array([f"{i:03d}" for i in range(EACH)])
    made = {
        "permuted": permuted(images, generator(seed, "ood/digits-far", "permuted")),
        "blurred": blurred(images, BLUR),
        "inverted": 1 - images,
    }
    drawn = {
        "noise": uniform_noise(EACH, 8, TOP, generator(seed, "ood/digits-far", "noise")),
        "textures": textures(EACH, 8, generator(seed, "ood/digits-far", "textures")),
    }
    parts = [_outside(_ids(kind, origin), inputs, kind, origin) for kind, inputs in made.items()]
    parts += [_outside(_ids(kind, alone), inputs, kind, _ids(kind, alone)) for kind, inputs in drawn.items()]
    return _against(*parts)


def _inside(split: str) -> Examples:
    part = of_classes(digits(split), np.arange(CLASSES) < INSIDE)
    n = len(part)
    known = {"ood": np.zeros(n, dtype=bool), "dataset": np.full(n, "digits 0-5"), "classes": INSIDE, "asker": ASKER}
    return replace(part, groups=part.ids, **known)  # type: ignore[arg-type]


def _outside(ids: Strings, inputs: Float64s, dataset: str, groups: Strings) -> Examples:
    n = len(ids)
    return Examples(
        ids=ids,
        inputs=inputs,
        targets=np.full(n, -1),
        groups=groups,
        ood=np.ones(n, dtype=bool),
        dataset=np.full(n, dataset),
        classes=INSIDE,
    )


def _against(*outside: Examples) -> Examples:
    test = Examples.join({str(i): part for i, part in enumerate((_inside("test"), *outside))})
    return Examples.join({"train": _inside("train"), "calibration": _inside("calibration"), "test": test})


def _ids(kind: str, names: Strings) -> Strings:
    return np.char.add(f"{kind}-", names)
