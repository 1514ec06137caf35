"""A task's generation settings: read as the harness reads them, and refused where they cannot be followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.errors import UsageError
from bench.harness.documents import Ask
from bench.harness.generating import draws


def ask(repeats: int = 1, **settings: Any) -> Ask:
    return Ask("generate_until", "q", settings=json.dumps(settings), repeats=repeats)


def test_greedy_unless_told_otherwise() -> None:
    (draw,) = draws(ask(until=["\n", ""]), "q", 0, "a")
    assert (draw.temperature, draw.stop, draw.max_tokens, draw.top_p) == (0.0, ("\n",), 256, 1.0)
    assert draws(ask(until="Q:", max_new_tokens=5, temperature=0.7, do_sample=False), "q", 0, "a")[0].temperature == 0
    assert draws(ask(top_k=50, top_p=0.9), "q", 0, "a")[0].top_p == 1.0


def test_sampling_follows_temperature_and_top_p_with_a_seed_for_each_repeat() -> None:
    drawn = draws(ask(3, until=[], do_sample=True, temperature=0.7, top_p=0.9), "q", 0, "a")
    assert [(d.temperature, d.top_p) for d in drawn] == [(0.7, 0.9)] * 3
    assert len({d.seed for d in drawn}) == 3
    assert drawn == draws(ask(3, until=[], do_sample=True, temperature=0.7, top_p=0.9), "q", 0, "a")
    assert drawn[0].seed != draws(ask(until=[], do_sample=True), "q", 0, "b")[0].seed
    assert draws(ask(until=[], do_sample=True), "q", 0, "a")[0].temperature == 1.0


@pytest.mark.parametrize("settings", [{"num_beams": 4}, {"repetition_penalty": 1.2}, {"do_sample": True, "top_k": 40}])
def test_what_would_change_the_texts_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        draws(ask(until=["\n"], **settings), "q", 0, "a")
    assert list(settings)[-1] in caught.value.what


def test_neutral_settings_pass() -> None:
    assert draws(
        ask(until=[], num_beams=1, repetition_penalty=1.0, do_sample=True, top_k=0, temperature=1), "q", 0, "a"
    )
