"""The checks of language models hold, and fail where a model is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.checks import language
from bench.components import Truth


@pytest.mark.parametrize("check", [language.scores, language.sampling, language.greedy, language.votes])
def test_the_checks_pass(check: Callable[[], list[Truth]]) -> None:
    truths = check()
    assert truths
    assert [truth for truth in truths if not truth.passed] == []


def test_a_model_that_scores_another_distribution_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models.hf import scoring

    exact = scoring.log_softmax
    monkeypatch.setattr(scoring, "log_softmax", lambda logits, _out: exact(logits * 1.01) * 1.001)
    assert not all(truth.passed for truth in language.scores())


def test_a_sampler_that_ignores_the_temperature_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models.hf import generation
    from bench.models.hf.sampling import choose as exact

    def cold(logits: Any, rows: Any, manners: Any, noise: Any, tokens: Any) -> Any:
        return exact(logits, rows, [replace(manner, temperature=1.0) for manner in manners], noise, tokens)

    monkeypatch.setattr(generation, "choose", cold)
    assert [truth.passed for truth in language.sampling()].count(False) >= 2


def test_a_sampler_that_reuses_noise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models.hf import generation
    from bench.models.hf.sampling import choose as exact

    def stuck(logits: Any, rows: Any, manners: Any, noise: Any, tokens: Any) -> Any:
        return exact(logits, rows, manners, noise * 0.9, tokens)

    monkeypatch.setattr(generation, "choose", stuck)
    assert not all(truth.passed for truth in language.sampling())
