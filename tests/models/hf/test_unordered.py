"""Prompts without order on architectures with learned and rotary positions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from bench.checks.language import tiny_model
from bench.errors import UsageError
from bench.language import SetReader, UnorderedPrompt
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.unordered import layout

PARTS = ("ab", "c", "dda")


def _gpt2() -> HuggingFace:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=6,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=32,
        initializer_range=0.5,
        bos_token_id=0,
        eos_token_id=1,
    )
    tokenizer = tiny_model()._open().loaded.tokenizer
    return HuggingFace(Loaded(GPT2LMHeadModel(config).double().eval(), tokenizer))


@pytest.mark.parametrize("model", [tiny_model(1), _gpt2()], ids=["rotary", "learned"])
def test_every_order_gives_the_same_answer(model: HuggingFace) -> None:
    assert isinstance(model, SetReader)
    orders = list(permutations(PARTS))
    found = [s.logprobs for s in model.score_sets([(UnorderedPrompt("a", o, "d"), "bcb") for o in orders])]
    np.testing.assert_allclose(found, [found[0]] * 6, atol=1e-10)
    usual = [s.total for s in model.score([("a" + "".join(o) + "d", "bcb") for o in orders])]
    assert np.ptp(usual) > 1e-4


def test_scores_do_not_depend_on_the_batch() -> None:
    model = tiny_model(2)
    asked = [(UnorderedPrompt("a", PARTS[:k], "d" * k), "bc"[: 1 + k % 2]) for k in (1, 2, 3)]
    together = [s.total for s in model.score_sets(asked)]
    np.testing.assert_allclose(together, [model.score_sets([one])[0].total for one in asked], atol=1e-12)


def test_parts_see_the_prefix_and_themselves() -> None:
    positions, seen = layout(1, (2, 1), 1)
    assert positions.tolist() == [0, 1, 2, 1, 3]
    assert seen.astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 0, 0, 1, 0],
        [1, 1, 1, 1, 1],
    ]


def test_models_without_position_ids_are_refused() -> None:
    from transformers import BloomConfig, BloomForCausalLM

    config = BloomConfig(vocab_size=6, hidden_size=16, n_layer=1, n_head=2)
    model = HuggingFace(Loaded(BloomForCausalLM(config).double().eval(), tiny_model()._open().loaded.tokenizer))
    with pytest.raises(UsageError, match="without order"):
        model.score_sets([(UnorderedPrompt("a", PARTS, "d"), "b")])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        tiny_model().score_sets([(UnorderedPrompt("a", ("b" * 40,), "d"), "b")])
    with pytest.raises(UsageError, match="does not fit"):
        tiny_model().score_sets([(UnorderedPrompt("a", ("b",), "d"), "")])
