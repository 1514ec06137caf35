"""Texts from a causal language model: many draws together, each as if it were alone.

Draws that have reached the same tokens are one row of the batch.  A row that all of its draws have left makes room for
prompts that wait, while the others go on: no waves, no padding to a common length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import EvaluationError
from bench.language import Draw, Generated
from bench.models.batching import LOG, attempt, release_memory
from bench.models.hf.batching import Batching
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Encoder, prompts
from bench.models.hf.rows import Opened, Rows
from bench.models.hf.sampling import Manner, choose
from bench.models.hf.stops import Texts, texts_of
from bench.models.hf.telling import Row, gathered, pieces, require, tell
from bench.seeds import generator
from bench.usage import Usage

# New prompts wait until this share of the batch is free, so that they run together.
_FREE = 0.25


@dataclass
class _Path:
    """A draw on its way: its prompt's number, its noise, and what it has generated."""

    draw: Draw
    prompt: int
    limit: int
    manner: Manner
    noise: Float64s
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)
    text: str | None = None
    done: bool = False


def generate_draws(
    loaded: Loaded,
    encoder: Encoder,
    draws: Sequence[Draw],
    limits: Batching,
    rows: Callable[..., Rows],
    usage: Usage,
) -> list[Generated]:
    """One text for each draw; equal draws give equal texts whatever else is in the batch.  Counts into `usage`."""
    began = time.perf_counter()
    encoded = prompts(encoder, [draw.prompt for draw in draws], [draw.max_tokens for draw in draws])
    distinct = sorted(set(encoded))
    number = {prompt: k for k, prompt in enumerate(distinct)}
    paths = []
    for draw, prompt in zip(draws, encoded, strict=True):
        limit = min(draw.max_tokens, encoder.length - len(prompt) + 1)
        require(draw.details)
        manner = Manner(draw.temperature, draw.top_p, draw.reshape)
        paths.append(_Path(draw, number[prompt], limit, manner, generator(draw.seed).random(max(limit, 0))))
    texts = texts_of(loaded)
    order = sorted(range(len(paths)), key=lambda i: (paths[i].prompt, i))
    waiting = [paths[i] for i in order if paths[i].limit > 0]
    while waiting:
        most, trouble = _attempt(rows(loaded.model), distinct, waiting, limits, texts, usage)
        waiting = [path for path in waiting if not path.done]
        if trouble is not None:
            _halve(limits, most, trouble, waiting)
    usage.prompt_tokens += sum(map(len, encoded))
    usage.generated_tokens += sum(len(path.tokens) for path in paths)
    usage.seconds += time.perf_counter() - began
    return [_generated(path, texts) for path in paths]


def _generated(path: _Path, texts: Texts) -> Generated:
    details = gathered(path.told)
    own, others = pieces(path.tokens, details.top_ids, texts.decode) if details is not None else ((), ())
    return Generated(
        text=path.text if path.text is not None else texts.decode(tuple(path.tokens)),
        token_ids=np.array(path.tokens, dtype=np.int64),
        logprobs=np.array(path.logprobs, dtype=np.float64),
        stopped=path.text is not None,
        details=details,
        pieces=own,
        top_pieces=others,
    )


def _attempt(
    rows: Rows, distinct: list[tuple[int, ...]], waiting: list[_Path], limits: Batching, texts: Texts, usage: Usage
) -> tuple[int, str | None]:
    """Go on until all is done or memory runs out: how many draws ran together, and the trouble.

    Leaving this frame drops all that the batch held.
    """
    batch = _Batch(rows, distinct, waiting, limits, texts)
    trouble = attempt(batch.run)
    usage.add(rows.usage)
    return batch.most, trouble


