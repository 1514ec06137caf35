"""OOD scores of densities against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.components import Truth, check
from bench.covariance import gaussian_log_density
from bench.examples import Examples
from bench.models.densities import Gaussian, denoised
from bench.models.pca import PrincipalComponents
from bench.records import ProbedDensity
from bench.scores.densities import (
    MINORITY,
    SPECTRA,
    density_nll,
    input_complexity,
    likelihood_ratio,
    reconstruction,
    typicality,
    waic,
)  # fmt: skip
from bench.seeds import generator
from bench.tasks.ood.densities import SHIFTS, ood_spectra
from bench.tasks.ood.weighing import compressed, discrepancy, weigh


@check("ood/density-scores", area="ood", source="algebra; entropy of a Gaussian")
def density_scores() -> list[Truth]:
    """By hand: WAIC and ratio of given log-densities; the entropy behind typicality; a flat image is all but free."""
    d, n = 3, 40_000
    rows = generator(0, "check", "typicality").standard_normal((n, d))
    train = _record(gaussian_log_density(rows, np.zeros(d), np.eye(d)))
    mode = _record(gaussian_log_density(np.zeros((1, d)), np.zeros(d), np.eye(d)))
    one = _record(
        np.array([-5.0]), members=np.array([[-4.0, -6.0]]), background=np.array([-7.0]), complexity=np.array([3.0])
    )
    flat, noisy = np.zeros((1, 64)), generator(0, "check", "noise").integers(0, 256, (1, 64))
    return [
        Truth(d / 2, float(typicality(mode, train)[0]), 4 * float(np.sqrt(d / 2 / n)), "the mode is d / 2 too likely"),
        Truth(1.0 + 5.0, float(waic(one)[0]), 1e-12, "WAIC"),
        Truth(-2.0, float(likelihood_ratio(one)[0]), 1e-12, "ratio to the background"),
        Truth(2.0, float(input_complexity(one)[0]), 1e-12, "complexity"),
        Truth(1.0, float(compressed(flat)[0] < 0.15 * compressed(noisy)[0]), 0.0, "flat against noise"),
        Truth(69 * 8 * float(np.log(2)), float(compressed(noisy)[0]), 1e-9, "noise is stored, with 5 bytes of header"),
    ]


@check("ood/minority", area="ood", source="Gaussian conditioning", papers=MINORITY)
def minority_truths() -> list[Truth]:
    """Gaussian data with the analytic denoiser A = S (S + s^2)^-1: the score is |(1 - A) x|^2 + s^2 tr A'A.

    4,000 pairs of draws; the noise's part has a variance of 2 s^4 tr (A'A)^2 a draw, and pairs are equal in it.  Of a
    mixture, the denoiser is checked against Tweedie's formula by differences of the log-density.
    """
    draws = generator(0, "check", "minority")
    variances, s, count = np.array([0.25, 1.0, 4.0]), 0.7, 4000
    rows = draws.standard_normal((6, 3)) * np.sqrt(variances)
    model = Gaussian(mean=np.zeros(3), covariance=np.diag(variances))
    shrink = variances / (variances + s**2)
    truth = ((1 - shrink) ** 2 * rows**2).sum(axis=1) + s**2 * (shrink**2).sum()
    found = discrepancy(model.denoise, rows, s, 0, draws=2 * count)
    error = s**2 * float(np.sqrt(2 * (shrink**4).sum() / count))
    weights, means = np.array([0.3, 0.7]), np.array([[-1.0, 0.0], [2.0, 1.0]])
    shapes = np.stack([np.diag([0.5, 1.0]), np.array([[1.0, 0.4], [0.4, 0.8]])])
    point, step = np.array([[0.3, -0.4]]), 1e-4

    def noised(x: np.ndarray) -> np.ndarray:
        each = [gaussian_log_density(x, m, c + s**2 * np.eye(2)) for m, c in zip(means, shapes, strict=True)]
        return np.logaddexp.reduce(np.log(weights)[:, None] + np.stack(each))

    slope = np.array([(noised(point + step * e) - noised(point - step * e))[0] / (2 * step) for e in np.eye(2)])
    tweedie = point[0] + s**2 * slope
    return [
        *(
            Truth(float(t), float(f), 4 * error, f"point {i}")
            for i, (t, f) in enumerate(zip(truth, found, strict=True))
        ),
        Truth(
            0.0, float(np.abs(denoised(point, s, np.log(weights), means, shapes)[0] - tweedie).max()), 1e-7, "Tweedie"
        ),
    ]


@check("ood/reconstruction", area="ood", source="scikit-learn's PCA; an edge that doesn't move", papers=(SPECTRA,))
def reconstruction_truths() -> list[Truth]:
    """Error and log-density of probabilistic PCA are scikit-learn's; spectra that didn't move are not found.

    At a shift of 0 AUROC is 1/2, of 150 against 300 spectra to a standard error of .029; four of these.
    """
    from sklearn.decomposition import PCA

    examples = ood_spectra(0)
    train, test = (np.asarray(examples.split(name).inputs) for name in ("train", "test"))
    model = PrincipalComponents(components=4)
    model.fit(Examples(ids=np.arange(len(train)).astype(str), inputs=train), 0)
    part = examples.split("test")
    record = weigh(model, None, part, 0, {"ids": part.ids, "ood": part.ood, "dataset": part.dataset})
    peer = PCA(4).fit(train)
    back = ((test - peer.inverse_transform(peer.transform(test))) ** 2).sum(axis=1)
    error, nll = reconstruction(record), density_nll(record)
    found = {score: [_area(values, part, shift) for shift in SHIFTS] for score, values in (("e", error), ("n", nll))}
    near = 4 * float(np.sqrt(451 / (12 * 150 * 300)))
    return [
        Truth(0.0, float(np.abs(error - back).max()), 1e-8, "reconstruction error"),
        Truth(0.0, float(np.abs(nll + peer.score_samples(test)).max()), 1e-6, "log-density"),
        Truth(0.5, found["e"][0], near, "AUROC at a shift of 0, reconstruction"),
        Truth(0.5, found["n"][0], near, "AUROC at a shift of 0, likelihood"),
        *(Truth(1.0, float((np.diff(areas) > 0).all()), 0.0, "AUROC grows with the shift") for areas in found.values()),
    ]


def _area(values: np.ndarray, part: Examples, shift: float) -> float:
    assert part.ood is not None and part.dataset is not None  # noqa: S101, PT018 - the task names them
    near, far = values[~part.ood], values[part.dataset == f"shift-{shift:g}"]
    return float(np.searchsorted(np.sort(near), far).mean() / len(near))


def _record(log_prob: np.ndarray, **columns: Any) -> ProbedDensity:
    n = len(log_prob)
    return ProbedDensity(ids=np.arange(n).astype(str), log_prob=log_prob, dim=np.full(n, 3), **columns)
