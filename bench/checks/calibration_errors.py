"""Calibration errors, tests and decompositions on cases that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.checks.cases import exact, ids, measured, simulated
from bench.checks.metrics import confident
from bench.components import Truth, check
from bench.metrics.decomposition import brier_loss, decomposed, log_loss
from bench.metrics.murphy import murphy
from bench.records import Classification
from bench.seeds import generator


def rates(levels: AnyArray | list[float], hits: AnyArray | list[int], each: int) -> Classification:
    """`each` answers at each confidence, of which so many are right."""
    correct = np.concatenate([np.arange(each) < k for k in hits])
    return confident(np.repeat(np.asarray(levels, dtype=np.float64), each), correct)


@check("calibration/binned-by-hand", area="calibration", source="closed form")
def binned_by_hand() -> list[Truth]:
    """Three confidences of which two share a bin of width, and fifteen of which each is a bin of mass."""
    confidence = np.repeat([0.55, 0.95, 1.0], [100, 60, 40])
    record = confident(confidence, np.concatenate([np.arange(k) < hits for k, hits in ((100, 40), (60, 60), (40, 40))]))
    levels = 0.5 + (np.arange(15) + 0.5) / 30
    hits = np.array([3, 11, 7, 20, 15, 14, 9, 18, 13, 20, 10, 17, 19, 16, 20])
    gaps = np.abs(hits / 20 - levels)
    mass = rates(levels, hits, 20)
    return [
        exact(math.sqrt(0.5 * 0.15**2 + 0.5 * 0.03**2), measured("ece-l2", record), "L2"),
        exact(0.075, measured("ece-over", record), "overconfident part"),
        exact(0.015, measured("ece-under", record), "underconfident part"),
        exact(0.075, measured("ks-calibration", record), "KS: 15 of 200 missing up to .55"),
        exact(float(gaps.mean()), measured("ece-mass", mass), "equal mass, L1"),
        exact(float(np.sqrt((gaps**2).mean())), measured("ece-mass-l2", mass), "equal mass, L2"),
        exact(float(gaps.max()), measured("mce-mass", mass), "equal mass, maximum"),
    ]


@check("calibration/ace-perfect", area="calibration", source="closed form")
def ace_perfect() -> list[Truth]:
    """Frequencies equal to the probabilities; then a class that is promised 1 in 200 and never comes."""
    perfect = rates([0.6, 0.8], [6, 8], 10)
    logits = np.tile(np.log([0.795, 0.2, 0.005]), (200, 1))
    never = Classification(ids=ids(200), logits=logits, labels=np.repeat([0, 1], [160, 40]))
    return [
        exact(0.0, measured("ace", perfect), "ACE of a perfect model"),
        exact(0.1, measured("ace", rates([0.6, 0.8], [8, 8], 10)), "one of two bins off by .2"),
        exact(0.01 / 3, measured("ace", never), "ACE of three classes"),
        exact(0.005 / 2, measured("tace", never), "TACE leaves out the class below .01"),
    ]


@check("calibration/kernel-by-hand", area="calibration", source="closed form; unbiasedness")
def kernel_by_hand() -> list[Truth]:
    """Two answers by hand; 600 sets of 60 answers, whose expected kernel error is the mean over pairs of the gaps."""
    two = confident(np.array([0.6, 0.9]), np.array([1, 0]))
    product = math.exp(-0.3 / 0.4) * 0.4 * -0.9
    rng = generator(0, "kernel-by-hand")
    confidence = rng.uniform(0.5, 1.0, 60)
    off = np.where(confidence > 0.75, -0.2, 0.1)
    kernel = np.exp(-np.abs(confidence[:, None] - confidence) / 0.4) * ~np.eye(60, dtype=bool)
    expected = float(off @ kernel @ off) / (60 * 59)
    sets = [confident(confidence, rng.random(60) < confidence + off) for _ in range(600)]
    calibrated = [confident(confidence, rng.random(60) < confidence) for _ in range(600)]
    return [
        exact(product, measured("kce", two), "one pair"),
        exact(2 * product, measured("skce", two), "one pair, both classes"),
        exact(math.sqrt(0.16 + 0.81 + 2 * product) / 2, measured("mmce", two), "MMCE"),
        simulated(0.0, np.array([measured("kce", s) for s in calibrated]), "calibrated"),
        simulated(expected, np.array([measured("kce", s) for s in sets]), "miscalibrated"),
        simulated(2 * expected, np.array([measured("skce", s) for s in sets]), "miscalibrated, both classes"),
    ]


@check("calibration/tests-level", area="calibration", source="closed form; level under a calibrated model")
def tests_level() -> list[Truth]:
    """One confidence makes one chi-square of one degree; calibrated models are rejected at 5 % in 5 % of sets."""
    from scipy.special import chdtrc, erfc

    one = confident(np.full(30, 0.7), np.arange(30) < 25)
    statistic = (25 - 21) ** 2 / (30 * 0.21)
    z = (25 - 21) * (1 - 1.4) / math.sqrt(30 * 0.21 * 0.16)
    truths = [
        exact(float(chdtrc(1, statistic)), measured("hosmer-lemeshow-p", one), "Hosmer-Lemeshow, one confidence"),
        exact(float(chdtrc(1, statistic)), measured("kce-p", one), "kernel test, one confidence"),
        exact(float(erfc(abs(z) / math.sqrt(2))), measured("spiegelhalter-p", one), "Spiegelhalter, one confidence"),
    ]
    rng = generator(0, "tests-level")
    sets = []
    for _ in range(500):
        confidence = 0.5 + rng.integers(0, 40, 300) / 80
        sets.append(confident(confidence, rng.random(300) < confidence))
    for name in ("hosmer-lemeshow-p", "spiegelhalter-p", "kce-p"):
        values = np.array([measured(name, s) for s in sets])
        truths += [simulated(0.05, values < 0.05, f"{name}: level"), simulated(0.5, values, f"{name}: mean under H0")]
    return truths


@check("calibration/decomposition", area="calibration", source="Dimitriadis et al. 2021; Murphy 1973")
def decomposition() -> list[Truth]:
    """Frequencies by hand, in order and out of it; and the two identities on random answers."""
    # .6 -> 1/2, .8 -> 9/10: rising, so the recalibrated confidences are the frequencies.
    rising = rates([0.6, 0.8], [5, 9], 10)
    # .6 -> 7/10, .8 -> 1/2: falling, pooled into 3/5.
    falling = rates([0.6, 0.8], [7, 5], 10)
    rng = generator(0, "decomposition")
    confidence = np.round(rng.uniform(0.5, 0.99, 400), 2)
    correct = (rng.random(400) < confidence**2).astype(np.float64)
    w = rng.integers(0, 3, (1, 400)).astype(np.float64)
    truths = [
        exact((0.01 + 0.01) / 2, measured("mcb-brier", rising), "miscalibration, rising"),
        exact(0.2**2, measured("dsc-brier", rising), "discrimination, rising"),
        exact(0.7 * 0.3, measured("unc-brier", rising), "uncertainty, rising"),
        exact(0.0, measured("dsc-brier", falling), "discrimination, falling"),
        exact(0.2**2, measured("murphy-resolution", rising), "Murphy's resolution"),
        exact(0.01, measured("murphy-reliability", rising), "Murphy's reliability"),
        exact(_entropy(0.7), measured("unc-log", rising), "entropy of the base rate"),
        exact(_entropy(0.7) - (_entropy(0.5) + _entropy(0.9)) / 2, measured("dsc-log", rising), "information"),
        exact((_kl(0.5, 0.6) + _kl(0.9, 0.8)) / 2, measured("mcb-log", rising), "divergence from the frequencies"),
    ]
    for loss, label in ((brier_loss, "Brier"), (log_loss, "log score")):
        d = decomposed(loss, confidence, correct, w)
        direct = w[0] @ np.where(correct > 0, loss(confidence, 1), loss(confidence, 0)) / w.sum()
        parts = d.miscalibration - d.discrimination + d.uncertainty
        truths.append(exact(float(direct), float(parts[0]), f"{label} from its parts"))
    m = murphy(confidence, correct, w)
    brier = float(w[0] @ (confidence - correct) ** 2 / w.sum())
    whole = m.reliability - m.resolution + m.uncertainty + m.within
    return [*truths, exact(brier, float(whole[0]), "Brier from Murphy's parts")]


def _entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def _kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


@check("calibration/proper-by-hand", area="calibration", source="closed form")
def proper_by_hand() -> list[Truth]:
    """Probabilities 3/7 and 4/7 have norm 5/7; ordered classes of .2, .3, .5 with the first come true."""
    two = Classification(ids=ids(2), logits=np.log([[3.0, 4.0], [3.0, 4.0]]), labels=np.array([0, 1]))
    three = Classification(ids=ids(1), logits=np.log([[0.2, 0.3, 0.5]]), labels=np.array([0]))
    return [
        exact(0.7, measured("spherical", two), "spherical score"),
        exact((0.8**2 + 0.5**2) / 2, measured("rps", three), "ranked probability score"),
        exact(measured("brier", two) / 2, measured("rps", two), "two classes: half of Brier"),
    ]


@check("calibration/cox-recovery", area="calibration", source="closed form of a saturated logistic regression")
def cox_recovery() -> list[Truth]:
    """Two confidences, so that the line meets both frequencies: .6 with 10 of 20 right, .9 with 15 of 20."""
    record = rates([0.6, 0.9], [10, 15], 20)
    slope = (math.log(3) - 0.0) / (math.log(9) - math.log(1.5))
    one = rates([0.8], [12], 20)
    return [
        Truth(slope, measured("cox-slope", record), 1e-9, "slope"),
        Truth(-slope * math.log(1.5), measured("cox-intercept", record), 1e-9, "intercept"),
        Truth(math.log(1.5) - math.log(4), measured("cox-in-the-large", one), 1e-9, "in the large"),
    ]


@check("calibration/local-regression", area="calibration", source="lowess reproduces lines")
def local_regression() -> list[Truth]:
    """Eleven confidences .5 .. 1 whose frequencies lie on the line .4 + c / 2: gaps |.4 - c / 2| = 0 .. .15."""
    levels = 0.5 + 0.05 * np.arange(11)
    record = rates(levels, np.rint(40 * (0.4 + levels / 2)).astype(int), 40)
    gaps: Float64s = np.abs(0.4 - levels / 2)
    ordered = np.sort(gaps)
    return [
        exact(float(gaps.mean()), measured("ici", record), "ICI"),
        exact(float(ordered[5]), measured("e50", record), "E50"),
        exact(float(ordered[9]), measured("e90", record), "E90"),
    ]
