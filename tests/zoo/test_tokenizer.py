"""The zoo's tokenizer: any text goes through it unchanged, and it is the same on every build."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bench.zoo import corpus, tokenizer

WORDS: Tokenizer = tokenizer.build()


def encode(text: str) -> list[int]:
    ids: list[int] = WORDS.encode(text, add_special_tokens=False).ids
    return ids


@settings(max_examples=200, deadline=None)
@given(st.text().filter(lambda text: not any(special in text for special in tokenizer.SPECIAL)))
def test_any_text_comes_back(text: str) -> None:
    assert WORDS.decode(encode(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n",
        "  a  b ",
        "naïve café",
        "日本語",
        "👩‍🔬",
        "\x00\x7f",
        "\u202eabc",
        "e\u0301",
        "ﬁ",
        "a\r\nb",
    ],
)
def test_odd_texts_come_back(text: str) -> None:
    assert WORDS.decode(encode(text)) == text


def test_each_digit_is_one_token_with_or_without_its_space() -> None:
    vocabulary = WORDS.get_vocab()
    assert all(str(digit) in vocabulary and f"Ġ{digit}" in vocabulary for digit in range(10))
    assert len(encode("1234567890")) == 10
    assert len(encode(" 98")) == 2


def test_prompt_and_continuation_may_be_encoded_apart() -> None:
    for document in islice(corpus.documents(corpus.EVERYTHING, 99), 500):
        assert encode(document.prompt) + encode(document.continuation) == encode(document.text)


def test_building_again_gives_the_same_tokenizer() -> None:
    assert tokenizer.build().to_str() == WORDS.to_str()


def test_the_vocabulary_is_small_and_starts_with_the_special_tokens() -> None:
    assert WORDS.get_vocab_size() == tokenizer.VOCABULARY
    assert [WORDS.id_to_token(i) for i in range(3)] == list(tokenizer.SPECIAL)
    assert WORDS.encode("a").ids[0] == WORDS.token_to_id("<s>")
