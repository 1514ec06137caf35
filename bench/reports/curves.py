"""The numbers behind each chart, computed from records: pure functions from columns to small arrays."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.arrays import Bools, Float64s, Ints, Strings
from bench.forecasts import forms
from bench.records import Classification, Regression
from bench.stats.design import design
from bench.stats.wilson import trials

POINTS = 160
Z95 = NormalDist().inv_cdf(0.975)


def wilson(hits: Ints | Float64s, n: Ints | Float64s) -> tuple[Float64s, Float64s]:
    """Ends of the 95 % Wilson score interval of a proportion; NaN where n is 0.  Source: Wilson 1927."""
    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = hits / n
        centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


@dataclass(frozen=True)
class Reliability:
    """Non-empty bins of confidence: edges, mean confidence, accuracy with Wilson interval, count; each (bins,)."""

    left: Float64s
    right: Float64s
    confidence: Float64s
    accuracy: Float64s
    low: Float64s
    high: Float64s
    count: Ints


def reliability(confidence: Float64s, correct: Bools, bins: int = 15) -> Reliability:
    """Accuracy within equal-width bins of confidence (n,).  Bins are [a, b), the last [a, 1].

    Source: Murphy & Winkler 1977; Guo et al. 2017 (15 bins).
    """
    place = np.minimum((np.clip(confidence, 0, 1) * bins).astype(np.int64), bins - 1)
    n = np.bincount(place, minlength=bins)
    hits = np.bincount(place, weights=correct, minlength=bins)
    total = np.bincount(place, weights=confidence, minlength=bins)
    some = n > 0
    low, high = wilson(hits[some], n[some])
    edges = np.arange(bins + 1) / bins
    return Reliability(
        edges[:-1][some], edges[1:][some], total[some] / n[some], hits[some] / n[some], low, high, n[some]
    )


@dataclass(frozen=True)
class Roc:
    """A receiver operating curve: false and true positive rates, both rising from 0 to 1; and its area."""

    fpr: Float64s
    tpr: Float64s
    area: float


def roc(scores: Float64s, positive: Bools) -> Roc | None:
    """Sweep the threshold over the scores (n,), ties taken together; `None` unless both classes occur."""
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if ones == 0 or zeros == 0:
        return None
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order])[last]
    tpr = np.concatenate([[0.0], hits / ones])
    fpr = np.concatenate([[0.0], (last + 1 - hits) / zeros])
    area = float(np.trapezoid(tpr, fpr))
    keep = _thinned(fpr, tpr)
    return Roc(fpr[keep], tpr[keep], area)


def _thinned(x: Float64s, y: Float64s) -> Ints:
    """Positions of at most about `POINTS` points that follow the curve evenly along both axes, ends included."""
    if len(x) <= POINTS:
        return np.arange(len(x))
    spread = np.ptp(y) or 1.0
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) / (np.ptp(x) or 1.0) + np.abs(np.diff(y)) / spread)])
    wanted = np.linspace(0, length[-1], POINTS)
    return np.unique(np.append(np.searchsorted(length, wanted).clip(0, len(x) - 1), [0, len(x) - 1]))


def span(columns: list[Float64s], tail: float = 0.005) -> tuple[float, float]:
    """A range that holds all but a tail of each column's finite values, for an axis."""
    finite = [c[np.isfinite(c)] for c in columns]
    finite = [c for c in finite if len(c)]
    if not finite:
        return 0.0, 1.0
    low = min(float(np.quantile(c, tail)) for c in finite)
    high = max(float(np.quantile(c, 1 - tail)) for c in finite)
    pad = 0.05 * (high - low) or 0.5 * abs(low) or 0.5
    return low - pad, high + pad


