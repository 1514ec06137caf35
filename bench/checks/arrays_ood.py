"""OOD scores against closed forms."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.checks.cases import area
from bench.components import Truth, check
from bench.records import Classification
from bench.scores.neighbours import NEIGHBOURS, knn
from bench.scores.ood import energy, mahalanobis, max_logit, msp, relative_mahalanobis
from bench.seeds import generator


@check("ood/logit-identities", area="ood", source="algebra")
def logit_identities() -> list[Truth]:
    """Energy, MSP and maximum logit of logits whose softmax is known; energy moves with a shift, MSP does not."""
    probs = np.array([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01]])
    shift = np.array([[3.0], [-700.0]])
    record = _record(np.log(probs) + shift)
    certain = _record(np.array([[0.0, -50.0]]))
    return [
        Truth(0.0, float(np.abs(energy(record) + shift[:, 0]).max()), 1e-12, "energy of log p + c is -c"),
        Truth(0.0, float(np.abs(msp(record) - [0.5, 0.02]).max()), 1e-12, "1 - max p"),
        Truth(0.0, float(np.abs(max_logit(record) + record.logits.max(axis=1)).max()), 0.0, "- max logit"),
        Truth(float(np.exp(-50)), float(msp(certain)[0]), 1e-30, "1 - max p where p rounds to 1"),
    ]


@check("ood/mahalanobis-isotropic", area="ood", source="noncentral chi-square")
def mahalanobis_isotropic() -> list[Truth]:
    """One class, unit Gaussian in d = 4 against the same shifted by 2: distances are chi-square, noncentral with 4.

    The true AUROC, P(ncx2(4, 4) > chi2(4)), is by quadrature; 10,000 samples on each side give it to a standard error
    of at most sqrt(A (1 - A) / n) = .0042, of which 4 are allowed.  The relative distance is 0: with one class, the
    class and the background are one Gaussian.
    """
    from scipy.stats import chi2, ncx2

    d, shift, n = 4, 2.0, 10_000
    draws = generator(0, "check", "mahalanobis")
    train = draws.standard_normal((2 * n, d))
    inside, outside = draws.standard_normal((n, d)), draws.standard_normal((n, d))
    outside[:, 0] += shift
    fitted = _record(np.zeros((2 * n, 2)), train)
    near, far = (mahalanobis(_record(np.zeros((n, 2)), x), fitted) for x in (inside, outside))
    quantiles = (np.arange(200_000) + 0.5) / 200_000
    truth = float(ncx2.sf(chi2.ppf(quantiles, d), d, shift**2).mean())
    return [
        Truth(truth, area(near, far), 4 * float(np.sqrt(truth * (1 - truth) / n)), "AUROC"),
        Truth(
            0.0, float(np.abs(relative_mahalanobis(_record(np.zeros((n, 2)), outside), fitted)).max()), 1e-9, "relative"
        ),
        Truth(d, float(near.mean()), 4 * float(np.sqrt(2 * d / n)) + 0.01, "mean of chi-square"),
        Truth(d + shift**2, float(far.mean()), 4 * float(np.sqrt(2 * (d + 2 * shift**2) / n)) + 0.02, "noncentral"),
    ]


@check("ood/knn-brute-force", area="ood", source="geometry of the circle")
def knn_circle() -> list[Truth]:
    """On a circle of 360 even points, the k-th nearest of a point lies ceil(k / 2) or k / 2 steps away by symmetry.

    Of a training point itself, neighbours are at 0, 1, 1, 2, 2, ... degrees, so the 10th is 5 degrees away: a chord
    of 2 sin(2.5 degrees).  Half a step off, they are at .5, .5, 1.5, 1.5 ..., so the 10th is at 4.5.
    """
    bank = _record(np.zeros((360, 2)), _circle(np.arange(360.0)))
    at = _record(np.zeros((2, 2)), 7.0 * _circle(np.array([10.0, 10.5])))
    steps = (NEIGHBOURS // 2, NEIGHBOURS / 2 - 0.5)
    found = knn(at, bank)
    # Features are stored in float32, so an angle is known to about 1e-7.
    return [
        Truth(float(2 * np.sin(np.deg2rad(s) / 2)), float(v), 1e-6, f"{s:g} degrees")
        for s, v in zip(steps, found, strict=True)
    ]


def _circle(degrees: Float64s) -> Float64s:
    return np.stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))], axis=1)


def _record(logits: Float64s, features: AnyArray | None = None) -> Classification:
    n = len(logits)
    return Classification(
        ids=np.arange(n).astype(np.str_), labels=np.zeros(n, dtype=np.int64), logits=logits, features=features
    )
