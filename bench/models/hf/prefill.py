"""Prompts through the model: what several of them begin with runs once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from bench.models.hf.cache import Layer
from bench.models.hf.scoring import forward_at

Tokens = tuple[int, ...]

# A shared beginning gets a pass of its own from this many saved tokens on: below it, one more pass costs more.
_WORTH = 64
# Prompts of one pass differ in what is left of them by at most this factor and 16.
_SLACK = 1.25


@dataclass(eq=False)
class Beginning:
    """Tokens start .. end - 1 that prompts lo .. hi - 1 have in common; `parent` has what is before them."""

    parent: Beginning | None
    start: int
    end: int
    lo: int
    hi: int
    waiting: int
    layers: list[Layer] = field(default_factory=list)


def shared_beginnings(prompts: Sequence[Tokens]) -> list[Beginning | None]:
    """The longest beginning worth sharing of each of the prompts, which are distinct and sorted.

    At least the last token of a prompt stays outside, so that its logits come from its own pass.
    """
    out: list[Beginning | None] = [None] * len(prompts)
    stack: list[tuple[int, int, Beginning | None]] = [(0, len(prompts), None)]
    while stack:
        lo, hi, parent = stack.pop()
        if hi - lo < 2:
            continue
        common = _common(prompts[lo], prompts[hi - 1])  # sorted: the first and the last differ first
        end = min(common, len(prompts[lo]) - 1)
        start = parent.end if parent else 0
        if (end - start) * (hi - lo - 1) >= _WORTH:
            parent = Beginning(parent, start, end, lo, hi, hi - lo)
            out[lo:hi] = [parent] * (hi - lo)
        if common > end:  # the first prompt begins all others
            stack.append((lo + 1, hi, parent))
            continue
        place = lo
        for _, group in groupby(range(lo, hi), key=lambda i: prompts[i][end]):
            after = place + sum(1 for _ in group)
            stack.append((place, after, parent))
            place = after
    return out


def _common(a: Tokens, b: Tokens) -> int:
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    differ = np.not_equal(np.array(a[:size]), np.array(b[:size]))
    return int(np.argmax(differ))


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass gave: the prompts that it ended, their states by layer, and their logits (b, V)."""

    prompts: tuple[int, ...]
    layers: list[Layer]
    logits: Any


class Prefill:
    """The passes over distinct, sorted prompts.  tokens_run, forwards: what they have cost so far."""

    def __init__(self, model: Any, prompts: Sequence[Tokens], pass_tokens: int) -> None:
        self.model = model
        self.prompts = prompts
        self.pass_tokens = pass_tokens
        self.tokens_run = 0
        self.forwards = 0
        self._beginnings = shared_beginnings(prompts)

    def run(self, wanted: Sequence[int]) -> Iterator[Pass]:
        """Run prompts by their numbers; each prompt once over the life of this object."""
        for beginning, group in groupby(sorted(wanted), key=lambda i: self._beginnings[i]):
            start = beginning.end if beginning else 0
            members = sorted(group, key=lambda i: len(self.prompts[i]))
            for part in self._parts(members, start):
                yield self._pass(part, beginning)
            node = beginning
            while node is not None:
                node.waiting -= len(members)
                if not node.waiting:
                    node.layers = []
                node = node.parent

    def _parts(self, members: Sequence[int], start: int) -> Iterator[tuple[int, ...]]:
        part: list[int] = []
        for member in members:
            size = len(self.prompts[member]) - start
            if part and (
                size * (len(part) + 1) > self.pass_tokens or size > _SLACK * (len(self.prompts[part[0]]) - start) + 16
            ):
                yield tuple(part)
                part = []
            part.append(member)
        if part:
            yield tuple(part)

    def _pass(self, part: tuple[int, ...], beginning: Beginning | None) -> Pass:
        start = beginning.end if beginning else 0
        rest = [self.prompts[i][start:] for i in part]
        past = self._past(beginning) if beginning else []
        layers, logits = self._forward(rest, past)
        return Pass(part, layers, logits)

    def _past(self, beginning: Beginning) -> list[Layer]:
        if not beginning.layers:
            past = self._past(beginning.parent) if beginning.parent else []
            tokens = self.prompts[beginning.lo][beginning.start : beginning.end]
            beginning.layers, _ = self._forward([tokens], past)
        return beginning.layers

    def _forward(self, rows: Sequence[Tokens], past: Sequence[Layer]) -> tuple[list[Layer], Any]:
        """States of `past` and rows together, and logits after each row.

        Rows are padded on the right: under causal attention nothing looks at what comes after it.
        """
        import torch
        from transformers.cache_utils import DynamicCache

        cache = DynamicCache()
        for index, (keys, values) in enumerate(past):
            cache.update(keys.expand(len(rows), -1, -1, -1), values.expand(len(rows), -1, -1, -1), index)
        padded = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        for k, row in enumerate(rows):
            padded[k, : len(row)] = row
        last = np.array([len(row) - 1 for row in rows])
        fed = torch.from_numpy(padded).to(self.model.device)
        logits = forward_at(self.model, fed, np.arange(len(rows)), last, past_key_values=cache, use_cache=True)
        self.forwards += 1
        self.tokens_run += sum(map(len, rows))
        return [(layer.keys, layer.values) for layer in cache.layers], logits
