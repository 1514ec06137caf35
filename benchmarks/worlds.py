"""Where records are drawn for which the true value of a metric is known, independent or in clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtri

from bench.arrays import Ragged
from bench.components import Metric, NotApplicable
from bench.records import Choices, Classification, Density, Generations, Judged, Regression, Tokens
from bench.records.detection import Detection
from bench.registry import components, find
from bench.stats.intervals import value

SIZE = 10  # rows of a cluster
SHARED = 0.3  # share of a row's variance that its cluster has in common
LARGE = 1_000_000  # independent rows by which a truth without a closed form is found: its error is a tenth of that of
# the largest records, which takes less than 0.1 % off the coverage
PART = 2_000  # of metrics that look at pairs of rows, and are unbiased: the mean of several records
PARTS = 60
PAIRS = frozenset({"skce"})
NOWHERE = frozenset({"worst-slab-coverage"})  # of a slab that the record chooses, so it has no one truth
Rng = np.random.Generator
Draw = Callable[[Rng, int, bool], Any]


@dataclass(frozen=True)
class World:
    """A name, how to draw n rows (clustered or not), and the values of metrics that are known outright.

    left_out: metrics that are not measured here.  own: those of whole clusters, whose truth is another where there are
    some.
    """

    name: str
    draw: Draw
    known: Mapping[str, float] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash(self.name)


def _normal(rng: Rng, n: int, clustered: bool, columns: int = 1) -> Any:
    """Standard normal, (n, columns): with clusters of SIZE, rows of one correlate by SHARED."""
    own = rng.normal(size=(n, columns))
    if not clustered:
        return own
    common = np.repeat(rng.normal(size=(n // SIZE, columns)), SIZE, axis=0)
    return np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own


def _rows(n: int, clustered: bool) -> dict[str, Any]:
    names = np.arange(n).astype(np.str_)
    return {"ids": names, "groups": (np.arange(n) // SIZE).astype(np.str_) if clustered else None}


def _classes(rng: Rng, n: int, clustered: bool, sharpness: float) -> Classification:
    """Three classes whose probabilities are the softmax of z; the logits are z times the sharpness."""
    from scipy.special import ndtr

    z = 1.5 * _normal(rng, n, clustered, 3)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    u = ndtr(_normal(rng, n, clustered)[:, 0])
    labels = np.minimum((u[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 2)
    return Classification(logits=sharpness * z, labels=labels, **_rows(n, clustered))


def calibrated(rng: Rng, n: int, clustered: bool) -> Classification:
    """Confidences that are kept."""
    return _classes(rng, n, clustered, 1.0)


def overconfident(rng: Rng, n: int, clustered: bool) -> Classification:
    """Twice the logits that there should be."""
    return _classes(rng, n, clustered, 2.0)


def scores(rng: Rng, n: int, clustered: bool) -> Detection:
    """One row in three is positive, by a threshold on what it shares with its cluster; its score is 1.5 higher."""
    positive = _normal(rng, n, clustered)[:, 0] > ndtri(2 / 3)
    rows = _rows(n, clustered)
    return Detection(scores=_normal(rng, n, clustered)[:, 0] + 1.5 * positive, positive=positive, **rows)


def forecasts(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts whose standard deviation is four fifths of the error's."""
    std = np.exp(0.3 * rng.normal(size=n))
    mean = rng.normal(size=n)
    return Regression(y=mean + 1.25 * std * _normal(rng, n, clustered)[:, 0], mean=mean, std=std, **_rows(n, clustered))


def ensembles(rng: Rng, n: int, clustered: bool) -> Classification:
    """Three members that err about the logits on their own; the true probabilities are given."""
    from scipy.special import log_softmax, softmax

    record = _classes(rng, n, clustered, 1.0)
    z = np.asarray(record.logits)
    members = log_softmax(z[:, None] + 0.7 * rng.normal(size=(n, 3, 3)), axis=2)
    logits = np.log(np.exp(members).mean(axis=1))
    return replace(record, logits=logits, members=members, truth=softmax(z, axis=1))


