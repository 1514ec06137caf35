"""Idealised runtimes: what a query would take on dedicated hardware, T(p, o) = f(p) + g · o.

f is piecewise linear in the prompt's tokens p, g the time of an output token (Narayanan et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.errors import UsageError


@dataclass(frozen=True)
class Runtime:
    """A fitted runtime.

    coefficients: (3 + knots,) of 1, p, each (p - knot)+, and o, in seconds.  lower, upper: their intervals.
    covariance: of the coefficients.  r_squared: share of the variance explained.
    """

    knots: tuple[float, ...]
    coefficients: Float64s
    lower: Float64s
    upper: Float64s
    covariance: Float64s
    r_squared: float

    def seconds(self, prompt_tokens: Ints, output_tokens: Ints) -> Float64s:
        """Idealised seconds of queries, (n,)."""
        return _basis(np.asarray(prompt_tokens), np.asarray(output_tokens), self.knots) @ self.coefficients

    @property
    def per_token(self) -> tuple[float, float, float]:
        """Seconds of an output token, and the interval's ends."""
        return float(self.coefficients[-1]), float(self.lower[-1]), float(self.upper[-1])


def fit(
    prompt_tokens: Ints, output_tokens: Ints, seconds: Float64s, knots: Sequence[float] = (), level: float = 0.95
) -> Runtime:
    """Least squares on the fastest of the trials of each (prompt, output) size, all (n,).

    Others on the machine only ever add time, so the minimum of several trials is nearest to the idealised runtime.
    Intervals: Student's t with HC3 errors (MacKinnon and White 1985), robust to noise that grows with the size.
    Raises `UsageError` for fewer distinct sizes than coefficients and two more.
    """
    import statsmodels.api as sm

    sizes, which = np.unique(np.stack([prompt_tokens, output_tokens]), axis=1, return_inverse=True)
    fastest = np.full(sizes.shape[1], np.inf)
    np.minimum.at(fastest, which.reshape(-1), seconds)
    basis = _basis(sizes[0], sizes[1], tuple(knots))
    if np.linalg.matrix_rank(basis) < basis.shape[1] or len(basis) < basis.shape[1] + 2:
        raise UsageError(
            f"{len(basis)} sizes of query don't tell {basis.shape[1]} coefficients apart",
            cause="prompts and outputs must both vary, on both sides of each knot",
            fix="time more sizes, or leave knots out",
        )
    result = sm.OLS(fastest, basis).fit(cov_type="HC3", use_t=True)
    low, high = np.asarray(result.conf_int(1 - level)).T
    return Runtime(tuple(knots), np.asarray(result.params), low, high, np.asarray(result.cov_params()), result.rsquared)


def _basis(prompt_tokens: Any, output_tokens: Any, knots: tuple[float, ...]) -> Float64s:
    p, o = prompt_tokens.astype(np.float64), output_tokens.astype(np.float64)
    return np.stack([np.ones_like(p), p, *(np.maximum(p - knot, 0) for knot in knots), o], axis=1)


def forward_flops(config: Any, tokens: int, past: int = 0, *, logits: int | None = None) -> int:
    """Floating-point operations of the matrix products of one pass over `tokens` after `past` others.

    config: of a GPT-2- or Llama-shaped transformer.  logits: at how many places the head is applied (all).  For GPT-2's
    shape and no past this is 24 s l h² + 4 s² l h + 2 s h V; attention is counted without leaving out what is masked.
    """
    config = config.get_text_config(decoder=True)
    hidden, layers = config.hidden_size, config.num_hidden_layers
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or hidden // heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    gated = hasattr(config, "hidden_act")  # Llama's and its kin have a third matrix in the feed-forward part
    inner = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * hidden
    projections = 2 * hidden * width * (2 * heads + 2 * key_heads)
    feed_forward = 2 * hidden * inner * (3 if gated else 2)
    attention = 4 * (past + tokens) * heads * width
    head = 2 * hidden * config.vocab_size * (tokens if logits is None else logits)
    return int(tokens * layers * (projections + feed_forward + attention) + head)


def pareto(cost: Float64s, gain: Float64s) -> Bools:
    """Whether no other of n systems costs no more and gains no less, one of the two strictly, (n,)."""
    order = np.lexsort((-gain, cost))
    best = np.concatenate([[-np.inf], np.maximum.accumulate(gain[order])[:-1]])
    front = np.zeros(len(cost), dtype=np.bool_)
    front[order] = gain[order] > best
    # Equals stand or fall together.
    _, which = np.unique(np.stack([cost, gain]), axis=1, return_inverse=True)
    which = which.reshape(-1)
    return np.bincount(which, weights=front, minlength=len(cost))[which] > 0
