"""Intents from small files in the data sets' own formats, through a tiny classifier that the test makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.tasks.ood.intents import ood_clinc150, ood_newsgroups, ood_rostd
from tests.cli.shell import bench
from tests.models.hf.test_classifier import saved


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_clinc_closes_up_over_the_number_that_says_out_of_scope(tmp_path: Path) -> None:
    said = [("a", 0), ("b", 41), ("c", 42), ("d", 43), ("e", 150), ("e", 150)]
    path = written(tmp_path / "test.jsonl", [{"text": text, "intent": number} for text, number in said])
    examples = ood_clinc150(0, path=path)
    assert examples.inputs == ["a", "b", "d", "e", "e", "c"]
    assert examples.targets is not None
    assert examples.targets.tolist() == [0, 41, 42, 149, 149, -1]
    assert examples.ood is not None
    assert examples.ood.tolist() == [False] * 5 + [True]
    assert examples.classes == 150
    train = ood_clinc150(0, path=path, train=path).split("train")
    assert len(train) == 5  # what is out of scope is not trained on
    with pytest.raises(UsageError, match="not one of CLINC150"):
        ood_clinc150(0, path=written(tmp_path / "wrong.jsonl", [{"text": "a", "intent": 151}]))


def test_rostd_reads_tabs(tmp_path: Path) -> None:
    test, outside = tmp_path / "eval.tsv", tmp_path / "OODrelease.tsv"
    test.write_text(
        "weather/find\t \tis it cold\tE\nalarm/set_alarm\t \twake me\tE\noutOfDomain\tFILLER\tbuy it\tFILLER\n"
    )
    outside.write_text("outOfDomain\tFILLER\twhat causes lightning?\tFILLER\n")
    examples = ood_rostd(0, path=str(test), outside=str(outside), train=str(test))
    asked = examples.split("test")
    assert asked.inputs == ["is it cold", "wake me", "buy it", "what causes lightning?"]
    assert asked.targets is not None
    assert asked.targets.tolist() == [1, 0, -1, -1]
    assert len(examples.split("train")) == 2
    test.write_text("weather/find is it cold\n")
    with pytest.raises(UsageError, match="line 1, is no intent"):
        ood_rostd(0, path=str(test))
    with pytest.raises(UsageError, match="needs its files"):
        ood_rostd(0)
    test.write_text("weather/find\t \tis it cold\tE\n")
    with pytest.raises(UsageError, match="all in distribution"):
        ood_rostd(0, path=str(test))


def test_newsgroups_are_parted_by_their_first_word(tmp_path: Path) -> None:
    groups = ["sci.med", "comp.graphics", "talk.politics.misc", "alt.atheism", "sci.med", "sci.space"]
    texts = ["pills", "pixels", "votes", "none", "  ", "stars"]
    path = written(tmp_path / "test.jsonl", [{"text": t, "label_text": g} for t, g in zip(texts, groups, strict=True)])
    examples = ood_newsgroups(0, path=path)
    assert examples.inputs == ["pills", "pixels", "stars", "none", "votes"]
    assert examples.targets is not None
    assert examples.targets.tolist() == [1, 0, 2, -1, -1]
    assert examples.dataset is not None
    assert examples.dataset.tolist() == ["newsgroups"] * 3 + ["alt", "talk"]


def test_a_checkpoint_is_asked_about_intents(tmp_path: Path, capsys: Any) -> None:
    saved(tmp_path / "model", "bert")  # three classes
    intents = ["alarm/set", "reminder/set", "weather/find"]
    lines = [f"{intents[k % 3]}\t \tsay {k} and {k * k}\tE" for k in range(24)]
    (tmp_path / "train.tsv").write_text("\n".join(lines))
    (tmp_path / "eval.tsv").write_text("\n".join([*lines[:9], *(f"outOfDomain\tF\tbuy {k}\tF" for k in range(9))]))
    task = f"ood/rostd,path={tmp_path / 'eval.tsv'},train={tmp_path / 'train.tsv'}"
    model = f"text-classifier:{tmp_path / 'model'}"
    scores = [word for name in ("energy", "mahalanobis", "react") for word in ("--score", name)]
    told = bench(capsys, "eval", "-m", model, "-t", task, *scores, "--offline", "--out", tmp_path / "runs", "--json")
    assert told.code == 0, told.err
    found = {(r.get("score"), r.get("metric")): r for r in told.lines if r.get("metric")}
    for score in ("energy", "mahalanobis", "react"):
        assert np.isfinite(found[score, "auroc"]["value"])
        assert found[score, "auroc"]["n"] == 18
