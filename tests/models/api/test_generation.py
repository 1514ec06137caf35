"""Texts from completions and chat endpoints: many samples, stop strings, seeds, and log-probabilities if there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.decisions import Prompt
from bench.decoders.self_consistency import self_consistency
from bench.decoders.single import greedy
from bench.errors import EvaluationError, UsageError
from bench.language import Draw
from bench.models.api.adapter import Api, api
from bench.models.api.failures import MalformedError
from bench.models.api.generation import Abilities, read
from bench.models.hf.adapter import hf
from tests.models.api.brain import CHECKPOINT, NAME
from tests.models.api.server import Habits, Served, serving

ABLE, SINGLE, BARE = Abilities(True, True), Abilities(False, True), Abilities(False, False)
GREEDY = [Draw(f"Q: {k} +", seed, max_tokens=24) for k in range(3) for seed in range(2)]
SAMPLED = [Draw(f"Q: {k} +", 7 * k + seed, 1.0, max_tokens=12) for k in range(3) for seed in range(3)]


def made(served: Served, **parameters: Any) -> Api:
    return api(NAME, machine=Machine(), base_url=served.base_url, deadline=20.0, **parameters)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_greedy_texts_are_those_of_the_model_in_memory(served: Served, endpoint: str) -> None:
    theirs = hf(str(CHECKPOINT), machine=Machine(), dtype="float64").generate(GREEDY)
    for one, other in zip(made(served, endpoint=endpoint).generate(GREEDY), theirs, strict=True):
        assert (one.text, one.stopped) == (other.text, other.stopped)
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-6)
    asked = [body for body in served.bodies if body["max_tokens"] == 24]
    assert len(asked) == 3  # one for the greedy draws of a prompt
    assert not any("seed" in body for body in asked)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_samples_of_a_prompt_go_together(served: Served, endpoint: str) -> None:
    texts = made(served, endpoint=endpoint).generate(SAMPLED)
    asked = [body for body in served.bodies if body["max_tokens"] == 12]
    assert sorted((body["n"], body["seed"]) for body in asked) == [(3, 0), (3, 7), (3, 14)]
    assert len({text.text for text in texts[:3]}) > 1
    assert all(len(text.logprobs) and (text.logprobs <= 0).all() for text in texts)
    assert [t.text for t in made(served, endpoint=endpoint).generate(SAMPLED)] == [t.text for t in texts]


@pytest.mark.parametrize("habits", [Habits(many=False), Habits(logprobs=False)])
def test_samples_go_one_by_one_where_they_must(habits: Habits) -> None:
    with serving(habits) as served:
        texts = made(served).generate(SAMPLED)
    asked = [body for body in served.bodies if body["max_tokens"] == 12]
    assert sorted(body["seed"] for body in asked) == sorted(draw.seed for draw in SAMPLED)
    assert not any("n" in body for body in asked)
    # Without log-probabilities their number is still that of the tokens.
    with serving(Habits(many=False)) as served:
        told = made(served).generate(SAMPLED)
    assert [text.text for text in texts] == [text.text for text in told]
    assert [len(text.logprobs) for text in texts] == [len(text.logprobs) for text in told]
    assert all(np.isnan(text.logprobs).all() == (not habits.logprobs) for text in texts)


def test_no_log_probabilities_and_no_count_is_no_answer() -> None:
    with serving(Habits(logprobs=False, usage=False)) as served, pytest.raises(EvaluationError) as caught:
        made(served).generate(SAMPLED)
    assert "neither log-probabilities nor a count of tokens" in caught.value.cause


def test_decoders_that_need_log_probabilities_say_so() -> None:
    prompts = [Prompt("a", "Q: 7 +", lambda text: text or None, ("\n",), 12)]
    with serving(Habits(logprobs=False)) as served:
        with pytest.raises(UsageError, match="'greedy' needs the log-probabilities"):
            greedy(made(served), prompts, 0)
        (decision,) = self_consistency(made(served), prompts, 0, n=1, temperature=0.0)
    assert decision.confidence == 1.0
    assert decision.answer


def test_the_name_of_the_length_is_found_out() -> None:
    texts = []
    for length in ("max_tokens", "max_completion_tokens"):
        with serving(Habits(length=length)) as served:
            texts.append(made(served, endpoint="chat").generate(GREEDY[:1])[0].text)
        assert served.bodies[-1][length] == 24
    assert texts[0] == texts[1]


def answer(*choices: dict[str, Any], usage: dict[str, int] | None = None) -> dict[str, Any]:
    return {"choices": [{"index": k, **choice} for k, choice in enumerate(choices)], "usage": usage}


def told(*tokens: str) -> dict[str, Any]:
    return {"tokens": list(tokens), "token_logprobs": [-1.0 - k for k in range(len(tokens))]}


@pytest.mark.parametrize(
    ("choice", "text", "count", "stopped"),
    [
        ({"text": "a b", "logprobs": told("a", " b", "\n"), "finish_reason": "stop"}, "a b", 3, True),
        ({"text": "a b", "logprobs": told("a", " b"), "finish_reason": "length"}, "a b", 2, False),
        # A server that goes on after the stop string: text and tokens beyond it are no part of the answer.
        ({"text": "a\nb c", "logprobs": told("a", "\n", "b", " c"), "finish_reason": "length"}, "a", 2, True),
        ({"text": "a\nb c", "logprobs": told("a", "\nb", " c"), "finish_reason": "length"}, "a", 2, True),
        ({"text": "", "logprobs": told("</s>"), "finish_reason": "stop"}, "", 1, True),
        ({"text": "a", "logprobs": told("a", "</s>"), "finish_reason": "eos_token"}, "a", 2, True),
    ],
)
def test_texts_end_at_the_stop_string(choice: dict[str, Any], text: str, count: int, stopped: bool) -> None:
    (found,) = read(answer(choice), "completions", Draw("x", 0), 1, SINGLE)
    assert (found.text, len(found.logprobs), found.stopped) == (text, count, stopped)


@pytest.mark.parametrize(
    "choice",
    [
        {"logprobs": told("a"), "finish_reason": "stop"},
        {"text": 3, "logprobs": told("a"), "finish_reason": "stop"},
        {"text": "a", "logprobs": None, "finish_reason": "stop"},
        {"text": "a", "logprobs": told("a"), "finish_reason": "content_filter"},
        {"text": "a", "logprobs": told(*["a"] * 97), "finish_reason": "length"},
        {"text": "a", "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-1.0]}, "finish_reason": "stop"},
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [None]}, "finish_reason": "stop"},
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [True]}, "finish_reason": "stop"},
        {"text": "a", "logprobs": {"tokens": [1], "token_logprobs": [-1.0]}, "finish_reason": "stop"},
    ],
)
def test_what_cannot_be_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read(answer(choice), "completions", Draw("x", 0), 1, SINGLE)


def test_a_chat_answer_without_content_is_an_empty_text() -> None:
    spent = answer(
        {"message": {"content": None}, "finish_reason": "length"}, usage={"prompt_tokens": 1, "completion_tokens": 4}
    )
    (found,) = read(spent, "chat", Draw("x", 0), 1, BARE)
    assert (found.text, len(found.logprobs), found.stopped) == ("", 4, False)
