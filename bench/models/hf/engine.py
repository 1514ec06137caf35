"""The engines that score tokens: the prefix tree, padded batches, and the evaluation harness's own backend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from bench.errors import EvaluationError
from bench.language import Details
from bench.models.batching import LOG, attempt
from bench.models.hf.cascade import ForeignAttentionError, Paths, attending, running
from bench.models.hf.encoding import Span
from bench.models.hf.packing import Pass, extension, packed
from bench.models.hf.plain import PlainEngine
from bench.models.hf.scoring import Head, Scores, Sheet
from bench.models.hf.tree import BARE, Extend, Tree, plant, trunk_of, walk
from bench.usage import Usage

# Tokens in one pass on a CPU: enough for the matrix kernels, few enough for its caches.
_CPU_TOKENS = 1024
_LEAST_TOKENS, _MOST_TOKENS = 1024, 16_384
# Of an accelerator's free memory, the share that a pass's activations may take.
_SHARE = 0.25


class Engine(Protocol):
    """Scores spans of tokens."""

    name: str
    meter: Usage

    def prepare(self, spans: Sequence[Span]) -> None:
        """Look at some of what will be asked in many calls: what they share is then run once for all of them."""
        ...

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span."""
        ...


class TreeEngine:
    """Scores spans over their prefix tree: each distinct token of a call is run once.

    window: positions that a token can see back; longer spans are left to `plain`.
    """

    name = "tree"

    def __init__(
        self, model: Any, plain: PlainEngine, *, dense: bool = False, budget: int = 0, window: int = 1 << 60
    ) -> None:
        self.model = model
        self.plain = plain
        self.dense = dense
        self.window = window
        self.budget = min(budget or token_budget(model), plain.head.tokens)
        self.meter = Usage(self.name)
        self.layers = int(model.config.get_text_config(decoder=True).num_hidden_layers)
        self._trunk = BARE
        self._paths = Paths()
        self._held: list[tuple[int, tuple[int, ...]]] = []  # ends and tokens of the trunk's segments in the path

    @property
    def head(self) -> Head:
        """The model's head."""
        return self.plain.head

    def prepare(self, spans: Sequence[Span]) -> None:
        """Find the long prefixes that the spans share: each is run once, and kept for the calls that follow."""
        seen = [span for span in spans if len(span.inputs) <= self.window]
        self._trunk = trunk_of(plant(seen), self.budget) if seen else BARE

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span."""
        out: list[Scores | None] = [None] * len(spans)
        far = [i for i, span in enumerate(spans) if len(span.inputs) > self.window]
        near = [i for i, span in enumerate(spans) if len(span.inputs) <= self.window]
        before = self.plain.meter.copy()
        for indices, scored in (
            (far, self.plain.score([spans[i] for i in far], details) if far else []),
            (near, self._score([spans[i] for i in near], details) if near else []),
        ):
            for index, scores in zip(indices, scored, strict=True):
                out[index] = scores
        other = self.plain.meter.copy().since(before)
        self.meter.add(other)
        return [scores for scores in out if scores is not None]

    def _score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        started = time.perf_counter()
        tree = plant(spans)
        sheet = Sheet(tree.total, details)
        while (trouble := attempt(lambda: self._walk(tree, sheet))) is not None:
            self._forget()
            if self.budget <= 64:
                raise EvaluationError(
                    f"no memory for one pass of {self.budget} tokens",
                    cause=trouble,
                    fix="run in a smaller dtype (--dtype bfloat16) or on another device (--device cpu)",
                )
            self.budget //= 2
            LOG.warning("out of memory: passes of at most %d tokens from here on", self.budget)
        asked = sum(len(span.tokens) - 1 for span in spans)
        self.meter.add(Usage(scored_tokens=asked, seconds=time.perf_counter() - started))
        ends = np.cumsum([len(span.tokens) - span.first for span in spans])
        return [sheet.scores(end - len(s.tokens) + s.first, end) for s, end in zip(spans, ends.tolist(), strict=True)]

    def _walk(self, tree: Tree, sheet: Sheet) -> None:
        import torch

        longest = max(len(row) for row in tree.rows)
        if longest + self.budget > self._paths.room:
            self._forget()
            self._paths.reserve(longest + self.budget)
        with attending(self.model), torch.inference_mode():
            for step in walk(tree, self.budget, self._trunk):
                if not isinstance(step, Extend):
                    if self.dense:  # a dense pass stands in the path while it runs
                        self._drop(step.depth)
                    self._run(packed(tree, step), sheet)
                elif step.kept:
                    self._hold(tree, step, sheet)
                else:
                    self._drop(step.start)
                    self._run(extension(tree, step), sheet)

    def _hold(self, tree: Tree, step: Extend, sheet: Sheet) -> None:
        """Have a segment of the trunk in the path, and run it only where it is not."""
        tokens = tuple(tree.rows[step.low][step.start : step.end].tolist())
        if (step.end, tokens) in self._held:
            return
        self._drop(step.start)
        for start in range(step.start, step.end, self.budget):
            piece = Extend(step.low, step.high, start, min(start + self.budget, step.end))
            self._run(extension(tree, piece), sheet)
        self._held.append((step.end, tokens))

    def _drop(self, depth: int) -> None:
        """The path is about to be written from `depth` on."""
        while self._held and self._held[-1][0] > depth:
            self._held.pop()

    def _forget(self) -> None:
        self._held.clear()
        self._paths = Paths()

    def _run(self, work: Pass, sheet: Sheet) -> None:
        import torch

        device = self.model.device
        ids, positions = (torch.from_numpy(x).to(device)[None] for x in (work.ids, work.positions))
        places, inverse = work.rows
        with running(work, self._paths, dense=self.dense) as now:
            self.head.score(
                ids,
                (np.zeros_like(places), places),
                (inverse, work.targets, work.slots),
                sheet,
                position_ids=positions,
                use_cache=False,
            )
        if now.calls != self.layers:
            raise ForeignAttentionError(f"{now.calls} calls of attention in a pass of {self.layers} layers")
        self.window = min(self.window, now.window)
        if int(work.positions.max()) >= now.window:
            raise ForeignAttentionError(f"a layer sees no further than {now.window} tokens back")
        self.meter.add(Usage(scored_tokens_run=len(work), looks=len(places), forwards=1))


def token_budget(model: Any) -> int:
    """Tokens of one pass: what is fast on a CPU, and what an accelerator's free memory has room for."""
    import torch

    if model.device.type == "cpu":
        return _CPU_TOKENS
    if model.device.type != "cuda":
        return _LEAST_TOKENS
    config = model.config.get_text_config(decoder=True)
    wide = max(int(getattr(config, "intermediate_size", 0) or 0), 4 * int(config.hidden_size))
    token = (8 * int(config.hidden_size) + 3 * wide) * model.dtype.itemsize
    free, _ = torch.cuda.mem_get_info(model.device)
    return int(np.clip(_SHARE * free / token // 256 * 256, _LEAST_TOKENS, _MOST_TOKENS))
