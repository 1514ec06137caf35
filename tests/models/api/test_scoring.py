"""Log-probabilities of given texts over HTTP against the same model in memory, and against answers that lie."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from bench.capabilities import Fingerprinted, Machine
from bench.errors import BenchError, EvaluationError, UsageError
from bench.language import Draw, LanguageModel, Scored
from bench.models.api.adapter import Api, api
from bench.models.api.failures import MalformedError
from bench.models.api.logprobs import Read, boundary, places, read
from bench.models.hf.adapter import HuggingFace, hf
from tests.models.api.brain import CHECKPOINT, NAME
from tests.models.api.server import Habits, Served, serving

REQUESTS = [
    ("Ann is taller than", " Bo."),
    ("Ann is taller than ", "Bo."),  # the space goes over
    ("Ann is taller than  \n", "Bo."),
    ("", "Ann is taller than Bø."),
    ("   ", "Ann"),
    ("Q: 7 +", " 5 = 12"),
    ("Bø", " is here: é, 漢字 and 🙂"),
    ("漢字 🙂", "🙂🙂"),
    ("Q: 7", ""),
    ("Q: 7 + 5 =", " 12"),
    ("Q: 7 + 5 =", " 11"),
    ("Q: 7 + 5 =", " 12"),
]
STRADDLED = ("Q: out", "weighs this")


def made(served: Served, **parameters: object) -> Api:
    return api(NAME, machine=Machine(), base_url=served.base_url, deadline=10.0, **parameters)  # type: ignore[arg-type]


@cache
def local() -> HuggingFace:
    return hf(str(CHECKPOINT), machine=Machine(), dtype="float64")


@cache
def truth(context: str, continuation: str) -> Scored:
    return local().score([(context, continuation)])[0]


def refused(model: Api) -> BenchError:
    with pytest.raises(BenchError) as caught:
        model.score(REQUESTS[:1])
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


@pytest.mark.parametrize(
    "habits",
    [
        Habits(),
        Habits(offsets=False, usage=False),
        Habits(echo=False, prompt_logprobs=True),
        Habits(begin=False),
        Habits(begin=False, echo=False, prompt_logprobs=True),
    ],
)
@pytest.mark.parametrize("tokenizer", [None, str(CHECKPOINT)])
def test_scores_are_those_of_the_model_in_memory(habits: Habits, tokenizer: str | None) -> None:
    requests = REQUESTS if habits.begin or tokenizer else [pair for pair in REQUESTS if pair[0].strip()]
    with serving(habits) as served:
        scores = made(served, tokenizer=tokenizer).score(requests)
    for request, ours in zip(requests, scores, strict=True):
        # Without a token in front that begins texts, the server's model reads other tokens than the one in memory.
        if habits.begin or tokenizer:
            theirs = truth(*request)
            np.testing.assert_allclose(ours.logprobs, theirs.logprobs, rtol=0, atol=1e-6)
            assert ours.greedy == theirs.greedy
        else:
            assert len(ours.logprobs) == len(truth(*request).logprobs)


def test_some_continuations_are_greedy(served: Served) -> None:
    text = local().generate([Draw("Q: 7 +", 0, max_tokens=5)])[0].text
    assert text
    requests = [("Q: 7 +", text), ("Q: 7 +", " nest")]
    assert [score.greedy for score in made(served).score(requests)] == [True, False]


def test_a_token_across_the_boundary_is_refused_or_encoded_here(served: Served) -> None:
    with pytest.raises(EvaluationError, match="a token belongs to the context and to the continuation"):
        made(served).score([STRADDLED])
    (ours,) = made(served, tokenizer=str(CHECKPOINT)).score([STRADDLED])
    np.testing.assert_allclose(ours.logprobs, truth(*STRADDLED).logprobs, rtol=0, atol=1e-6)


def test_a_text_beyond_the_window_is_cut_where_there_is_a_tokenizer() -> None:
    text = "The owl wants that nest. " * 12
    with serving(Habits(window=66)) as served:
        with pytest.raises(EvaluationError, match="refuses the request"):
            made(served).score([("", text)])
        (ours,) = made(served, tokenizer=str(CHECKPOINT)).score([("", text)])
        json.dumps(made(served, tokenizer=str(CHECKPOINT)).fingerprint())
    windowed = hf(str(CHECKPOINT), machine=Machine(), dtype="float64", max_length=64).score([("", text)])[0]
    assert len(ours.logprobs) > 66
    np.testing.assert_allclose(ours.logprobs, windowed.logprobs, rtol=0, atol=1e-6)


def test_equal_requests_are_asked_once(served: Served) -> None:
    model = made(served)
    model.score(REQUESTS[-3:])
    asked = [body["prompt"] for body in served.bodies if body.get("echo")]
    assert asked.count("Q: 7 + 5 = 12") == 1


def test_no_first_token_without_something_before_it() -> None:
    with serving(Habits(begin=False)) as served, pytest.raises(EvaluationError, match="first token") as caught:
        made(served).score([("", "Ann is here.")])
    assert "tokenizer=" in caught.value.fix


@pytest.mark.parametrize(
    ("habits", "endpoint", "words"),
    [
        (Habits(echo=False), "completions", "echo is not supported"),
        (Habits(logprobs=False), "completions", "logprobs are not supported"),
        (Habits(), "chat", "a chat endpoint only answers"),
        (Habits(faults=lambda body, _: "null" if body.get("echo") else ""), "completions", "no log-probabilities came"),
        (Habits(faults=lambda body, _: "other-text" if body.get("echo") else ""), "completions", "don't spell"),
    ],
)
def test_a_server_that_tells_no_log_probabilities_is_refused(habits: Habits, endpoint: str, words: str) -> None:
    with serving(habits) as served:
        error = refused(made(served, endpoint=endpoint))
    assert isinstance(error, UsageError)
    assert "gives no log-probabilities of given texts" in error.what
    assert words in error.cause


def test_another_tokenizer_is_found_out(served: Served, tmp_path: object) -> None:
    from pathlib import Path

    from tests.models import tiny

    other = tiny.save(Path(str(tmp_path)))
    with pytest.raises(EvaluationError, match=r"another text|more|refuses"):
        made(served, tokenizer=str(other)).score([("The owl", " wants that nest.")])


def test_it_is_a_language_model_with_a_fingerprint(served: Served) -> None:
    model = made(served)
    assert isinstance(model, LanguageModel)
    assert isinstance(model, Fingerprinted)
    facts = json.dumps(model.fingerprint())
    assert "127.0.0.1" not in facts
    assert str(served.port) not in facts


def test_the_fingerprint_changes_with_the_model_that_answers() -> None:
    facts = []
    for habits in (Habits(), Habits(fingerprint="fp-2"), Habits(reported="lm-other"), Habits(window=256)):
        with serving(habits) as served:
            facts.append(json.dumps(made(served).fingerprint()))
            assert json.dumps(made(served).fingerprint()) == facts[-1]
    assert len(set(facts)) == len(facts)


# What vLLM 0.32 answered to `Bø is` over the embedded base model: a token that begins texts and shifts the offsets,
# and a character of two tokens, of which the first is empty.
VLLM = {
    "choices": [
        {
            "index": 0,
            "text": "Bø is in",
            "logprobs": {
                "text_offset": [0, 3, 4, 4, 5, 8],
                "token_logprobs": [None, -12.5, -18.1, -18.8, -3.25, -0.5],
                "tokens": ["<s>", "B", "", "ø", " is", " in"],
                "top_logprobs": [
                    None,
                    {"B": -12.5, "Q": -0.7},
                    {"": -18.1},
                    {"ø": -18.8},
                    {" is": -3.25},
                    {" in": -0.5},
                ],
            },
        }
    ]
}


def test_an_answer_of_vllm() -> None:
    answer = read(VLLM, "echo")
    found = places(answer, "Bø is")
    assert (found.starts, found.lead) == ((0, 0, 1, 1, 2), 1)
    assert boundary(found.starts, 2) == 4
    assert boundary(found.starts, 1) == 2
    assert answer.first.tolist() == [False, False, True, True, True, True]


def made_read(*tokens: str, offsets: tuple[int, ...] = (), first: float = -1.0) -> Read:
    return Read(tokens, np.array([first] + [-1.0] * (len(tokens) - 1)), np.zeros(len(tokens), dtype=bool), offsets)


@pytest.mark.parametrize(
    ("answer", "prompt", "starts", "lead"),
    [
        (made_read("An", "n", " is"), "Ann", (0, 2), 0),
        (made_read("<s>", "An", "n"), "Ann", (0, 0, 2), 1),
        (made_read("", "An", "n"), "Ann", (0, 0, 2), 1),
        (made_read("<s>", "<s>", "An"), "<s>An", (0, 0, 3), 1),
        (made_read(" An", "n"), "Ann", (0, 2), 0),
        (made_read("", "n", first=float("nan")), "Ann", (0, 2), 0),
        (made_read("\ufffd", "\ufffd", " a", offsets=(0, 0, 1)), "ø a", (0, 0, 1), 0),
        (made_read("<s>", "bytes:\\xc3", "bytes:\\xb8", " a", "b", offsets=(0, 3, 3, 4, 6)), "ø a", (0, 0, 0, 1), 1),
    ],
)
def test_tokens_are_found_in_the_text(answer: Read, prompt: str, starts: tuple[int, ...], lead: int) -> None:
    found = places(answer, prompt)
    assert (found.starts, found.lead) == (starts, lead)


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        (made_read("An"), "Ann"),
        (made_read("An", "x"), "Ann"),
        (made_read("<s>", "</s>", "Ann"), "Ann"),
        (made_read("\ufffd", "\ufffd", " b", offsets=(0, 0, 1)), "ø a"),
        (made_read("\ufffd", " a", offsets=(1, 0)), "ø a"),
        (made_read("\ufffd", " a", offsets=(0, 1)), "ø a cut"),
        (made_read("\ufffd", "b", offsets=(0, 3)), "ø ab"[:4] + "!"),
    ],
)
def test_tokens_that_spell_something_else_are_refused(answer: Read, prompt: str) -> None:
    with pytest.raises(MalformedError, match="spell"):
        places(answer, prompt)


def test_a_token_across_the_boundary() -> None:
    assert boundary((0, 2, 5), 5) == 2
    assert boundary((0, 2, 5), 3) is None
    assert boundary((0, 2, 5), 7) is None
