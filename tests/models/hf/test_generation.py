"""Generated texts against transformers' own generation, and their independence of the batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench.language import Draw
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.rows import CachedRows, PlainRows, choose_rows
from bench.models.hf.sampling import Manner, choose
from tests.models import tiny

PROMPTS = ["The", "The quick fox", "Q: 7 + 25 - 4 = ?\nA:", "Ann is taller than Bo. Is Bo taller", "a", "The quick owl"]


def theirs(made: Loaded, prompt: str, max_tokens: int) -> list[int]:
    ids = torch.tensor([made.tokenizer.encode(prompt)])
    out = made.model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=max_tokens, pad_token_id=1
    )
    return [int(t) for t in out[0, ids.shape[1] :]]


ARCHITECTURES = [
    tiny.llama,
    tiny.gpt2,
    tiny.neox,
    tiny.qwen2,
    tiny.mistral,
    tiny.gemma,
    tiny.gpt_oss,
    tiny.mamba,
    tiny.bloom,
]


@pytest.mark.parametrize("make", ARCHITECTURES)
def test_greedy_is_transformers_greedy(make: Any) -> None:
    tokenizer = tiny.byte_tokenizer()
    made = Loaded(make(len(tokenizer)), tokenizer)
    draws = [Draw(prompt, seed=0, stop=(), max_tokens=20) for prompt in PROMPTS]
    generated = HuggingFace(made).generate(draws)
    assert len({g.text for g in generated}) > 1
    for draw, ours in zip(draws, generated, strict=True):
        assert ours.token_ids.tolist() == theirs(made, draw.prompt, 20)


def test_a_cache_that_changes_answers_is_not_used() -> None:
    for make in ARCHITECTURES[:-2]:
        assert choose_rows(make(50)) is CachedRows
    assert choose_rows(tiny.mamba(50)) is PlainRows  # it ignores the cache, and what was before with it
    assert choose_rows(tiny.bloom(50)) is PlainRows  # its attention never asks for what is held


def test_plain_and_cached_steps_give_the_same_texts() -> None:
    made, draws = tiny.loaded(), mixed_draws()
    cached = HuggingFace(made).generate(draws)
    model = HuggingFace(made)
    model._rows = PlainRows
    for a, b in zip(cached, model.generate(draws), strict=True):
        assert a.token_ids.tolist() == b.token_ids.tolist()
        np.testing.assert_allclose(a.logprobs, b.logprobs, rtol=0, atol=1e-9)


def test_a_batch_that_runs_out_of_memory_is_generated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made, draws = tiny.loaded(), mixed_draws()
    expected = HuggingFace(made).generate(draws)
    step = CachedRows.advance

    def scarce(self: CachedRows, parents: Any, tokens: Any) -> Any:
        if len(tokens) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return step(self, parents, tokens)

    monkeypatch.setattr(CachedRows, "advance", scarce)
    assert [g.text for g in HuggingFace(made).generate(draws)] == [g.text for g in expected]


def test_greedy_ends_at_the_end_token_as_transformers_does() -> None:
    made = tiny.loaded()
    free = HuggingFace(made).generate([Draw(PROMPTS[1], seed=0, stop=(), max_tokens=20)])[0]
    made.model.generation_config.eos_token_id = int(free.token_ids[6])
    (ours,) = HuggingFace(made).generate([Draw(PROMPTS[1], seed=0, stop=(), max_tokens=20)])
    assert ours.token_ids.tolist() == theirs(made, PROMPTS[1], 20)
    assert ours.stopped
    assert ours.text == made.tokenizer.decode(ours.token_ids[:-1])
    assert len(ours.logprobs) == len(ours.token_ids) <= 7


def mixed_draws() -> list[Draw]:
    return [
        Draw(prompt, seed=100 * i + k, temperature=t, top_p=p, stop=("e", "\n"), max_tokens=12 + i)
        for i, prompt in enumerate(PROMPTS)
        for k, (t, p) in enumerate([(0.0, 1.0), (1.0, 1.0), (0.7, 1.0), (1.0, 0.6), (1.0, 1.0), (0.3, 0.9)])
    ]


def test_texts_do_not_depend_on_the_batch_or_its_order() -> None:
    made, draws = tiny.loaded(sharpness=2), mixed_draws()
    one = HuggingFace(made, batch=1).generate(draws)
    many = HuggingFace(made, batch=64).generate(draws)
    backwards = HuggingFace(made, batch=7).generate(draws[::-1])[::-1]
    for a, b, c in zip(one, many, backwards, strict=True):
        assert a.text == b.text == c.text
        assert a.token_ids.tolist() == b.token_ids.tolist() == c.token_ids.tolist()
        np.testing.assert_allclose(a.logprobs, b.logprobs, rtol=0, atol=1e-9)
        np.testing.assert_allclose(a.logprobs, c.logprobs, rtol=0, atol=1e-9)
    assert len({g.text for g in one}) > 20


def test_equal_draws_are_equal_and_seeds_differ() -> None:
    model = HuggingFace(tiny.loaded())
    draw = Draw("The", seed=5, temperature=1.0, max_tokens=15)
    same, again, other = model.generate([draw, draw, replace(draw, seed=6)])
    assert same.text == again.text != other.text


def test_logprobs_are_the_model_s_own_whatever_the_temperature() -> None:
    made = tiny.loaded()
    for draw, out in zip(mixed_draws(), HuggingFace(made).generate(mixed_draws()), strict=True):
        ids = [*made.tokenizer.encode(draw.prompt), *out.token_ids.tolist()]
        with torch.inference_mode():
            table = made.model(input_ids=torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
        expected = [float(table[i - 1, ids[i]]) for i in range(len(ids) - len(out.token_ids), len(ids))]
        np.testing.assert_allclose(out.logprobs, expected, rtol=0, atol=1e-6)


def test_a_stop_string_ends_the_text_before_it() -> None:
    model = HuggingFace(tiny.loaded())
    draw = Draw("The", seed=3, temperature=1.0, stop=(), max_tokens=40)
    (free,) = model.generate([draw])
    assert not free.stopped
    assert len(free.token_ids) == 40
    # A stop string that spans tokens: the end of one and the beginning of the next.
    stop = free.text[9:12]
    (cut,) = model.generate([replace(draw, stop=("never\x00", stop))])
    assert cut.stopped
    assert cut.text == free.text[: free.text.find(stop)]
    assert cut.token_ids.tolist() == free.token_ids[: len(cut.token_ids)].tolist()
    assert stop in made_text(model, cut.token_ids)
    assert stop not in made_text(model, cut.token_ids[:-1])


def made_text(model: HuggingFace, ids: Any) -> str:
    assert isinstance(model.source, Loaded)
    return str(model.source.tokenizer.decode(ids))


def watched() -> tuple[Loaded, HuggingFace, list[tuple[int, ...]]]:
    """A model that has found its way of stepping, and the shapes of whatever is fed to it from now on."""
    made = tiny.loaded()
    model = HuggingFace(made)
    model.generate([Draw("a", seed=0, max_tokens=1)])
    shapes: list[tuple[int, ...]] = []
    made.model.model.embed_tokens.register_forward_hook(lambda _m, inputs, _o: shapes.append(tuple(inputs[0].shape)))
    return made, model, shapes


def test_draws_of_one_prompt_share_its_prefill_and_equal_rows() -> None:
    made, model, shapes = watched()
    prompt = "The quick fox"
    length = len(made.tokenizer.encode(prompt))
    model.generate([Draw(prompt, seed=s, stop=(), max_tokens=5) for s in range(8)])
    assert shapes == [(1, length), *[(1, 1)] * 4]  # eight greedy draws are one row; the last token is not fed


def test_prompts_that_begin_alike_share_their_beginning() -> None:
    made, model, shapes = watched()
    shots = "Q: 7 + 25 - 4 = ?\nA: 7 + 25 = 32. 32 - 4 = 28. So 28.\n" * 3
    prompts = [shots + question for question in ("Q: 7", "The quick fox", "Ann", "The quick owl")]
    fed = [made.tokenizer.encode(prompt) for prompt in prompts]
    model.generate([Draw(prompt, seed=0, max_tokens=1) for prompt in prompts])
    shared = next(k for k, column in enumerate(zip(*fed, strict=False)) if len(set(column)) > 1)
    assert shapes[0] == (1, shared)
    assert sum(rows * tokens for rows, tokens in shapes) < shared + 4 * max(len(ids) - shared for ids in fed) + 1
    asked, run = model.usage().prompt_tokens - 2, model.usage().prompt_tokens_run - 2  # without those of `watched`
    assert asked == sum(map(len, fed))
    assert run == shared + sum(len(ids) - shared for ids in fed)


def test_generation_stays_within_the_window() -> None:
    made = tiny.loaded(length=16)
    long = "The quick fox sees a seed near its hill. The owl wants"
    (short_of_room, whole) = HuggingFace(made).generate(
        [Draw(long, seed=0, stop=(), max_tokens=10), Draw("The", seed=0, stop=(), max_tokens=99)]
    )
    assert len(short_of_room.token_ids) == 10
    assert not short_of_room.stopped
    assert len(whole.token_ids) == 16  # one prompt token is left, and the last new token needs no position


def test_no_tokens_asked_gives_an_empty_text() -> None:
    (out,) = HuggingFace(tiny.loaded()).generate([Draw("The", seed=0, max_tokens=0)])
    assert (out.text, len(out.token_ids), out.stopped) == ("", 0, False)


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.7), (2.0, 0.35)])
def test_choices_follow_the_distribution(temperature: float, top_p: float) -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, float("-inf"), 1.0]], dtype=torch.float64)
    n = 100_000
    noise = (np.arange(n) + 0.5) / n  # every quantile once: frequencies are exact to 1/n
    tokens, logprobs = choose(logits, np.zeros(n, int), [Manner(temperature, top_p)] * n, noise)
    probs = np.exp(logits[0].numpy() / temperature)
    probs /= probs.sum()
    order = np.argsort(-probs, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(probs[order]), top_p - 1e-12)) + 1] if top_p < 1 else order
    expected = np.zeros(6)
    expected[kept] = probs[kept] / probs[kept].sum()
    np.testing.assert_allclose(np.bincount(tokens, minlength=6) / n, expected, atol=3 / n)
    own = logits[0].log_softmax(0).numpy()
    np.testing.assert_allclose(logprobs, own[tokens], atol=1e-12)


def test_no_noise_chooses_an_impossible_token() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, float("-inf"), 0.0, float("-inf")]], dtype=torch.float64)
    noise = np.array([0.0, 0.5, np.nextafter(1.0, 0.0)])
    tokens, _ = choose(logits, np.zeros(3, int), [Manner(1.0, 1.0)] * 3, noise)
    assert tokens.tolist() == [1, 3, 3]
