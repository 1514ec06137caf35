"""Scores under other objectives than left to right: with a context that is seen whole, and by masked tokens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.arrays import Bools, Ints
from bench.errors import UsageError
from bench.language import Details
from bench.models.hf.batching import Batching, run_in_batches
from bench.models.hf.encoding import Span
from bench.models.hf.scoring import Head, Scores, Sheet
from bench.usage import Usage

OBJECTIVES = ("causal", "prefix", "masked")


class PrefixEngine:
    """A decoder whose context sees itself whole: position i sees j where j <= i, or where j is of the context.

    With a context of one token this is the causal score.  Right for models that were trained so.
    """

    name = "prefix"

    def __init__(self, model: Any, limits: Batching) -> None:
        self.model = model
        self.limits = limits
        self.head = Head(model)
        self.meter = Usage(self.name)

    def prepare(self, spans: Sequence[Span]) -> None:
        """Nothing is kept between calls."""

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span: log p(token | context seen whole, tokens before it)."""

        def run(batch: Sequence[int], sheet: Sheet, slots: Ints) -> None:
            width = max(len(spans[i].inputs) for i in batch)
            tokens = np.zeros((len(batch), width), dtype=np.int64)
            seen: Bools = np.tri(width, dtype=bool)[None].repeat(len(batch), axis=0)
            for k, i in enumerate(batch):
                tokens[k, : len(spans[i].inputs)] = spans[i].inputs
                seen[k, : spans[i].first, : spans[i].first] = True
            rows = np.concatenate([np.full(len(spans[i].tokens) - spans[i].first, k) for k, i in enumerate(batch)])
            at = np.concatenate([np.arange(spans[i].first - 1, len(spans[i].tokens) - 1) for i in batch])
            wanted = np.concatenate([spans[i].tokens[spans[i].first :] for i in batch])
            slot = np.concatenate([np.arange(slots[i], slots[i + 1]) for i in batch])
            self._forward(tokens, seen[:, None], (rows, at), (np.arange(len(rows)), wanted, slot), sheet)

        return run_spans(self, spans, details, list(range(len(spans))), lambda i: len(spans[i].inputs), run)

    def _forward(self, tokens: Ints, seen: Bools, where: Any, items: Any, sheet: Sheet) -> None:
        import torch

        device, dtype = self.model.device, self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        mask.masked_fill_(torch.from_numpy(~seen).to(device), torch.finfo(dtype).min)
        with torch.inference_mode():
            fed = torch.from_numpy(tokens).to(device)
            self.head.score(fed, where, items, sheet, attention_mask=mask, use_cache=False)
        self.meter.add(Usage(scored_tokens_run=tokens.size, looks=len(where[0]), forwards=1))


class MaskedEngine:
    """Pseudo-log-likelihoods: each scored token in turn is masked, and predicted from all the others.

    The sum over a text is no log-probability of it: such scores are compared with one another only.
    Salazar et al. 2020, Masked Language Model Scoring.
    """

    name = "masked"

    def __init__(self, model: Any, tokenizer: Any, limits: Batching) -> None:
        if tokenizer.mask_token_id is None:
            raise UsageError(
                "the tokenizer has no mask token", cause="objective=masked needs one", fix="name a masked model"
            )
        self.model = model
        self.limits = limits
        self.mask = int(tokenizer.mask_token_id)
        self.begin, self.end = edges(tokenizer)
        self.head = Head(model)
        self.meter = Usage(self.name)

    def prepare(self, spans: Sequence[Span]) -> None:
        """Nothing is kept between calls."""

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span: log p(token | all other tokens)."""
        whole = [(*self._before(span), *span.tokens, *self.end) for span in spans]
        hidden = [(i, at) for i, span in enumerate(spans) for at in range(span.first, len(span.tokens))]

        def run(batch: Sequence[int], sheet: Sheet, _: Ints) -> None:
            width = max(len(whole[hidden[k][0]]) for k in batch)
            tokens, there = (np.zeros((len(batch), width), dtype=np.int64) for _ in range(2))
            at: Ints = np.empty(len(batch), dtype=np.int64)
            wanted = at.copy()
            for row, k in enumerate(batch):
                i, place = hidden[k]
                tokens[row, : len(whole[i])] = whole[i]
                there[row, : len(whole[i])] = 1
                at[row] = place + len(self._before(spans[i]))
                wanted[row] = tokens[row, at[row]]
                tokens[row, at[row]] = self.mask
            rows: Ints = np.arange(len(batch))
            self._forward(tokens, there, (rows, at), (rows, wanted, np.array(batch, dtype=np.int64)), sheet)

        return run_spans(self, spans, details, list(range(len(hidden))), lambda k: len(whole[hidden[k][0]]), run)

    def _before(self, span: Span) -> tuple[int, ...]:
        return self.begin if span.tokens[:1] != self.begin else ()

    def _forward(self, tokens: Ints, there: Ints, where: Any, items: Any, sheet: Sheet) -> None:
        import torch

        fed, mask = (torch.from_numpy(x).to(self.model.device) for x in (tokens, there))
        with torch.inference_mode():
            self.head.score(fed, where, items, sheet, attention_mask=mask)
        self.meter.add(Usage(scored_tokens_run=tokens.size, looks=len(where[0]), forwards=1))


def edges(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens that stand before and after a text of a masked model."""
    begin = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    end = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    return tuple((int(t),) if t is not None else () for t in (begin, end))  # type: ignore[return-value]


def run_spans(
    engine: Any, spans: Sequence[Span], details: Details, order: list[int], size: Any, run: Any
) -> list[Scores]:
    """Rows through the model in batches, the longest first; slots count scored tokens in the order of the spans."""
    started = time.perf_counter()
    slots = np.concatenate([[0], np.cumsum([len(span.tokens) - span.first for span in spans])]).astype(np.int64)
    sheet = Sheet(int(slots[-1]), details)
    order.sort(key=lambda k: -size(k))
    run_in_batches(order, size, engine.limits, lambda batch: run(batch, sheet, slots))
    asked = sum(map(size, order))
    engine.meter.add(Usage(scored_tokens=asked, seconds=time.perf_counter() - started))
    return [sheet.scores(int(slots[i]), int(slots[i + 1])) for i in range(len(spans))]