def sets(rng: Rng, n: int, clustered: bool) -> Classification:
    """Eight classes; a set holds all whose probability is a tenth at least, and promises nine tenths."""
    from scipy.special import ndtr, softmax

    z = 1.5 * _normal(rng, n, clustered, 8)
    p = softmax(z, axis=1)
    u = ndtr(_normal(rng, n, clustered)[:, 0])
    labels = np.minimum((u[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 7)
    origin = rng.choice(["a", "b", "c"], n)
    return Classification(
        logits=z, labels=labels, sets=p >= 0.1, level=0.9, dataset=origin, features=z[:, :2], **_rows(n, clustered)
    )


def right_forecasts(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts as uncertain as they should be."""
    std = np.exp(0.3 * rng.normal(size=n))
    mean = rng.normal(size=n)
    return Regression(y=mean + std * _normal(rng, n, clustered)[:, 0], mean=mean, std=std, **_rows(n, clustered))


LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def quantiles(rng: Rng, n: int, clustered: bool) -> Regression:
    """Quantile forecasts of too little spread, some of which cross."""
    mean = rng.normal(size=n)
    forecast = mean[:, None] + 0.8 * ndtri(np.array(LEVELS)) + 0.1 * rng.normal(size=(n, len(LEVELS)))
    y = mean + _normal(rng, n, clustered)[:, 0]
    return Regression(y=y, quantiles=forecast, levels=LEVELS, **_rows(n, clustered))


def intervals(rng: Rng, n: int, clustered: bool) -> Regression:
    """Interval forecasts of one standard deviation either way, which promise eight tenths."""
    mean = rng.normal(size=n)
    y = mean + _normal(rng, n, clustered)[:, 0]
    return Regression(y=y, lower=mean - 1, upper=mean + 1, level=0.8, **_rows(n, clustered))


def samples(rng: Rng, n: int, clustered: bool) -> Regression:
    """Twenty draws from a Gaussian forecast of four fifths of the spread that there should be."""
    mean = rng.normal(size=n)
    draws = mean[:, None] + 0.8 * rng.normal(size=(n, 20))
    return Regression(y=mean + _normal(rng, n, clustered)[:, 0], samples=draws, **_rows(n, clustered))


def mixtures(rng: Rng, n: int, clustered: bool) -> Regression:
    """Four Gaussian members whose means err on their own; the forecast is their mixture's mean and spread."""
    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    means = mean[:, None] + 0.5 * rng.normal(size=(n, 4))
    stds = std[:, None] * np.exp(0.2 * rng.normal(size=(n, 4)))
    y = mean + std * _normal(rng, n, clustered)[:, 0]
    total = np.sqrt((stds**2).mean(axis=1) + means.var(axis=1))
    forecast = {"mean": means.mean(axis=1), "std": total, "member_means": means, "member_stds": stds}
    return Regression(y=y, **forecast, **_rows(n, clustered))


def choices(rng: Rng, n: int, clustered: bool) -> Choices:
    """Four answers in a drawn order, the first of which is favoured; one of them is right."""
    # A cluster is one question, asked in several orders.
    question = np.arange(n) // (SIZE if clustered else 1)
    base = rng.normal(size=(n, 4))[question]
    right = (1.5 * base + rng.gumbel(size=(n, 4))[question]).argmax(axis=1)
    z = base + 0.5 * rng.normal(size=(n, 4))
    order = rng.permuted(np.tile(np.arange(4), (n, 1)), axis=1)
    loglik = np.take_along_axis(z, order, axis=1) - np.array([0.0, 0.5, 0.5, 0.5]) - 10
    return Choices(
        labels=(order == right[:, None]).argmax(axis=1),
        loglik=_ragged(loglik),
        bytes=_ragged(rng.integers(1, 9, (n, 4))),
        order=_ragged(order),
        **(_rows(n, clustered) if clustered else _rows(n, False) | {"groups": np.arange(n).astype(np.str_)}),
    )


def tokens(rng: Rng, n: int, clustered: bool) -> Tokens:
    """Texts of 5 to 40 tokens of surprising and unsurprising kinds; the true source is known."""
    lengths = rng.integers(5, 41, n)
    scale = np.exp(0.4 * _normal(rng, n, clustered)[:, 0])
    flat = -np.repeat(scale, lengths) * rng.exponential(size=int(lengths.sum()))
    sums = np.add.reduceat(flat, np.concatenate([[0], np.cumsum(lengths)[:-1]]))
    return Tokens(
        logprobs=Ragged(flat, np.concatenate([[0], np.cumsum(lengths)])),
        bytes=4 * lengths,
        words=np.maximum(lengths // 2, 1),
        truth=0.9 * sums + 0.3 * rng.normal(size=n),
        **_rows(n, clustered),
    )


def densities(rng: Rng, n: int, clustered: bool) -> Density:
    """Gaussians of 1 to 8 dimensions whose scale the model takes to be a quarter too large."""
    dim = rng.integers(1, 9, n)
    square = rng.chisquare(dim) * np.exp(0.3 * _normal(rng, n, clustered)[:, 0])
    constant = dim * np.log(2 * np.pi) / 2
    wide = -square / (2 * 1.25**2) - constant - dim * np.log(1.25)
    return Density(log_prob=wide, dim=dim, truth=-square / 2 - constant, **_rows(n, clustered))


def generations(rng: Rng, n: int, clustered: bool) -> Generations:
    """Five generations a prompt, right by a rate of the prompt's own; the confidence is the share that agrees."""
    from scipy.special import expit

    rate = expit(1.5 * _normal(rng, n, clustered)[:, 0])
    right = rng.random((n, 5)) < rate[:, None]
    read = rng.random(n) < 0.9
    lengths = rng.integers(5, 60, (n, 5))
    return Generations(
        answer=np.where(read, "a", "").astype(object),
        correct=right[:, 0] & read,
        confidence=right.mean(axis=1),
        text=_ragged(np.full((n, 5), "t", dtype=object)),
        logprob=_ragged(-lengths * rng.exponential(size=(n, 5))),
        tokens=_ragged(lengths),
        corrects=_ragged(right),
        **_rows(n, clustered),
    )


def _ragged(table: Any) -> Ragged:
    rows, columns = table.shape
    return Ragged(table.ravel(), columns * np.arange(rows + 1))


NOTHING = (
    *("ece", "ece-debiased", "ece-l2", "ece-mass", "ece-mass-l2", "ece-over", "ece-under", "ece-mass-debiased"),
    *("ece-l2-debiased", "canonical-ece", "canonical-ece-debiased"),
    *("mce", "mce-mass", "ks-calibration", "ace", "tace", "classwise-ece", "smooth-ece", "mmce", "kce", "skce"),
    *("ici", "e50", "e90", "mcb-brier", "mcb-log", "murphy-reliability", "overconfidence", "cox-intercept"),
    *("cox-in-the-large",),
)
CALIBRATED = dict.fromkeys(NOTHING, 0.0) | {"cox-slope": 1.0}
RIGHT = dict.fromkeys(("coverage-error", "pit-ks", "quantile-calibration-error", "ence"), 0.0) | {"coverage-90": 0.9}
OF_ORDERS = frozenset({"accuracy-best-order", "accuracy-worst-order", "choice-order-accuracy", "choice-order-entropy"})
WORLDS = (
    World("calibrated", calibrated, CALIBRATED),
    World("overconfident", overconfident),
    World("ensembles", ensembles, left_out=frozenset(NOTHING)),
    World("sets", sets, left_out=frozenset({*NOTHING, "nll", "brier", "accuracy"})),
    World("scores", scores),
    World("right forecasts", right_forecasts, RIGHT),
    World("forecasts", forecasts),
    World("quantiles", quantiles),
    World("intervals", intervals),
    World("samples", samples),
    World("mixtures", mixtures),
    World("choices", choices, left_out=frozenset(NOTHING), own=OF_ORDERS),
    World("tokens", tokens),
    World("densities", densities),
    World("generations", generations, left_out=frozenset(NOTHING)),
)


@cache
def metrics(world: World) -> tuple[str, ...]:
    """Names of all metrics that print an interval for a record of that world, and that two earlier ones don't have."""
    record = world.draw(np.random.default_rng(0), 200, False)
    earlier = [name for other in WORLDS[: WORLDS.index(world)] for name in metrics(other)]
    left_out = world.left_out | {name for name in earlier if earlier.count(name) > 1} | NOWHERE
    return tuple(m.name for m in components(Metric).values() if m.name not in left_out and _applies(m, record))


def _applies(metric: Metric, record: Any) -> bool:
    if not metric.interval or not (
        isinstance(record, metric.of) if metric.of is not Judged else hasattr(record, "confidence")
    ):
        return False
    try:
        return value(metric, record) is not None
    except NotApplicable:
        return False


@cache
def truth(world: World, name: str, clustered: bool = False) -> float:
    """The value that an interval should hold.

    Where it is not known outright it is the population's, by LARGE rows, drawn independently (their marginals are those
    of clusters) but for metrics of whole clusters; of a metric that looks at pairs, the mean over PARTS records of PART
    rows.
    """
    if name in world.known:
        return world.known[name]
    metric = find(Metric, name)
    if name in PAIRS:
        rng = np.random.default_rng(654_321)
        return float(np.mean([value(metric, world.draw(rng, PART, False)) for _ in range(PARTS)]))
    found = value(metric, _large(world, clustered))
    if found is None:
        raise ValueError(f"{name} has no value in {world.name}")
    return found


@lru_cache(maxsize=1)
def _large(world: World, clustered: bool) -> Any:
    return world.draw(np.random.default_rng(123_456), LARGE, clustered)
