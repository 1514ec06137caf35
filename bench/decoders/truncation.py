"""Sampling from the likelier part of each next-token distribution.

A truncation takes log-probabilities (R, V) after the temperature and sets those of the tokens that it removes to -inf;
what is left is renormalised before a token is drawn.  At least one token is always left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import draw_pools
from bench.decoders.single import decision
from bench.language import LanguageModel, Reshape

Rows = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class TopK:
    """Keep the k likeliest tokens, and those as likely as the last of them."""

    k: int

    def __call__(self, log_probs: Any, _: Rows) -> Any:
        """See `Reshape`."""
        lowest = log_probs.topk(min(self.k, log_probs.shape[1]), dim=-1).values[:, -1:]
        return log_probs.masked_fill(log_probs < lowest, -math.inf)


@dataclass(frozen=True)
class MinP:
    """Keep the tokens whose probability is at least `share` of the likeliest one's."""

    share: float

    def __call__(self, log_probs: Any, _: Rows) -> Any:
        """See `Reshape`."""
        if self.share == 0:
            return log_probs
        lowest = log_probs.amax(-1, keepdim=True) + math.log(self.share)
        return log_probs.masked_fill(log_probs < lowest, -math.inf)


@dataclass(frozen=True)
class Typical:
    """Keep the tokens whose surprisal is nearest the entropy: the fewest that have `mass` together."""

    mass: float

    def __call__(self, log_probs: Any, _: Rows) -> Any:
        """See `Reshape`."""
        if self.mass == 1:  # whatever running sums round off
            return log_probs
        distance = (log_probs + _entropy(log_probs)).abs()  # -inf: infinitely far
        order = distance.argsort(dim=-1, stable=True)
        probs = log_probs.exp().gather(-1, order)
        before = probs.cumsum(-1) - probs
        return _without(log_probs, order, before >= self.mass)


@dataclass(frozen=True)
class Eta:
    """Keep the tokens of at least min(epsilon, √epsilon · exp(-entropy)) probability, and the likeliest."""

    epsilon: float

    def __call__(self, log_probs: Any, _: Rows) -> Any:
        """See `Reshape`."""
        lowest = (0.5 * math.log(self.epsilon) - _entropy(log_probs)).clamp(max=math.log(self.epsilon))
        lowest = lowest.minimum(log_probs.amax(-1, keepdim=True))
        return log_probs.masked_fill(log_probs < lowest, -math.inf)


@dataclass(frozen=True)
class TopH:
    """Keep the most of the likeliest tokens whose own entropy is at most `share` of the whole distribution's."""

    share: float

    def __call__(self, log_probs: Any, _: Rows) -> Any:
        """See `Reshape`.

        The entropy of the k likeliest grows with k: a token no likelier than each of k others takes a part
        q ≤ 1 / (k + 1), and adds -log q - (1 - q) log(1 - q) / q ≥ log(k + 1) > H for its q of the old entropy H.
        """
        import torch

        ordered, order = log_probs.sort(dim=-1, descending=True, stable=True)
        probs = ordered.exp()
        upto = probs.cumsum(-1)
        entropy = upto.log() + torch.special.entr(probs).cumsum(-1) / upto
        # What the running sums round off must not cost a token where the share is 1.
        slack = 1e-5 if log_probs.dtype == torch.float32 else 1e-12
        outside = entropy > self.share * _entropy(log_probs) + slack
        outside[:, 0] = False
        return _without(log_probs, order, outside)


def _entropy(log_probs: Any) -> Any:
    """Of each row, nats, (R, 1)."""
    import torch

    return torch.special.entr(log_probs.exp()).sum(-1, keepdim=True)


def _without(log_probs: Any, order: Any, outside: Any) -> Any:
    import torch

    removed = torch.zeros_like(outside).scatter(-1, order, outside)
    return log_probs.masked_fill(removed, -math.inf)


@decoder("top-k", source="Fan, Lewis and Dauphin 2018, Hierarchical Neural Story Generation", check="truncations")
def top_k(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, k: int = 40, temperature: float = 1.0
) -> list[Decision]:
    """One sample from the k likeliest tokens of each step; confidence as in `sample`."""
    require(k >= 1, "top-k", "k", k, "at least 1")
    return _decisions(model, prompts, "top-k", seed, temperature, TopK(k))


@decoder(
    "min-p",
    source="Nguyen et al. 2024, Min P Sampling",
    papers=("Min P Sampling: Balancing Creativity and Coherence at High Temperature",),
    check="truncations",
)
def min_p(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, p: float = 0.1, temperature: float = 1.0
) -> list[Decision]:
    """One sample from the tokens at least p times as likely as the likeliest; the temperature comes first.

    Confidence as in `sample`.
    """
    require(0 <= p <= 1, "min-p", "p", p, "from 0 to 1")
    return _decisions(model, prompts, "min-p", seed, temperature, MinP(p))


@decoder(
    "typical",
    source="Meister et al. 2023, Locally Typical Sampling",
    papers=("Locally Typical Sampling",),
    check="truncations",
)
def typical(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, mass: float = 0.95, temperature: float = 1.0
) -> list[Decision]:
    """One sample from the tokens about as surprising as expected; confidence as in `sample`."""
    require(0 < mass <= 1, "typical", "mass", mass, "above 0 and at most 1")
    return _decisions(model, prompts, "typical", seed, temperature, Typical(mass))


@decoder(
    "eta",
    source="Hewitt, Manning and Liang 2022, Truncation Sampling as Language Model Desmoothing",
    check="truncations",
)
def eta(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, epsilon: float = 3e-4, temperature: float = 1.0
) -> list[Decision]:
    """One sample from the tokens above a threshold that falls with the entropy; confidence as in `sample`."""
    require(0 < epsilon < 1, "eta", "epsilon", epsilon, "above 0 and below 1")
    return _decisions(model, prompts, "eta", seed, temperature, Eta(epsilon))


@decoder(
    "top-h",
    source="Baghaei Potraghloo et al. 2025, Top-H Decoding",
    papers=("Top-H Decoding: Adapting the Creativity and Coherence with Bounded Entropy in Text Generation",),
    check="truncations",
)
def top_h(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, alpha: float = 0.4, temperature: float = 1.0
) -> list[Decision]:
    """One sample from as many of the likeliest tokens as keep the entropy within alpha of the whole.

    Confidence as in `sample`.
    """
    require(0 <= alpha <= 1, "top-h", "alpha", alpha, "from 0 to 1")
    return _decisions(model, prompts, "top-h", seed, temperature, TopH(alpha))


def _decisions(
    model: LanguageModel, prompts: Sequence[Prompt], name: str, seed: int, temperature: float, reshape: Reshape
) -> list[Decision]:
    return [decision(pool, name) for pool in draw_pools(model, prompts, name, seed, 1, temperature, 1.0, reshape)]
