"""OOD detection on tables: one that ships with scikit-learn, and one whose best possible detector is known."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.examples import Examples
from bench.records import Probed
from bench.seeds import generator
from bench.tasks.ood.probing import Probing
from bench.tasks.ood.wanted import GRADIENTS, METRICS, SCORES

ASKER = Probing(grid=0)
CANCER, GAUSSIANS = "ood/cancer", "ood/gaussians"
SPLITS = {"train": 300, "calibration": 69, "test": 200}
WIDTH, CLASSES, LEAD, OUTER = 6, 3, 3.0, 1.5
SIZES = {"train": 600, "calibration": 200, "test": 600}


@task(
    CANCER,
    needs="classifier",
    yields=Probed,
    source="Street, Wolberg and Mangasarian 1993; scikit-learn's breast cancer",
    metrics=METRICS,
    scores=SCORES + GRADIENTS,
)
def ood_cancer(seed: int) -> Examples:
    """Thirty measurements of 569 tumours, benign or malignant, against three sets made of the 200 test rows.

    shuffled: each column in an order of its own, so that columns are as they were and their dependence is gone.
    uniform: between the least and the largest value of each column.  swapped: the columns in the reverse order.
    """
    inputs, targets = _cancer()
    order = generator(0, CANCER, "split").permutation(len(targets))
    ids = np.array([f"tumour-{i:03d}" for i in range(len(targets))])
    starts = np.cumsum([0, *SPLITS.values()])
    parts = {
        split: _rows(ids[rows], inputs[rows], targets[rows], "tumours", ids[rows], ood=False)
        for split, rows in zip(SPLITS, (order[a:b] for a, b in pairwise(starts)), strict=True)
    }
    test = np.asarray(parts["test"].inputs)
    draws = generator(seed, CANCER, "made")
    made = {
        "shuffled": draws.permuted(test, axis=0),
        "uniform": draws.uniform(inputs.min(axis=0), inputs.max(axis=0), size=test.shape),
        "swapped": test[:, ::-1].copy(),
    }
    nothing = np.full(len(test), -1)
    for name, rows in made.items():
        own = parts["test"].ids if name == "swapped" else np.char.add(f"{name}-", parts["test"].ids)
        parts[name] = _rows(np.char.add(f"{name}-", parts["test"].ids), rows, nothing, name, own, ood=True)
    test_parts = Examples.join({name: parts[name] for name in ("test", *made)})
    return Examples.join({"train": parts["train"], "calibration": parts["calibration"], "test": test_parts})


@task(
    GAUSSIANS,
    needs="classifier",
    yields=Probed,
    source="closed form",
    metrics=METRICS,
    scores=SCORES + GRADIENTS,
    check="ood/gaussians-optimal",
)
def ood_gaussians(seed: int) -> Examples:
    """Three unit Gaussians in six dimensions against their centre (near) and a wide Gaussian (far): the truth is known.

    Class k's mean is 3 along axis k.  near: a unit Gaussian at the middle of the three means.  far: a Gaussian of
    standard deviation 1.5 there.  By Neyman and Pearson no score has a higher AUROC than the ratio of densities, which
    `bench check --name ood/gaussians-optimal` gives.
    """
    parts = {}
    for split, size in SIZES.items():
        draws = generator(seed, GAUSSIANS, split)
        labels = draws.integers(0, CLASSES, size)
        points = means()[labels] + draws.standard_normal((size, WIDTH))
        ids = np.array([f"{split}-{i:04d}" for i in range(size)])
        parts[split] = _rows(ids, points, labels, "inside", ids, ood=False, truth=posterior(points))
    outside = []
    for name, spread in (("near", 1.0), ("far", OUTER)):
        ids = np.array([f"{name}-{i:04d}" for i in range(SIZES["test"] // 2)])
        points = means().mean(axis=0) + spread * generator(seed, GAUSSIANS, name).standard_normal((len(ids), WIDTH))
        nothing = np.full(len(ids), -1)
        outside.append(_rows(ids, points, nothing, name, ids, ood=True, truth=posterior(points)))
    test = Examples.join({str(i): part for i, part in enumerate((parts["test"], *outside))})
    return Examples.join({"train": parts["train"], "calibration": parts["calibration"], "test": test})


def means() -> Float64s:
    """The classes' means, (3, 6)."""
    return LEAD * np.eye(CLASSES, WIDTH)


def log_joint(points: Float64s) -> Float64s:
    """Log p(x, y) of the three classes, nats, (n, 3)."""
    squares = ((points[:, None] - means()) ** 2).sum(axis=2)
    return np.asarray(-squares / 2 - WIDTH / 2 * np.log(2 * np.pi) - np.log(CLASSES), dtype=np.float64)


def posterior(points: Float64s) -> Float64s:
    """The true p(y | x), (n, 3)."""
    joint = log_joint(points)
    odds = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


def _rows(
    ids: np.ndarray,
    inputs: Float64s,
    targets: Ints,
    dataset: str,
    groups: np.ndarray,
    *,
    ood: bool,
    truth: Float64s | None = None,
) -> Examples:
    n = len(ids)
    classes = CLASSES if truth is not None else 2
    return Examples(
        ids=ids,
        inputs=inputs,
        targets=targets,
        groups=groups,
        ood=np.full(n, ood),
        dataset=np.full(n, dataset),
        truth=truth,
        classes=classes,
        asker=ASKER,
    )


@cache
def _cancer() -> tuple[Float64s, Ints]:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return data.data, data.target.astype(np.int64)
