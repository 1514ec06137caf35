"""Metrics of simulation-based inference: how much a posterior knows, and whether what it says is so."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.metrics.coverage import reached
from bench.records.posterior import Posterior
from bench.stats.design import design
from bench.stats.norms import normed

EPE = "Unifying Summary Statistic Selection for Approximate Bayesian Computation"
CHECK = "likelihood/simulation-based-inference"
FOLDS = 5


@metric(
    "expected-posterior-entropy",
    of=Posterior,
    area="likelihood",
    better="lower",
    unit="nats",
    source="Hoffmann and Onnela 2024",
    papers=(EPE,),
    check=CHECK,
)
def expected_posterior_entropy(record: Posterior) -> PerSample:
    """Mean of -log q(parameters | observed): at least the entropy of the exact posterior, and equal for it alone."""
    return per_sample(-record.log_prob)


@metric(
    "information-gain",
    of=Posterior,
    area="likelihood",
    better="higher",
    unit="nats",
    source="Lindley 1956; Hoffmann and Onnela 2024",
    papers=(EPE,),
    check=CHECK,
)
def information_gain(record: Posterior) -> PerSample:
    """Entropy of the prior less the expected posterior entropy: at most the mutual information with the observation."""
    return per_sample(record.prior_entropy + record.log_prob)


@metric(
    "excess-posterior-entropy",
    of=Posterior,
    area="likelihood",
    better="lower",
    unit="nats",
    source="Gibbs' inequality",
    papers=(EPE,),
    check=CHECK,
)
def excess_posterior_entropy(record: Posterior) -> PerSample:
    """Mean divergence of the posterior from the exact one, estimated at the true parameters."""
    if record.truth is None:
        raise NotApplicable("the exact posterior is not known: the record has no 'truth'")
    apart = record.truth - record.log_prob
    # Two ways to the same number differ in its last digits: that is no divergence.
    return per_sample(np.where(np.abs(apart) <= 1e-12 * np.abs(record.truth), 0.0, apart))


def levels(record: Posterior) -> Float64s:
    """Ranks as levels in (0, 1), ties with the truth's own place spread evenly: (n, P)."""
    return (record.ranks + 0.5) / (record.draws + 1)


def _ranked(record: Posterior, shares: Float64s) -> Ints:
    """How many of the draws each share (n,) is, (n, 1)."""
    return np.rint(record.draws * shares).astype(np.int64)[:, None]


def gaps(ranks: Ints, draws: int, w: Float64s) -> Float64s:
    """Share of ranks (n, P) at most 0, 1 ... draws - 1 less that of uniform ones, under weights (B, n): (B, P x draws).

    Uniform among draws + 1, so that of endless data no gap is left, however few the draws are.
    """
    if draws < 1:
        raise NotApplicable("nobody says how many posterior draws there are: 'draws' is 0")
    uniform = np.arange(1, draws + 1) / (draws + 1)
    return np.concatenate([reached(column, draws, w) - uniform for column in ranks.T], axis=1)


def _of_ranks(record: Posterior, w: Float64s) -> Float64s:
    return gaps(record.ranks, record.draws, w)


def _of_nearer(record: Posterior, w: Float64s) -> Float64s:
    return gaps(_ranked(record, record.nearer), record.draws, w)


def _of_denser(record: Posterior, w: Float64s) -> Float64s:
    return gaps(_ranked(record, record.denser), record.draws, w)


def uniform_p(values: Float64s) -> float:
    """p-value of the Kolmogorov-Smirnov test that values (n,) are uniform on [0, 1]."""
    from scipy.stats import kstest

    return float(kstest(values, "uniform").pvalue)


@metric(
    "sbc-distance",
    of=Posterior,
    area="likelihood",
    better="lower",
    range=(0, 1),
    biased=True,
    norm="max",
    gaps=_of_ranks,
    source="Talts et al. 2018",
    papers=(EPE,),
    check=CHECK,
)
def sbc_distance(record: Posterior, weights: Float64s) -> Float64s:
    """Greatest distance of any parameter's ranks from uniform.  Parameters are looked at one by one: it sees no shape.

    Of n observations under the exact posterior about .87 / sqrt(n), more with more parameters.
    """
    return np.asarray(normed(_of_ranks(record, weights), "max"))


