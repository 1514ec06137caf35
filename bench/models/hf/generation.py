"""Texts from a causal language model: many draws together, each as if it were alone.

The rows of a batch are the distinct token sequences that its draws have reached so far.  All rows are of one length:
a batch begins with as many tokens as its shortest prompt has, and longer prompts are fed token by token beside the
first generated tokens of the shorter.  So no row is padded, no mask is needed, draws of one prompt share its pass for
as long as they agree, shared few-shot prefixes run once, and finished draws leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from bench.arrays import Ints
from bench.capabilities import Draw, Generated
from bench.models.hf.batching import Batching, run_in_batches
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Encoder, prompts
from bench.models.hf.sampling import choose
from bench.models.hf.stepping import Stepper
from bench.seeds import generator

# Prompts of one batch differ in length by at most this factor: beyond it, feeding the rest token by token costs more
# than a batch of its own.
_SLACK = 1.5


@dataclass
class _Path:
    """A draw on its way: its prompt, its noise, and what it has generated."""

    draw: Draw
    prompt: tuple[int, ...]
    limit: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str | None = None


def generate_draws(
    loaded: Loaded, encoder: Encoder, draws: Sequence[Draw], limits: Batching, stepper: Callable[[Any], Stepper]
) -> list[Generated]:
    """One text for each draw; equal draws give equal texts whatever else is in the batch."""
    encoded = prompts(encoder, [draw.prompt for draw in draws], [draw.max_tokens for draw in draws])
    paths = [
        _Path(draw, prompt, min(draw.max_tokens, encoder.length - len(prompt) + 1))
        for draw, prompt in zip(draws, encoded, strict=True)
    ]
    ends = _end_tokens(loaded)
    decode = _decoder(loaded.tokenizer)
    order = sorted(range(len(paths)), key=lambda i: (len(paths[i].prompt), paths[i].prompt, i))

    def run(batch: Sequence[int]) -> None:
        for index in batch:  # a batch that ran out of memory starts afresh
            paths[index].tokens, paths[index].logprobs, paths[index].text = [], [], None
        _run(stepper(loaded.model), [paths[index] for index in batch if paths[index].limit > 0], ends, decode)

    run_in_batches(order, lambda i: len(paths[i].prompt) + paths[i].limit, limits, run, slack=_SLACK)
    return [
        Generated(
            text=path.text if path.text is not None else decode(tuple(path.tokens)),
            token_ids=np.array(path.tokens, dtype=np.int64),
            logprobs=np.array(path.logprobs, dtype=np.float64),
            stopped=path.text is not None,
        )
        for path in paths
    ]


def _run(stepper: Stepper, paths: list[_Path], ends: frozenset[int], decode: Callable[[tuple[int, ...]], str]) -> None:
    """Generate all paths of one batch, filling in their tokens."""
    import torch

    if not paths:
        return
    fixed = np.zeros((len(paths), max(len(path.prompt) for path in paths)), dtype=np.int64)
    for k, path in enumerate(paths):
        fixed[k, : len(path.prompt)] = path.prompt
    lengths = np.array([len(path.prompt) for path in paths])
    longest = max(path.limit for path in paths)
    noise = np.stack([generator(path.draw.seed).random(longest) for path in paths])
    heat = np.array([path.draw.temperature for path in paths], dtype=np.float64)
    top_p = np.array([path.draw.top_p for path in paths], dtype=np.float64)

    length = int(lengths.min())
    active: Ints = np.arange(len(paths))
    rows, inverse = np.unique(fixed[:, :length], axis=0, return_inverse=True)
    row: Ints = inverse.reshape(-1)
    with torch.inference_mode():
        logits = stepper.start(rows)
        while True:
            token = np.empty(len(active), dtype=np.int64)
            given = length < lengths[active]
            token[given] = fixed[active[given], min(length, fixed.shape[1] - 1)]
            free = active[~given]
            if len(free):
                new, logprobs = choose(
                    logits, row[~given], heat[free], top_p[free], noise[free, length - lengths[free]]
                )
                token[~given] = new
                for k, t, logprob in zip(free.tolist(), new.tolist(), logprobs.tolist(), strict=True):
                    paths[k].tokens.append(t)
                    paths[k].logprobs.append(logprob)
            going = given | np.array([_goes_on(paths[k], ends, decode) for k in active.tolist()], dtype=np.bool_)
            active, row, token = active[going], row[going], token[going]
            if not len(active):
                return
            # Rows of equal past and equal token are one.
            keys, inverse = np.unique(row * logits.shape[1] + token, return_inverse=True)
            row = inverse.reshape(-1)
            logits = stepper.step(keys // logits.shape[1], keys % logits.shape[1])
            length += 1


def _goes_on(path: _Path, ends: frozenset[int], decode: Callable[[tuple[int, ...]], str]) -> bool:
    """Whether the path needs another token; sets its text where an end token or a stop string closed it."""
    if not path.tokens:
        return True
    if path.tokens[-1] in ends:
        path.text = decode(tuple(path.tokens[:-1]))
        return False
    # A stop string that the newest token completes lies within the last few tokens, since each token has at least
    # one byte of it; only where it is found there is the whole text decoded.
    reach = 4 * max((len(stop) for stop in path.draw.stop), default=0) + 1
    if any(stop in decode(tuple(path.tokens[-reach:])) for stop in path.draw.stop):
        text = decode(tuple(path.tokens))
        cuts = [place for stop in path.draw.stop if (place := text.find(stop)) >= 0]
        if cuts:
            path.text = text[: min(cuts)]
            return False
    return len(path.tokens) < path.limit


def _end_tokens(loaded: Loaded) -> frozenset[int]:
    """The tokens that end a text, by the generation settings and by the tokenizer."""
    named = getattr(loaded.model.generation_config, "eos_token_id", None)
    several = named if isinstance(named, list | tuple) else [named]
    return frozenset(int(token) for token in (*several, loaded.tokenizer.eos_token_id) if token is not None)


def _decoder(tokenizer: Any) -> Callable[[tuple[int, ...]], str]:
    @lru_cache(maxsize=1 << 16)
    def decode(tokens: tuple[int, ...]) -> str:
        return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    return decode
