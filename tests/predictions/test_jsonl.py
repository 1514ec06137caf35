from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.config import RunConfig
from bench.errors import BenchError
from bench.predictions import read_predictions
from bench.records import Generations
from bench.runners.wanted import for_record

SAMPLE = {"text": "x", "logprob": -1.5, "tokens": 2, "correct": False, "token_logprobs": [-0.5, -1.0], "greedy": False}


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompt(name: str, **more: Any) -> dict[str, Any]:
    return {
        "prompt_id": name,
        "p_true": 0.7,
        "samples": [SAMPLE | {"greedy": True, "correct": True}, SAMPLE, SAMPLE],
    } | more


def test_a_line_with_samples_is_a_prompt_with_its_pool(tmp_path: Path) -> None:
    path = lines(tmp_path / "own.jsonl", [prompt("p"), prompt("q", p_true=0.2)])
    (record,) = read_predictions(path, "generations").values()
    assert isinstance(record, Generations)
    assert record.ids.tolist() == ["p", "q"]
    assert record.text.lengths.tolist() == [3, 3]
    assert record.correct.all()
    assert record.p_true is not None
    assert record.p_true.tolist() == [0.7, 0.2]
    assert record.sampled.sum() == 4
    assert record.token_logprobs is not None
    assert record.token_logprobs[0].tolist() == [-0.5, -1.0] * 3
    wanted = for_record(record, RunConfig())
    assert len(wanted.scores) >= 15


def test_a_flat_file_is_the_same(tmp_path: Path) -> None:
    flat = [{"prompt_id": "p", "p_true": 0.7, **sample} for sample in prompt("p")["samples"]]
    (one,) = read_predictions(lines(tmp_path / "a.jsonl", flat), "generations").values()
    (other,) = read_predictions(lines(tmp_path / "b.jsonl", [prompt("p")]), "generations").values()
    assert isinstance(one, Generations)
    assert isinstance(other, Generations)
    assert list(one.rows()) == list(other.rows())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([prompt("p", text="y")], "stands beside"),
        ([{"prompt_id": "p", "samples": [1, 2]}], "no list of objects"),
        ([prompt("p", samples=[SAMPLE, SAMPLE])], "just one generation"),
    ],
)
def test_what_cannot_be_meant_is_refused(rows: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError) as caught:
        read_predictions(lines(tmp_path / "bad.jsonl", rows), "generations")
    assert words in f"{caught.value.what} {caught.value.cause}"


def test_a_broken_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"prompt_id": \n')
    with pytest.raises(BenchError, match="cannot be read"):
        read_predictions(path, "generations")