@metric(
    "sbc-p",
    of=Posterior,
    area="likelihood",
    better="higher",
    range=(0, 1),
    interval=False,
    source="Talts et al. 2018; Bonferroni",
    papers=(EPE,),
    check=CHECK,
)
def sbc_p(record: Posterior, weights: Float64s) -> Float64s:
    """p-value that all ranks are uniform: the least over parameters, times their number."""
    p = [uniform_p(column) for column in levels(record).T]
    return np.full(len(weights), min(1.0, len(p) * min(p)))


@metric(
    "tarp-distance",
    of=Posterior,
    area="likelihood",
    better="lower",
    range=(0, 1),
    biased=True,
    norm="max",
    gaps=_of_nearer,
    source="Lemos et al. 2023",
    papers=(EPE,),
    check=CHECK,
)
def tarp_distance(record: Posterior, weights: Float64s) -> Float64s:
    """Greatest distance from uniform of the share of draws nearer to a random point than the truth is (TARP).

    It sees all parameters together; reference points are from the prior, so it may miss a shift.
    """
    return np.asarray(normed(_of_nearer(record, weights), "max"))


@metric(
    "tarp-p",
    of=Posterior,
    area="likelihood",
    better="higher",
    range=(0, 1),
    interval=False,
    source="Lemos et al. 2023",
    papers=(EPE,),
    check=CHECK,
)
def tarp_p(record: Posterior, weights: Float64s) -> Float64s:
    """p-value that TARP's shares are uniform: small where the posterior is wrong."""
    return np.full(len(weights), uniform_p(record.nearer))


@metric(
    "expected-coverage-distance",
    of=Posterior,
    area="likelihood",
    better="lower",
    range=(0, 1),
    biased=True,
    norm="max",
    gaps=_of_denser,
    source="Hermans et al. 2022",
    papers=(EPE,),
    check=CHECK,
)
def expected_coverage_distance(record: Posterior, weights: Float64s) -> Float64s:
    """Greatest distance of the coverage of highest-density regions from their level, over all levels."""
    return np.asarray(normed(_of_denser(record, weights), "max"))


@metric(
    "c2st",
    of=Posterior,
    area="likelihood",
    better="lower",
    range=(0, 1),
    whole=True,
    source="Lopez-Paz and Oquab 2017; Lueckmann et al. 2021",
    papers=(EPE,),
    check=CHECK,
)
def c2st(record: Posterior) -> PerSample:
    """Held-out accuracy of telling (true parameters, observed) from (drawn parameters, observed); 1/2: cannot be told.

    A ridge classifier on all squares and products, five folds; both of a pair are in one fold, and so is all of a
    cluster, whose common chance a classifier would else learn from its other observations.

    A row's value is whether its pair is told apart, plus what learning from it did to the telling of others (the
    infinitesimal jackknife; in the mean it is nothing): without it the interval would be a fifth too short where
    nothing can be told, since rows from which one and the same chance was learnt are right, or wrong, together.
    """
    n = len(record)
    d = design(n, groups=record.groups)
    if n < 4 * FOLDS or d.groups < 2:
        raise NotApplicable(f"a classifier needs at least {4 * FOLDS} observations, in two clusters")
    rows = _products(np.vstack([np.hstack([side, record.observed]) for side in (record.parameters, record.drawn)]))
    sign, fold = np.repeat([-1.0, 1.0], n), np.tile(d.codes % FOLDS, 2)
    right, fed = np.empty(2 * n), np.zeros(2 * n)
    for k in np.unique(fold):
        held = fold == k
        inverse = np.linalg.inv(rows[~held].T @ rows[~held] + np.eye(rows.shape[1]))
        weights = inverse @ (rows[~held].T @ sign[~held])
        margin = rows @ weights
        right[held] = margin[held] * sign[held] > 0
        # What a row adds to the weights, and how many more or fewer of those held out are right by what they add.
        pull = rows * (sign - margin)[:, None]
        fed[~held] += _density_at_0(margin[held]) * (pull[~held] @ (inverse @ pull[held].sum(axis=0)))
    return per_sample((right + fed - fed.mean()).reshape(2, n).mean(axis=0))


def _density_at_0(values: Float64s) -> float:
    """By a Gaussian kernel of Silverman's width."""
    width = max(1.06 * float(values.std()) * len(values) ** -0.2, 1e-12)
    return float(np.exp(-((values / width) ** 2) / 2).mean()) / (width * math.sqrt(2 * math.pi))


def _products(rows: Float64s) -> Float64s:
    scaled = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-12)
    first, second = np.triu_indices(rows.shape[1])
    return np.hstack([np.ones((len(rows), 1)), scaled, scaled[:, first] * scaled[:, second]])
