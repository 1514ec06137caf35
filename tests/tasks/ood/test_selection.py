"""Texts selected from pools, against what is known of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.components import NotApplicable
from bench.errors import RecordError, UsageError
from bench.examples import Examples
from bench.language import Scored
from bench.metrics.selections import kl_reduction, selected_kin, selection_gain, selection_left
from bench.records import Contrasted, Selections
from bench.scores.texts import dsir
from bench.tasks.ood.selection import ood_selection
from bench.tasks.ood.texts import Contrasting


class Long:
    """Finds long texts likely."""

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        return [Scored(np.array([-1.0 / len(text)]), greedy=False) for _, text in requests]


def selected(examples: Examples) -> Selections:
    test = examples.split("test")
    made = test.asker(Long(), None, test, 0, {"ids": test.ids})  # type: ignore[misc]
    assert isinstance(made, Selections)
    return made


def test_weights_come_near_what_is_best_and_chance_does_not() -> None:
    examples = ood_selection(0)
    record = selected(examples.take(np.flatnonzero(np.isin(examples.ids, ["pool-00", "pool-01", "pool-02"]))))
    assert (record.weighted > record.random).all()
    assert (selected_kin(record).values > 0.9).all()
    assert np.abs(selection_left(record).values).max() < 0.01
    np.testing.assert_array_equal(selection_gain(record).values, record.weighted - record.random)


def test_selecting_all_changes_nothing() -> None:
    examples = ood_selection(0, size=80)
    record = selected(examples.take(np.flatnonzero(examples.ids == "pool-00")))
    assert [record.weighted[0], record.random[0], record.likely[0]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert selected_kin(record).values[0] == 0.25


def test_files_of_ones_own(tmp_path: Path) -> None:
    raw, target = tmp_path / "raw.jsonl", tmp_path / "target.jsonl"
    raw.write_text("\n".join(json.dumps({"text": f"{word} {word} here"}) for word in ("sea", "hill") * 10))
    target.write_text("\n".join(json.dumps({"text": "hill hill there"}) for _ in range(6)))
    record = selected(ood_selection(0, path=str(raw), target=str(target), size=8))
    assert kl_reduction(record).values[0] > 0
    for metric in (selected_kin, selection_left):
        with pytest.raises(NotApplicable, match="kind"):
            metric(record)
    with pytest.raises(UsageError, match="two files"):
        ood_selection(0, path=str(raw))
    with pytest.raises(UsageError, match="99 texts"):
        ood_selection(0, path=str(raw), target=str(target), size=99)
    with pytest.raises(RecordError, match="finite"):
        Selections(ids=np.array(["a"]), weighted=np.array([np.nan]), random=np.zeros(1), likely=np.zeros(1))


def test_the_score_of_texts_needs_texts() -> None:
    texts = ["the hill", "the sea", "a hill"]
    batch = Examples(ids=np.array(["a", "b", "c"]), inputs=[("", text) for text in texts], asker=Contrasting())
    record = batch.asker(Long(), None, batch, 0, {"ids": batch.ids})  # type: ignore[misc]
    assert isinstance(record, Contrasted)
    found = dsir(record, record.take(np.array([0, 2])))
    assert found.argmax() == 1
    assert found[0] < found[1]
    bare = Contrasted(ids=record.ids, logprobs=record.logprobs, question=record.question, bytes=record.bytes)
    with pytest.raises(NotApplicable, match="hold its texts"):
        dsir(bare, bare)
