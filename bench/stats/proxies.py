"""Does a cheap proxy (log-likelihood, say) order models as the score that matters does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.bootstrap import basic

Kind = Literal["pearson", "spearman", "kendall"]
RESAMPLES = 1999
WEAK = 0.5  # a correlation that could be lower than this is no ground for a ranking


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A correlation over models, its 95 % interval (basic bootstrap, on Fisher's scale), and a permutation p-value."""

    kind: Kind
    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class ProxyAudit:
    """What a ranking by the proxy is worth.

    regret: target of the best model less that of the one that the proxy picks, >= 0.  top: Spearman's correlation among
    the models that the proxy likes best; `None` for fewer than 3.  warning: whether even Spearman's correlation of
    0.5 is not sure.
    """

    correlations: tuple[Correlation, ...]
    regret: float
    top: float | None
    warning: bool

    def of(self, kind: Kind) -> Correlation:
        """The correlation of that kind."""
        return next(c for c in self.correlations if c.kind == kind)


def audit(
    log_likelihoods: Float64s,
    targets: Float64s,
    *,
    seed: int,
    weights: Float64s | None = None,
    top: float = 0.5,
    resamples: int = RESAMPLES,
) -> ProxyAudit:
    """Objective-mismatch audit over M models (Lambert, Amos, Yadan and Calandra 2020).

    log_likelihoods: (M, N), of each sample, or (M,), higher for better.  targets: (M,), higher for better.  weights:
    (N,), how much each sample matters to the task.  top: share of models, by the proxy, within which `top` looks.
    """
    table = np.asarray(log_likelihoods, dtype=np.float64)
    proxy = table if table.ndim == 1 else np.average(table, axis=1, weights=weights)
    if len(proxy) < 3 or proxy.shape != targets.shape or np.ptp(proxy) == 0 or np.ptp(targets) == 0:
        raise UsageError(
            "no correlation of these models",
            cause=f"{len(proxy)} models; proxy and target must differ between at least 3",
            fix="give more models",
        )
    kinds: tuple[Kind, ...] = ("pearson", "spearman", "kendall")
    found = tuple(_correlation(proxy, targets, kind, seed, resamples) for kind in kinds)
    best = np.argsort(-proxy, kind="stable")[: int(np.ceil(top * len(proxy)))]
    within = len(best) >= 3 and np.ptp(proxy[best]) > 0 and np.ptp(targets[best]) > 0
    return ProxyAudit(
        correlations=found,
        regret=float(targets.max() - targets[proxy == proxy.max()].mean()),
        top=correlate(proxy[best][None], targets[best][None], "spearman")[0] if within else None,
        warning=found[1].low < WEAK,
    )


def correlate(x: Float64s, y: Float64s, kind: Kind) -> Float64s:
    """Correlation of rows of x (B, M) with those of y (B, M), ties by mid-ranks (Kendall: tau-b); NaN if constant."""
    if kind == "kendall":
        signs = [np.sign(a[:, :, None] - a[:, None]) for a in (x, y)]
        top = (signs[0] * signs[1]).sum(axis=(1, 2))
        size = (signs[0] ** 2).sum(axis=(1, 2)) * (signs[1] ** 2).sum(axis=(1, 2))
    else:
        a, b = (_ranks(v) if kind == "spearman" else v for v in (x, y))
        a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
        top, size = (a * b).sum(axis=1), (a**2).sum(axis=1) * (b**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(size > 1e-300, top / np.sqrt(size), np.nan), -1.0, 1.0)


def _correlation(x: Float64s, y: Float64s, kind: Kind, seed: int, resamples: int) -> Correlation:
    value = float(correlate(x[None], y[None], kind)[0])
    rng = generator(seed, "proxy", kind)
    rows = rng.integers(0, len(x), size=(resamples, len(x)))
    draws = correlate(x[rows], y[rows], kind)
    draws = draws[np.isfinite(draws)]
    shuffled = rng.permuted(np.tile(y, (resamples, 1)), axis=1)
    null = np.abs(correlate(np.broadcast_to(x, shuffled.shape), shuffled, kind))
    # On Fisher's scale the spread hardly depends on the value; 1 itself is kept finite.
    edge = 1 - 1e-9
    low, high = np.tanh(basic(float(np.arctanh(np.clip(value, -edge, edge))), np.arctanh(np.clip(draws, -edge, edge))))
    return Correlation(
        kind=kind,
        value=value,
        low=float(min(low, value)),
        high=float(max(high, value)),
        p_value=float((1 + (null >= abs(value) - 1e-12).sum()) / (1 + resamples)),
    )


def _ranks(values: Float64s) -> Float64s:
    """Mid-ranks along rows, (B, M)."""
    below = (values[:, None] < values[:, :, None]).sum(axis=2)
    equal = (values[:, None] == values[:, :, None]).sum(axis=2)
    return below + (equal + 1) / 2
