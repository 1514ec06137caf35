"""Speculative sampling and its kin beyond their known-truth checks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from bench.checks import efficiency
from bench.checks.language import CONTEXT, tiny_model
from bench.decisions import Prompt
from bench.decoders.speculation import Speculated, speculative, speculative_adaptive
from bench.efficiency import acceptance, stopping
from bench.efficiency.rounds import Drafting, speculate
from bench.efficiency.runtime import fit, pareto
from bench.errors import UsageError
from bench.language import Draw
from bench.models.hf.adapter import HuggingFace
from tests.models import tiny


@pytest.mark.parametrize(
    "check", [efficiency.multi_draft, efficiency.speculative_stopping, efficiency.idealised_runtime]
)
def test_the_checks_pass(check: Any) -> None:
    assert [truth.label for truth in check() if not truth.passed] == []


def test_the_laws_of_rounds_are_the_target_s() -> None:
    assert [truth.label for truth in efficiency.speculative_sampling() if not truth.passed] == []


def test_a_wrong_residual_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "residual", lambda target, _: target)
    target, draft = efficiency.tabular("target"), efficiency.tabular("draft")
    law = efficiency.output_law(target, draft, stopping.fixed(2), 3)
    assert max(abs(law[path] - efficiency.probability(target, path)) for path in law) > 0.01


def prompts(n: int, length: int = 6) -> list[Prompt]:
    texts = [CONTEXT, "a", "dcba"]
    return [Prompt(str(k), texts[k % 3], lambda text: text or None, ("cc",), length) for k in range(n)]


def test_greedy_speculation_is_the_target_s_greedy_text() -> None:
    target, asked = tiny_model(0), prompts(3, 10)
    expected = target.generate([Draw(p.text, 0, 0.0, stop=p.stop, max_tokens=10) for p in asked])
    for goes_on in (stopping.fixed(1), stopping.fixed(4), stopping.threshold(0.9, 6)):
        found = speculate(target, tiny_model(1), asked, 0, Drafting(goes_on, temperature=0.0))
        for (text, _), alone in zip(found, expected, strict=True):
            assert text.token_ids.tolist() == alone.token_ids.tolist()
            assert (text.text, text.stopped) == (alone.text, alone.stopped)
            np.testing.assert_allclose(text.logprobs, alone.logprobs, rtol=0, atol=1e-9)


def test_rounds_add_up_and_do_not_depend_on_the_other_prompts() -> None:
    target, draft, asked = tiny_model(0), tiny_model(1), prompts(12)
    how = Drafting(stopping.fixed(3))
    together = speculate(target, draft, asked, 5, how)
    for prompt, (text, trace) in zip(asked, together, strict=True):
        ((alone, traced),) = speculate(target, draft, [prompt], 5, how)
        assert alone.token_ids.tolist() == text.token_ids.tolist()
        assert (traced.drafted, traced.passed) == (trace.drafted, trace.passed)
        assert sum(trace.emitted) == len(text.token_ids)
        for drafted, passed, emitted in zip(trace.drafted, trace.passed, trace.emitted, strict=True):
            assert 1 <= emitted <= passed + 1 <= drafted + 1 <= 4
        assert len(trace.looks) == sum(min(d, p + 1) for d, p in zip(trace.drafted, trace.passed, strict=True))
        for look in trace.looks:
            assert look.overlap <= look.recursive_two <= look.optimal_two + 1e-12
            assert max(look.k_seq_two, look.importance_two) <= look.optimal_two + 1e-9


def test_decoders_answer_and_say_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.decoders import speculation

    monkeypatch.setattr(speculation, "named_model", lambda *_: tiny_model(1))
    for decoder in (speculative, speculative_adaptive):
        for decision in decoder(tiny_model(0), prompts(3), 0):
            assert isinstance(decision, Speculated)
            assert decision.draft_cost == 1.0  # models of one size
            assert decision.answer == decision.pool[0].text
    with pytest.raises(UsageError, match="can't take k=0"):
        speculative(tiny_model(0), prompts(1), 0, k=0)


def test_a_draft_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="another vocabulary"):
        speculate(tiny_model(0), HuggingFace(tiny.loaded()), prompts(1), 0, Drafting(stopping.fixed(2)))


def test_acceptance_of_equal_and_disjoint_laws() -> None:
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
    for scheme in (acceptance.optimal, acceptance.recursive, acceptance.k_seq):
        assert float(scheme(p, p, 2)) == pytest.approx(1.0)
        assert float(scheme(p, q, 2)) == pytest.approx(0.0)
    np.testing.assert_allclose(acceptance.residual(p, p), p)


def test_intervals_of_a_runtime_hold_the_planted_slope_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    p, o = (x.ravel() for x in np.meshgrid([16, 64, 128, 256, 512], [1, 4, 16, 32, 64]))
    inside = 0
    for _ in range(300):
        seconds = 0.1 + 2e-4 * p + 0.01 * o + rng.normal(0, 0.01, len(p))
        _, low, high = fit(p, o, seconds).per_token
        inside += low <= 0.01 <= high
    assert 0.91 < inside / 300 < 0.99  # 95 %, within three standard errors and HC3's caution


def test_a_runtime_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(UsageError, match="don't tell"):
        fit(np.array([5, 5, 5, 5, 5, 5]), np.array([1, 2, 3, 4, 5, 6]), np.ones(6))


@pytest.mark.slow
def test_the_time_of_a_real_model_is_linear_in_its_output() -> None:
    model = HuggingFace(tiny.loaded(length=256))
    model.generate([Draw("The", 0, max_tokens=4)])
    sizes = [4, 40, 80, 120, 160, 200] * 3
    took = []
    torch.set_num_threads(1)
    for size in sizes:
        start = time.process_time()
        (text,) = model.generate([Draw("The quick", 1, stop=(), max_tokens=size)])
        took.append(time.process_time() - start)
        assert len(text.token_ids) <= size
    best = [min(t for s, t in zip(sizes, took, strict=True) if s == size) for size in sizes[:6]]
    assert np.corrcoef(sizes[:6], best)[0, 1] ** 2 > 0.9


def test_the_front_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    cost, gain = rng.integers(0, 8, 40).astype(float), rng.integers(0, 8, 40).astype(float)
    for k, front in enumerate(pareto(cost, gain)):
        beaten = ((cost <= cost[k]) & (gain >= gain[k]) & ((cost < cost[k]) | (gain > gain[k]))).any()
        assert front == (not beaten)
