"""Faults of a server: those that pass leave no trace in the numbers, the others are told and never become numbers."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import EvaluationError, IncompleteError, UsageError
from bench.language import Draw
from bench.models.api import server as servers
from bench.models.api.adapter import Api, api
from tests.models.api.brain import NAME
from tests.models.api.server import Body, Faults, Habits, Served, serving

REQUESTS = [("Q: 7 +", f" {k}") for k in range(7)] + [("Ann is", f" {word}") for word in ("in", "tall", "here")]
DRAWS = [Draw(f"Q: {k} + 5 =", seed, 1.0, max_tokens=8) for k in (2, 3) for seed in range(3)]
PASSING = ["429", "500", "503", "html", "hang-up", "truncated", "html-200", "error-200", "extra-choice",
           "no-choice", "short", "null", "nan", "positive", "infinite"]  # fmt: skip
LIES = ["truncated", "html-200", "extra-choice", "no-choice", "short", "null", "nan", "positive", "infinite",
        "other-text", "cut-tokens"]  # fmt: skip


def made(served: Served, deadline: float = 20.0, **parameters: Any) -> Api:
    return api(NAME, machine=Machine(), base_url=served.base_url, deadline=deadline, **parameters)


def once(fault: str) -> Faults:
    """Every request comes back with that fault when it is first sent."""
    return lambda _, times: fault if times == 0 else ""


def always(fault: str, word: str) -> Faults:
    """The requests with that word in them never go well."""
    return lambda body, _: fault if word in str(body.get("prompt")) else ""


def numbers(model: Api) -> list[list[float]]:
    texts = model.generate(DRAWS)
    return [s.logprobs.tolist() for s in model.score(REQUESTS)] + [[*t.logprobs, hash(t.text)] for t in texts]


@pytest.fixture(scope="module")
def faultless() -> list[list[float]]:
    with serving() as served:
        return numbers(made(served))


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_changes_no_number(fault: str, faultless: list[list[float]]) -> None:
    with serving(Habits(faults=once(fault))) as served:
        assert numbers(made(served)) == faultless
    assert served.faulted.count(fault) >= len(REQUESTS)


@pytest.mark.parametrize("fault", ["slow", "drip"])
def test_what_is_too_slow_is_asked_again(fault: str, faultless: list[list[float]]) -> None:
    def faults(body: Body, times: int) -> str:
        return fault if times == 0 and str(body.get("prompt")) in {"Q: 7 + 1", "Q: 3 + 5 ="} else ""

    with serving(Habits(faults=faults)) as served:
        assert numbers(made(served, deadline=1.2)) == faultless
    assert served.faulted == [fault] * 2


def test_choices_in_another_order_are_put_in_theirs(faultless: list[list[float]]) -> None:
    with serving(Habits(faults=lambda body, _: "reordered" if body.get("n", 1) > 1 else "")) as served:
        assert numbers(made(served)) == faultless
    assert served.faulted


def test_no_order_of_answers_changes_the_order_of_results(faultless: list[list[float]]) -> None:
    for concurrency in (1, 3):
        with serving() as served:
            assert numbers(made(served, concurrency=concurrency)) == faultless
        assert served.peak <= concurrency


@pytest.mark.parametrize("fault", LIES)
def test_a_lie_about_one_sample_is_that_sample_s_failure(fault: str, faultless: list[list[float]]) -> None:
    with serving(Habits(faults=always(fault, "Ann is tall"))) as served:
        model = made(served)
        with pytest.raises(EvaluationError, match="the answer cannot be true"):
            model.score(REQUESTS)
        asked = len(served.bodies)
        # The samples of the batch are asked one by one now; what came is not paid for again.
        for request, values in zip(REQUESTS, faultless, strict=False):
            if request[1] == " tall":
                with pytest.raises(EvaluationError, match="the answer cannot be true"):
                    model.score([request])
            else:
                assert model.score([request])[0].logprobs.tolist() == values
        assert len(served.bodies) == asked
    assert served.faulted == [fault] * 3


@pytest.mark.parametrize("fault", ["nan", "short", "extra-choice", "same-index"])
def test_lies_about_generated_texts(fault: str) -> None:
    faults = {"same-index": lambda body, _: fault if body.get("n", 1) > 1 and body["max_tokens"] > 1 else ""}
    habits = Habits(faults=faults.get(fault, always(fault, "3 + 5")))
    with serving(habits) as served, pytest.raises(EvaluationError, match="the answer cannot be true"):
        made(served).generate(DRAWS)


def test_a_server_that_always_lies_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STREAK", 5)
    habits = Habits(faults=always("nan", "Q:"))
    with serving(habits) as served, pytest.raises(UsageError, match="cannot be true") as caught:
        made(served).score(REQUESTS)
    assert "nan" in caught.value.cause
    assert len(served.faulted) <= 3 * len(REQUESTS)


def test_one_request_that_fails_is_data_many_are_the_server_s_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STREAK", 5)
    habits = Habits(faults=always("500", "Ann is tall"))
    with serving(habits) as served, pytest.raises(EvaluationError, match="no answer within"):
        made(served, deadline=0.5).score(REQUESTS)
    with serving(Habits(faults=always("500", "Q:"))) as served:
        model = made(served, deadline=0.5)
        with pytest.raises(IncompleteError, match="stopped answering"):
            model.score(REQUESTS)
        assert len(served.faulted) >= servers.STREAK


def test_an_overloaded_server_stops_the_run_to_be_continued() -> None:
    with serving(Habits(faults=always("429", "Q:"))) as served, pytest.raises(IncompleteError, match="stopped"):
        made(served, deadline=0.5).score(REQUESTS)


def test_a_server_that_goes_away_stops_the_run_to_be_continued() -> None:
    with serving() as served:
        model = made(served, deadline=1.0)
        model.score(REQUESTS[:2])
    with pytest.raises(IncompleteError, match="stopped answering") as caught:
        model.score(REQUESTS)
    assert "--resume" in caught.value.fix


def test_another_model_behind_the_same_name_stops_the_run() -> None:
    with serving() as served:
        model = made(served)
        model.score(REQUESTS[:2])
        served.habits.reported = "lm-other"
        with pytest.raises(IncompleteError, match="lm-other"):
            model.score(REQUESTS)


def test_what_is_refused_is_not_asked_again() -> None:
    habits = Habits(faults=always("400", "Ann is tall"))
    with serving(habits) as served, pytest.raises(EvaluationError, match="refuses the request") as caught:
        made(served).score(REQUESTS)
    assert "HTTP 400: not now" in caught.value.cause
    assert served.faulted == ["400"]


def test_a_pause_is_kept() -> None:
    began: list[float] = []

    def faults(body: Body, times: int) -> str:
        began.append(time.monotonic())
        return "429-date" if body.get("echo") and "Q: 7 + 0" in body["prompt"] and times == 0 else ""

    with serving(Habits(faults=faults)) as served:
        model = made(served, concurrency=1)
        model.score(REQUESTS[-1:])
        began.clear()
        model.score(REQUESTS[:3])
    # The date has whole seconds, so the pause is of at most one.
    assert len(began) == 4
    assert max(np.diff(began)) > 0.02


@pytest.mark.parametrize(
    ("name", "habits", "words"),
    [
        ("nobody", Habits(), ("has no model 'nobody'", "404")),
        (NAME, Habits(key="secret"), ("without the right key", "401")),
        (NAME, Habits(faults=lambda *_: "400"), ("refuses the simplest request", "HTTP 400")),
    ],
)
def test_what_is_wrong_with_all_requests_is_said_at_once(name: str, habits: Habits, words: tuple[str, ...]) -> None:
    with serving(habits) as served, pytest.raises(UsageError) as caught:
        api(name, machine=Machine(), base_url=served.base_url).fingerprint()
    assert all(word in str(caught.value) for word in words)
    assert len(served.bodies) <= 3


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "LISTING", 0.5)
    with serving() as served:
        pass
    with pytest.raises(EvaluationError, match="no answer from") as caught:
        made(served).fingerprint()
    assert "ConnectError" in caught.value.cause
