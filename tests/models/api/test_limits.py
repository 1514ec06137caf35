"""Concurrency that finds its level, requests a minute, pauses, and tokens to spend."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from bench.capabilities import Machine
from bench.errors import IncompleteError, UsageError
from bench.models.api.adapter import api
from bench.models.api.failures import retry_after
from bench.models.api.limits import FIRST, Budget, Pace
from tests.models.api.brain import NAME
from tests.models.api.server import Habits, Served, serving


def test_one_more_for_each_round_and_half_for_an_overload() -> None:
    pace = Pace(16)
    assert pace.limit == FIRST
    for _ in range(FIRST + 1):  # a round of answers
        pace.good()
    assert FIRST + 1 <= pace.limit < FIRST + 1.2
    for _ in range(1000):
        pace.good()
    assert pace.limit == 16
    began = time.monotonic()
    for _ in range(16):  # all were under way together: one overload
        pace.overloaded(began, None)
    assert pace.limit == 8
    for _ in range(10):
        pace.overloaded(time.monotonic(), None)
    assert pace.limit == 1


def test_no_more_at_once_than_the_limit() -> None:
    async def work() -> int:
        pace, under_way, peak = Pace(3), 0, 0

        async def one() -> None:
            nonlocal under_way, peak
            async with pace.turn():
                under_way += 1
                peak = max(peak, under_way)
                await asyncio.sleep(0.001)
                under_way -= 1

        await asyncio.gather(*(one() for _ in range(20)))
        return peak

    assert asyncio.run(work()) == 3


def test_requests_a_minute_are_spaced() -> None:
    async def work() -> list[float]:
        pace = Pace(8, per_minute=3000)  # one each 20 ms
        times: list[float] = []

        async def one() -> None:
            async with pace.turn():
                times.append(time.monotonic())

        await asyncio.gather(*(one() for _ in range(6)))
        return sorted(times)

    times = asyncio.run(work())
    assert times[-1] - times[0] >= 5 * 0.02 - 1e-3


def test_a_pause_holds_all() -> None:
    async def work() -> float:
        pace = Pace(8)
        began = time.monotonic()
        pace.overloaded(began, 0.1)
        async with pace.turn():
            return time.monotonic() - began

    assert asyncio.run(work()) >= 0.1


def test_a_small_server_is_not_asked_more_than_it_takes() -> None:
    with serving(Habits(room=3)) as served:
        model = api(NAME, machine=Machine(), base_url=served.base_url, deadline=20.0)
        scores = model.score([("Q: 7 +", f" {k}") for k in range(60)])
    assert all(len(score.logprobs) for score in scores)
    assert served.faulted  # it grew until it was too much
    assert served.peak < 32


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        ("-3", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (None, None),
    ],
)
def test_both_forms_of_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC)) == seconds


def test_a_budget_ends_before_the_batch_that_would_break_it() -> None:
    budget = Budget(100)
    with pytest.raises(UsageError, match="one batch may cost 101 tokens"):
        budget.require(101)
    budget.require(60)
    budget.spend("x" * 100, (40, 10), 60)
    budget.require(50)
    with pytest.raises(IncompleteError, match="spent"):
        budget.require(51)
    assert budget.estimate("x" * 50, 10) == 20 + 1 + 10  # by 40 tokens for 100 bytes
    budget.spend("x", None, 7)
    assert budget.spent == 57
    Budget(0).require(10**9)


def test_what_the_server_counts_is_what_is_spent(served: Served) -> None:
    model = api(NAME, machine=Machine(), base_url=served.base_url, budget=150)
    for k in range(40):
        try:
            model.score([("Q: 7 +", f" {k}")])
        except IncompleteError:
            break
    else:
        pytest.fail("the budget never ended")
    assert 120 < model._budget.spent <= 150
    prompts = [body["prompt"] for body in served.bodies if body.get("echo") and "Q:" in body["prompt"]]
    assert len(prompts) == k
