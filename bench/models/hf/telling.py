"""What a draw wants to know of its tokens beside their log-probabilities: asked of the logits that chose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Ints
from bench.errors import UsageError
from bench.language import Details, TokenDetails
from bench.models.hf.sampling import blocks
from bench.models.hf.scoring import details_of, log_softmax

Row = dict[str, AnyArray]
Decode = Callable[[tuple[int, ...]], str]
# Tokens before a piece that are decoded with it: a character may be cut into four, a space hangs on its neighbour.
_BEFORE = 4


def require(details: Details) -> None:
    """Raise `UsageError` for what only scoring can tell."""
    if details.hidden:
        raise UsageError(
            "a draw tells no hidden states", cause="they are read when a text is scored", fix="score the text instead"
        )


def tell(logits: Any, rows: Ints, wanted: Sequence[Details], tokens: Ints) -> list[Row]:
    """What each of d draws wants of its token, under the model itself (temperature 1).

    logits (R, V); rows (d,) the row of each draw; tokens (d,) those chosen.  Draws that want nothing get an empty row,
    and cost nothing.
    """
    import torch

    out: list[Row] = [{} for _ in wanted]
    groups: dict[Details, list[int]] = {}
    for k, details in enumerate(wanted):
        if details:
            groups.setdefault(details, []).append(k)
    for details, group in groups.items():
        for block in blocks(np.array(group), logits.shape[1]):
            distinct, place = np.unique(rows[block], return_inverse=True)
            normal = log_softmax(logits[torch.from_numpy(distinct).to(logits.device)])
            row, target = (torch.from_numpy(x).to(logits.device) for x in (place.reshape(-1), tokens[block]))
            columns = details_of(details, normal, None, row, target)
            for i, k in enumerate(block.tolist()):
                out[k] = {name: values[i] for name, values in columns.items()}
    return out


def gathered(rows: Sequence[Row]) -> TokenDetails | None:
    """The rows of one text's tokens, as columns; `None` where nothing was wanted."""
    if not rows or not rows[0]:
        return None
    return TokenDetails(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def pieces(tokens: Sequence[int], top: AnyArray | None, decode: Decode) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The text that each token adds, and that each of the likeliest tokens (tokens, k) would add in its place."""
    own, others = [], []
    for place, token in enumerate(tokens):
        before = tuple(tokens[max(0, place - _BEFORE) : place])
        start = len(decode(before)) if before else 0
        own.append(decode((*before, token))[start:])
        if top is not None:
            others.append(tuple(decode((*before, int(other)))[start:] for other in top[place]))
    return tuple(own), tuple(others)
