"""Choosing next tokens: greedy, or by inverse distribution function from given uniform noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints

# Probabilities held at once, in float64.
_CELLS = 1 << 24


def choose(logits: Any, rows: Ints, temperature: Float64s, top_p: Float64s, noise: Float64s) -> tuple[Ints, Float64s]:
    """The next token of d draws, and its log-probability under the model itself (temperature 1), both (d,).

    logits: (R, V) on any device; rows: (d,) the row of each draw; noise: (d,) uniform in [0, 1).  The token is the
    first in vocabulary order whose cumulative probability exceeds the noise, so a draw's token depends on its own
    logits and noise alone.  Temperature 0 takes the first token of highest logit.
    """
    tokens = np.empty(len(rows), dtype=np.int64)
    logprobs = np.empty(len(rows), dtype=np.float64)
    settings, setting = np.unique(np.stack([temperature, top_p]), axis=1, return_inverse=True)
    for index, (heat, nucleus) in enumerate(settings.T):
        members = np.flatnonzero(setting.reshape(-1) == index)
        for block in _blocks(members, logits.shape[1]):
            tokens[block], logprobs[block] = _choose(logits, rows[block], float(heat), float(nucleus), noise[block])
    return tokens, logprobs


def _choose(logits: Any, rows: Ints, temperature: float, top_p: float, noise: Float64s) -> tuple[Ints, Float64s]:
    import torch

    distinct, place = np.unique(rows, return_inverse=True)
    own = logits[torch.from_numpy(distinct).to(logits.device)]
    # Apple's GPUs have no float64; everywhere else the wide type costs little beside the model.
    log_probs = own.log_softmax(-1, dtype=torch.float32 if logits.device.type == "mps" else torch.float64)
    at = torch.from_numpy(place).to(logits.device)
    if temperature == 0:
        token = own.argmax(dim=1)[at]
    else:
        cumulative = _nucleus((log_probs / temperature).softmax(-1), top_p).cumsum(-1)
        total = cumulative[:, -1][at]
        goal = torch.from_numpy(noise).to(total) * total
        # Never the total itself, which no cumulative probability exceeds.
        goal = goal.minimum(total.nextafter(torch.zeros_like(total)))
        token = torch.searchsorted(cumulative[at], goal[:, None], right=True)[:, 0]
    return token.cpu().numpy(), log_probs[at, token].double().cpu().numpy()


def _nucleus(probs: Any, top_p: float) -> Any:
    """The probabilities (R, V) with all but the smallest set of likeliest tokens of mass >= top_p set to 0."""
    if top_p >= 1:
        return probs
    ordered, index = probs.sort(dim=-1, descending=True, stable=True)
    outside = ordered.cumsum(-1) - ordered >= top_p
    return probs.scatter(-1, index, ordered.masked_fill(outside, 0))


def _blocks(members: Ints, width: int) -> list[Ints]:
    size = max(1, _CELLS // width)
    return [members[start : start + size] for start in range(0, len(members), size)]
