"""Texts of people and machines, and models that learn from their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.checks.ood_machines import Urn
from bench.components import NotApplicable
from bench.errors import RecordError, UsageError
from bench.examples import Examples
from bench.language import Draw, Generated, Scored
from bench.metrics.collapses import collapse_distinct, collapse_diversity, collapse_nll
from bench.models.ngram import NGram
from bench.procedural import prose
from bench.records import Authored, Collapses
from bench.scores.authors import machine_detector, machine_likelihood, machine_ratio
from bench.stats.collapse import repetition
from bench.tasks.ood.collapse import ood_collapse
from bench.tasks.ood.machine_text import NEVER, ood_machine_text


class Parrot:
    """Goes on with one sentence, whatever the opening is, and finds every word as likely."""

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        return [Scored(np.full(max(1, len(rest.split())), -2.0), greedy=False) for _, rest in requests]

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        return [
            Generated(" Polly wants a biscuit.", np.zeros(4, dtype=np.int64), np.zeros(4), stopped=True) for _ in draws
        ]


def record(examples: Examples) -> Authored:
    common = {"ids": examples.ids, "ood": examples.ood, "splits": examples.splits, "groups": examples.groups}
    made = examples.asker(Parrot(), None, examples, 0, common)  # type: ignore[misc]
    assert isinstance(made, Authored)
    return made


def test_each_opening_goes_on_twice_and_the_source_is_known() -> None:
    examples = ood_machine_text(0)
    whole = record(examples)
    test, train = whole.split("test"), whole.split("train")
    np.testing.assert_array_equal(test.ood, test.machine)
    assert train.ood is not None
    assert not train.ood.any()
    assert train.machine.sum() == 100
    assert test.truth is not None
    assert (test.truth[test.machine] == NEVER).all()
    first = np.flatnonzero(examples.splits == "test")[0]
    opening, rest = examples.inputs[first]
    assert test.truth[0] == pytest.approx(prose.log_prob(opening + rest) - prose.log_prob(opening))
    assert machine_ratio(test)[test.machine].min() > machine_ratio(test)[~test.machine].max()
    assert machine_likelihood(test) == pytest.approx(-2)
    odds = machine_detector(test, train)
    assert odds[test.machine].min() > 0 > odds[~test.machine].max()
    with pytest.raises(NotApplicable, match="one kind"):
        machine_detector(test, train.where(train.machine))


def test_texts_of_ones_own_are_cut_in_two(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    rows = [{"text": f"Text number {k} has some ten words to go on with."} for k in range(10)]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = record(ood_machine_text(0, path=str(file)))
    assert len(found) == 20
    assert len(found.split("train")) == 10
    assert found.truth is None
    with pytest.raises(NotApplicable, match="not known"):
        machine_ratio(found)
    file.write_text("\n".join(map(json.dumps, rows[:3])))
    with pytest.raises(UsageError, match="too few"):
        ood_machine_text(0, path=str(file))
    with pytest.raises(UsageError, match="top_p"):
        ood_machine_text(0, top_p=0.0)


def collapsed(model: Any, **parameters: Any) -> Collapses:
    test = ood_collapse(0, **parameters).split("test")
    made = test.asker(model, None, test, 0, {"ids": test.ids})  # type: ignore[misc]
    assert isinstance(made, Collapses)
    return made


def test_a_model_of_its_own_texts_forgets_and_cold_texts_make_it_forget_more() -> None:
    small: dict[str, Any] = {"chains": 2, "generations": 2, "texts": 20}
    warm = collapsed(NGram(2), **small)
    cold = collapsed(NGram(2), **small, temperature=0.4)
    assert warm.nll.shape == (2, 3)
    assert (np.diff(warm.nll, axis=1) > 0).all()
    assert (cold.nll[:, -1] > warm.nll[:, -1]).all()
    assert collapse_nll(warm).values == pytest.approx(warm.nll[:, 2] - warm.nll[:, 0])
    lost = collapse_diversity(cold)
    assert lost.denominators is not None
    assert (lost.values < lost.denominators).all()
    spread = collapse_distinct(cold)
    assert spread.denominators is not None
    assert (spread.values < spread.denominators).all()


def test_a_chain_is_its_id_and_texts_may_be_picked() -> None:
    small: dict[str, Any] = {"chains": 2, "generations": 1, "texts": 8}
    picked, every = collapsed(Urn(5), **small, keep="weighted"), collapsed(Urn(5), **small)
    np.testing.assert_array_equal(picked.differ[:, 0], every.differ[:, 0])
    assert (picked.differ[:, 1] != every.differ[:, 1]).any()
    test = ood_collapse(0, **small).split("test").take(np.array([1]))
    alone = test.asker(Urn(5), None, test, 0, {"ids": test.ids})  # type: ignore[misc]
    assert isinstance(alone, Collapses)
    np.testing.assert_array_equal(alone.differ[0], every.differ[1])
    with pytest.raises(UsageError, match="kept by 'some'"):
        ood_collapse(0, keep="some")
    with pytest.raises(UsageError, match="generations=0"):
        ood_collapse(0, generations=0)
    with pytest.raises(UsageError, match="refitted"):
        collapsed(Parrot())
    one = np.zeros((1, 1))
    with pytest.raises(RecordError, match="two fits"):
        Collapses(ids=np.array(["a"]), differ=one, distinct=one, zipf=one, nll=one)


def test_repetition_is_the_share_of_equal_pairs() -> None:
    assert repetition(["a a", "b"]) == pytest.approx(1 / 3)
    assert repetition(["a"]) == 1
