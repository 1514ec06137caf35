"""Decoders on models whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from bench.checks.language import expected_vote
from bench.components import Decoder
from bench.decisions import Prompt
from bench.decoders.self_consistency import self_consistency, self_consistency_weighted
from bench.decoders.single import greedy, sample
from bench.errors import EvaluationError, UsageError
from bench.language import Draw, Generated, Scored
from bench.registry import components
from bench.seeds import derive


class Scripted:
    """Answers each prompt's draws with given texts, in order, each with given token log-probabilities."""

    def __init__(self, script: Sequence[tuple[str, Sequence[float]]]) -> None:
        self.script = script
        self.asked: list[Draw] = []

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        raise NotImplementedError

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        self.asked += draws
        n = len(self.script)
        return [
            Generated(text, np.arange(len(logs)), np.array(logs), True)
            for text, logs in (self.script[k % n] for k in range(len(draws)))
        ]


def prompt(name: str = "p", text: str = "?") -> Prompt:
    return Prompt(name, text, lambda generated: generated.strip() or None, ("\n", "##"), 17)


def test_greedy_is_sure_by_the_probability_of_its_whole_text() -> None:
    model = Scripted([(" 4 ", [math.log(0.5), math.log(0.8)])])
    (decision,) = greedy(model, [prompt()], 3)
    assert (decision.answer, len(decision.pool)) == ("4", 1)
    assert decision.confidence == pytest.approx(0.4)
    (draw,) = model.asked
    assert (draw.temperature, draw.stop, draw.max_tokens) == (0.0, ("\n", "##"), 17)


def test_no_readable_answer_has_no_confidence() -> None:
    for decoder in (greedy, sample, self_consistency, self_consistency_weighted):
        (decision,) = decoder(Scripted([("  ", [-0.1])]), [prompt()], 0)
        assert (decision.answer, decision.confidence) == ("", 0.0)


def test_votes_are_counted_over_all_texts() -> None:
    script = [("a", [-9.0]), ("b", [-0.1]), ("a", [-9.0]), (" ", [0.0]), ("b", [-0.1]), ("a", [-9.0])]
    (decision,) = self_consistency(Scripted(script), [prompt()], 0, n=6)
    assert (decision.answer, decision.confidence) == ("a", 0.5)
    assert len(decision.pool) == 6


def test_ties_go_to_the_more_probable_then_to_the_first() -> None:
    script = [("a", [-2.0]), ("b", [-1.0]), ("a", [-2.0]), ("b", [-1.0])]
    assert self_consistency(Scripted(script), [prompt()], 0, n=4)[0].answer == "b"
    even = [("b", [-1.0]), ("a", [-1.0])]
    assert self_consistency(Scripted(even), [prompt()], 0, n=2)[0].answer == "b"


def test_weighted_votes_weigh_by_probability_per_token() -> None:
    script = [("a", [-2.0, -2.0]), ("a", [-2.0]), ("b", [-0.5, -0.5, -0.5]), ("", [-1.0])]
    (decision,) = self_consistency_weighted(Scripted(script), [prompt()], 0, n=4)
    weights = np.exp([-2.0, -2.0, -0.5, -1.0])
    assert decision.answer == "b"
    assert decision.confidence == pytest.approx(weights[2] / weights.sum())


def test_draws_are_asked_for_together_and_seeded_by_decoder_prompt_and_number() -> None:
    model = Scripted([("a", [-1.0])])
    self_consistency(model, [prompt("p"), prompt("q")], 7, n=3, temperature=0.9)
    assert [d.seed for d in model.asked] == [derive(7, "self-consistency", i, k) for i in "pq" for k in range(3)]
    assert {d.temperature for d in model.asked} == {0.9}
    fewer = Scripted([("a", [-1.0])])
    self_consistency(fewer, [prompt("q")], 7, n=2)
    assert [d.seed for d in fewer.asked] == [d.seed for d in model.asked[3:5]]


@pytest.mark.parametrize(
    "settings", [{"n": 0}, {"n": 2.5}, {"temperature": -1}, {"temperature": float("nan")}, {"top_p": 0}, {"top_p": 1.5}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="can't take"):
        self_consistency(Scripted([("a", [-1.0])]), [prompt()], 0, **settings)  # type: ignore[arg-type]


def test_an_adapter_that_leaves_draws_unanswered_is_an_error() -> None:
    class Lazy(Scripted):
        def generate(self, draws: Sequence[Draw]) -> list[Generated]:
            return super().generate(draws)[1:]

    with pytest.raises(EvaluationError, match="2 texts for 3 draws"):
        self_consistency(Lazy([("a", [-1.0])]), [prompt()], 0, n=3)


def test_expected_votes_are_those_of_hand_counts() -> None:
    # Three votes of (right .4, wrong .3, other .2, none .1): two or more right; or one right, and no other pair.
    accuracy, mean, _ = expected_vote((0.4, 0.3, 0.2, 0.1), 3)
    assert accuracy == pytest.approx(3 * 0.16 * 0.6 + 0.064 + 3 * 0.4 * (0.36 - 0.09 - 0.04))
    triples = 0.4**3 + 0.3**3 + 0.2**3
    pairs = sum(3 * p**2 * (1 - p) for p in (0.4, 0.3, 0.2))
    assert mean == pytest.approx(triples + 2 / 3 * pairs + (1 - triples - pairs - 0.001) / 3)


def test_the_decoders_are_registered() -> None:
    known = components(Decoder)
    assert {"greedy", "sample", "self-consistency", "self-consistency-weighted"} <= set(known)
    assert all(component.source for component in known.values())
