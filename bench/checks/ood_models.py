"""OOD scores that ask the model more than once, and the density of features under norms, against closed forms."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified
from bench.checks.cases import area
from bench.components import Truth, check
from bench.covariance import gaussian_log_density
from bench.examples import Examples
from bench.records import Classification, Probed, log_softmax
from bench.scores.conjugate import conjnorm, divergence, normalisers, phi, slope
from bench.scores.logits import gedi_energy
from bench.scores.probes import energy_slope, odin, plpd
from bench.seeds import generator
from bench.tasks.ood.probing import TEMPERATURE, Probing, shuffled
from bench.tasks.ood.tables import log_joint, means, ood_gaussians, posterior


class _Linear:
    """Two classes, logits W x, with the gradient that follows."""

    def __init__(self, weight: Float64s) -> None:
        self.weight = weight

    def classify(self, inputs: AnyArray) -> Classified:
        return Classified(inputs.reshape(len(inputs), -1) @ self.weight.T)

    def pullback(self, inputs: AnyArray, weights: Float64s) -> Float64s:
        return (weights @ self.weight).reshape(inputs.shape)


@check("ood/probes", area="ood", source="linear algebra")
def probes() -> list[Truth]:
    """A linear model of two classes: ODIN's step widens the gap of the logits by step times |w_1 - w_0|_1.

    The gradient of logsumexp is the mean weight under the answer's probabilities.
    """
    draws = generator(0, "check", "probes")
    weight, inputs = draws.standard_normal((2, 5)), draws.standard_normal((40, 5))
    record = Probing(step=0.01, grid=0)(_Linear(weight), None, _examples(inputs), 0, {"ids": np.arange(40).astype(str)})
    logits = inputs @ weight.T
    gap = np.abs(logits[:, 1] - logits[:, 0]) + 0.01 * np.abs(weight[1] - weight[0]).sum()
    slopes = np.linalg.norm(np.exp(log_softmax(logits)) @ weight, axis=1)
    return [
        Truth(0.0, float(np.abs(odin(record) - 1 / (1 + np.exp(gap / TEMPERATURE))).max()), 1e-12, "ODIN"),
        Truth(0.0, float(np.abs(energy_slope(record) - slopes).max()), 1e-12, "slope of the energy"),
    ]


class _Bag:
    """A classifier that sees which patches there are, and not where: the sum of a number for each patch."""

    def classify(self, inputs: AnyArray) -> Classified:
        patches = inputs.reshape(len(inputs), 4, 2, 4, 2).swapaxes(2, 3).reshape(len(inputs), 16, 4)
        seen = np.round(np.sin(7 * patches.sum(axis=2)) * 2**20).sum(axis=1) / 2**20  # whole numbers add exactly
        return Classified(np.stack([seen, np.zeros(len(seen))], axis=1))


@check("ood/plpd-patches", area="ood", source="a bag of patches; a permutation")
def plpd_patches() -> list[Truth]:
    """A bag of patches doesn't notice a shuffle, so its PLPD is 0; pixels are moved, none is lost.

    Of a classifier that looks at the first patch alone, which a shuffle leaves in place once in 16 times, the mean fall
    is 15/16 of the difference between the two kinds of patches; 2,000 images, four standard errors.
    """
    n = 2000
    images = generator(0, "check", "plpd").random((n, 8, 8))
    ids = np.char.add("image-", np.arange(n).astype(str))
    record = Probing(grid=4)(_Bag(), None, _examples(images), 3, {"ids": ids})
    moved = shuffled(images, ids, 4, 3)
    marked = np.zeros((n, 8, 8))
    marked[:, :2, :2] = 1.0
    stays = shuffled(marked, ids, 4, 3)[:, 0, 0]
    logits = np.stack([np.full(n, 2.0), np.zeros(n)], axis=1)
    first = Probed(ids=ids, labels=np.zeros(n, int), logits=logits, shuffled=logits * stays[:, None])
    fall = 1 / (1 + np.exp(-2.0)) - 0.5
    return [
        Truth(0.0, float(np.abs(plpd(record)).max()), 0.0, "PLPD of a bag of patches"),
        Truth(0.0, float(np.abs(np.sort(moved.reshape(n, -1)) - np.sort(images.reshape(n, -1))).max()), 0.0, "pixels"),
        Truth(-fall * 15 / 16, float(plpd(first).mean()), 4 * fall * float(np.sqrt(15 / 256 / n)), "the first patch"),
    ]


@check("ood/conjnorm", area="ood", source="convex duality; quadrature")
def conjnorm_truths() -> list[Truth]:
    """Of p = 2 a mixture of round Gaussians comes, the divergence is that of Fenchel and Young, and Phi is an integral.

    The normaliser by importance sampling against a sum over a grid of the plane, for p = 1.5 and 3.
    """
    draws = generator(0, "check", "conjnorm")
    labels = np.repeat([0, 1], [300, 100])
    points = draws.standard_normal((400, 3)) + 4 * labels[:, None]
    record = Classification(ids=np.arange(400).astype(str), labels=labels, logits=np.zeros((400, 2)), features=points)
    stored = np.asarray(record.features, dtype=np.float64)
    means = np.stack([stored[labels == c].mean(axis=0) for c in (0, 1)])
    variance = ((stored - means[labels]) ** 2).mean()
    each = [gaussian_log_density(stored, mean, variance * np.eye(3)) for mean in means]
    truth = np.logaddexp(np.log(0.75) + each[0], np.log(0.25) + each[1]) + 1.5 * np.log(variance)
    out = [Truth(0.0, float(np.abs(conjnorm(record, record, p=2.0) + truth).max()), 1e-9, "p = 2: Gaussians")]
    mu, z = draws.standard_normal((50, 4)), draws.standard_normal((50, 4))
    for p in (1.5, 3.0):
        q = p / (p - 1)
        eta = slope(mu, q)
        young = phi(z, q) + phi(eta, p) - (z * eta).sum(axis=1)
        out.append(Truth(0.0, float(np.abs(divergence(z, mu, q) - young).max()), 1e-12, f"Fenchel-Young, p = {p:g}"))
        grid = np.linspace(-14, 14, 1401)
        plane = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
        mean = np.array([1.0, -0.5])
        whole = float(np.log(np.exp(-divergence(plane, mean, q)).sum() * (grid[1] - grid[0]) ** 2))
        found, worth = normalisers(mean[None], q)
        error = float(np.sqrt((1 / worth - 1) / 40_000))  # of a mean of weights, relative
        out.append(Truth(whole, float(found[0]), 4 * error + 1e-4, f"log Phi, p = {p:g}"))
    return out


@check("ood/gaussians-optimal", area="ood", source="Neyman and Pearson 1933; closed form")
def gaussians_optimal() -> list[Truth]:
    """Logits that are the true log joint densities of `ood/gaussians`: GEDI's score is -log p(x), a mixture's density.

    The ratio's AUROC comes twice: from 20,000 draws on each side, and from the outside ones alone, by a change of
    measure; four standard errors.  No other score passes it: it is the most powerful.
    """
    examples = ood_gaussians(0).split("test")
    points = np.asarray(examples.inputs)
    record = Classification(
        ids=examples.ids,
        labels=np.maximum(np.asarray(examples.targets), 0),
        logits=log_joint(points),
        truth=posterior(points),
    )
    each = np.stack([gaussian_log_density(points, mean, np.eye(6)) - np.log(3) for mean in means()])
    density = np.logaddexp.reduce(each)
    draws = generator(0, "check", "gaussians")
    n = 20_000
    inside = means()[draws.integers(0, 3, n)] + draws.standard_normal((n, 6))
    outside = means().mean(axis=0) + 1.5 * draws.standard_normal((n, 6))
    spread = means().mean(axis=0), 2.25 * np.eye(6)
    near, far = (_gedi(x) for x in (inside, outside))
    ratios = [gaussian_log_density(x, *spread) + _gedi(x) for x in (inside, outside)]
    best = area(*ratios)
    # P(ratio < t | inside) is the mean over outside rows of exp(-ratio) where it is below t: a change of measure, whose
    # weights are bounded in this direction alone.
    ordered = np.sort(ratios[1])
    weight = np.exp(-ordered)
    below = np.cumsum(weight) / n
    error = float(np.hypot((weight * (1 - np.arange(n) / n) + below).std(), np.sqrt(best * (1 - best)))) / np.sqrt(n)
    return [
        Truth(0.0, float(np.abs(gedi_energy(record) + density).max()), 1e-12, "the score is -log p(x)"),
        Truth(0.0, float(np.abs(posterior(points) - np.exp(each - density).T).max()), 1e-12, "the posterior"),
        Truth(best, float(below.mean()), 4 * error, "AUROC of the ratio"),
        Truth(0.0, max(area(near, far) - best, 0.0), 0.0, "log p alone is no better"),
    ]


def _gedi(points: Float64s) -> Float64s:
    return -np.logaddexp.reduce(log_joint(points), axis=1)


def _examples(inputs: Float64s) -> Examples:
    ids = np.char.add("image-", np.arange(len(inputs)).astype(str))
    return Examples(ids=ids, inputs=inputs, targets=np.zeros(len(inputs), dtype=np.int64))
