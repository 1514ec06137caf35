"""Sessions: rows of a causal language model that a decoder steers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError
from bench.language import State
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Encoder, prompts
from bench.models.hf.rows import Rows
from bench.models.hf.stops import Texts, texts_of
from bench.usage import Usage


@dataclass
class _Row:
    """One row: its prompt, what it has generated, its place, and the latest saved state that it came through."""

    prompt: int
    tokens: tuple[int, ...]
    place: int
    saved: Any = None


class RowSession:
    """See `bench.language.Session`."""

    def __init__(
        self,
        rows: Rows,
        encoded: Sequence[tuple[int, ...]],
        window: int,
        texts: Texts,
        total: Usage,
    ) -> None:
        self.end_tokens = texts.ends
        self._rows: Rows | None = rows
        self._lengths = np.array([len(prompt) for prompt in encoded], dtype=np.int64)
        self._window = window
        self._texts = texts
        self._total = total
        self._now: list[_Row] = []
        self._began = time.perf_counter()
        self.usage = rows.usage
        self.usage.prompt_tokens += int(self._lengths.sum())
        self.logprobs: Float64s = np.empty((0, 0))
        if encoded:
            self._start(rows, encoded)

    def _start(self, rows: Rows, encoded: Sequence[tuple[int, ...]]) -> None:
        import torch

        distinct = sorted(set(encoded))
        number = [distinct.index(prompt) for prompt in encoded]
        with torch.inference_mode():
            rows.prompts(distinct)
            opened = rows.open(range(len(distinct)))
            # Prompts are never closed: saved states may return to them as long as the session lives.
            places = rows.add([opened[k] for k in number])
            self._now = [_Row(k, (), place) for k, place in enumerate(places.tolist())]
            self.logprobs = _log_softmax(torch.stack([opened[k].logits for k in number]))

    @property
    def prompt(self) -> Ints:
        """See `Session`."""
        return np.array([row.prompt for row in self._now], dtype=np.int64)

    @property
    def tokens(self) -> tuple[tuple[int, ...], ...]:
        """See `Session`."""
        return tuple(row.tokens for row in self._now)

    @property
    def room(self) -> Ints:
        """See `Session`."""
        # The last token needs no position of its own, since it is never fed.
        used = np.array([len(row.tokens) for row in self._now], dtype=np.int64)
        return self._window - self._lengths[self.prompt] - used

    def advance(self, parents: Ints, tokens: Ints) -> None:
        """See `Session`."""
        import torch

        rows = self._living()
        parents, tokens = np.asarray(parents, dtype=np.int64), np.asarray(tokens, dtype=np.int64)
        _within("parent", parents, len(self._now))
        _within("token", tokens, self.logprobs.shape[1])
        if len(parents) and self.room[parents].min() < 1:
            raise UsageError(
                "no room for another token",
                cause=f"a row fills the model's window of {self._window} tokens",
                fix="end rows earlier (`room` says how many tokens fit), or cut the prompt",
            )
        places = np.array([row.place for row in self._now], dtype=np.int64)
        with torch.inference_mode():
            new, logits = rows.advance(places[parents], tokens)
            if len(new):
                at = torch.from_numpy(new).to(logits.device)
                self.logprobs = _log_softmax(logits[at])
            else:
                self.logprobs = self.logprobs[:0]
        self.usage.generated_tokens += len(parents)
        now = []
        for parent, token, place in zip(parents.tolist(), tokens.tolist(), new.tolist(), strict=True):
            row = self._now[parent]
            now.append(_Row(row.prompt, (*row.tokens, token), place, row.saved))
        self._now = now

    def save(self, rows: Sequence[int]) -> list[State]:
        """See `Session`."""
        import torch

        live = self._living()
        _within("row", np.asarray(rows, dtype=np.int64), len(self._now))
        own = [self._now[row] for row in rows]
        with torch.inference_mode():
            made = live.save([row.place for row in own], [row.saved for row in own])
        out = []
        for index, row, state in zip(rows, own, made, strict=True):
            row.saved = state
            out.append(State(state, row.prompt, row.tokens, self.logprobs[index].copy()))
        return out

    def restore(self, states: Sequence[State]) -> None:
        """See `Session`."""
        import torch

        with torch.inference_mode():
            places = self._living().restore([state.row for state in states])
        self._now = [
            _Row(state.prompt, state.tokens, place, state.row)
            for place, state in zip(places.tolist(), states, strict=True)
        ]
        self.logprobs = np.array([state.logprobs for state in states]).reshape(len(states), self.logprobs.shape[1])

    def text(self, tokens: Sequence[int]) -> str:
        """See `Session`."""
        return self._texts.decode(tuple(int(token) for token in tokens))

    def closed(self, tokens: Sequence[int], stop: Sequence[str]) -> str | None:
        """See `Session`."""
        return self._texts.closed(tokens, stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rows is not None:
            self.usage.seconds += time.perf_counter() - self._began
            self._total.add(self.usage)
        self._rows = None
        self._now = []

    def _living(self) -> Rows:
        if self._rows is None:
            raise UsageError("the session is closed", cause="its rows are freed", fix="open another one")
        return self._rows


def open_session(
    loaded: Loaded,
    encoder: Encoder,
    texts: Sequence[str],
    max_tokens: int,
    rows: Callable[..., Rows],
    usage: Usage,
) -> RowSession:
    """A session with one row for each text; its cost is counted into `usage` when it closes."""
    encoded = prompts(encoder, texts, [max_tokens] * len(texts))
    return RowSession(rows(loaded.model), encoded, encoder.length, texts_of(loaded), usage)


def _log_softmax(logits: Any) -> Float64s:
    import torch

    wide = torch.float32 if logits.device.type == "mps" else torch.float64
    return logits.log_softmax(-1, dtype=wide).double().cpu().numpy()


def _within(name: str, values: Ints, size: int) -> None:
    if len(values) and not (values.min() >= 0 and values.max() < size):
        raise UsageError(
            f"there is no {name} {int(values[(values < 0) | (values >= size)][0])}",
            cause=f"there are {size} of them, counted from 0",
            fix=f"give {name}s below {size}",
        )
