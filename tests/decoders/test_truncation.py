"""Truncations against transformers' own warpers, and the hook that they ride on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EtaLogitsWarper, MinPLogitsWarper, TopKLogitsWarper, TypicalLogitsWarper

from bench.checks import decoding
from bench.checks.language import CONTEXT, tiny_model
from bench.components import Decoder
from bench.decisions import Prompt
from bench.decoders.truncation import Eta, MinP, TopH, TopK, Typical
from bench.errors import EvaluationError, UsageError
from bench.language import Draw
from bench.registry import components
from tests.decoders.test_decoders import Scripted


def rows(n: int = 200, width: int = 50) -> Any:
    torch.manual_seed(0)
    heat = torch.linspace(0.2, 8.0, n, dtype=torch.float64)[:, None]
    return (torch.randn(n, width, dtype=torch.float64) * heat).log_softmax(-1)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (TopK(7), TopKLogitsWarper(7)),
        (MinP(0.1), MinPLogitsWarper(0.1)),
        (MinP(0.7), MinPLogitsWarper(0.7)),
        (Typical(0.9), TypicalLogitsWarper(0.9)),
        (Typical(0.2), TypicalLogitsWarper(0.2)),
        (Eta(0.05), EtaLogitsWarper(0.05)),
        (Eta(3e-4), EtaLogitsWarper(3e-4)),
    ],
)
def test_truncations_are_transformers_warpers(ours: Any, theirs: Any) -> None:
    given = rows()
    expected = torch.isfinite(theirs(torch.zeros(len(given), 1, dtype=torch.long), given.clone()))
    kept = torch.isfinite(ours(given, ()))
    assert torch.equal(kept, expected)
    assert 0 < int((~kept).sum()) < kept.numel()


@pytest.mark.parametrize("ours", [TopK(50), MinP(0.0), Typical(1.0), TopH(1.0), Eta(1e-300)])
def test_the_widest_setting_keeps_everything(ours: Any) -> None:
    assert torch.isfinite(ours(rows(50, 40), ())).all()


@pytest.mark.parametrize("ours", [TopK(1), MinP(1.0), TopH(0.0)])
def test_the_narrowest_setting_is_greedy(ours: Any) -> None:
    given = rows()
    kept = torch.isfinite(ours(given, ()))
    assert torch.equal(kept, torch.nn.functional.one_hot(given.argmax(-1), given.shape[1]).bool())


def test_top_h_keeps_its_bound_and_the_next_token_would_break_it() -> None:
    from scipy.stats import entropy

    given = rows(100, 30)
    kept = torch.isfinite(TopH(0.4)(given, ())).numpy()
    for row, some in zip(given.exp().numpy(), kept, strict=True):
        order = np.argsort(-row, kind="stable")
        count = int(some.sum())
        assert set(order[:count]) == set(np.flatnonzero(some))
        bound = 0.4 * entropy(row)
        assert count == 1 or entropy(row[order[:count]]) <= bound + 1e-9
        assert count == len(row) or entropy(row[order[: count + 1]]) > bound


@pytest.mark.parametrize("check", [decoding.truncations, decoding.beam_search, decoding.particle_filter])
def test_the_checks_pass(check: Any) -> None:
    assert [truth.label for truth in check() if not truth.passed] == []


class Banned:
    """A grammar: no token twice in a row; it counts the rows that it saw."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[int, ...]]] = []

    def __call__(self, log_probs: Any, tokens: Sequence[tuple[int, ...]]) -> Any:
        self.seen.append(list(tokens))
        out = log_probs.clone()
        for k, row in enumerate(tokens):
            if row:
                out[k, row[-1]] = -math.inf
        return out


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_the_hook_sees_each_row_once_and_masks_what_it_likes(temperature: float) -> None:
    grammar = Banned()
    draws = [Draw(CONTEXT, k, temperature, stop=(), max_tokens=6, reshape=grammar) for k in range(40)]
    texts = tiny_model().generate(draws)
    for text in texts:
        ids = text.token_ids.tolist()
        assert all(a != b for a, b in pairwise(ids))
    for batch in grammar.seen:
        assert len(set(batch)) == len(batch)
    assert grammar.seen[0] == [()]


def test_logprobs_stay_the_model_s_own_under_a_hook() -> None:
    model = tiny_model()
    draws = [Draw(CONTEXT, k, 1.0, stop=(), max_tokens=4, reshape=TopK(2)) for k in range(10)]
    for text in model.generate(draws):
        with model.session([CONTEXT], 5) as session:
            for token, logprob in zip(text.token_ids.tolist(), text.logprobs.tolist(), strict=True):
                assert logprob == pytest.approx(session.logprobs[0, token], abs=1e-9)
                session.advance(np.array([0]), np.array([token]))


def test_a_hook_that_leaves_nothing_is_an_error() -> None:
    draw = Draw(CONTEXT, 0, 1.0, reshape=lambda log_probs, _: log_probs - math.inf)
    with pytest.raises(EvaluationError, match="no token is left"):
        tiny_model().generate([draw])


NAMES = ("top-k", "min-p", "typical", "eta", "top-h", "beam", "particle-filter")


@pytest.mark.parametrize("name", NAMES)
def test_decoders_answer_and_refuse_models_that_only_draw(name: str) -> None:
    function = components(Decoder)[name].function
    asked = [Prompt("p", CONTEXT, lambda text: text[:1] or None, (), 3), Prompt("q", "a", lambda _: None, (), 3)]
    first, second = function(tiny_model(), asked, 5)
    again, _ = function(tiny_model(), asked, 5)
    assert (first.answer, first.confidence) == (again.answer, pytest.approx(again.confidence))
    assert 0 <= first.confidence <= 1
    assert first.pool
    assert (second.answer, second.confidence) == ("", 0.0)
    with pytest.raises(UsageError, match="can't run on this model"):
        function(Scripted([("a", [-1.0])]), asked, 5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("top-k", {"k": 0}),
        ("min-p", {"p": 1.5}),
        ("typical", {"mass": 0}),
        ("eta", {"epsilon": 1}),
        ("top-h", {"alpha": -1}),
        ("beam", {"width": 0}),
        ("beam", {"length_penalty": -1}),
        ("particle-filter", {"n": 0}),
        ("particle-filter", {"power": 0}),
        ("particle-filter", {"threshold": 2}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="can't take"):
        components(Decoder)[name].function(tiny_model(), [], 0, **settings)