def _halve(limits: Batching, most: int, trouble: str, unfinished: Sequence[_Path]) -> None:
    """Smaller batches from here on; what was unfinished starts afresh, and comes to the same texts."""
    release_memory()
    if most <= 1:
        raise EvaluationError(
            "no memory for a single text",
            cause=trouble,
            fix="run in a smaller dtype (--dtype bfloat16) or on another device (--device cpu)",
        )
    for path in unfinished:
        path.tokens, path.logprobs, path.told, path.text = [], [], [], None
    limits.rows = most // 2
    limits.tokens = max(1, limits.tokens // 2)
    LOG.warning("out of memory: batches of at most %d from here on", limits.rows)


class _Batch:
    """The draws under way.  `most`: how many there were at most."""

    def __init__(
        self, rows: Rows, distinct: list[tuple[int, ...]], waiting: list[_Path], limits: Batching, texts: Texts
    ) -> None:
        self.rows = rows
        self.limits = limits
        self.texts = texts
        self.lengths = [len(prompt) for prompt in distinct]
        self.waiting = waiting[::-1]  # the next one is the last
        self.open: dict[int, Opened] = {}
        self.active: list[_Path] = []
        self.place: Ints = np.empty(0, dtype=np.int64)
        self.most = 0
        rows.prompts(distinct)

    def run(self) -> None:
        """Finish all that waits."""
        import torch

        logits: Any = None
        with torch.inference_mode():
            while self.waiting or self.active:
                going, token = self._choose(logits, self.place, self.active)
                self.active = [self.active[k] for k in going.tolist()]
                self.place = self.place[going]
                new = self._fitting()
                if new:
                    token = np.concatenate([token, self._admit(new)])
                # Draws of equal past and equal token are one row.
                keys, inverse = np.unique(np.stack([self.place, token]), axis=1, return_inverse=True)
                places, logits = self.rows.advance(keys[0], keys[1])
                self.place = places[inverse.reshape(-1)]

    def _choose(self, logits: Any, places: Ints, paths: Sequence[_Path]) -> tuple[Ints, Ints]:
        """Give each path its next token; which of them go on (indices), and with which tokens."""
        if not paths:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        noise = np.array([path.noise[len(path.tokens)] for path in paths])
        so_far = [tuple(path.tokens) if path.manner.reshape is not None else () for path in paths]
        tokens, logprobs = choose(logits, places, [path.manner for path in paths], noise, so_far)
        told = tell(logits, places, [path.draw.details for path in paths], tokens)
        for path, token, logprob, row in zip(paths, tokens.tolist(), logprobs.tolist(), told, strict=True):
            path.tokens.append(token)
            path.logprobs.append(logprob)
            path.told.append(row)
        going = np.flatnonzero([self._goes_on(path) for path in paths])
        return going, tokens[going]

    def _goes_on(self, path: _Path) -> bool:
        """Whether the path needs another token; sets its text where an end token or a stop string closed it."""
        path.text = self.texts.closed(path.tokens, path.draw.stop)
        path.done = path.text is not None or len(path.tokens) >= path.limit
        return not path.done

    def _fitting(self) -> int:
        """How many of those that wait enter now: as many as fit, once they are enough to be worth a pass."""
        if not self.waiting:
            return 0
        rows = len(self.active)
        prompts = {path.prompt for path in self.active} | set(self.open)
        held = sum(self.lengths[k] for k in prompts) + sum(path.limit for path in self.active)
        new = 0
        for path in reversed(self.waiting):
            held += path.limit + (0 if path.prompt in prompts else self.lengths[path.prompt])
            if (rows + new >= self.limits.rows or held > self.limits.tokens) and rows + new:
                break
            prompts.add(path.prompt)
            new += 1
        enough = not rows or new == len(self.waiting) or new >= _FREE * (rows + new)
        return new if enough else 0

    def _admit(self, count: int) -> Ints:
        """Let the next draws in, with their first tokens; returns the tokens of those that go on."""
        import torch

        paths = [self.waiting.pop() for _ in range(count)]
        self.most = max(self.most, len(self.active) + count)
        numbers = sorted({path.prompt for path in paths})
        unseen = [number for number in numbers if number not in self.open]
        self.open |= dict(zip(unseen, self.rows.open(unseen), strict=True))
        opened = [self.open[number] for number in numbers]
        row = np.searchsorted(numbers, [path.prompt for path in paths])
        going, tokens = self._choose(torch.stack([one.logits for one in opened]), row, paths)
        self.place = np.concatenate([self.place, self.rows.add(opened)[row[going]]])
        self.active += [paths[k] for k in going.tolist()]
        needed = self.waiting[-1].prompt if self.waiting else None
        for number in numbers:
            if number != needed:
                self.rows.close(self.open.pop(number))
        return tokens
