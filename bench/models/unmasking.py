"""Texts of masked-diffusion models: canvases whose hidden tokens are drawn block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.language import Denoising, Generated


@dataclass(frozen=True)
class Unmasked:
    """A text, the tokens that were drawn for it, those behind its end among them, and the passes that it took."""

    generated: Generated
    drawn: int
    passes: int


def unmask(
    model: Denoising,
    prompts: Sequence[tuple[int, ...]],
    noise: Float64s,
    stop: Sequence[str],
    block: int,
    temperature: float = 1.0,
    per_pass: int = 1,
) -> list[Unmasked]:
    """One text for each prompt, on a canvas of L tokens: blocks from left to right, in a block the surest tokens first.

    noise: (n, L) uniform, one number for each place.  per_pass: places that are filled in one pass, independently of
    each other given what is seen.  A place is as sure as its likeliest token is likely; which places come next depends
    on what is seen alone and not on what is drawn, so that with one a pass, and conditionals that are those of one
    joint, texts follow that joint whatever the block.  A text ends with its end token or a stop string.
    """
    n, length = noise.shape
    tokens = np.zeros((n, length), dtype=np.int64)
    logprobs = np.zeros((n, length))
    hidden = np.ones((n, length), dtype=np.bool_)
    passes = np.zeros(n, dtype=np.int64)
    going = np.arange(n)
    for start in range(0, length, block):
        end = min(start + block, length)
        while len(going) and hidden[going[0], start:end].any():
            found = model.fill([prompts[k] for k in going.tolist()], tokens[going], hidden[going])[:, start:end]
            passes[going] += 1
            _draw(found, noise[going], temperature, per_pass, going, start, (tokens, logprobs, hidden))
        going = np.array([k for k in going if not model.read(tokens[k, :end].tolist(), stop)[2]], dtype=np.int64)
    return [_unmasked(model, tokens[k], logprobs[k], hidden[k], stop, int(passes[k])) for k in range(n)]


def _draw(
    found: Float64s,
    noise: Float64s,
    temperature: float,
    per_pass: int,
    rows: Ints,
    start: int,
    state: tuple[Ints, Float64s, Bools],
) -> None:
    """Fill the surest hidden places of a block.  found: (r, size, V) log-probabilities."""
    tokens, logprobs, hidden = state
    free = hidden[rows, start : start + found.shape[1]]
    # Rounded, so that of equally sure places the first comes first, whatever the last digits.
    sure = np.where(free, found.max(axis=2).round(9), -np.inf)
    count = min(per_pass, int(free[0].sum()))
    places = np.argsort(-sure, axis=1, kind="stable")[:, :count]
    at = np.arange(len(rows))[:, None]
    logs = found[at, places]
    if temperature == 0:
        drawn = logs.argmax(axis=2)
    else:
        mass = np.exp((logs - logs.max(axis=2, keepdims=True)) / temperature)
        upto = mass.cumsum(axis=2)
        goal = np.minimum(noise[at, start + places] * upto[..., -1], np.nextafter(upto[..., -1], 0))
        drawn = (upto <= goal[..., None]).sum(axis=2)
    where = rows[:, None], start + places
    tokens[where] = drawn
    logprobs[where] = np.take_along_axis(logs, drawn[..., None], axis=2)[..., 0]
    hidden[where] = False


def _unmasked(
    model: Denoising, tokens: Ints, logprobs: Float64s, hidden: Bools, stop: Sequence[str], passes: int
) -> Unmasked:
    """Tokens and log-probabilities of the text alone; what was drawn behind its end is dropped."""
    made = int((~hidden).sum())
    text, count, stopped = model.read(tokens[:made].tolist(), stop)
    return Unmasked(Generated(text, tokens[:count], logprobs[:count], stopped), made, passes)
