"""True class posteriors from scores that were trained with sampled criteria, whose optimum is not the posterior.

Source: Gao, Thulke, Gerstenberger, Tran, Schlueter and Ney 2021, On Sampling-Based Training Criteria for Neural
Language Modeling, arXiv:2104.10507; van den Oord et al. 2018 for the optimum of the sampled softmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError

# What a criterion was trained with: noise draws taken as they come, weighted by importance, a subset of the classes
# made up for by its share, or a softmax over the right class and noise draws.
CRITERIA = ("noise-contrastive", "importance", "partial-sum", "sampled-softmax")


@dataclass(frozen=True, eq=False)
class Corrected:
    """log_probs (B, V), and log of what they summed to before any normalising, (B,): 0 for a model that needs none."""

    log_probs: Float64s
    log_sum: Float64s

    def perplexity(self, labels: Ints) -> float:
        """Exp of the mean -log p of the labels (B,)."""
        return float(np.exp(-self.log_probs[np.arange(len(labels)), labels].mean()))


def corrected(
    scores: Float64s, criterion: str, noise: Float64s | None = None, draws: int = 1, *, normalise: bool = True
) -> Corrected:
    """Log-posteriors of scores (B, V) trained by a criterion on sums over samples.

    noise-contrastive: `draws` from noise (V,) against each right class, by binary cross-entropy; then e^s = p / (K D),
    and K D(c) e^s is the posterior.  importance, partial-sum: binary cross-entropy whose sum over classes is weighted
    by 1 / (K D) or by V over the subset's size; then e^s = p.  sampled-softmax: e^s is p / D up to a factor, so that
    it must be normalised.  Uncorrected scores are those of "importance".
    """
    if criterion not in CRITERIA:
        raise UsageError(
            f"'{criterion}' is no criterion", cause=f"it is one of {', '.join(CRITERIA)}", fix=f"name {CRITERIA[0]}"
        )
    logs = np.asarray(scores, dtype=np.float64)
    if criterion in {"noise-contrastive", "sampled-softmax"}:
        if noise is None:
            raise UsageError(
                f"{criterion} needs its noise", cause="its optimum hangs on the noise", fix="give the distribution (V,)"
            )
        with np.errstate(divide="ignore"):
            logs = logs + np.log(noise) + np.log(draws)
    log_sum = np.logaddexp.reduce(logs, axis=1)
    whole = normalise or criterion == "sampled-softmax"
    return Corrected(logs - log_sum[:, None] if whole else logs, log_sum)


def partial_sum(terms: Float64s, subset: Ints, classes: int) -> Float64s:
    """The sum over a subset (S,) of the classes' terms (..., V), made up for by V / S: unbiased for random subsets."""
    return np.asarray(terms[..., subset].sum(axis=-1) * (classes / len(subset)), dtype=np.float64)
