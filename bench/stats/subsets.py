"""A benchmark from a part of it: few items, chosen by clusters of their embeddings, and an unbiased mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError
from bench.results import Interval
from bench.seeds import derive, generator
from bench.stats.design import critical_t


@dataclass(frozen=True, eq=False, kw_only=True)
class Subset:
    """Items to ask, with what is needed to estimate the whole from them.

    centres: (k,), items nearest to the cluster centres.  cluster: (n,), of each item.  chances: (n,), of each draw.
    drawn: (s,), items drawn with replacement.
    """

    centres: Ints
    cluster: Ints
    chances: Float64s
    drawn: Ints


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Estimated mean loss of all items, its standard error and 95 % interval, and how many items were asked."""

    value: float
    error: float
    interval: Interval
    asked: int


def chances(centre_losses: Float64s, squares: Float64s, cluster: Ints, *, smoothness: float) -> Float64s:
    """Chance of each item, (n,), proportional to the loss of its centre + smoothness * squared distance from it."""
    proxy = centre_losses[cluster] + smoothness * squares
    if (proxy < 0).any():
        raise UsageError("a loss below 0", cause="losses are sampled by their size", fix="shift them to 0 and above")
    total = proxy.sum()
    # An item whose proxy is 0 could never be drawn, and the estimate would not be unbiased: a little for each.
    return 0.99 * proxy / total + 0.01 / len(proxy) if total > 0 else np.full(len(proxy), 1 / len(proxy))


def choose(
    embeddings: Float64s,
    losses: Callable[[Ints], Float64s],
    *,
    clusters: int,
    draws: int,
    smoothness: float,
    seed: int,
) -> Subset:
    """Clustering-based sensitivity sampling (Axiotis et al. 2024).

    embeddings: (n, d).  losses: items -> their losses, >= 0; asked here for the k centres only.  draws: further items.
    smoothness: how fast the loss may change with squared distance.
    """
    from sklearn.cluster import KMeans

    if not 1 <= clusters <= len(embeddings) or draws < 2:
        raise UsageError(
            f"{clusters} clusters and {draws} draws of {len(embeddings)} items",
            cause="each cluster has a centre, and an error takes two draws",
            fix="give 1 .. n, and 2 or more",
        )
    fit: Any = KMeans(clusters, n_init=3, random_state=derive(seed, "subset") % (1 << 31)).fit(embeddings)
    cluster = np.asarray(fit.labels_, dtype=np.int64)
    away = ((embeddings - fit.cluster_centers_[cluster]) ** 2).sum(axis=1)
    order = np.lexsort((away, cluster))
    _, first = np.unique(cluster[order], return_index=True)
    centres = order[first]
    squares = ((embeddings - embeddings[centres][cluster]) ** 2).sum(axis=1)
    p = chances(losses(centres), squares, cluster, smoothness=smoothness)
    drawn = generator(seed, "subset").choice(len(p), size=draws, p=p)
    return Subset(centres=centres, cluster=cluster, chances=p, drawn=drawn)


def estimate(subset: Subset, losses: Float64s) -> Whole:
    """Mean loss of all n items from the losses (s,) of the drawn ones: mean of loss / (n chance), unbiased.

    Hansen and Hurwitz 1943; t with s - 1 degrees of freedom.
    """
    n, s = len(subset.chances), len(subset.drawn)
    each = losses / (n * subset.chances[subset.drawn])
    value, error = float(each.mean()), float(each.std(ddof=1)) / math.sqrt(s)
    half = critical_t(s - 1) * error
    ends = Interval(low=value - half, high=value + half, method="t, sampled with unequal chances")
    if error <= 1e-14 * abs(value):
        ends = Interval(low=None, high=None, method="none: no variation")
    asked = len(np.union1d(subset.centres, subset.drawn))
    return Whole(value=value, error=error, interval=ends, asked=asked)


def variance(values: Float64s, p: Float64s, draws: int) -> float:
    """Variance of the estimate, exactly, where all losses (n,) are known: for choosing between designs."""
    n = len(values)
    return float(((values / n) ** 2 / p).sum() - values.mean() ** 2) / draws
