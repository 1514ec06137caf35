"""Stories: what the variants share and what they change."""

from __future__ import annotations

import re
from random import Random

import pytest

from bench.answers.extraction import NUMERIC
from bench.checks.reasoning_stories import solve
from bench.procedural.word_problems import LARGEST, VARIANTS, Plot, draw_plot, variants


def test_plots_stay_whole_and_small() -> None:
    rng = Random(0)
    for difficulty in range(1, 9):
        for _ in range(100):
            plot = draw_plot(rng, difficulty)
            total = plot.start
            for (kind, k), after in zip(plot.events, plot.totals, strict=True):
                assert kind != "share" or total % k == 0
                total = after
                assert 1 <= total <= LARGEST


def test_by_hand() -> None:
    assert Plot(10, (("gain", 5), ("times", 2), ("lose", 3), ("share", 9))).totals == (15, 30, 27, 3)


@pytest.mark.parametrize("difficulty", [1, 4, 8])
def test_variants_share_what_they_should(difficulty: int) -> None:
    rng = Random(difficulty)
    for _ in range(50):
        told = {story.variant: story for story in variants(rng, difficulty)}
        assert tuple(told) == VARIANTS
        plain = told["plain"]
        for name, story in told.items():
            assert str(solve(story.text)) == story.answer
            assert NUMERIC(story.steps) == story.answer
            assert (story.answer == plain.answer) == (name != "numbers")
            assert (story.text == plain.text) == (name == "plain")
        numbers = {name: re.findall(r"\d+", story.text) for name, story in told.items()}
        assert numbers["names"] == numbers["wording"] == numbers["plain"]
        assert len(numbers["distractor"]) == len(numbers["plain"]) + 1
        assert re.sub(r"\d+", "#", told["numbers"].text) == re.sub(r"\d+", "#", plain.text)


def test_seeds_repeat() -> None:
    assert variants(Random(4), 3) == variants(Random(4), 3)
    assert variants(Random(4), 3) != variants(Random(5), 3)
