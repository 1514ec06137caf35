"""Scores of generations against LM-Polygraph's formulas, written out one prompt at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from bench.arrays import Float64s, Ragged
from bench.checks.generations import pool
from bench.components import NotApplicable, Score
from bench.records import Generations
from bench.registry import components
from bench.scores import answers, semantic
from bench.semantics.relations import similarities

WORDS = ["red", "fox", "ran", "hid", "blue"]


def drawn(seed: int = 0, prompts: int = 6) -> Generations:
    """Random texts of words, four to six a prompt, with tokens for words."""
    rng = np.random.default_rng(seed)
    texts, pieces, logs = [], [], []
    for _ in range(prompts):
        rows = [rng.choice(WORDS, rng.integers(1, 6)).tolist() for _ in range(rng.integers(4, 7))]
        pieces.append([w if k == 0 else f" {w}" for row in rows for k, w in enumerate(row)])
        logs.append([(-rng.exponential(1.0, len(row))).tolist() for row in rows])
        texts.append([" ".join(row) for row in rows])
    record = pool(texts, [[sum(row) for row in prompt] for prompt in logs])
    return replace(
        record,
        tokens=Ragged.of([[len(t.split()) for t in row] for row in texts], np.int64),
        token_logprobs=Ragged.of([[x for row in prompt for x in row] for prompt in logs], np.float64),
        pieces=Ragged.of(pieces, object),
    )


def laplacian(w: Float64s) -> Float64s:
    d = np.diag(w.sum(axis=1) ** -0.5)
    return np.eye(len(w)) - d @ w @ d


def test_graph_scores_against_their_formulas() -> None:
    record = drawn()
    found = {f.__name__: f(record) for f in (semantic.degree, semantic.eigv, semantic.eccentricity)}
    kernel, lexical = semantic.kernel_language_entropy(record), semantic.lexical_similarity(record)
    for i, w in enumerate(similarities(record, "rouge-l")):
        m = len(w)
        values, vectors = np.linalg.eigh(laplacian(w))
        assert found["degree"][i] == pytest.approx(np.trace(m * np.eye(m) - np.diag(w.sum(axis=1))) / m**2)
        assert found["eigv"][i] == pytest.approx(sum(max(0.0, 1 - v) for v in values))
        kept = vectors[:, values < 0.9]
        assert found["eccentricity"][i] == pytest.approx(np.linalg.norm(kept - kept.mean(axis=0)))
        heat = expm(-0.3 * (np.diag(w.sum(axis=1)) - w))
        unit = heat / np.sqrt(np.outer(np.diag(heat), np.diag(heat))) / m
        spectrum = np.linalg.eigvalsh(unit)
        assert kernel[i] == pytest.approx(-sum(v * np.log(v) for v in spectrum if v > 0))
        assert lexical[i] == pytest.approx(1 - np.mean([w[a, b] for a in range(m) for b in range(a)]))


def test_sentence_relevance_against_its_formula() -> None:
    record = drawn(1)
    found = semantic.sentence_sar(record)
    for i, w in enumerate(similarities(record, "rouge-l")):
        p = np.exp(record.logprob[i])
        each = [-np.log(p[j] + sum(w[j, k] * p[k] for k in range(len(p)) if k != j) / 0.001) for j in range(len(p))]
        assert found[i] == pytest.approx(np.mean(each))


def test_semantic_entropy_against_its_formula() -> None:
    record = drawn(2)
    found, sampled = semantic.semantic_entropy(record), semantic.semantic_entropy_mc(record)
    for i in range(len(record)):
        mass: dict[str, float] = {}
        firsts = dict(zip(record.text[i][::-1], record.logprob[i][::-1], strict=True))
        for text, log in firsts.items():
            mass[text] = mass.get(text, 0.0) + float(np.exp(log))
        shares = np.array(list(mass.values())) / sum(mass.values())
        assert found[i] == pytest.approx(-(shares * np.log(shares)).sum())
        assert sampled[i] == pytest.approx(-np.mean([np.log(mass[text]) for text in record.text[i]]))


def test_entropies_where_all_say_the_same_are_zero() -> None:
    record = pool([["x"] * 4])
    for score in (semantic.semantic_entropy, semantic.semantic_entropy_discrete, semantic.disagreement):
        assert score(record).tolist() == [0.0]


def test_scores_that_the_record_cannot_bear_do_not_apply() -> None:
    bare = pool([["x", "y"]])
    for score in components(Score).values():
        if score.of is Generations:
            with suppress(NotApplicable):
                assert score.function(bare).shape == (1,), score.name


def test_order_of_draws_changes_nothing() -> None:
    record = drawn(3, prompts=1)
    order = np.random.default_rng(0).permutation(len(record.text.values))
    turned = pool([record.text.values[order].tolist()], [record.logprob.values[order].tolist()])
    for score in (semantic.semantic_entropy, semantic.eigv, semantic.sentence_sar, semantic.kernel_language_entropy):
        assert score(turned)[0] == pytest.approx(score(record)[0], rel=1e-9)


def test_unreadable_confidence_counts_as_none() -> None:
    record = pool([["x"], ["y"]], stated=np.array([0.8, np.nan]))
    np.testing.assert_allclose(answers.verbalised(record), [0.2, 1.0])
    with pytest.raises(NotApplicable):
        answers.verbalised(pool([["x"]], stated=np.array([np.nan])))


def test_claims_that_no_rival_shares_are_opposed_by_all() -> None:
    record = pool(
        [["Oslo"]],
        tokens=Ragged.of([[1]], np.int64),
        pieces=Ragged.of([["Oslo"]], object),
        alternatives=Ragged.of([["Rome", "Bonn"]], object),
        alternative_logprobs=Ragged.of([np.log([0.6, 0.3])], np.float64),
    )
    assert answers.claim_conditioned(record)[0] == pytest.approx(1.0)
