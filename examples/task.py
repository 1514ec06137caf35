"""A task of your own: `bench eval --plugin examples/task.py -t calibration/moons -m logistic -m mlp`."""

import numpy as np
from sklearn.datasets import make_moons

from bench import Classification, Examples, task


@task("calibration/moons", needs="classifier", yields=Classification, source="scikit-learn make_moons")
def moons(seed: int, n: int = 600, noise: float = 0.3) -> Examples:
    """Two interleaved half circles: a third of the points to learn from, two thirds to be asked."""
    points, labels = make_moons(n, noise=noise, random_state=seed % 2**32)
    splits = np.where(np.arange(n) < n // 3, "train", "test")
    ids = np.array([f"moon-{i}" for i in range(n)])
    return Examples(ids=ids, inputs=points, targets=labels, splits=splits, classes=2)
