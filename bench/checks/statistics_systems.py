"""Published statistical systems on cases whose answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np

from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.seeds import generator
from bench.stats.comparisons import kwiksort, pairs, soft_preferences, strengths
from bench.stats.controls import Gaussian, expectations
from bench.stats.crowd import bayes
from bench.stats.failures import gaussian, k_dpp, posterior
from bench.stats.groupwise import bound, groupwise, regret, sleeping_experts
from bench.stats.holdout import NoisyOracle, Thresholdout, ask, thresholdout
from bench.stats.kernels import two_sample
from bench.stats.proxies import audit
from bench.stats.rashomon import logistic_set, multiplicity
from bench.stats.retrieval import importance
from bench.stats.shapley import exact as shapley
from bench.stats.shifts import attribute
from bench.stats.subsets import chances, variance


@check(
    "stats/reusable-holdout",
    area="general",
    source="Dwork, Feldman, Hardt, Pitassi, Reingold and Roth 2015",
    papers=("Preserving Statistical Validity in Adaptive Data Analysis",),
)
def reusable_holdout() -> list[Truth]:
    """Labels are noise; the best of 1,000 features by training and holdout together are voted: 50 % is the truth.

    The plain holdout reads Phi(sqrt(k) 1.525 / sqrt(n)), far above; Thresholdout stays within its tolerance.
    """
    from scipy.special import ndtr

    n, d, chosen = 1000, 1000, 50
    rng = generator(0, "reusable-holdout")
    y = rng.choice([-1.0, 1.0], size=(2, n))
    x = rng.normal(size=(2, n, d))
    train, held = (y[i] @ x[i] / n for i in range(2))
    agreed = (np.sign(train) == np.sign(held)) & (np.minimum(abs(train), abs(held)) >= 1 / math.sqrt(n))
    best = np.argsort(-np.where(agreed, abs(train), 0.0))[:chosen]
    right = [(np.sign(x[i][:, best] @ np.sign(train[best])) == y[i]).astype(float) for i in range(2)]
    state = Thresholdout(threshold=0.12, sigma=0.01, budget=1000, seed=0)
    charged = 0
    for j in range(d):
        answer, state = thresholdout(state, train[j : j + 1], held[j : j + 1])
        charged += answer.overfit
    plain, _ = thresholdout(Thresholdout(threshold=0.0, sigma=0.0, budget=1, seed=0), right[0], right[1])
    oracle = NoisyOracle(scale=0.05, budget=2000, seed=0)
    noise = []
    for _ in range(2000):
        told, oracle = ask(oracle, np.array([0.0, 1.0]))
        noise.append(abs((math.nan if told.value is None else told.value) - 0.5))
    expected = float(ndtr(1.525 * math.sqrt(chosen / n)))
    return [
        Truth(
            expected, float(right[1].mean()), ERRORS * 0.5 / math.sqrt(n), "what the plain holdout is fooled to read"
        ),
        exact(float(right[1].mean()), math.nan if plain.value is None else plain.value, "no noise: the plain holdout"),
        exact(1000 - charged, state.budget, "budget left"),
        simulated(0.05, np.array(noise), "mean absolute noise of the oracle: its scale"),
    ]


@check(
    "stats/shift-attribution",
    area="general",
    source="Zhang, Singh, Ghassemi and Joshi 2023",
    papers=('"Why did the Model Fail?": Attributing Model Performance Changes to Distribution Shifts',),
)
def shift_attribution() -> list[Truth]:
    """A chain z -> x -> y, every cell once and weighed by its chance: Shapley values of the eight mixed populations."""
    cells = np.array(list(itertools.product((0, 1), repeat=3)), dtype=bool)
    z, x, y = cells.T

    def mechanisms(pz: float, px: float, py: float) -> list[np.ndarray]:
        at_x, at_y = np.where(z, 0.7, px), np.where(x, 0.85, py)
        return [np.where(z, pz, 1 - pz), np.where(x, at_x, 1 - at_x), np.where(y, at_y, 1 - at_y)]

    source, target = mechanisms(0.4, 0.2, 0.1), mechanisms(0.8, 0.9, 0.4)
    counts = np.round(np.prod(source, axis=0) * 1e4).astype(int)  # all chances are whole in ten-thousandths
    rows = np.repeat(np.arange(8), counts)
    losses = (x != y).astype(float)
    weights = {name: (t / s)[rows] for name, s, t in zip("zxy", source, target, strict=True)}
    moved = np.repeat(np.arange(8), np.round(np.prod(target, axis=0) * 1e4).astype(int))
    found = attribute(weights, losses[rows], losses[moved])
    game = np.array(
        [
            float(
                np.prod([t if s >> i & 1 else q for i, (q, t) in enumerate(zip(source, target, strict=True))], axis=0)
                @ losses
            )
            for s in range(8)
        ]
    )
    truth = shapley(game)
    alone = attribute({**weights, "z": np.ones(len(rows)), "x": np.ones(len(rows))}, losses[rows], losses[rows])
    return [
        *(exact(float(t), float(p), f"share of {name}") for name, t, p in zip("zxy", truth, found.phi, strict=True)),
        exact(float(game[-1] - game[0]), found.explained, "efficiency: the whole change"),
        exact(0.0, found.residual, "residual with true weights"),
        exact(0.0, float(np.abs(alone.phi[:2]).max()), "mechanisms that did not shift"),
    ]


@check(
    "stats/predictive-multiplicity",
    area="uncertainty",
    source="Watson-Daniels, Parkes and Ustun 2023",
    papers=("Predictive Multiplicity in Probabilistic Classification",),
)
def predictive_multiplicity() -> list[Truth]:
    """A pool by hand, and an intercept alone: the logistic set is an interval, its ends the roots of the loss."""
    from scipy.optimize import brentq

    predictions = np.array([[0.5, 0.5, 0.5, 0.5], [0.6, 0.5, 0.9, 0.5], [0.5, 0.8, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0]])
    pool = multiplicity(
        predictions, np.array([0.3, 0.31, 0.32, 0.9]), baseline=0, epsilon=0.05, deltas=np.array([0.05, 0.25])
    )
    y = (np.arange(50) < 15).astype(np.int64)
    found = logistic_set(np.ones((50, 1)), y, np.ones((1, 1)), epsilon=0.02)

    def beyond(p: float) -> float:
        return -0.3 * math.log(p) - 0.7 * math.log(1 - p) - found.loss - 0.02

    return [
        exact(0.75, float(pool.ambiguity[0]), "ambiguity at 0.05"),
        exact(0.5, float(pool.discrepancy[0]), "discrepancy at 0.05"),
        exact(0.5, float(pool.ambiguity[1]), "ambiguity at 0.25"),
        exact(0.25, float(pool.discrepancy[1]), "discrepancy at 0.25"),
        Truth(brentq(beyond, 1e-6, 0.3), float(found.low[0]), 1e-7, "least probability"),
        Truth(brentq(beyond, 0.3, 1 - 1e-6), float(found.high[0]), 1e-7, "greatest probability"),
        Truth(0.0, found.gap, 1e-6, "optimality gap"),
    ]


@check(
    "stats/proxy-audit",
    area="general",
    source="Lambert, Amos, Yadan and Calandra 2020",
    papers=("Objective Mismatch in Model-based Reinforcement Learning",),
)
def proxy_audit() -> list[Truth]:
    """A monotone proxy costs nothing; five models by hand; permutation p-values by enumeration of 5! orders."""
    x, y = np.arange(5.0), np.array([0.0, 1.0, 2.0, 4.0, 3.0])
    monotone, found = audit(x, np.exp(x), seed=0), audit(x, y, seed=0)
    seen = abs(np.corrcoef(x, y)[0, 1])
    every = np.array([abs(np.corrcoef(x, p)[0, 1]) >= seen - 1e-12 for p in itertools.permutations(y)])
    truth = float(every.mean())
    return [
        exact(0.0, monotone.regret, "regret of a monotone proxy"),
        exact(1.0, found.regret, "regret, the best two turned round"),
        exact(0.9, found.of("spearman").value, "Spearman"),
        exact(0.8, found.of("kendall").value, "Kendall"),
        Truth(truth, found.of("pearson").p_value, ERRORS * math.sqrt(truth / 1999), "permutation p-value"),
    ]


@check(
    "stats/pairwise-scores",
    area="general",
    source="Bradley and Terry 1952; Thurstone 1927; Gienapp et al. 2022; Zhu et al. 2024",
    papers=(
        "Sparse Pairwise Re-ranking with Pre-trained Transformers",
        "Adaptive Image Quality Assessment via Teaching Large Multimodal Model to Compare",
    ),
)
def pairwise_scores() -> list[Truth]:
    """Exact preferences give back the planted scores; two items have a closed form; skip-window counts are exact."""
    from scipy.special import ndtr

    q = np.array([-1.0, -0.2, 0.3, 0.9])
    gap = q[:, None] - q[None]
    logistic, normal = strengths(1 / (1 + np.exp(-gap))), strengths(ndtr(gap), link="thurstone")
    two = strengths(np.array([[0.0, 30.0], [10.0, 0.0]]))
    order = kwiksort(1 / (1 + np.exp(-4 * gap)), seed=0)
    return [
        Truth(0.0, float(np.abs(logistic.values - q).max()), 1e-8, "Bradley-Terry, largest error"),
        Truth(0.0, float(np.abs(normal.values - q).max()), 1e-8, "Thurstone, largest error"),
        exact(math.log(3), float(two.values[0] - two.values[1]), "30 wins to 10: log 3 apart"),
        exact(math.sqrt(1 / 30 + 1 / 10) / 2, float(two.errors[0]), "error of each of the two"),
        exact(0.0, float(np.abs(order - np.array([1, 2, 3, 4])).max()), "KwikSort of a true order"),
        exact(30 * 4, len(pairs(30, 7, design="skip", seed=0)), "pairs of the skip window"),
        exact(0.5, float(soft_preferences(np.zeros(5))), "indifference over five levels"),
    ]


@check(
    "stats/groupwise-regret",
    area="general",
    source="Acharya, Arunachaleswaran, Kannan, Roth and Ziani 2023; Luo and Schapire 2015",
    papers=("Oracle Efficient Algorithms for Groupwise Regret",),
)
def groupwise_regret() -> list[Truth]:
    """Regret in each group stays under the bound; an expert that is right from the start is followed."""
    rng = generator(0, "groupwise-regret")
    T = 800
    y = rng.random(T)
    experts = np.column_stack([y, rng.random((T, 4))])
    awake = np.column_stack([np.ones(T, bool), rng.random((T, 4)) < 0.5])
    found = sleeping_experts(experts, y, awake)
    gain = (((found - y) ** 2)[:, None] - (experts - y[:, None]) ** 2) * awake
    X = np.column_stack([np.ones(T), rng.uniform(-1, 1, T)])
    line = 0.5 + 0.2 * X[:, 1]
    plain = regret(groupwise(X, line, awake), X, line, awake)
    over = np.maximum(gain.sum(axis=0) - bound(awake.sum(axis=0).astype(float), T), 0.0)
    return [
        exact(0.0, float(over.max()), "regret beyond the bound"),
        Truth(0.0, float(np.abs(found - y)[-100:].mean()), 0.02, "error at the end, one expert right"),
        Truth(0.0, float(plain.slope.max()), 0.08, "regret / sqrt(T) where one line fits all groups"),
    ]


@check(
    "stats/corpus-importance",
    area="general",
    source="Lyu, Grafberger, Biegel, Wei, Cao, Schelter and Zhang 2023",
    papers=("Improving Retrieval-Augmented Large Language Models via Data Importance Learning",),
)
def corpus_importance() -> list[Truth]:
    """The dynamic programme against all 2^6 corpora: value and slope."""
    rng = generator(0, "corpus-importance")
    ranked = np.stack([rng.permutation(6)[:5] for _ in range(3)])
    utilities, w = rng.normal(size=(3, 5)), rng.random(6)
    kept = np.array(list(itertools.product((0, 1), repeat=6)))
    used = kept[:, ranked] * (np.cumsum(kept[:, ranked], axis=2) <= 2)
    value = (used * utilities).sum(axis=2).mean(axis=1)
    found = importance(ranked, utilities, w, top=2)

    def chance(at: np.ndarray) -> np.ndarray:
        return np.prod(np.where(kept == 1, at, 1 - at), axis=1)

    slopes = [
        float((chance(np.where(np.arange(6) == i, 1, w)) - chance(np.where(np.arange(6) == i, 0, w))) @ value)
        for i in range(6)
    ]
    return [
        exact(float(chance(w) @ value), found.utility, "utility"),
        *(
            exact(s, float(g), f"importance of document {i}")
            for i, (s, g) in enumerate(zip(slopes, found.importance, strict=True))
        ),
    ]


@check(
    "stats/control-variates",
    area="general",
    source="Owen and Zhou 2000, over several laws",
    papers=(
        "Efficient estimation of multiple expectations with the same sample by adaptive importance sampling and "  # noqa: ISC004
        "control variates",
    ),
)
def control_variates() -> list[Truth]:
    """Second moments of three normal laws from one sample of a fourth: unbiased with frozen coefficients."""
    proposal = Gaussian(mean=np.array([0.2]), covariance=np.array([[2.0]]))
    means = np.array([0.0, 0.5, -0.3])
    rng = generator(0, "control-variates")

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = proposal.draw(n, rng)
        log = -0.5 * (x - means) ** 2 - 0.5 * math.log(2 * math.pi)
        return np.exp(log - proposal.log(x)[:, None]), np.repeat(x**2, 3, axis=1)

    frozen = expectations(*sample(1000)).coefficients
    draws = np.array([expectations(*sample(200), coefficients=frozen).values for _ in range(400)])
    weights, _ = sample(20_000)
    return [
        *(simulated(1 + m**2, draws[:, i], f"E x^2 under N({m}, 1)") for i, m in enumerate(means)),
        *(simulated(1.0, weights[:, i], f"mean weight of N({m}, 1)") for i, m in enumerate(means)),
    ]


@check(
    "stats/crowd-bayes",
    area="general",
    source="Dawid and Skene 1979",
    papers=("Rethinking Crowd-Sourced Evaluation of Neuron Explanations",),
)
def crowd_bayes() -> list[Truth]:
    """Two raters of 0.9 and 0.6, prior 0.2: Bayes by hand; with nobody asked, the prior."""
    ratings = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [np.nan, np.nan]])
    quality = np.array([0.9, 0.6])
    found = bayes(ratings, quality, quality, 0.2)
    odds = 0.25 * np.array([9 * 1.5, 9 / 1.5, 1 / 9 / 1.5, 1.0])
    names = ("both say 1", "they differ", "both say 0", "nobody")
    return [exact(float(o / (1 + o)), float(p), name) for o, p, name in zip(odds, found, names, strict=True)]


@check(
    "stats/failure-search",
    area="general",
    source="Kulesza and Taskar 2011; Beta-Bernoulli posterior",
    papers=("Efficient Failure Pattern Identification of Predictive Algorithms",),
)
def failure_search() -> list[Truth]:
    """Pairs drawn from a DPP of five items have chances det(L_S) / sum; a partition's posterior is Beta-Bernoulli."""
    rng = generator(0, "failure-search")
    L = gaussian(rng.normal(size=(5, 2)), 1.0)
    subsets = list(itertools.combinations(range(5), 2))
    truth = np.array([np.linalg.det(L[np.ix_(s, s)]) for s in subsets])
    truth /= truth.sum()
    drawn = [tuple(sorted(k_dpp(L, 2, rng=rng).tolist())) for _ in range(2000)]
    part = np.array([0, 0, 1])
    kernel = (part[:, None] == part).astype(float)
    beta = posterior(kernel, np.array([0]), np.array([True]), (1.0, 3.0))
    found = []
    for s, p in zip(subsets, truth, strict=True):
        found.append(Truth(float(p), drawn.count(s) / 2000, ERRORS * math.sqrt(p * (1 - p) / 2000), f"items {s}"))
    return [*found, exact(0.4, float(beta[1]), "posterior within the part"), exact(0.25, float(beta[2]), "and outside")]


