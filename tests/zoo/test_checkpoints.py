"""The shipped checkpoints load like any Hugging Face model, and can do what the card says."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from bench.procedural import items
from bench.zoo import NAMES, checkpoint, measure, train

LARGEST_FILE = 8_000_000


@cache
def zoo(name: str) -> measure.Zoo:
    """A loaded checkpoint; one thread, since two are slower on a busy machine."""
    torch.set_num_threads(1)
    return measure.load(checkpoint(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_loads_with_finite_float32_weights(name: str) -> None:
    model = zoo(name).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    assert all(path.stat().st_size < LARGEST_FILE for path in checkpoint(name).iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_the_card_names_the_bytes_that_are_shipped(name: str) -> None:
    card = (checkpoint(name).parent.parent / "README.md").read_text()
    assert train.digest_of(checkpoint(name)) in card


@pytest.mark.parametrize("name", NAMES)
def test_the_tokenizer_adds_the_start_and_knows_its_special_tokens(name: str) -> None:
    words = zoo(name).tokenizer
    assert (words.bos_token, words.eos_token, words.pad_token) == ("<s>", "</s>", "<pad>")
    assert words("a")["input_ids"][0] == words.bos_token_id
    text = "naïve 日本 12 +  3\n"
    assert words.decode(words(text, add_special_tokens=False)["input_ids"]) == text


# The least share right of 40 items, in per cent: some three standard errors below what the card reports.
FLOORS = [
    ("lm-base", "arithmetic", 1, 50),
    ("lm-tuned", "arithmetic", 1, 90),
    ("lm-tuned", "arithmetic", 2, 85),
    ("lm-tuned", "logic", 1, 42),
    ("lm-small", "arithmetic", 1, 12),
]


@pytest.mark.parametrize(("name", "kind", "difficulty", "floor"), FLOORS)
def test_easy_items_are_answered_as_well_as_the_card_says(name: str, kind: str, difficulty: int, floor: int) -> None:
    asked = items(kind, 40, 123, "test", difficulty)
    assert 100 * measure.worked_accuracy(zoo(name), asked) >= floor


def test_a_checkpoint_knows_its_own_domain_and_is_surprised_by_the_other() -> None:
    own, best = measure.story_excess(zoo("lm-base"), "meadow", 20)
    other, _ = measure.story_excess(zoo("lm-base"), "harbor", 20)
    assert best <= own + 0.01
    assert own < 1.3 * best
    assert other > 3 * own


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="lm-base, lm-tuned, lm-small"):
        checkpoint("lm-huge")


def test_choices_are_scored_by_their_own_tokens_only() -> None:
    pair = ("Q: 1 + 2 = ?\nAnswer:", " 3.")
    alone = measure.log_likelihoods(zoo("lm-base"), [pair])[0]
    padded = measure.log_likelihoods(zoo("lm-base"), [pair, ("Q: 12 + 13 - 4 = ?\nAnswer:", " 21.")])[0]
    assert padded == pytest.approx(alone, abs=1e-4)
    assert alone < 0.0
