"""Scoring in padded batches, which every causal architecture can do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.language import Details
from bench.models.hf.batching import Batching, run_in_batches
from bench.models.hf.encoding import Span
from bench.models.hf.scoring import Head, Scores, Sheet
from bench.usage import Usage


class PlainEngine:
    """Scores spans in batches of rows; equal spans, and spans that begin another one's tokens, share its row."""

    name = "plain"

    def __init__(self, model: Any, limits: Batching, head: Head | None = None, *, note: str = "") -> None:
        self.model = model
        self.limits = limits
        self.head = head or Head(model)
        self.meter = Usage(self.name, note)
        self.limits.tokens = min(self.limits.tokens, self.head.tokens)

    def prepare(self, spans: Sequence[Span]) -> None:
        """Nothing is kept between calls."""

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span.

        Rows are sorted by length and padded on the right.  No mask is passed: under causal attention nothing looks
        at what comes after it, so padding changes no score, and attention without a mask is the faster kernel.
        """
        started = time.perf_counter()
        rows, row_of = _rows(spans)
        wanted: list[list[int]] = [[] for _ in rows]
        for index, row in enumerate(row_of):
            wanted[row].append(index)
        slots = np.concatenate([[0], np.cumsum([len(span.tokens) - span.first for span in spans])]).astype(np.int64)
        sheet = Sheet(int(slots[-1]), details)

        def run(batch: Sequence[int]) -> None:
            members = [(k, index) for k, row in enumerate(batch) for index in wanted[row]]
            spread = [(k, index, spans[index].first, len(spans[index].tokens)) for k, index in members]
            row = np.concatenate([np.full(end - first, k) for k, _, first, end in spread])
            at = np.concatenate([np.arange(first - 1, end - 1) for _, _, first, end in spread])
            targets = np.concatenate([np.array(spans[i].tokens[first:], dtype=np.int64) for _, i, first, _ in spread])
            slot = np.concatenate([np.arange(slots[i], slots[i + 1]) for _, i, _, _ in spread])
            self._run([rows[r] for r in batch], row, at, (targets, slot), sheet)

        order = sorted(range(len(rows)), key=lambda row: (-len(rows[row]), rows[row]))
        run_in_batches(order, lambda row: len(rows[row]), self.limits, run)
        asked = sum(len(span.tokens) - 1 for span in spans)
        self.meter.add(Usage(scored_tokens=asked, seconds=time.perf_counter() - started))
        return [sheet.scores(int(slots[i]), int(slots[i + 1])) for i in range(len(spans))]

    def _run(self, rows: Sequence[tuple[int, ...]], row: Any, at: Any, wanted: tuple[Any, Any], sheet: Sheet) -> None:
        import torch

        width = max(map(len, rows))
        padded = np.zeros((len(rows), width), dtype=np.int64)
        for k, tokens in enumerate(rows):
            padded[k, : len(tokens)] = tokens
        places, inverse = np.unique(row * width + at, return_inverse=True)
        items = (inverse.reshape(-1), *wanted)
        with torch.inference_mode():
            fed = torch.from_numpy(padded).to(self.model.device)
            self.head.score(fed, (places // width, places % width), items, sheet, use_cache=False)
        self.meter.add(Usage(scored_tokens_run=padded.size, looks=len(places), forwards=1))


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
