"""Choosing next tokens: greedy, or by inverse distribution function from given uniform noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import EvaluationError
from bench.language import Reshape

# Probabilities held at once.
_CELLS = 1 << 24
# Probabilities whose sums are searched before the probabilities themselves: a running sum is slow, a sum is not.
_BLOCK = 128


@dataclass(frozen=True)
class Manner:
    """How a token is chosen; draws of equal manner are chosen together."""

    temperature: float
    top_p: float
    reshape: Reshape | None = None


def choose(
    logits: Any, rows: Ints, manners: Sequence[Manner], noise: Float64s, tokens: Sequence[tuple[int, ...]] = ()
) -> tuple[Ints, Float64s]:
    """The next token of d draws, and its log-probability under the model itself (temperature 1), both (d,).

    logits: (R, V) on any device; rows: (d,) the row of each draw; noise: (d,) uniform in [0, 1); tokens: those that
    each draw has so far, for the manners that reshape.  The token is the first in vocabulary order whose cumulative
    probability exceeds the noise, so a draw's token depends on its own logits and noise alone.  Temperature 0 takes
    the first token of highest logit.
    """
    chosen = np.empty(len(rows), dtype=np.int64)
    logprobs = np.empty(len(rows), dtype=np.float64)
    members: dict[Manner, list[int]] = {}
    for k, manner in enumerate(manners):
        members.setdefault(manner, []).append(k)
    for manner, group in members.items():
        for block in blocks(np.array(group), logits.shape[1]):
            own = [tokens[k] for k in block.tolist()] if manner.reshape is not None else []
            chosen[block], logprobs[block] = _choose(logits, rows[block], manner, noise[block], own)
    return chosen, logprobs


def _choose(
    logits: Any, rows: Ints, manner: Manner, noise: Float64s, tokens: Sequence[tuple[int, ...]]
) -> tuple[Ints, Float64s]:
    import torch

    distinct, first, place = np.unique(rows, return_index=True, return_inverse=True)
    every = len(distinct) == len(logits)  # sorted and distinct: all rows in order
    own = logits if every else logits[torch.from_numpy(distinct).to(logits.device)]
    own = own.to(torch.promote_types(own.dtype, torch.float32))
    at = torch.from_numpy(place.reshape(-1)).to(logits.device)
    peak = own.amax(-1, keepdim=True)
    if manner.temperature == 0 and manner.reshape is None:
        token = own.argmax(dim=1)[at]
        total = (own - peak).exp_().sum(-1)
    else:
        mass = (own - peak).exp_()
        total = mass.sum(-1)
        if manner.temperature not in {0, 1}:
            mass = ((own - peak) / manner.temperature).exp_()
        if manner.reshape is not None:
            log_probs = (own - peak) / (manner.temperature or 1.0) - mass.sum(-1, keepdim=True).log()
            log_probs = manner.reshape(log_probs, [tokens[k] for k in first.tolist()])
            highest = log_probs.amax(-1, keepdim=True)
            if not bool(highest.isfinite().all()):
                raise EvaluationError(
                    "no token is left to choose from",
                    cause=f"{manner.reshape} gave a row of log-probabilities without a finite largest one",
                    fix="let it keep at least one token",
                )
            mass = (log_probs - highest).exp_()
        greedy = manner.temperature == 0
        token = mass.argmax(dim=1)[at] if greedy else _inverse(_nucleus(mass, manner.top_p), at, noise)
    logprobs = own[at, token] - peak[at, 0] - total.log()[at]
    return token.cpu().numpy(), logprobs.double().cpu().numpy()


def _inverse(mass: Any, at: Any, noise: Float64s) -> Any:
    """For each draw the first token whose cumulative mass exceeds its share of the row's total, (d,).

    mass (R, V), not normalised; at (d,) the row of each draw.  First the block is found, then the token in it.
    """
    import torch

    rows, width = mass.shape
    blocks = -(-width // _BLOCK)
    padded = torch.nn.functional.pad(mass, (0, blocks * _BLOCK - width)).view(rows, blocks, _BLOCK)
    # Apple's GPUs have no float64; everywhere else running sums are kept wide.
    wide = torch.float32 if mass.device.type == "mps" else torch.float64
    upto = padded.sum(-1, dtype=wide).cumsum(-1)[at]
    total = upto[:, -1]
    goal = torch.from_numpy(noise).to(total) * total
    # Never the total itself, which no cumulative mass exceeds.
    goal = goal.minimum(total.nextafter(torch.zeros_like(total)))[:, None]
    block = torch.searchsorted(upto, goal, right=True)
    before = torch.where(block > 0, upto.gather(1, (block - 1).clamp(min=0)), 0)
    inside = padded[at, block[:, 0]].to(wide)
    within = before + inside.cumsum(-1)
    place = torch.searchsorted(within, goal, right=True)
    # Rounding may leave the goal just above a block's last sum: then it is the block's last token with any mass.
    last = _BLOCK - 1 - (inside > 0).flip(-1).to(torch.uint8).argmax(-1, keepdim=True)
    return (block * _BLOCK + torch.minimum(place, last))[:, 0]


def _nucleus(mass: Any, top_p: float) -> Any:
    """The mass (R, V) with all but the smallest set of likeliest tokens of share >= top_p set to 0."""
    if top_p >= 1:
        return mass
    import torch

    wide = torch.float32 if mass.device.type == "mps" else torch.float64
    ordered, index = mass.sort(dim=-1, descending=True, stable=True)
    upto = ordered.cumsum(-1, dtype=wide)
    outside = upto - ordered >= top_p * upto[:, -1:]
    return mass.scatter(-1, index, ordered.masked_fill(outside, 0))


def blocks(members: Ints, width: int) -> list[Ints]:
    """Members in groups whose rows of so many probabilities may be held at once."""
    size = max(1, _CELLS // width)
    return [members[start : start + size] for start in range(0, len(members), size)]
