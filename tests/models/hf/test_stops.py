"""Stop strings end a text where it first holds one, however they lie across tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.models.hf.checkpoint import Loaded
from bench.models.hf.stops import texts_of
from tests.models import tiny

STOPS = [
    ("\n",),
    ("é",),
    ("ö", "ß"),
    ("東京",),
    ("😀",),
    ("So 28", "fox"),
    (" t",),
    ("a", "ab", "b"),
    ("京 😀", "e — G"),
]


def by_definition(tokens: list[int], stop: tuple[str, ...], decode: Any) -> tuple[int, str] | None:
    """The least number of tokens whose text holds a stop string, and the text before the first one."""
    for count in range(1, len(tokens) + 1):
        text = decode(tuple(tokens[:count]))
        places = [text.find(one) for one in stop if one in text]
        if places:
            return count, text[: min(places)]
    return None


def sequences(tokenizer: Any) -> list[list[int]]:
    rng = np.random.default_rng(0)
    out = [tokenizer.encode(text, add_special_tokens=False) for text in tiny.CORPUS]
    out += [[i for t in "né東京😀 e — G\n" for i in tokenizer.encode(t, add_special_tokens=False)] for _ in range(1)]
    # Random tokens: bytes that make no character, and special tokens in between.
    out += [rng.integers(0, len(tokenizer), 40).tolist() for _ in range(60)]
    return out


@pytest.mark.parametrize("make", [tiny.byte_tokenizer, tiny.word_tokenizer])
@pytest.mark.parametrize("stop", STOPS)
def test_a_text_stops_as_defined(make: Any, stop: tuple[str, ...]) -> None:
    tokenizer = make()
    texts = texts_of(Loaded(tiny.llama(len(tokenizer)), tokenizer))
    ended = 0
    for drawn in sequences(tokenizer):
        tokens = [t for t in drawn if t not in texts.ends]
        found = None
        for count in range(1, len(tokens) + 1):
            text = texts.closed(tokens[:count], stop)
            if text is not None:
                found = count, text
                break
        assert found == by_definition(tokens, stop, texts.decode)
        ended += found is not None
    assert ended or make is tiny.word_tokenizer


def test_an_end_token_ends_a_text_and_is_no_part_of_it() -> None:
    tokenizer = tiny.byte_tokenizer()
    texts = texts_of(Loaded(tiny.llama(len(tokenizer)), tokenizer))
    ids = tokenizer.encode("The fox", add_special_tokens=False)
    assert texts.closed([*ids, tokenizer.eos_token_id], ("never",)) == "The fox"
    assert texts.closed(ids, ("never",)) is None
