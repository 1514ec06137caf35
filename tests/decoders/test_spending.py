"""What decoders say that they spend, and how they keep within a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from bench.checks.language import CONTEXT, tiny_model
from bench.components import Decoder, Verifier
from bench.decisions import Cost, Decision, Judgement, Prompt
from bench.decoders.best_of_n import best_of_n
from bench.decoders.budget import repeated
from bench.decoders.crowd import diverse_prompts
from bench.decoders.draws import draw_pools
from bench.decoders.self_consistency import self_consistency
from bench.errors import EvaluationError, UsageError
from bench.language import Draw, Generated, LanguageModel, Scored
from bench.registry import components, find
from bench.runners.decoding import compared, within
from bench.specs import bind, parse
from bench.verifiers.judging import Judge, named
from bench.verifiers.steps import equations

BUDGET = 60


def prompt(name: str = "p", length: int = 4) -> Prompt:
    return Prompt(name, CONTEXT, lambda text: text or None, (), length, step="", right=lambda text: "c" in text)


BUDGETED = [
    name
    for name, decoder in components(Decoder).items()
    if "budget" in decoder.function.__code__.co_varnames and not decoder.denoises
]


@pytest.mark.parametrize("name", BUDGETED)
def test_no_decoder_spends_more_than_its_budget(name: str) -> None:
    if name == "speculative-reasoning":
        pytest.skip("it drafts with a model of another vocabulary than the tiny one")
    function = find(Decoder, name).function
    found: list[Decision] = function(
        tiny_model(1), [prompt("p"), prompt("q")], 0, **bind(function, parse(f"{name},budget={BUDGET}"), skip=3)
    )
    for decision in found:
        assert 0 < decision.spent.tokens <= max(BUDGET, _least(name))
        assert decision.spent.calls > 0
        assert 0 <= decision.confidence <= 1 + 1e-9


def _least(name: str) -> int:
    """What one run takes at most where that is more than the budget: it is made once, whatever the budget."""
    function = find(Decoder, name).function
    settings = bind(function, parse(name), skip=3)
    size = int(settings.get("n", 1)) * int(settings.get("width", 1)) * int(settings.get("chains", 1))
    return 4 * size * (int(settings.get("sweeps", 0)) + 1)


@pytest.mark.parametrize("name", ["best-of-n", "mcts", "power", "particle-steps", "awrs", "grammar-aligned"])
def test_decisions_do_not_depend_on_the_other_prompts(name: str) -> None:
    model, function = tiny_model(1), find(Decoder, name).function
    settings = bind(function, parse(name), skip=3)
    asked = [prompt("p"), prompt("q", 3), prompt("r", 2)]
    together = function(model, asked, 3, **settings)
    for one, found in zip(asked, together, strict=True):
        (alone,) = function(model, [one], 3, **settings)
        assert (alone.answer, alone.spent) == (found.answer, found.spent)
        assert [text.token_ids.tolist() for text in alone.pool] == [text.token_ids.tolist() for text in found.pool]


class Longs:
    """Texts of given lengths, by turns."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = lengths
        self.drawn = 0

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        raise NotImplementedError

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        out = []
        for _ in draws:
            size = self.lengths[self.drawn % len(self.lengths)]
            self.drawn += 1
            out.append(Generated("a", np.arange(size), np.full(size, -0.1), True))
        return out


def test_a_budget_is_filled_with_as_many_texts_as_surely_fit() -> None:
    # 40 tokens, texts of at most 10: 4 at first, which take 8; then 3 of 6; 2 of 4; 2; 1; and 40 - 26 = 14 leaves one.
    (pool,) = draw_pools(Longs([2]), [prompt(length=10)], "x", 0, 99, 1.0, 1.0, budget=40)
    spent = sum(len(text.token_ids) for text in pool.texts)
    assert 40 - 10 < spent <= 40
    (cut,) = draw_pools(Longs([5]), [prompt(length=10)], "x", 0, 99, 1.0, 1.0, budget=5)
    assert len(cut.texts) == 1


