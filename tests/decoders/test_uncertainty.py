from __future__ import annotations

import math

import numpy as np
import pytest

from bench.checks.language import CONTEXT, tiny_model
from bench.decisions import Prompt
from bench.decoders.uncertainty import columns, read_percentage, uncertainty
from bench.errors import UsageError
from bench.language import Details, Draw


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("85 %", 0.85),
        (" 85", 0.85),
        ("about 0.85", 0.85),
        ("1", 0.01),
        ("1.0", 1.0),
        ("100%", 1.0),
        ("0.5 percent", 0.005),
    ],
)
def test_percentages_are_read(text: str, share: float) -> None:
    assert read_percentage(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "very likely", "850"])
def test_what_is_no_percentage_is_not_read(text: str) -> None:
    assert math.isnan(read_percentage(text))


def test_details_of_a_draw_are_those_of_scoring_its_text() -> None:
    model = tiny_model(3)
    wanted = Details(entropy=True, certainty=True, top=2)
    plain, told = model.generate(
        [Draw(CONTEXT, 7, 1.0, stop=(), max_tokens=4), Draw(CONTEXT, 7, 1.0, stop=(), max_tokens=4, details=wanted)]
    )
    assert plain.token_ids.tolist() == told.token_ids.tolist()
    assert plain.details is None
    assert told.details is not None
    text = "".join(["<s>", "</s>", "a", "b", "c", "d"][k] for k in told.token_ids)
    (scored,) = model.score([(CONTEXT, text)], wanted)
    assert scored.details is not None
    for name in ("entropy", "certainty", "top_logprobs", "top_ids"):
        np.testing.assert_allclose(getattr(told.details, name), getattr(scored.details, name), atol=1e-9)
    np.testing.assert_allclose(told.logprobs, scored.logprobs, atol=1e-9)


def test_pieces_add_up_to_the_text() -> None:
    model = tiny_model()
    for text in model.generate(
        [Draw(CONTEXT, k, 1.0, stop=(), max_tokens=6, details=Details(top=3)) for k in range(8)]
    ):
        assert "".join(text.pieces) == text.text
        assert all(own in rivals for own, rivals in zip(text.pieces, text.top_pieces, strict=True)) or len(text.pieces)


def test_a_draw_tells_no_hidden_states() -> None:
    with pytest.raises(UsageError, match="hidden states"):
        tiny_model().generate([Draw(CONTEXT, 0, details=Details(hidden=True))])


def test_the_greedy_text_stands_first_and_columns_fit_together() -> None:
    model = tiny_model(1)
    prompts = [Prompt(str(k), CONTEXT[:k] + "a", lambda t: t or None, (), 3) for k in range(2)]
    decisions = uncertainty(model, prompts, 0, n=3)
    found = columns(decisions)
    assert found["greedy"].lengths.tolist() == [4, 4]
    assert found["states"].lengths.tolist() == [4 * 16, 4 * 16]
    assert found["token_entropies"].lengths.tolist() == [sum(len(t.logprobs) for t in d.pool) for d in decisions]
    assert found["alternatives"].lengths.tolist() == [5 * len(d.pool[0].logprobs) for d in decisions]
    greedy = model.generate([Draw(p.text, 0, stop=(), max_tokens=3) for p in prompts])
    assert [d.pool[0].text for d in decisions] == [g.text for g in greedy]
    assert [d.confidence for d in decisions if d.answer] == pytest.approx(
        [math.exp(g.logprobs.sum()) for g in greedy if g.text]
    )
