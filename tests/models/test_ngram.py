"""The model of counted words: probabilities by hand, and texts drawn from them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.language import Draw, LanguageModel
from bench.models.ngram import NGram, ngram


def _fitted(order: int = 2, texts: tuple[str, ...] = ("a b", "a c", "a b")) -> NGram:
    model = NGram(order)
    model.fit(Examples(ids=np.arange(len(texts)).astype(str), inputs=list(texts)), 0)
    return model


def test_witten_and_bell_by_hand() -> None:
    model = _fitted()
    # Words: a 3, b 2, c 1, end 3; four kinds of nine words, and one unknown beside them.
    uniform = 1 / 5
    assert model.probability("b", ()) == pytest.approx((2 + 4 * uniform) / (9 + 4))
    # After a: b twice and c once.
    assert model.probability("b", ("a",)) == pytest.approx((2 + 2 * model.probability("b", ())) / (3 + 2))
    assert model.probability("b", ("x", "a")) == model.probability("b", ("a",))
    assert model.probability("b", ("zebra",)) == model.probability("b", ())


def test_probabilities_sum_to_one() -> None:
    model = _fitted(3)
    for context in ((), ("a",), ("a", "b"), ("q",)):
        assert model.law(context).sum() + model.probability("unknown", context) == pytest.approx(1)


def test_scores_are_those_of_the_words() -> None:
    model = _fitted()
    assert isinstance(model, LanguageModel)
    (scored,) = model.score([("a", " b c")])
    expected = [math.log(model.probability("b", ("a",))), math.log(model.probability("c", ("b",)))]
    np.testing.assert_allclose(scored.logprobs, expected)
    assert scored.bytes == 4
    (joined,) = model.score([("x a", "b")])  # no space between: one word
    np.testing.assert_allclose(joined.logprobs, [math.log(model.probability("ab", ("x",)))])


def test_texts_follow_the_law_and_their_seeds() -> None:
    model = _fitted()
    draws = [Draw("a", seed, 1.0, stop=(), max_tokens=1) for seed in range(3000)]
    texts = Counter(text.text.strip() for text in model.generate(draws))
    law = dict(zip(model.vocabulary, model.law(("a",)), strict=True))
    total = sum(law.values())
    for word, mass in law.items():
        p = mass / total
        assert abs(texts[word] / 3000 - p) < 5 * (p * (1 - p) / 3000) ** 0.5
    assert model.generate(draws[:5])[3].text == model.generate([draws[3]])[0].text
    (greedy,) = model.generate([Draw("a", 0, stop=("b",), max_tokens=9)])
    assert greedy.stopped
    assert greedy.text == " "


def test_without_texts_it_says_so() -> None:
    with pytest.raises(EvaluationError, match="counted nothing"):
        ngram(machine=Machine()).score([("a", " b")])
