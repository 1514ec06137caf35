"""Why did a metric change between two populations?  Its change, shared among the mechanisms that shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.errors import UsageError
from bench.seeds import derive, generator
from bench.stats.design import critical_t, design
from bench.stats.influence import of_mean
from bench.stats.shapley import coalitions, exact

ROOM = 1 << 21  # values of coalitions at once
FOLDS = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution:
    """A change of mean loss from source to target, shared among mechanisms.

    phi: (k,), sums to `explained`.  low, high: (k,), 95 % ends with the weights held fixed: t on clusters of the
    source; NaN for one cluster, equal to phi where a mechanism's weights are all 1.
    explained: what the weights account for.  residual: the real change less that: other mechanisms, or poor weights.
    effective: (k,), effective sample size of each mechanism's weights; small ones make phi a matter of few samples.
    """

    names: tuple[str, ...]
    phi: Float64s
    low: Float64s
    high: Float64s
    change: float
    explained: float
    residual: float
    effective: Float64s


def attribute(
    weights: Mapping[str, Float64s],
    source_losses: Float64s,
    target_losses: Float64s,
    *,
    groups: AnyArray | None = None,
) -> Attribution:
    """Shapley attribution to distribution shifts (Zhang, Singh, Ghassemi and Joshi 2023).

    weights: for each mechanism p_target(x_i | parents) / p_source(x_i | parents) at the source samples, (n,), >= 0.
    source_losses: (n,).  target_losses: (m,).  groups: (n,), clusters of source samples.  A coalition's value is the
    mean over source samples of the product of its weights, which moves just those mechanisms to the target, times
    loss, less the mean loss.
    """
    names = tuple(weights)
    w = np.stack([np.asarray(weights[name], dtype=np.float64) for name in names]) if names else np.zeros((0, 0))
    if w.shape != (len(names), len(source_losses)) or not (np.isfinite(w) & (w >= 0)).all() or len(target_losses) == 0:
        raise UsageError(
            "weights and losses don't fit",
            cause=f"weights {w.shape}, losses {source_losses.shape} and {target_losses.shape}",
            fix="give each mechanism one finite weight of 0 or more per source sample",
        )
    change = float(np.mean(target_losses) - np.mean(source_losses))
    # Linear in the mean over samples: the Shapley value of each sample's own game, then averaged.
    each = _shares(w, source_losses)
    phi = each.mean(axis=1)
    d = design(len(source_losses), groups=groups)
    critical = critical_t(d.groups - 1) if d.groups > 1 else np.nan
    errors = np.array([of_mean(row, d).error(d) for row in each])
    explained = float(phi.sum())
    return Attribution(
        names=names,
        phi=phi,
        low=phi - critical * errors,
        high=phi + critical * errors,
        change=change,
        explained=explained,
        residual=change - explained,
        effective=w.sum(axis=1) ** 2 / np.maximum((w**2).sum(axis=1), 1e-300),
    )


def _shares(w: Float64s, losses: Float64s) -> Float64s:
    """Shapley values of each sample's own game, (k, n), a block of samples at a time."""
    inside = coalitions(len(w))
    step = max(1, ROOM // len(inside))
    blocks = []
    for start in range(0, len(losses), step):
        part = w[:, start : start + step]
        products = np.stack([np.prod(part[s], axis=0) for s in inside])
        blocks.append(exact((products - 1) * losses[start : start + step]))
    return np.concatenate(blocks, axis=1)


def shift_weights(
    source: Mapping[str, Float64s], target: Mapping[str, Float64s], graph: Mapping[str, Sequence[str]], *, seed: int
) -> dict[str, Float64s]:
    """Weights of each mechanism p(variable | parents), from classifiers that tell source from target.

    source, target: columns (n,) or (n, d), (m,) or (m, d), by name.  graph: each variable's parents.  The ratio of a
    conditional is that of (variable, parents) over that of the parents, each by logistic regression on products of
    degree 2, fitted on other folds than it is used on.
    """
    missing = sorted({n for v, parents in graph.items() for n in (v, *parents)} - (set(source) & set(target)))
    if missing:
        raise UsageError(
            f"the graph speaks of '{missing[0]}'", cause="source or target has no such column", fix="add it"
        )
    found = {}
    for variable, parents in graph.items():
        joint = density_ratio(_columns(source, (variable, *parents)), _columns(target, (variable, *parents)), seed=seed)
        below = density_ratio(_columns(source, parents), _columns(target, parents), seed=seed) if parents else 1.0
        found[variable] = joint / below
    return found


def density_ratio(source: Float64s, target: Float64s, *, seed: int) -> Float64s:
    """p_target / p_source at each source sample, (n,), with mean 1: odds of a cross-fitted classifier.

    source: (n, d).  target: (m, d).  Odds of "target" times n / m (Qin 1998), by 5 folds.
    """
    x = np.concatenate([source, target])
    y = np.arange(len(x)) >= len(source)
    fold = generator(seed, "density-ratio").permutation(len(x)) % FOLDS
    odds = np.empty(len(x))
    for k in range(FOLDS):
        model = _classifier(derive(seed, "density-ratio", k)).fit(x[fold != k], y[fold != k])
        odds[fold == k] = np.exp(model.decision_function(x[fold == k]))
    ratio = odds[: len(source)] * len(source) / len(target)
    return ratio / ratio.mean()


def _classifier(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    return make_pipeline(
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        LogisticRegression(C=10.0, max_iter=1000, random_state=seed % (1 << 31)),
    )


def _columns(table: Mapping[str, Float64s], names: Sequence[str]) -> Float64s:
    return np.concatenate([np.asarray(table[n], dtype=np.float64).reshape(len(table[n]), -1) for n in names], axis=1)
