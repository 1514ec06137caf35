"""Scale, samples and knowledge: closed forms of what losses and draws say."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import exact, simulated
from bench.components import Truth, check
from bench.estimators.samples import geometric_loss, pair_share, poisson_loss, squared_loss
from bench.estimators.scaling import (
    bits_stored,
    correlations,
    extrapolation_error,
    floored_law,
    power_law,
    predictability,
    slopes_differ,
)
from bench.records import log_softmax
from bench.seeds import generator

SAMPLES = "Proper losses for discrete generative models"
CHAIN = "Why Has Predicting Downstream Capabilities of Frontier AI Models with Scale Remained Elusive?"
SERIES = "Towards Neural Scaling Laws for Time Series Foundation Models"
CAPACITY = "Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws"


@check("likelihood/sample-losses", area="likelihood", source="enumeration and sums of the pmf", papers=(SAMPLES,))
def sample_losses() -> list[Truth]:
    """Squared, Poisson and geometric losses are unbiased, and least at the truth."""
    from scipy.special import gammaln

    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    pairs = float((p**2).sum())
    by_listing = sum(
        p[a] * p[b] * q[y] * float(squared_loss(np.array(float(a == b)), np.array(((a == y) + (b == y)) / 2)))
        for a in range(3)
        for b in range(3)
        for y in range(3)
    )
    rate, misses = 4.0, np.arange(120)
    other = rate * (1 - p[2])
    pmf = np.exp(misses * np.log(other) - other - gammaln(misses + 1))
    # The factorial moments of a Poisson number are powers of its mean, which makes the series that of the logarithm.
    capped = poisson_loss(misses, rate, cap=60)
    series = sum((1 - p[2]) ** k / k for k in range(1, 61))
    draws = generator(0, "sample-losses")
    failures = draws.geometric(p[2], size=20_000) - 1
    grid = np.array([(a, b, 20 - a - b) for a in range(21) for b in range(21 - a)]) / 20
    losses = (grid**2).sum(axis=1) - 2 * grid @ q
    counts = draws.multinomial(6, p, size=20_000)
    return [
        exact(float(((p - q) ** 2).sum() - (q**2).sum()), by_listing, "squared loss: |p - q|² - |q|²"),
        exact(pairs - 2 * float(p @ q), by_listing, "the same, by its two parts"),
        exact(0.0, float(np.abs(grid[losses.argmin()] - q).max()), "its least value over a grid is at q"),
        simulated(pairs, pair_share(counts, 6), "share of equal pairs of six draws"),
        Truth(float(series), float(pmf @ capped), 1e-9, "Poisson loss, 60 terms, summed over its pmf"),
        Truth(-float(np.log(p[2])), float(pmf @ capped), 1e-6, "Poisson loss: -log p"),
        simulated(-float(np.log(p[2])), geometric_loss(failures), "geometric loss of 20,000 outcomes"),
    ]


@check("likelihood/predictability", area="likelihood", source="Schaeffer et al. 2024", papers=(CHAIN,))
def scale_predictability() -> list[Truth]:
    """The chain from log-probability to accuracy by hand; wrong choices that drift lower only its later steps."""
    draws = generator(0, "predictability")
    loglik = np.log(np.array([[[0.2, 0.1, 0.1]]]))
    steps = predictability(loglik, np.array([0]))[:, 0, 0]
    compute = np.logspace(0, 7, 8)
    right = np.linspace(-6, -3, 8)[:, None] + np.zeros((8, 200))
    wrong = np.cumsum(draws.normal(size=(8, 200, 3)), axis=0) - 4
    every = np.concatenate([right[:, :, None], wrong], axis=2)
    found = correlations(predictability(every, np.zeros(200, dtype=np.int64)), compute)
    later = np.nanmean(found[1:], axis=1)
    return [
        exact(float(np.log(0.2)), float(steps[0]), "log p_vocab"),
        exact(float(np.log(0.5)), float(steps[1]), "log p_choices"),
        exact(-0.375, float(steps[2]), "-Brier"),
        exact(1.0, float(steps[3]), "accuracy"),
        exact(1.0, float(found[0].min()), "correlation with compute, log p_vocab"),
        exact(1.0, float((later < 0.9).all()), "later steps correlate less"),
        exact(
            float(np.corrcoef(np.log(compute), -wrong[:, 0, 0])[0, 1]),
            float(correlations(-wrong[None, :, :, 0], compute)[0, 0]),
            "against numpy.corrcoef",
        ),
    ]


@check("likelihood/scaling-laws", area="likelihood", source="power laws of known exponent", papers=(SERIES,))
def scaling_laws() -> list[Truth]:
    """Exponents, their coverage, the test of two slopes, held-out error, and floors that cannot be told."""
    from scipy.stats import linregress

    draws = generator(0, "scaling-laws")
    x = np.geomspace(1e6, 1e9, 12)
    exact_loss = 30 * x**-0.2
    inside, alarms = [], []
    for _ in range(400):
        noisy = exact_loss * np.exp(0.05 * draws.normal(size=12))
        law = power_law(x, noisy)
        inside.append(law.low <= 0.2 <= law.high)
        twice = np.concatenate([noisy, 2 * exact_loss * np.exp(0.05 * draws.normal(size=12))])
        alarms.append(slopes_differ(np.tile(x, 2), twice, np.repeat([0, 1], 12)) < 0.05)
    peer = linregress(np.log(x), np.log(noisy))
    steep = np.concatenate([noisy, 30 * x**-0.3])
    floored, width = floored_law(np.geomspace(1e2, 1e9, 15), 30 * np.geomspace(1e2, 1e9, 15) ** -0.3 + 0.5)
    short = np.geomspace(1e6, 3e6, 6)
    _, unknown = floored_law(short, (30 * short**-0.2 + 0.5) * np.exp(0.01 * draws.normal(size=6)))
    se = (0.05 * 0.95 / 400) ** 0.5
    return [
        exact(0.2, power_law(x, exact_loss).exponent, "exponent without noise"),
        Truth(-float(peer.slope), law.exponent, 1e-10, "against scipy's regression"),
        Truth(float(peer.stderr), law.error, 1e-10, "its standard error"),
        Truth(0.95, float(np.mean(inside)), 4.5 * se, "coverage of the 95 % interval, 400 times"),
        Truth(0.05, float(np.mean(alarms)), 4.5 * se, "false alarms of the slope test at 5 %"),
        Truth(0.0, slopes_differ(np.tile(x, 2), steep, np.repeat([0, 1], 12)), 1e-4, "p-value of two exponents"),
        exact(0.0, float(np.abs(extrapolation_error(x, exact_loss, 3)).max()), "held-out error without noise"),
        Truth(0.5, floored.floor, 0.01, "floor over seven decades"),
        exact(1.0, float(width < 0.5 < unknown), "a floor over half a decade is not told"),
    ]


@check("likelihood/knowledge", area="likelihood", source="Allen-Zhu and Li 2024", papers=(CAPACITY,))
def knowledge() -> list[Truth]:
    """Guessing stores nothing; knowing all stores everything; a table of m of N people stores their bits."""
    names = float(np.log2(400 * 400 * 1000))
    values = float(np.log2(2 * 12 * 28 * 200 * 200 * 300 * 100 * 263))
    guess = (names * np.log(2), values * np.log(2))
    known, people = 30, 100
    unknown = 1 - known / people
    return [
        Truth(47.6, values, 0.05, "log2 of the combinations of bioS"),
        exact(0.0, bits_stored(*guess, people, names, values), "uniform guesses"),
        exact(people * (names + values), bits_stored(0.0, 0.0, people, names, values), "no loss"),
        exact(
            known * (names + values),
            bits_stored(guess[0] * unknown, guess[1] * unknown, people, names, values),
            "a table of 30 of 100 people",
        ),
        exact(0.0, float(log_softmax(np.zeros((1, 4))).sum() + 4 * np.log(4)), "four equal values"),
    ]
