"""Sessions: rows that fork, reorder, come back and leave, against plain passes over whole texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.language import LanguageModel, SteppedModel
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.cache import RowCache
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.rows import CachedRows, PlainRows
from tests.models import tiny

PROMPTS = ["The", "Q: 7 + 25 - 4 = ?\nA:", "The quick fox sees a seed near its hill. The owl wants", "a"]


def made(make: Any) -> Loaded:
    tokenizer = tiny.byte_tokenizer()
    return Loaded(make(len(tokenizer)), tokenizer)


def plain(loaded: Loaded, prompt: str, tokens: tuple[int, ...]) -> Any:
    ids = torch.tensor([[*loaded.tokenizer.encode(prompt), *tokens]])
    with torch.inference_mode():
        return loaded.model(input_ids=ids, use_cache=False).logits[0, -1].double().log_softmax(-1).numpy()


def assert_right(loaded: Loaded, session: Any) -> None:
    for k, tokens in enumerate(session.tokens):
        expected = plain(loaded, PROMPTS[session.prompt[k]], tokens)
        np.testing.assert_allclose(session.logprobs[k], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2, tiny.mistral, tiny.gemma, tiny.neox, tiny.mamba])
def test_a_random_walk_of_forks_returns_and_leaves_is_right_at_every_step(make: Any) -> None:
    loaded = made(make)
    rng = np.random.default_rng(0)
    with HuggingFace(loaded).session(PROMPTS, 30) as session:
        kept: list[Any] = []
        for _ in range(12):
            count = int(rng.integers(1, 9))
            parents = rng.integers(0, len(session.tokens), count)
            session.advance(parents, rng.integers(2, 200, count))
            assert_right(loaded, session)
            kept += session.save(rng.permutation(count)[: int(rng.integers(0, 3))].tolist())
            if kept and rng.random() < 0.4:
                session.restore([kept[k] for k in rng.integers(0, len(kept), int(rng.integers(1, 6)))])
                assert_right(loaded, session)


def test_nothing_shared_runs_again() -> None:
    loaded = made(tiny.llama)
    model = HuggingFace(loaded)
    with model.session(PROMPTS[:2], 30) as session:
        prompt_tokens = sum(len(loaded.tokenizer.encode(p)) for p in PROMPTS[:2])
        assert (session.usage.prompt_tokens, session.usage.prompt_tokens_run) == (prompt_tokens, prompt_tokens)
        session.advance(np.array([0, 1]), np.array([5, 6]))
        early = session.save([0])
        session.advance(np.array([0] * 6), np.arange(10, 16))
        session.restore(early * 5)
        session.advance(np.arange(5), np.arange(20, 25))
        assert session.usage.prompt_tokens_run == prompt_tokens
        assert session.usage.generated_tokens_run == 2 + 6 + 5
    assert model.usage().generated_tokens_run == 13
    assert model.usage().forwards == session.usage.forwards


def test_a_state_saved_after_another_copies_only_what_is_new() -> None:
    with HuggingFace(made(tiny.llama)).session(PROMPTS[:1], 30) as session:
        for token in range(5, 9):
            session.advance(np.array([0]), np.array([token]))
        (first,) = session.save([0])
        session.advance(np.array([0, 0]), np.array([20, 21]))
        second, third = session.save([0, 1])
    assert [(s.row.start, s.row.end) for s in (first, second, third)] == [(0, 4), (4, 5), (4, 5)]
    assert second.row.parent is third.row.parent is first.row
    assert second.tokens == (5, 6, 7, 8, 20)


def test_rows_that_are_still_here_fork_without_being_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = made(tiny.llama)
    written: list[int] = []
    honest = RowCache._write

    def write(cache: RowCache, rows: Any, at: Any) -> None:
        written.append(len(rows))
        honest(cache, rows, at)

    monkeypatch.setattr(RowCache, "_write", write)
    with HuggingFace(loaded).session(PROMPTS, 30) as session:
        session.advance(np.arange(4), np.arange(5, 9))
        first = session.save(range(4))
        session.restore([first[k] for k in (2, 2, 0, 2, 3)])
        assert_right(loaded, session)
        assert written == []
        session.advance(np.arange(5), np.arange(20, 25))
        second = session.save([0, 3])
        session.restore([second[1], first[1], second[1], first[2], second[0]])
        assert_right(loaded, session)
        assert written == [2]
        session.advance(np.arange(5), np.arange(30, 35))
        assert_right(loaded, session)


def test_prompts_are_held_once_whatever_the_number_of_rows() -> None:
    rows = CachedRows(made(tiny.llama).model)
    prompt = tuple(range(3, 60))
    with torch.inference_mode():
        rows.prompts([prompt])
        opened = rows.open([0])
        rows.add(opened)
        rows.advance(np.zeros(40, dtype=np.int64), np.arange(40))
    (shelf,) = rows.cache.shelves.values()
    assert len(shelf.slots) == 1
    assert rows.cache.layers[0][0].shape[0] == 40
    assert rows.cache.layers[0][0].shape[2] < len(prompt)


def test_a_prompt_that_no_row_needs_is_forgotten() -> None:
    rows = CachedRows(made(tiny.llama).model)
    with torch.inference_mode():
        rows.prompts([(5, 6, 7), (8, 9, 10), (11, 12, 13)])
        opened = rows.open(range(3))
        rows.add(opened)
        for one in opened:
            rows.close(one)
        rows.advance(np.array([1]), np.array([4]))
        (shelf,) = rows.cache.shelves.values()
        assert [held is not None for held in shelf.slots] == [True]
        rows.advance(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    assert not rows.cache.shelves


@pytest.mark.parametrize(
    ("parents", "tokens", "words"), [([4], [0], "no parent 4"), ([-1], [0], "no parent -1"), ([0], [9999], "no token")]
)
def test_what_is_not_there_is_refused(parents: list[int], tokens: list[int], words: str) -> None:
    with HuggingFace(made(tiny.llama)).session(PROMPTS, 5) as session, pytest.raises(UsageError, match=words):
        session.advance(np.array(parents), np.array(tokens))


def test_a_full_window_and_a_closed_session_are_refused() -> None:
    loaded = tiny.loaded(length=16)
    with HuggingFace(loaded).session([PROMPTS[2]], 3) as session:
        assert session.room.tolist() == [2]  # a third token can be chosen; it is never fed
        session.advance(np.array([0]), np.array([5]))
        session.advance(np.array([0]), np.array([5]))
        with pytest.raises(UsageError, match="no room"):
            session.advance(np.array([0]), np.array([5]))
    with pytest.raises(UsageError, match="closed"):
        session.advance(np.array([0]), np.array([5]))


def test_models_say_whether_they_have_sessions() -> None:
    class Draws:
        def score(self, requests: Any) -> Any: ...
        def generate(self, draws: Any) -> Any: ...

    assert isinstance(HuggingFace(made(tiny.llama)), SteppedModel)
    assert isinstance(Draws(), LanguageModel)
    assert not isinstance(Draws(), SteppedModel)


def test_plain_rows_open_more_than_one_pass_holds() -> None:
    loaded = made(tiny.mamba)
    rows = PlainRows(loaded.model, pass_tokens=8)
    prompts = [(5, 6, 7), (8, 9), (11, 12, 13, 14, 15)]
    with torch.inference_mode():
        rows.prompts(prompts)
        opened = rows.open(range(3))
        for one, prompt in zip(opened, prompts, strict=True):
            expected = loaded.model(input_ids=torch.tensor([prompt])).logits[0, -1]
            torch.testing.assert_close(one.logits, expected, rtol=0, atol=1e-9)
