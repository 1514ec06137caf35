"""Masked diffusion: unmasking in blocks, and the model that comes with bench."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.checks.hex import ChainLM
from bench.checks.language import VOCABULARY, tiny_model
from bench.decisions import Prompt
from bench.decoders.hex import hex_
from bench.errors import UsageError
from bench.language import Denoising, Draw
from bench.models.building import named_model
from bench.models.hf.checkpoint import Loaded
from bench.models.masked_lm import MaskedLM
from bench.models.unmasking import unmask
from bench.references.chains import sticky
from bench.runners.decoding import compared

PROMPTS = [Prompt(str(k), "?", lambda text: text[:1], (), 5) for k in range(6)]


def tiny() -> MaskedLM:
    """A masked model over six tokens with a canvas of three."""
    loaded: Any = tiny_model()._open().loaded
    loaded.tokenizer.pad_token = "d"
    return MaskedLM(Loaded(loaded.model, loaded.tokenizer), canvas=3)


def test_probabilities_of_all_texts_of_a_canvas_sum_to_one() -> None:
    model = tiny()
    assert isinstance(model, Denoising)
    texts = ["".join(tokens) for tokens in product(("</s>", "a", "b", "c"), repeat=3)]
    scored = model.score([("ab", text) for text in texts])
    assert {s.tokens for s in scored} == {3}
    assert sum(float(np.exp(s.total)) for s in scored) == pytest.approx(1, abs=1e-9)


def test_what_is_hidden_or_behind_a_shorter_prompt_is_not_looked_at() -> None:
    model = tiny()
    (short,), (long,) = model.encoded(["a"]), model.encoded(["abcab"])
    hidden = np.array([[False, True, True]] * 2)
    both = model.fill([short, long], np.array([[3, 0, 0], [3, 0, 0]]), hidden)
    alone = model.fill([short], np.array([[3, 4, 2]]), hidden[:1])
    np.testing.assert_allclose(both[0], alone[0], atol=1e-9)
    never = [VOCABULARY.index("<s>"), VOCABULARY.index("d")]
    assert np.isneginf(both[:, :, never]).all()


def test_greedy_texts_are_those_of_their_own_scores() -> None:
    model = tiny()
    (text,) = model.generate([Draw("ab", 0, 0.0, stop=(), max_tokens=3)])
    (scored,) = model.score([("ab", "".join(VOCABULARY[token] for token in text.token_ids))])
    np.testing.assert_allclose(scored.logprobs, text.logprobs, atol=1e-9)
    assert scored.greedy


def test_a_budget_is_kept_and_schedules_are_drawn_in_rounds() -> None:
    model = ChainLM(sticky(3))
    for budget, texts in ((4, 1), (10, 2), (15, 3), (29, 3), (30, 6)):
        for one in hex_(model, PROMPTS, 0, blocks="1+2+5", budget=budget):
            assert one.cost is not None
            assert (len(one.pool), one.cost.tokens) == (texts, 5 * texts)
    (first, *_) = hex_(model, PROMPTS, 0, blocks="1+5", per_pass=5)
    assert first.cost is not None
    assert first.cost.calls == 5 + 1


def test_a_text_ends_at_the_end_of_its_block() -> None:
    model = tiny()
    made = unmask(model, model.encoded(["ab"] * 40), np.random.default_rng(0).random((40, 3)), ("a",), 1)
    for one in made:
        assert one.drawn == len(one.generated.token_ids) == one.passes
        assert one.generated.stopped or one.drawn == 3
        assert "a" not in one.generated.text


def test_other_models_and_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="can't run on this model"):
        hex_(tiny_model(), PROMPTS, 0)
    for blocks in ("", "0", "2+x"):
        with pytest.raises(UsageError, match="blocks"):
            hex_(ChainLM(sticky(3)), PROMPTS, 0, blocks=blocks)
    with pytest.raises(UsageError, match="as they are"):
        tiny().generate([Draw("ab", 0, 1.0, top_p=0.5)])


def test_all_decoders_are_those_of_any_language_model() -> None:
    every = {spec.name for spec in compared(["all"], None)}
    assert "self-consistency" in every
    assert "hex" not in every


def test_the_embedded_model_writes_worked_sums() -> None:
    model: Any = named_model("lm-masked", Machine())
    texts = model.generate([Draw("Q: 20 + 9 = ?\nA:", k, 0.7, max_tokens=48) for k in range(3)])
    assert all(text.text.startswith(" 20 + 9 = ") for text in texts)