@check(
    "stats/betting-two-sample",
    area="general",
    source="Teneggi and Sulam 2024; Ville 1939",
    papers=("I Bet You Did Not Mean That: Testing Semantic Importance via Betting",),
)
def betting_two_sample() -> list[Truth]:
    """Over all 2^8 swaps of eight pairs the wealth averages 1 exactly: an e-value, whatever the two streams are."""
    rng = generator(0, "betting-two-sample")
    both = np.stack([rng.normal(size=8), rng.normal(1.0, 2.0, 8)])
    at = np.arange(8)
    wealth = [
        two_sample(both[s, at], both[1 - s, at]).e_value for s in np.array(list(itertools.product((0, 1), repeat=8)))
    ]
    apart = two_sample(rng.normal(size=300), rng.normal(1.5, 1, 300))
    return [
        exact(1.0, float(np.mean(wealth)), "mean e-value under exchange"),
        exact(1.0, float(apart.rejected > 0), "two streams 1.5 apart are told apart"),
    ]


@check(
    "stats/sensitivity-sampling",
    area="general",
    source="Axiotis et al. 2024; Hansen and Hurwitz 1943",
    papers=("Data-Efficient Learning via Clustering-Based Sensitivity Sampling: Foundation Models and Beyond",),
)
def sensitivity_sampling() -> list[Truth]:
    """The estimate is unbiased by summing over items, and its variance is 0 where the proxy is the loss itself."""
    rng = generator(0, "sensitivity-sampling")
    cluster = rng.integers(0, 5, 200)
    centre = np.array([0.5, 1.0, 2.0, 0.1, 4.0])
    squares = rng.exponential(size=200)
    losses = centre[cluster] + 0.3 * squares
    p = chances(centre, squares, cluster, smoothness=0.3)
    pure = losses / losses.sum()
    return [
        exact(1.0, float(p.sum()), "chances sum to 1"),
        exact(float(losses.mean()), float((p * losses / (200 * p)).sum()), "expectation of the estimate"),
        exact(0.0, variance(losses, pure, 20), "variance with chances proportional to the loss"),
        Truth(
            0.0, variance(losses, p, 20) / variance(losses, np.full(200, 1 / 200), 20), 0.01, "variance over uniform"
        ),
    ]
