"""Whether a text was in the training data: Min-K%, Min-K%++, and likelihood ratios calibrated on what was not.

Sources: Shi et al. 2023 (Min-K%), Zhang et al. 2024 (Min-K%++), Carlini et al. 2022 (LiRA), Wen et al. 2022.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s


def min_k(logprobs: Float64s, share: float = 0.2) -> float:
    """Mean of the least `share` of a text's token log-probabilities (T,), at least one of them; higher: a member."""
    return _least(np.asarray(logprobs, dtype=np.float64), share)


def min_k_plus(logprobs: Float64s, mean: Float64s, spread: Float64s, share: float = 0.2) -> float:
    """Min-K%++: the same of (log p(x_t) - mean_t) / spread_t, both over the model's own tokens at that place, (T,)."""
    return _least((logprobs - mean) / np.maximum(spread, 1e-6), share)


def _least(values: Float64s, share: float) -> float:
    kept = max(1, int(len(values) * share))
    return float(np.sort(values)[:kept].mean())


def moments(top_logprobs: Float64s) -> tuple[Float64s, Float64s]:
    """Mean and standard deviation (T,) of log p over the likeliest tokens (T, k), renormalised among them."""
    weight = np.exp(top_logprobs)
    weight /= weight.sum(axis=1, keepdims=True)
    finite = np.where(weight > 0, top_logprobs, 0.0)
    mean = (weight * finite).sum(axis=1)
    return mean, np.sqrt(np.maximum((weight * finite**2).sum(axis=1) - mean**2, 0.0))


def online_lira(observed: Float64s, inside: Float64s, outside: Float64s) -> Float64s:
    """Log-likelihood ratio of observed (n,) under normals fitted to shadow values inside (n, S) and outside (n, S)."""
    return _normal(observed, inside) - _normal(observed, outside)


def offline_lira(observed: Float64s, outside: Float64s) -> Float64s:
    """-log chance that a non-member scores as high as observed (n,), by a normal fitted to outside (n, S)."""
    from scipy.special import log_ndtr

    mean, spread = outside.mean(axis=-1), np.maximum(outside.std(axis=-1, ddof=1), 1e-12)
    return -log_ndtr(-(observed - mean) / spread)


def _normal(observed: Float64s, sample: Float64s) -> Float64s:
    mean, spread = sample.mean(axis=-1), np.maximum(sample.std(axis=-1, ddof=1), 1e-12)
    return -(((observed - mean) / spread) ** 2) / 2 - np.log(spread)


def found_at(scores: Float64s, members: Bools, false_alarms: float) -> float:
    """Share of members found where at most that share of non-members is taken for members; ties are not split."""
    outside = np.sort(scores[~members])[::-1]
    allowed = int(np.floor(false_alarms * len(outside) + 1e-9))
    threshold = outside[allowed] if allowed < len(outside) else -np.inf
    return float((scores[members] > threshold).mean())
