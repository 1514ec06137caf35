"""scikit-learn's handwritten digits, 8 x 8 pixels of 17 grey levels, with one fixed split."""

from __future__ import annotations

from functools import cache

import numpy as np

from bench.arrays import Bools, Float64s, Ints, Strings
from bench.examples import Examples
from bench.seeds import generator

LEVELS = 17
TOP = LEVELS - 1
CLASSES = 10
SPLITS = {"train": 900, "calibration": 297, "test": 600}
SOURCE = "Alpaydin and Kaynak 1998; scikit-learn's digits"


def digits(split: str) -> Examples:
    """One split: images (n, 8, 8) with values k / 16 for k = 0..16, targets 0..9, ids `digit-0000`.

    The 1,797 images are split 900 / 297 / 600, drawn once and for all: the run's seed doesn't change it, so that runs
    of different seeds are about the same samples.
    """
    images, labels, splits = _loaded()
    rows = np.flatnonzero(splits == split)
    ids = np.char.add("digit-", np.char.zfill(rows.astype(np.str_), 4))
    return Examples(
        ids=ids,
        inputs=images[rows] / TOP,
        targets=labels[rows],
        dataset=np.full(len(rows), "digits"),
        classes=CLASSES,
    )


def of_classes(examples: Examples, wanted: Bools) -> Examples:
    """The rows whose target is wanted; wanted: (C,)."""
    assert examples.targets is not None  # noqa: S101 - digits have targets
    return examples.take(np.flatnonzero(wanted[examples.targets]))


@cache
def _loaded() -> tuple[Float64s, Ints, Strings]:
    from sklearn.datasets import load_digits

    data = load_digits()
    order = generator(0, "digits", "split").permutation(len(data.target))
    splits = np.empty(len(order), dtype="<U11")
    splits[order] = np.repeat(list(SPLITS), list(SPLITS.values()))
    return data.images, data.target.astype(np.int64), splits
