"""Which engine scores a model: the prefix tree where it is seen to be right, else plain batches.

A model that lets its attention be exchanged, but means something else by it than the tree computes, would be wrong
without a word.  So before the first request, a small random tree is scored both ways.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.language import Details
from bench.models.batching import LOG
from bench.models.hf.batching import Batching
from bench.models.hf.cascade import ForeignAttentionError
from bench.models.hf.encoding import Span
from bench.models.hf.engine import Engine, TreeEngine
from bench.models.hf.harness import HarnessEngine
from bench.models.hf.plain import PlainEngine
from bench.usage import Usage

ENGINES = ("auto", "tree", "plain", "lm-eval")
_BY_LENGTH = ("dynamic", "longrope")
_WINDOWS = ("sliding_window", "attention_chunk_size", "local_attention_window", "attention_window_size")
# Largest difference, in nats, that two orders of the same sums may make: float32, float64, and narrower.
_TOLERANCE, _TOLERANCE_64, _TOLERANCE_16 = 1e-3, 1e-8, 0.5
_MEAN_16 = 0.08


def choose_engine(loaded: Any, limits: Batching, asked: str = "auto", *, length: int = 0, rows: int = 0) -> Engine:
    """The engine for a loaded model.

    asked: one of `ENGINES`; `UsageError` where the tree is asked for by name and this model can't be scored so.
    length: tokens that the model takes.  rows: for `lm-eval`, rows in a batch (0: one).
    """
    if asked == "lm-eval":
        return HarnessEngine(loaded, rows or 1, length)
    plain = PlainEngine(loaded.model, limits)
    if asked == "plain":
        return plain
    reasons: list[str] = []
    for dense in (False, True):
        window = _window(loaded.model.config)
        tree = TreeEngine(loaded.model, plain, dense=dense, window=window)
        reason = trouble(tree, length)
        if not reason:
            if dense:
                tree.meter.note = f"one masked attention: {reasons[0]}"
            return tree
        reasons.append(reason)
    why = reasons[-1] if reasons[0] == reasons[-1] else "; ".join(reasons)
    if asked == "tree":
        raise UsageError(
            f"{type(loaded.model).__name__} can't be scored over a prefix tree", cause=why, fix="--engine auto"
        )
    LOG.warning("%s is scored in plain batches: %s", type(loaded.model).__name__, why)
    plain.meter.note = why
    return plain


def trouble(engine: TreeEngine, length: int = 0) -> str:
    """Why the tree must not be used for its model: what a small random tree showed.  Empty where it may."""
    spans = _random_tree(int(engine.model.get_input_embeddings().weight.shape[0]), length or 64)
    spans = [span for span in spans if len(span.inputs) <= engine.window]
    if not spans:
        return "its window is too narrow to try it"
    budget, engine.budget = engine.budget, 24  # so that paths, packs and single rows all occur
    try:
        engine.prepare(spans)
        ours = [s for half in (spans[::2], spans[1::2]) for s in engine.score(half, Details())]
    except (ForeignAttentionError, NotImplementedError, TypeError, ValueError, AttributeError) as error:
        return str(error) or type(error).__name__
    except (IndexError, KeyError, RuntimeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    finally:
        engine.budget = budget
        engine.prepare([])
    theirs = engine.plain.score([*spans[::2], *spans[1::2]], Details())
    apart = np.abs(np.concatenate([a.logprobs - b.logprobs for a, b in zip(ours, theirs, strict=True)]))
    engine.plain.meter, engine.meter = Usage(engine.plain.name), Usage(engine.name)
    return _judge(apart, engine.model.dtype)


def _judge(apart: Any, dtype: Any) -> str:
    import torch

    limit = {torch.float64: _TOLERANCE_64, torch.float32: _TOLERANCE}.get(dtype, _TOLERANCE_16)
    mean = _MEAN_16 if limit == _TOLERANCE_16 else limit
    if np.max(apart) <= limit and np.mean(apart) <= mean:  # NaN passes no comparison
        return ""
    return f"a small tree differs from plain batches by {np.max(apart):.2g} nats"


def _window(config: Any) -> int:
    """Tokens up to which a text's scores are sums over a tree, by what the configuration says.

    Beyond a sliding window a token doesn't see all of the path; with positions that are turned by the length of the
    whole text, the path would have to be turned again.  What calls of attention ask for is watched besides.
    """
    config = config.get_text_config(decoder=True)
    named = [getattr(config, name, None) for name in _WINDOWS] if getattr(config, "use_sliding_window", True) else []
    turned = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    for values in (turned, *(v for v in turned.values() if isinstance(v, dict))):
        if values.get("rope_type") in _BY_LENGTH:
            first = values.get("original_max_position_embeddings")
            first = first or getattr(config, "original_max_position_embeddings", None)
            named.append(first or config.max_position_embeddings)
    return min([value for value in named if isinstance(value, int) and value > 0], default=1 << 60)


def _random_tree(vocabulary: int, length: int) -> list[Span]:
    """Spans of up to 60 tokens: a shared prefix, questions, choices of which one begins another, and a repeat."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[int, ...]:
        return tuple(rng.integers(vocabulary, size=n).tolist())

    scale = min(1.0, length / 60)
    out: list[Span] = []
    prefix = draw(max(1, int(36 * scale)))
    for size in (3, 9, 2):
        question = (*prefix, *draw(max(1, int(size * scale))))
        answer = draw(max(2, int(6 * scale)))
        choices = (answer, answer[:-1], draw(1), draw(2))
        out += [Span((*question, *choice), len(question)) for choice in choices]
    alone = draw(max(3, int(30 * scale)))
    return [*out, out[0], Span(alone, 1), Span(alone[: len(alone) // 2 + 1], 1)]
