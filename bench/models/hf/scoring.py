"""Log-probabilities of given tokens under a causal language model: each distinct sequence once, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.models.hf.batching import Batching, run_in_batches
from bench.models.hf.encoding import Span

# Logits that are turned into log-probabilities at once; bounds the memory of the wide copy.
_LOGITS = 1 << 24


@dataclass(frozen=True)
class Scores:
    """Of one span's scored tokens: log-probabilities in nats, and whether each was the model's first choice."""

    logprobs: Float64s
    first: Bools


def score_spans(model: Any, spans: Sequence[Span], limits: Batching) -> list[Scores]:
    """Scores of each span.  Equal spans, and spans that begin another one's tokens, share its pass.

    Rows are sorted by length and padded on the right.  No mask is passed: under causal attention nothing looks at
    what comes after it, so padding changes no score, and attention without a mask is the faster kernel.
    """
    rows, row_of = _rows(spans)
    wanted: list[list[int]] = [[] for _ in rows]
    for index, row in enumerate(row_of):
        wanted[row].append(index)
    out: list[Scores | None] = [None] * len(spans)

    def run(batch: Sequence[int]) -> None:
        members = [index for row in batch for index in wanted[row]]
        place = {row: k for k, row in enumerate(batch)}
        counts = [len(spans[index].tokens) - spans[index].first for index in members]
        at_row = np.repeat([place[row_of[index]] for index in members], counts)
        at = np.concatenate([np.arange(spans[i].first - 1, len(spans[i].tokens) - 1) for i in members])
        targets = np.concatenate([np.array(spans[i].tokens[spans[i].first :], dtype=np.int64) for i in members])
        logprobs, first = _score(model, [rows[row] for row in batch], at_row, at, targets)
        ends = np.cumsum([0, *counts])
        for index, (start, end) in zip(members, pairwise(ends), strict=True):
            out[index] = Scores(logprobs[start:end], first[start:end])

    order = sorted(range(len(rows)), key=lambda row: (-len(rows[row]), rows[row]))
    run_in_batches(order, lambda row: len(rows[row]), limits, run)
    return [scores for scores in out if scores is not None]


def _rows(spans: Sequence[Span]) -> tuple[list[tuple[int, ...]], list[int]]:
    """The token rows that must be run, and each span's row.

    In sorted order whatever begins another row stands before it, so going backwards each row either begins the one
    seen last or is new.
    """
    rows: list[tuple[int, ...]] = []
    row_of = [0] * len(spans)
    after: tuple[int, ...] = ()
    for index in sorted(range(len(spans)), key=lambda i: spans[i].inputs, reverse=True):
        inputs = spans[index].inputs
        if not rows or after[: len(inputs)] != inputs:
            rows.append(inputs)
        after = inputs
        row_of[index] = len(rows) - 1
    return rows, row_of


def _score(
    model: Any, rows: Sequence[tuple[int, ...]], at_row: Ints, at: Ints, targets: Ints
) -> tuple[Float64s, Bools]:
    import torch

    padded = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for k, row in enumerate(rows):
        padded[k, : len(row)] = row
    device = model.device
    with torch.inference_mode():
        logits = forward_at(model, torch.from_numpy(padded).to(device), at_row, at, use_cache=False)
        goal = torch.from_numpy(targets).to(device)
        logprobs, first = [], []
        for block, wanted in zip(_blocks(logits), _blocks(goal, logits.shape[-1]), strict=True):
            log_probs = log_softmax(block)
            logprobs.append(log_probs.gather(1, wanted[:, None])[:, 0].double().cpu().numpy())
            first.append((block.argmax(dim=1) == wanted).cpu().numpy())
    return np.concatenate(logprobs), np.concatenate(first)


def log_softmax(logits: Any) -> Any:
    """Normalised over the last axis, in float32 or, for logits in float64, in float64."""
    import torch

    return logits.log_softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))


def forward_at(model: Any, tokens: Any, rows: Ints, positions: Ints, **options: Any) -> Any:
    """Logits (k, V) at k places (row, position) of tokens (B, T); the head is applied there and nowhere else.

    The head is reached through a hook on its module, so that whatever the architecture does to logits after it
    (scaling, soft caps) is done here too.  A model without such a head is run in full, and then indexed.
    """
    import torch

    where = (torch.from_numpy(rows).to(tokens.device), torch.from_numpy(positions).to(tokens.device))
    with _narrowed(model, where, tokens.shape) as narrowed:
        logits = model(input_ids=tokens, **options).logits
    return logits[0] if narrowed else logits[where]


@contextmanager
def _narrowed(model: Any, where: tuple[Any, Any], shape: tuple[int, int]) -> Iterator[list[bool]]:
    done: list[bool] = []

    def narrow(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if done or not inputs or inputs[0].shape[:-1] != shape:
            return None
        done.append(True)
        return (inputs[0][where][None], *inputs[1:])

    head = model.get_output_embeddings()
    if head is None:
        yield done
        return
    handle = head.register_forward_pre_hook(narrow)
    try:
        yield done
    finally:
        handle.remove()


def _blocks(values: Any, width: int = 0) -> Any:
    return values.split(max(1, _LOGITS // (width or values.shape[-1])))