def density(values: Float64s, grid: Float64s) -> Float64s:
    """Gaussian kernel density of the finite values at an even grid (g,), from fine bins so that n doesn't matter.

    Bandwidth by Silverman's rule, .9 min(sd, IQR/1.34) n^(-1/5), at least one grid step.
    """
    values = values[np.isfinite(values)]
    step = float(grid[1] - grid[0])
    if len(values) == 0:
        return np.zeros_like(grid)
    quartiles = np.quantile(values, [0.25, 0.75])
    spreads = [s for s in (float(values.std()), float(quartiles[1] - quartiles[0]) / 1.34) if s > 0]
    width = max(0.9 * min(spreads, default=step) * len(values) ** -0.2, step)
    place = np.clip((values - grid[0]) / step, -0.5, len(grid) - 0.5 + 1e-9)
    inside = (values >= grid[0] - step / 2) & (values <= grid[-1] + step / 2)
    counts = np.bincount(np.rint(place[inside]).astype(np.int64).clip(0, len(grid) - 1), minlength=len(grid))
    kernel = np.exp(-0.5 * ((grid[:, None] - grid[None, :]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return kernel @ counts / len(values)


@dataclass(frozen=True)
class RiskCoverage:
    """Error rate among the most confident share: coverage and risk, (points,); and the area under the full curve.

    low, high: 95 % at each point, were its threshold fixed beforehand.
    """

    coverage: Float64s
    risk: Float64s
    low: Float64s
    high: Float64s
    area: float


def risk_coverage(confidence: Float64s, correct: Bools, groups: Strings | None = None) -> RiskCoverage:
    """Answer only the most confident share; ties are answered together at their mean risk.

    The ends are Wilson's; with clusters (groups, (n,)) answers count for as many as the design effect of all leaves.

    Source: El-Yaniv & Wiener 2010; area as in Geifman & El-Yaniv 2017 (mean of the risks at k/n).
    """
    n = len(confidence)
    order = np.argsort(-confidence, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    wrong = np.cumsum(~correct[order])[ends].astype(np.float64)
    # Within a tie the expected number of errors rises evenly, so it is interpolated between the tie's ends.
    k = np.arange(1, n + 1)
    errors = np.interp(k, np.concatenate([[0], ends + 1]), np.concatenate([[0.0], wrong]))
    risk = errors / k
    keep = _thinned(k / n, risk)
    worth = trials((~correct).astype(np.float64), design(n, groups=groups))[1] / n if n else 1.0
    low, high = wilson(errors[keep] * worth, np.asarray(k[keep] * worth, dtype=np.float64))
    return RiskCoverage((k / n)[keep], risk[keep], low, high, float(risk.mean()))


@dataclass(frozen=True)
class Pit:
    """Observed over expected frequency in bins of the probability integral transform, with the 95 % band of chance."""

    left: Float64s
    right: Float64s
    count: Ints
    ratio: Float64s
    low: Float64s
    high: Float64s


def pit(record: Regression) -> Pit:
    """Histogram of F(y).  Ten even bins (twenty from 1,000 samples on); for quantile forecasts, bins at their levels.

    The band is the binomial's central 95 % for each bin.  Among M draws, F(y) is the middle of y's rank; bins then
    hold whole ranks.  Source: Dawid 1984; Gneiting et al. 2007.
    """
    if record.form == "quantiles" and record.quantiles is not None:
        edges = np.concatenate([[0.0], record.levels, [1.0]])
        place = (record.y[:, None] > record.quantiles).sum(axis=1)
        counts = np.bincount(place, minlength=len(edges) - 1)
    else:
        edges = np.linspace(0, 1, (20 if len(record) >= 1000 else 10) + 1)
        if record.form == "samples" and record.samples is not None:
            # Ranks among M draws are M + 1 values: bins must hold whole ranks, or a calibrated forecast looks uneven.
            ranks = record.samples.shape[1] + 1
            edges = np.unique(np.round(edges * ranks)) / ranks
        place = np.searchsorted(edges[1:-1], probability(record), side="right")
        counts = np.bincount(place, minlength=len(edges) - 1)
    n = len(record)
    width = np.diff(edges)
    expected = n * width
    low, high = binomial_quantile(0.025, n, width), binomial_quantile(0.975, n, width)
    return Pit(edges[:-1], edges[1:], counts, counts / expected, low / expected, high / expected)


def binomial_quantile(q: float, n: int, p: Float64s) -> Float64s:
    """The least k with P(K <= k) >= q for K ~ Binomial(n, p), for each p.

    By the inverse of the incomplete beta function: `scipy.stats`, which has it too, takes a second to import.
    """
    from scipy import special

    k = np.ceil(special.bdtrik(q, n, p))
    below = np.maximum(k - 1, 0.0)
    return np.where(special.bdtr(below, n, p) >= q, below, k)


def probability(record: Regression) -> Float64s:
    """F(y) under the forecast, or the mid-rank of y among the draws, (n,) in [0, 1].

    `NotApplicable` for quantiles and intervals.
    """
    return forms.pit(record)


@dataclass(frozen=True)
class Coverage:
    """Nominal against observed coverage of central intervals, with Wilson ends, each (levels,)."""

    nominal: Float64s
    observed: Float64s
    low: Float64s
    high: Float64s
    n: int


def coverage(record: Regression) -> Coverage:
    """Share of y within the central interval of each nominal level.

    Levels are .1 … .95 for distributions and draws, the symmetric pairs of the levels of quantile forecasts, and the
    one of plain intervals.
    """
    if record.form == "interval":
        low, high, level = forms.promised(record)
        nominal, inside = np.array([level]), ((low <= record.y) & (record.y <= high))[:, None]
    elif record.form == "quantiles" and record.quantiles is not None:
        levels = np.asarray(record.levels)
        pairs = [(i, j) for i in range(len(levels)) for j in range(i) if abs(levels[i] + levels[j] - 1) < 1e-9]
        pairs.sort(key=lambda p: levels[p[0]])
        nominal = np.array([levels[i] - levels[j] for i, j in pairs])
        upper, lower = [i for i, _ in pairs], [j for _, j in pairs]
        inside = (record.y[:, None] >= record.quantiles[:, lower]) & (record.y[:, None] <= record.quantiles[:, upper])
    else:
        nominal = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
        inside = np.abs(2 * probability(record) - 1)[:, None] <= nominal
    hits = inside.sum(axis=0)
    low, high = wilson(hits, np.full(len(hits), len(record)))
    return Coverage(nominal, hits / max(len(record), 1), low, high, len(record))


@dataclass(frozen=True)
class Split:
    """Uncertainty of each sample from what is unknown (epistemic) and from chance (aleatoric), each (n,), >= 0."""

    epistemic: Float64s
    aleatoric: Float64s
    unit: str


def split(record: Classification | Regression) -> Split | None:
    """Epistemic and aleatoric parts from an ensemble's members; `None` without members.

    Classes: mutual information and mean entropy, nats (Houlsby et al. 2011; Depeweg et al. 2018).  Numbers: variance
    of the members' means and mean of their variances (Lakshminarayanan et al. 2017).
    """
    if isinstance(record, Classification):
        if record.members is None:
            return None
        logs = record.members - np.logaddexp.reduce(record.members, axis=-1, keepdims=True)
        probs = np.exp(logs)
        mean = probs.mean(axis=1)
        aleatoric = entropy(probs).mean(axis=1)
        return Split(np.maximum(entropy(mean) - aleatoric, 0.0), aleatoric, "nats")
    if record.member_means is None or record.member_stds is None:
        return None
    return Split(record.member_means.var(axis=1), (record.member_stds**2).mean(axis=1), "variance")


def entropy(probs: Float64s) -> Float64s:
    """Shannon entropy over the last axis, nats; 0 log 0 is 0."""
    from scipy import special

    return special.entr(probs).sum(axis=-1)
