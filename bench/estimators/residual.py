"""A masked-diffusion denoiser corrected by an energy over whole sequences: p(x0 | xt) = mu(x0 | xt) exp(-E(x0)) / Z.

The bound needs the marginals of the corrected distribution, symbol by symbol: the joint log-probability in their place
is no bound (for two equal fair bits it gives log 2 / 2, less than their entropy).  Where the energy is a sum over
neighbours the marginals and Z are exact.  Source: Xu et al. 2024 (EDLM); the bracket is that of Deng et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.estimators.masked import Denoiser
from bench.references.chains import Chain, evidence, smoothed


@dataclass(frozen=True, eq=False)
class ChainCorrected:
    """A denoiser whose joint is pulled towards a Markov chain p_AR: E = strength · (log mu − log p_AR).

    strength: 0 leaves the denoiser as it is; 1 replaces its joint by the chain's.  carry: whether symbols that are
    seen are clamped and their own probabilities left out, so that at strength 1 Z is 1; else Z is the chain's
    probability of what is seen, and the marginals are its exact conditionals.
    """

    denoiser: Denoiser
    chain: Chain
    strength: float = 1.0
    carry: bool = False

    def __call__(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log-marginals of p(x0 | xt), (n, L, V)."""
        return self.posterior(rows, hidden)[0]

    def posterior(self, rows: Ints, hidden: Bools) -> tuple[Float64s, Float64s]:
        """Log-marginals (n, L, V) and log Z (n,), exact."""
        seen = evidence(rows, hidden, self.chain.symbols)
        unary = seen.copy()
        if self.strength < 1:
            unary += np.where(hidden[:, :, None], (1 - self.strength) * self.denoiser(rows, hidden), 0.0)
        with np.errstate(divide="ignore"):
            first = self.strength * np.log(self.chain.start)
            step = self.strength * np.log(self.chain.step)
        if self.carry:
            unary[:, 0] += np.where(hidden[:, :1], first, 0.0)
            return smoothed(unary, np.where(hidden[:, 1:, None, None], step, 0.0))
        unary[:, 0] += first
        return smoothed(unary, step)


def bracket(log_weights: Float64s) -> tuple[Float64s, Float64s]:
    """Ends (b,), (b,) that hold log Z in expectation for enough draws, from log exp(-E) of n draws of mu, (b, n).

    Below: T_n, the log of the mean weight.  Above: (2n - 1) T_n - 2 (n - 1) T_(n-1), with T_(n-1) averaged over the n
    ways to leave one draw out.
    """
    n = log_weights.shape[1]
    top = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - top)
    total = weights.sum(axis=1, keepdims=True)
    full = (top + np.log(total / n))[:, 0]
    with np.errstate(divide="ignore"):
        less = (top + np.log(np.maximum(total - weights, 0.0) / (n - 1))).mean(axis=1)
    return full, (2 * n - 1) * full - 2 * (n - 1) * less


def effective(log_weights: Float64s) -> Float64s:
    """Effective number (b,) of the n weighted draws, 1 .. n."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)


def resampled(proposals: Ints, log_weights: Float64s, draws: np.random.Generator) -> Ints:
    """One of the k proposals (b, k, L) of each row, drawn by softmax of its log-weight -E: (b, L)."""
    noise = draws.gumbel(size=log_weights.shape)
    return proposals[np.arange(len(proposals)), (log_weights + noise).argmax(axis=1)]