def test_texts_without_a_token_end_the_drawing() -> None:
    (pool,) = draw_pools(Longs([0]), [prompt(length=4)], "x", 0, 1, 1.0, 1.0, budget=12)
    assert len(pool.texts) <= 12


def test_runs_repeat_while_they_fit() -> None:
    prompts = [prompt("p"), prompt("q")]
    price = {"p": 3, "q": 8}
    found = repeated(prompts, 20, lambda _: 8, lambda some: [Cost(price[p.id], 1) for p in some], lambda one: one)
    assert [len(runs) for runs in found] == [5, 2]
    once = repeated(prompts, 0, lambda _: 8, lambda some: [Cost(1) for _ in some], lambda one: one)
    assert [len(runs) for runs in once] == [1, 1]


def test_all_stands_for_every_decoder_of_reasoning_and_a_budget_for_those_that_take_one() -> None:
    specs = {spec.name: spec for spec in compared(["all"], 100)}
    assert "speculative" not in specs
    assert len(specs) >= 30
    assert specs["rpc"].params == {"budget": 100}
    assert specs["greedy"].params == {}
    assert within(parse("rpc,budget=7"), 100).params == {"budget": 7}
    assert compared(["rpc", "rpc"], None) == [parse("rpc")]


def test_a_verifier_s_dial_turns_the_stated_share_of_its_judgements() -> None:
    def wrong(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
        assert whole
        return Judgement.free(np.array([float(text.text == "yes") for text in texts]))

    texts = [Generated(word, np.array([0]), np.array([-1.0]), True) for word in ("yes", "no") for _ in range(2000)]
    asked = [prompt(str(k)) for k in range(len(texts))]
    judge = Judge(Longs([1]), "x", 0, wrong, 0.3, 0.1)
    scores = judge(asked, texts)
    assert abs(scores[:2000].mean() - 0.9) < 4.5 * math.sqrt(0.09 / 2000)
    assert abs(scores[2000:].mean() - 0.3) < 4.5 * math.sqrt(0.21 / 2000)
    assert (judge(asked, texts) == scores).all()
    assert judge.cost(asked[0]) == Cost(0, 0, 2)


def test_verifiers_are_named_and_wrong_ones_refused() -> None:
    assert {"exact", "random", "likelihood", "self-evaluation", "equations"} <= set(components(Verifier))
    with pytest.raises(UsageError, match="no target"):
        named("exact:lm-base")
    with pytest.raises(UsageError, match="likelihod"):
        best_of_n(Longs([1]), [prompt()], 0, verifier="likelihod")

    def broken(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
        return Judgement.free(np.full(len(texts), 1.5 if whole else 0.5))

    with pytest.raises(EvaluationError, match="no scores"):
        best_of_n(Longs([1]), [prompt()], 0, verifier=broken)


@pytest.mark.parametrize(
    ("text", "whole", "score"),
    [
        (" 7 + 2 = 9. 9 - 4 = 5. So 5.", True, 1.0),
        (" 7 + 2 = 9. 9 - 4 = 5. So 9.", True, 0.0),
        (" 7 + 2 = 8.", False, 0.0),
        (" 7 + 2 = 9.", False, 1.0),
        (" 7 +", False, 0.5),
        (" So 5.", True, 0.25),
        (" __import__('os') = 3.", False, 0.5),
    ],
)
def test_equations_hold_or_not(text: str, whole: bool, score: float) -> None:
    from bench.procedural import extract_answer

    asked = Prompt("p", "?", lambda made: extract_answer("arithmetic", made), ("\n",), 40)
    made = Generated(text, np.array([0]), np.array([-1.0]), True)
    assert equations(Longs([1]), [asked], [made], whole=whole).scores.tolist() == [score]


def test_one_neutral_injection_is_plain_voting() -> None:
    model, asked = tiny_model(), [prompt("p"), prompt("q")]
    plain = self_consistency(model, asked, 5, n=6)
    neutral = diverse_prompts(model, asked, 5, n=6, injections="|")
    for a, b in zip(plain, neutral, strict=True):
        assert [text.token_ids.tolist() for text in a.pool] == [text.token_ids.tolist() for text in b.pool]
        assert (a.answer, a.confidence) == (b.answer, b.confidence)
