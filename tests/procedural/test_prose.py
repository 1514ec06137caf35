"""The prose source: its probabilities are a distribution, and its entropy rate is what a long text costs."""

from __future__ import annotations

import math
from random import Random

import pytest

from bench.procedural import items, prose


@pytest.mark.parametrize("domain", prose.DOMAINS)
def test_every_state_is_a_distribution_over_different_words(domain: str) -> None:
    states = prose.source(domain)
    for arcs in states.values():
        assert math.fsum(arc.probability for arc in arcs) == pytest.approx(1.0, abs=1e-12)
        assert len({arc.word for arc in arcs}) == len(arcs)
        assert all(arc.after in states for arc in arcs)


@pytest.mark.parametrize("domain", prose.DOMAINS)
@pytest.mark.parametrize("unit", ["word", "byte"])
def test_the_entropy_rate_is_the_cost_of_a_long_text(domain: str, unit: str) -> None:
    text = prose.story(Random(3), domain, 20_000)
    size = len(text.encode()) + 1 if unit == "byte" else len(text.replace(".", " .").split())
    # 20,000 sentences leave a relative error of about 0.3 %; 1.5 % is five standard errors.
    assert -prose.log_prob(text, domain) / size == pytest.approx(prose.entropy_rate(domain, unit), rel=0.015)


def test_the_probabilities_of_all_one_sentence_stories_sum_to_one() -> None:
    total, open_ends = 0.0, [(prose.START, 1.0)]
    while open_ends:
        state, mass = open_ends.pop()
        for arc in prose.source("meadow")[state]:
            if arc.word == ".":
                total += mass * arc.probability
            else:
                open_ends.append((arc.after, mass * arc.probability))
    assert total == pytest.approx(1.0, abs=1e-9)


def test_texts_the_source_cannot_write_have_no_probability() -> None:
    assert prose.log_prob("The fox rope.") == -math.inf
    assert prose.log_prob("The fox sees some") == -math.inf
    assert prose.log_prob("") == 0.0
    story = prose.story(Random(0), "harbor")
    assert prose.log_prob(story, "harbor") > -math.inf
    assert prose.log_prob(story, "meadow") == -math.inf


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_the_answer_is_the_more_probable_ending(difficulty: int) -> None:
    for item in items("prose", 100, 0, "test", difficulty):
        (other,) = (choice for choice in item.choices if choice != item.answer)
        own, disturbed = (prose.log_prob(f"{item.prompt} {end}") for end in (item.answer, other))
        assert own > -math.inf
        assert own >= disturbed
        assert (disturbed == -math.inf) == (difficulty < 3)


def test_a_story_splits_into_its_prompt_and_last_sentence() -> None:
    assert prose.split_story("The fox sees it. The owl waits.") == ("The fox sees it.", "The owl waits.")


def test_unknown_domains_and_units_are_refused() -> None:
    with pytest.raises(ValueError, match="meadow, harbor"):
        prose.source("desert")
    with pytest.raises(ValueError, match="'word' or 'byte'"):
        prose.entropy_rate("meadow", "line")
