"""Rows of tokens through a causal language model: they start at prompts, go on by a token each, split and leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench.arrays import Ints
from bench.models.hf.attention import stepping
from bench.models.hf.cache import Held, RowCache, Segment
from bench.models.hf.prefill import Prefill, Tokens
from bench.models.hf.scoring import forward_at
from bench.usage import Usage

LOG = logging.getLogger("bench")


@dataclass(frozen=True, eq=False)
class Opened:
    """A prompt that has run: its logits (V,), and what is held of it (its states, or its tokens)."""

    logits: Any
    held: Any


class Rows(Protocol):
    """Rows in places 0 .. R - 1, of any lengths."""

    usage: Usage

    def prompts(self, prompts: Sequence[Tokens]) -> None:
        """Say which prompts are to come: distinct and sorted.  What they begin with together runs once."""
        ...

    def open(self, numbers: Sequence[int]) -> list[Opened]:
        """Run prompts, by their numbers among those announced, each one once."""
        ...

    def close(self, opened: Opened) -> None:
        """No further rows will start at this prompt."""
        ...

    def add(self, opened: Sequence[Opened]) -> Ints:
        """Start a row at each of these prompts; returns their places."""
        ...

    def advance(self, parents: Ints, tokens: Ints) -> tuple[Ints, Any]:
        """The rows become R' ones: row i is the row in place `parents[i]` and `tokens[i]` after it.

        Returns the place of each, (R',), and the logits (R', V) by place.
        """
        ...

    def save(self, places: Sequence[int], before: Sequence[Any]) -> list[Any]:
        """What is needed to return to rows; `before[i]` is an earlier such state of the same row, or None."""
        ...

    def restore(self, states: Sequence[Any]) -> Ints:
        """The rows become those saved; returns the place of each, (R',)."""
        ...


class CachedRows:
    """Holds the keys and values of what was fed: each token runs once, and a prompt's states are shared by its rows."""

    def __init__(self, model: Any, pass_tokens: int = 4096) -> None:
        self.model = model
        self.usage = Usage()
        self.cache = RowCache(model.device)
        self.pass_tokens = pass_tokens
        self._prefill = Prefill(model, [], pass_tokens)

    def prompts(self, prompts: Sequence[Tokens]) -> None:
        """See `Rows`."""
        self._prefill = Prefill(self.model, prompts, self.pass_tokens)

    def open(self, numbers: Sequence[int]) -> list[Opened]:
        """See `Rows`."""
        made: dict[int, Opened] = {}
        before = self._prefill.tokens_run, self._prefill.forwards
        for done in self._prefill.run(numbers):
            for row, number in enumerate(done.prompts):
                held = self.cache.hold(done.layers, row, len(self._prefill.prompts[number]))
                made[number] = Opened(done.logits[row], held)
        self.usage.prompt_tokens_run += self._prefill.tokens_run - before[0]
        self.usage.forwards += self._prefill.forwards - before[1]
        self.usage.looks += len(made)
        return [made[number] for number in numbers]

    def close(self, opened: Opened) -> None:
        """See `Rows`."""
        self.cache.release(opened.held)

    def add(self, opened: Sequence[Opened]) -> Ints:
        """See `Rows`."""
        start = len(self.cache.own)
        held: list[Held] = [one.held for one in opened]
        self.cache.add(held)
        return np.arange(start, start + len(opened))

    def advance(self, parents: Ints, tokens: Ints) -> tuple[Ints, Any]:
        """See `Rows`."""
        import torch

        places = self.cache.branch(parents)
        count = len(parents)
        if not count:
            return places, None
        fed = np.empty((count, 1), dtype=np.int64)
        fed[places, 0] = tokens
        device = self.model.device
        position = torch.from_numpy(self.cache.positions)[:, None].to(device)
        with stepping(self.model, self.cache) as past:
            logits = forward_at(
                self.model,
                torch.from_numpy(fed).to(device),
                np.arange(count),
                np.zeros(count, dtype=np.int64),
                position_ids=position,
                past_key_values=past,
                use_cache=True,
            )
        self.usage.forwards += 1
        self.usage.generated_tokens_run += count
        self.usage.looks += count
        return places, logits

    def save(self, places: Sequence[int], before: Sequence[Segment | None]) -> list[Segment]:
        """See `Rows`."""
        return self.cache.save(places, before)

    def restore(self, states: Sequence[Segment]) -> Ints:
        """See `Rows`."""
        return self.cache.restore(states)


class PlainRows:
    """Holds the tokens alone, and runs all of them each time: slow, and right for every architecture."""

    def __init__(self, model: Any, pass_tokens: int = 4096) -> None:
        self.model = model
        self.usage = Usage()
        self.pass_tokens = pass_tokens
        self.rows: list[Tokens] = []
        self._prompts: Sequence[Tokens] = []

    def prompts(self, prompts: Sequence[Tokens]) -> None:
        """See `Rows`."""
        self._prompts = prompts

    def open(self, numbers: Sequence[int]) -> list[Opened]:
        """See `Rows`."""
        rows = [self._prompts[number] for number in numbers]
        self.usage.prompt_tokens_run += sum(map(len, rows))
        return [Opened(logits, row) for logits, row in zip(self._forward(rows), rows, strict=True)]

    def close(self, opened: Opened) -> None:
        """See `Rows`."""

    def add(self, opened: Sequence[Opened]) -> Ints:
        """See `Rows`."""
        start = len(self.rows)
        self.rows += [one.held for one in opened]
        return np.arange(start, len(self.rows))

    def advance(self, parents: Ints, tokens: Ints) -> tuple[Ints, Any]:
        """See `Rows`."""
        paired = zip(parents.tolist(), tokens.tolist(), strict=True)
        self.rows = [(*self.rows[parent], token) for parent, token in paired]
        self.usage.generated_tokens_run += sum(map(len, self.rows))
        return np.arange(len(self.rows)), self._forward(self.rows) if self.rows else None

    def save(self, places: Sequence[int], before: Sequence[Any]) -> list[Any]:  # noqa: ARG002 - tokens share nothing
        """See `Rows`."""
        return [self.rows[place] for place in places]

    def restore(self, states: Sequence[Any]) -> Ints:
        """See `Rows`."""
        self.rows = list(states)
        return np.arange(len(states))

    def _forward(self, rows: Sequence[Tokens]) -> Any:
        """Logits (R, V) after each row; padded on the right, which causal models do not see."""
        import torch

        out = []
        self.usage.looks += len(rows)
        size = max(1, self.pass_tokens // max(map(len, rows)))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            padded = np.zeros((len(part), max(map(len, part))), dtype=np.int64)
            for k, row in enumerate(part):
                padded[k, : len(row)] = row
            last = np.array([len(row) - 1 for row in part])
            fed = torch.from_numpy(padded).to(self.model.device)
            out.append(forward_at(self.model, fed, np.arange(len(part)), last, use_cache=False))
            self.usage.forwards += 1
        return torch.cat(out)


def choose_rows(model: Any) -> Callable[..., Rows]:
    """`CachedRows` where holding states is found to change nothing, else `PlainRows`.

    Recurrent models and those whose attention goes past transformers' interface take the plain way.
    """
    try:
        apart = _cache_error(model)
    except (TypeError, ValueError, AttributeError, LookupError, NotImplementedError, RuntimeError) as error:
        apart, reason = float("inf"), f"{type(error).__name__}: {error}"
    else:
        reason = f"it changes logits by {apart:.2g} of their range"
    if apart <= _tolerance(model):
        return CachedRows
    LOG.warning("no key-value cache for %s (%s): each token runs its whole text", type(model).__name__, reason)
    return PlainRows


def _cache_error(model: Any) -> float:
    """Largest difference between cached and plain logits over the logits' range, on rows that differ and split."""
    import torch

    size = int(model.get_input_embeddings().weight.shape[0])
    texts = [tuple((np.arange(3, 3 + n) * step % size).tolist()) for n, step in ((5, 1), (3, 2), (20, 1))]
    texts = sorted(set(texts))
    steps = [(np.array([1, 0, 1, 2]), np.arange(4) % size), (np.array([2, 0]), np.arange(4, 6) % size)]
    gaps: list[float] = []
    with torch.inference_mode():
        cached, plain = CachedRows(model), PlainRows(model)
        ways: tuple[Rows, Rows] = (cached, plain)
        for rows in ways:
            rows.prompts(texts)
        opened = [rows.open(range(len(texts))) for rows in ways]
        gaps += [_gap(a.logits, b.logits) for a, b in zip(*opened, strict=True)]
        for rows, made in zip(ways, opened, strict=True):
            rows.add(made)
        order: Ints = np.arange(len(texts))
        for parents, tokens in steps:
            places, logits = cached.advance(order[parents % len(order)], tokens)
            _, expected = plain.advance(parents % len(order), tokens)
            gaps.append(_gap(logits[torch.from_numpy(places).to(logits.device)], expected))
            order = places
    return float(np.max(gaps))  # NaN stays NaN, and passes no comparison


def _gap(a: Any, b: Any) -> float:
    return float((a.double() - b.double()).abs().max() / (b.max() - b.min()).double())


def _tolerance(model: Any) -> float:
    import torch

    return 1e-3 if model.dtype in {torch.float32, torch.float64} else 0.05
