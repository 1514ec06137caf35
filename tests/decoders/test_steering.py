"""Beams and particles beyond their known-truth checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.checks.language import CONTEXT, paths, table, tiny_model
from bench.decisions import Prompt
from bench.decoders.beam import beam, search
from bench.decoders.particles import Grown, Power, filter_particles, systematic


def prompt(name: str = "p", text: str = CONTEXT, stop: tuple[str, ...] = (), length: int = 3) -> Prompt:
    return Prompt(name, text, lambda made: made or None, stop, length)


def test_systematic_resampling_takes_floor_or_ceil_and_is_unbiased() -> None:
    weights = np.array([0.5, 0.21, 0.0, 0.29])
    noises = (np.arange(1000) + 0.5) / 1000
    counts = np.array([np.bincount(systematic(weights, u), minlength=4) for u in noises])
    assert (np.abs(counts - 4 * weights) < 1).all()
    np.testing.assert_allclose(counts.mean(axis=0), 4 * weights, atol=1e-3)


def test_a_wider_beam_never_finds_a_less_likely_text() -> None:
    model = tiny_model(3)
    totals = [search(model, [prompt(length=5)], width)[0].texts[0].total for width in (1, 2, 4, 40)]
    assert totals == sorted(totals)


def test_beams_stop_at_stop_strings_and_prompts_do_not_meet() -> None:
    model = tiny_model(2)
    asked = [prompt("p", "ab", ("c",), 4), prompt("q", "a", ("b",), 4), prompt("r", "dcba", (), 2)]
    together = search(model, asked, 4)
    for one, found in zip(asked, together, strict=True):
        (alone,) = search(model, [one], 4)
        assert [(h.tokens, h.text, h.stopped) for h in alone.texts] == [
            (h.tokens, h.text, h.stopped) for h in found.texts
        ]
        np.testing.assert_allclose([h.total for h in alone.texts], [h.total for h in found.texts], rtol=0, atol=1e-12)
        for hypothesis in found.texts:
            assert not any(stop in (hypothesis.text or "") for stop in one.stop)
            assert len(hypothesis.tokens) <= one.max_tokens


def test_confidence_of_a_beam_bounds_the_answer_s_probability() -> None:
    model = tiny_model(1)
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
    asked = Prompt("p", CONTEXT, lambda text: text[:1] or None, (), 3)
    (wide,) = beam(model, [asked], 0, width=1000)
    (narrow,) = beam(model, [asked], 0, width=3)
    letters = ("", "", "a", "b", "c", "d")
    text_of = {path: "".join(letters[k] for k in path) for path in law}
    exact = sum(p for path, p in law.items() if text_of[path][:1] == wide.answer)
    assert wide.confidence == pytest.approx(exact, abs=1e-9)
    assert narrow.confidence <= exact + 1e-9


def test_one_particle_is_plain_sampling_whatever_the_potential() -> None:
    model, count = tiny_model(), 3000
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
    found = filter_particles(model, [prompt(str(k)) for k in range(count)], 0, Power(3.0), n=1)
    seen = [tuple(population.texts[0].token_ids.tolist()) for population in found]
    for path in sorted(law, key=lambda p: -law[p])[:10]:
        error = math.sqrt(law[path] * (1 - law[path]) / count)
        assert abs(seen.count(path) / count - law[path]) < 4.5 * error
    assert {float(population.weights[0]) for population in found} == {1.0}


def test_a_potential_that_forbids_is_never_broken_and_its_constant_is_right() -> None:
    model, count = tiny_model(1), 600
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})

    def no_a(grown: Grown) -> Any:
        return np.array([-np.inf if tokens[-1] == 2 else 0.0 for tokens in grown.tokens])

    found = filter_particles(model, [prompt(str(k)) for k in range(count)], 0, no_a, n=8)
    sizes = np.exp([population.log_evidence for population in found])
    truth = sum(p for path, p in law.items() if 2 not in path)
    assert abs(sizes.mean() - truth) < 4 * sizes.std(ddof=1) / math.sqrt(count)
    for population in found:
        for text, weight in zip(population.texts, population.weights, strict=True):
            assert weight == 0 or 2 not in text.token_ids


def test_all_particles_may_become_impossible() -> None:
    (found,) = filter_particles(tiny_model(), [prompt()], 0, lambda grown: np.full(len(grown.prompt), -np.inf), n=3)
    assert found.log_evidence == -math.inf
    assert found.weights.tolist() == [0, 0, 0]


def test_populations_do_not_depend_on_the_other_prompts() -> None:
    model = tiny_model()
    asked = [prompt("p", "ab"), prompt("q", "abcd"), prompt("r", "c")]
    together = filter_particles(model, asked, 7, Power(2.0), n=6)
    for one, population in zip(asked, together, strict=True):
        (alone,) = filter_particles(model, [one], 7, Power(2.0), n=6)
        assert alone.log_evidence == pytest.approx(population.log_evidence, abs=1e-9)
        assert [t.token_ids.tolist() for t in alone.texts] == [t.token_ids.tolist() for t in population.texts]
