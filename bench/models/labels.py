"""The labels of a training split, checked."""

from __future__ import annotations

import numpy as np

from bench.arrays import Ints
from bench.errors import UsageError
from bench.examples import Examples


def labels_of(train: Examples) -> Ints:
    """The labels of a training split, (n,) int64, in 0..C-1; `UsageError` where there are none to learn from."""
    if train.targets is None or len(train) == 0:
        raise UsageError(
            "a classifier cannot be fitted",
            cause="the task has no labelled training rows",
            fix="choose a task with a training split, or a model that is fitted already",
        )
    labels = np.asarray(train.targets).astype(np.int64)
    if len(np.unique(labels)) < 2 or labels.min() < 0:
        raise UsageError(
            "a classifier cannot be fitted",
            cause="the training rows hold fewer than two classes, or a negative label",
            fix="give training rows of at least two classes, numbered from 0",
        )
    return labels


def classes_of(train: Examples) -> int:
    """Number of classes of a task: as it says, else by the largest label."""
    return train.classes or int(labels_of(train).max()) + 1
