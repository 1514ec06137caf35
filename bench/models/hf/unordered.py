"""Prompts some of whose parts have no order: each is read as if it stood first, and none sees another.

McIlroy-Young et al. 2024 (Set-Based Prompting): all parts start at the position after the prefix, attention between
different parts is blocked, and what follows starts after the longest part and sees everything.  The model's answer is
then the same for every order of the parts, whatever the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from bench.arrays import Bools, Ints
from bench.errors import UsageError
from bench.language import Details, UnorderedPrompt
from bench.models.hf.batching import Batching
from bench.models.hf.encoding import Encoder, Span
from bench.models.hf.objectives import run_spans
from bench.models.hf.scoring import Head, Scores, Sheet
from bench.usage import Usage

SOURCE = "McIlroy-Young et al. 2024, Set-Based Prompting, arXiv:2406.06581"


@dataclass(frozen=True)
class LaidSpan(Span):
    """A span whose tokens have these lengths: the prefix, each part, and what follows with the continuation."""

    prefix: int = 0
    parts: tuple[int, ...] = ()

    def layout(self) -> tuple[Ints, Bools]:
        """Positions of the tokens that go into the model, (T,), and which of them each sees, (T, T)."""
        return layout(self.prefix, self.parts, len(self.tokens) - self.prefix - sum(self.parts) - 1)


def layout(prefix: int, parts: Sequence[int], rest: int) -> tuple[Ints, Bools]:
    """Positions (L,) and what each token sees (L, L) for a prefix, unordered parts and a rest of these lengths."""
    after = prefix + max(parts, default=0)
    positions = np.concatenate(
        [np.arange(prefix), *(np.arange(prefix, prefix + size) for size in parts), np.arange(after, after + rest)]
    ).astype(np.int64)
    seen: Bools = np.tri(len(positions), dtype=bool)
    bounds = list(accumulate(parts, initial=prefix))
    for start, end in pairwise(bounds):
        seen[start:end, prefix:start] = False
    return positions, seen


class UnorderedEngine:
    """Scores spans that are laid out so (see `layout`)."""

    name = "unordered"

    def __init__(self, model: Any, limits: Batching) -> None:
        if "position_ids" not in inspect.signature(model.forward).parameters:
            raise UsageError(
                "this model can't read a prompt without order",
                cause="it takes no position ids: it counts positions by itself, as ALiBi models do",
                fix="name a model with learned or rotary positions",
            )
        self.model = model
        self.limits = limits
        self.head = Head(model)
        self.meter = Usage(self.name)

    def score(self, spans: Sequence[LaidSpan], details: Details) -> list[Scores]:
        """Scores of each span's tokens from `first` on."""

        def run(batch: Sequence[int], sheet: Sheet, slots: Ints) -> None:
            width = max(len(spans[i].inputs) for i in batch)
            tokens, positions = (np.zeros((len(batch), width), dtype=np.int64) for _ in range(2))
            seen: Bools = np.eye(width, dtype=bool)[None].repeat(len(batch), axis=0)  # padding sees itself alone
            for k, i in enumerate(batch):
                size = len(spans[i].inputs)
                tokens[k, :size] = spans[i].inputs
                positions[k, :size], seen[k, :size, :size] = spans[i].layout()
            rows = np.concatenate([np.full(len(spans[i].tokens) - spans[i].first, k) for k, i in enumerate(batch)])
            at = np.concatenate([np.arange(spans[i].first - 1, len(spans[i].tokens) - 1) for i in batch])
            wanted = np.concatenate([spans[i].tokens[spans[i].first :] for i in batch])
            slot = np.concatenate([np.arange(slots[i], slots[i + 1]) for i in batch])
            self._forward(tokens, positions, seen[:, None], (rows, at), (np.arange(len(rows)), wanted, slot), sheet)

        return run_spans(self, spans, details, list(range(len(spans))), lambda i: len(spans[i].inputs), run)

    def _forward(self, tokens: Ints, positions: Ints, seen: Bools, where: Any, items: Any, sheet: Sheet) -> None:
        import torch

        device, dtype = self.model.device, self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        mask.masked_fill_(torch.from_numpy(~seen).to(device), torch.finfo(dtype).min)
        with torch.inference_mode():
            fed, places = (torch.from_numpy(x).to(device) for x in (tokens, positions))
            self.head.score(fed, where, items, sheet, attention_mask=mask, position_ids=places, use_cache=False)
        self.meter.add(Usage(scored_tokens_run=tokens.size, forwards=1))


def laid(encoder: Encoder, prompt: UnorderedPrompt, continuation: str) -> LaidSpan:
    """The tokens of a prompt, each part encoded by itself, and of the continuation, which alone is scored."""
    begun = encoder.tokenizer(prompt.prefix, verbose=False)["input_ids"] or [encoder.prefix]
    texts = [*prompt.parts, prompt.suffix, continuation]
    rows = encoder.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    *parts, suffix, said = rows
    tokens = (*begun, *(token for part in parts for token in part), *suffix, *said)
    if len(tokens) - 1 > encoder.length or not said:
        raise UsageError(
            "a prompt without order does not fit",
            cause=f"it has {len(tokens)} tokens, and the model takes {encoder.length}"
            if said
            else "nothing follows it",
            fix="give fewer or shorter parts, and a continuation",
        )
    return LaidSpan(tokens, len(tokens) - len(said), len(begun), tuple(map(len, parts)))
