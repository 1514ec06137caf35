"""Rows that enter and leave while others go on: full use, equal texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench.capabilities import Machine
from bench.errors import EvaluationError
from bench.language import Draw, Generated
from bench.models.hf.adapter import HuggingFace, hf
from bench.models.hf.batching import Batching
from bench.models.hf.prefill import shared_beginnings
from bench.models.hf.rows import CachedRows
from bench.procedural import items
from tests.models import tiny

CHECKPOINTS = Path(bench.__file__).parent / "zoo" / "checkpoints"


def embedded(batch: int) -> HuggingFace:
    return hf(str(CHECKPOINTS / "lm-base"), machine=Machine(batch=batch))


def test_samples_of_the_embedded_model_are_the_same_tokens_alone_and_among_64() -> None:
    torch.set_num_threads(1)
    questions = [*items("arithmetic", 2, 0), *items("logic", 2, 0)]
    draws = [
        Draw(q.prompt, seed=10 * i + k, temperature=t, top_p=p, max_tokens=16)
        for i, q in enumerate(questions)
        for k, (t, p) in enumerate([(0.0, 1.0), (1.0, 1.0), (0.7, 0.9), (1.3, 1.0)])
    ]
    alone, many = embedded(1).generate(draws), embedded(64).generate(draws)
    for a, b in zip(alone, many, strict=True):
        assert a.token_ids.tolist() == b.token_ids.tolist()
        np.testing.assert_allclose(a.logprobs, b.logprobs, rtol=0, atol=1e-10)
    assert len({a.text for a in alone}) > 10


def rows_fed(model: HuggingFace, draws: list[Draw]) -> tuple[list[int], list[Generated]]:
    """Rows of each step of one token, and the texts."""
    fed: list[int] = []
    advance = CachedRows.advance

    def watched(self: CachedRows, parents: Any, tokens: Any) -> Any:
        fed.append(len(parents))
        return advance(self, parents, tokens)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CachedRows, "advance", watched)
        texts = model.generate(draws)
    return [rows for rows in fed if rows], texts


def test_new_rows_enter_as_soon_as_a_quarter_of_the_batch_is_free() -> None:
    made = tiny.loaded()
    limits = [4, 24, 8, 16, 4, 20, 12, 24, 4, 8, 16, 12, 20, 4, 24, 8] * 3
    draws = [Draw(f"The {k}", seed=k, temperature=1.0, stop=(), max_tokens=n) for k, n in enumerate(limits)]
    model = HuggingFace(made, batch=8)
    model.generate(draws[:1])
    fed, texts = rows_fed(model, draws)
    lengths = [len(text.token_ids) for text in texts]
    assert sum(fed) == sum(n - 1 for n in lengths)  # each token is fed once, the last of a text never
    assert max(fed) == 8
    # In waves of eight, each wave would last as long as its longest text.
    waves = sum(max(lengths[start : start + 8]) - 1 for start in range(0, len(lengths), 8))
    assert len(fed) < 0.75 * waves
    assert np.mean(fed[: len(fed) // 2]) > 6


def test_samples_that_enter_later_still_share_the_prompt_s_pass() -> None:
    made = tiny.loaded()
    model = HuggingFace(made, batch=2)
    draws = [Draw("The quick fox", seed=k, temperature=1.0, stop=(), max_tokens=4) for k in range(9)]
    model.generate(draws)
    assert model.usage().prompt_tokens_run == len(made.tokenizer.encode("The quick fox"))
    assert model.usage().prompt_tokens == 9 * model.usage().prompt_tokens_run
    assert model.usage().generated_tokens == 36


def test_the_token_budget_bounds_what_is_held() -> None:
    made = tiny.loaded()
    draws = [Draw(f"The {k} fox", seed=k, temperature=1.0, stop=(), max_tokens=10) for k in range(12)]
    model = HuggingFace(made)
    expected = model.generate(draws)
    longest = max(len(made.tokenizer.encode(draw.prompt)) for draw in draws)
    model._open().generating.tokens = 3 * (longest + 10)
    fed, got = rows_fed(model, draws)
    assert max(fed) == 3
    assert [g.text for g in got] == [g.text for g in expected]


def test_one_text_that_never_fits_is_an_error() -> None:
    made = tiny.loaded()

    def scarce(self: CachedRows, parents: Any, tokens: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with pytest.MonkeyPatch.context() as patch:
        model = HuggingFace(made)
        model.generate([Draw("a", seed=0, max_tokens=1)])
        patch.setattr(CachedRows, "advance", scarce)
        with pytest.raises(EvaluationError, match="no memory for a single text"):
            model.generate([Draw("The", seed=k, temperature=1.0, max_tokens=5) for k in range(4)])
    assert isinstance(model._open().generating, Batching)


def test_beginnings_are_shared_where_that_saves_more_than_a_pass_costs() -> None:
    shots, other = tuple(range(100, 200)), tuple(range(300, 360))
    prompts = sorted([(*shots, 1, 2), (*shots, 1, 3), (*shots, 5), (*other, 7), (*other, 8), (*other, 9), (4, 4)])
    found = shared_beginnings(prompts)
    assert [(b.start, b.end) if b else None for b in found] == [None, *[(0, 100)] * 3, *[(0, 60)] * 3]
    # A beginning within a beginning; and a prompt that begins all others keeps its last token to itself.
    nested = sorted([shots, (*shots, *other, 1), (*shots, *other, 2), (*shots, *other, 3), (*shots, 9)])
    spans = [(b.parent.end if b and b.parent else 0, b.start, b.end) if b else None for b in shared_beginnings(nested)]
    assert spans == [(0, 0, 99), (0, 0, 99), *[(99, 99, 160)] * 3]


def test_prompts_with_shared_beginnings_give_the_texts_that_they_give_alone() -> None:
    made = tiny.loaded()
    shots = "Q: 7 + 25 - 4 = ?\nA: 7 + 25 = 32. 32 - 4 = 28. So 28.\n" * 2
    prompts = [shots, *(shots + q for q in ("Q: 7", "Q: 7 + 1", "The", "Ann is taller")), "The owl"]
    draws = [Draw(p, seed=k, temperature=1.0, stop=(), max_tokens=8) for p in prompts for k in range(3)]
    together = HuggingFace(made).generate(draws)
    for draw, text in zip(draws, together, strict=True):
        (alone,) = HuggingFace(made).generate([draw])
        assert alone.token_ids.tolist() == text.token_ids.tolist()
