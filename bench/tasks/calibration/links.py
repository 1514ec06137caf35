"""Five binary tasks whose p(y|x) is known exactly.

A latent z, uniform on [0, 1], is drawn as an 8 x 8 image of a soft disc that lies z of the way from left to right;
its height and brightness are drawn too, and tell nothing.  The image determines z, and y is 1 with probability
p = g(z), so p(y|x) = g(z) without any remainder.  The five links g are those of the paper, which renders z as the age
of a face.  Moments of p under uniform z are given with each, and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.components import task
from bench.examples import Examples
from bench.records import Classification
from bench.seeds import generator

SOURCE = "Liu et al. 2022, Deep Probability Estimation, arXiv:2111.10734"
PAPERS = ("Deep Probability Estimation",)
SIZES = {"train": 1000, "calibration": 500, "test": 2000}
SIDE = 8
DISC = 1.0


@dataclass(frozen=True)
class Link:
    """p = g(z), with the mean and the variance of p when z is uniform on [0, 1]."""

    name: str
    g: Callable[[Float64s], Float64s]
    mean: float
    variance: float


def _sigmoid(z: Float64s) -> Float64s:
    return 1 / (1 + np.exp(-25 * (z - 0.29)))


def _softplus(t: float) -> float:
    return float(np.logaddexp(0.0, t))


# With s = 25 (z - .29): the integral of the logistic function is softplus, that of its square softplus minus itself.
_A, _B = 25 * -0.29, 25 * 0.71
_MEAN = (_softplus(_B) - _softplus(_A)) / 25
_SQUARE = _MEAN - (1 / (1 + np.exp(-_B)) - 1 / (1 + np.exp(-_A))) / 25

LINKS = {
    link.name: link
    for link in (
        Link("linear", lambda z: z, 1 / 2, 1 / 12),
        Link("sigmoid", _sigmoid, _MEAN, _SQUARE - _MEAN**2),
        Link("centred", lambda z: z / 3 + 0.35, 0.35 + 1 / 6, 1 / 108),
        Link("skewed", lambda z: z / 2.5, 1 / 5, 1 / 75),
        Link("discrete", lambda z: 0.1 + 0.2 * (z[..., None] > np.array([0.2, 0.4, 0.6, 0.8])).sum(axis=-1), 0.5, 0.08),
    )
}


def rendered(z: Float64s, height: Float64s, brightness: Float64s) -> Float64s:
    """Soft discs (n, 8, 8): at z of the way from column 1 to column 6, at `height` (rows), as bright as given."""
    pixels = np.arange(SIDE)
    across = np.exp(-((pixels - (1 + 5 * z[:, None])) ** 2) / (2 * DISC**2))
    down = np.exp(-((pixels - height[:, None]) ** 2) / (2 * DISC**2))
    return brightness[:, None, None] * down[:, :, None] * across[:, None, :]


def linked(link: Link, seed: int) -> Examples:
    """Images, outcomes and the true p(y|x) = [1 - p, p] of one link; the images are those of the other links."""
    parts = {}
    for split, n in SIZES.items():
        draws = generator(seed, "calibration/links", split)
        z = draws.random(n)
        inputs = rendered(z, draws.uniform(2, 5, n), draws.uniform(0.6, 1.0, n))
        p = link.g(z)
        targets = (draws.random(n) < p).astype(np.int64)
        ids = np.array([f"disc-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=inputs, targets=targets, truth=np.stack([1 - p, p], axis=1), classes=2)
    return Examples.join(parts)


def _linked_task(name: str, doc: str) -> Callable[[int], Examples]:
    def examples(seed: int) -> Examples:
        return linked(LINKS[name], seed)

    examples.__doc__ = doc
    examples.__name__ = examples.__qualname__ = f"links_{name}"
    return task(
        f"calibration/links-{name}",
        needs="classifier",
        yields=Classification,
        source=SOURCE,
        papers=PAPERS,
        calibrators=("temperature",),
        check="calibration/link-moments",
    )(examples)


links_linear = _linked_task("linear", "p = z: spread evenly.  Mean 1/2, variance 1/12.")
links_sigmoid = _linked_task("sigmoid", "p = sigmoid(25 (z - .29)): near 0 or 1.  Mean .710, variance .166.")
links_centred = _linked_task("centred", "p = z / 3 + .35: near the middle.  Mean .517, variance 1/108.")
links_skewed = _linked_task("skewed", "p = z / 2.5: a rare outcome.  Mean 1/5, variance 1/75.")
links_discrete = _linked_task(
    "discrete", "p = .1, .3, .5, .7 or .9 by the fifth that z is in.  Mean 1/2, variance .08."
)
