"""The field's texts, from small files in their own formats."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench.arrays import Ragged
from bench.components import Task
from bench.errors import UsageError
from bench.field import texts
from bench.language import Scored
from bench.metrics.domains import domain_metrics
from bench.records import LastWords, Tokens
from bench.registry import find
from bench.runners.ask import ask
from bench.stats.intervals import value
from bench.tasks.likelihood import field_texts

RAW = (
    " \n = Robert Boulter = \n \n Robert Boulter is an English actor @-@ writer . He had one ( 2 @,@ 000 people ) . \n"
    ' \n = = Career = = \n \n In " The Bill " he \'s seen ; \n \n = Du Fu = \n \n Du Fu was a poet . \n'
)


class Letters:
    """A language model of one nat a character, whose likeliest token is always `e`."""

    def score(self, requests: list[tuple[str, str]]) -> list[Scored]:
        return [Scored(np.full(len(text), -1.0), greedy=text == " tree") for _, text in requests]


def answered(name: str, examples: Any) -> Any:
    found = ask(Letters(), find(Task, name), None, examples, 0)
    assert not found.failed
    return found.record


@pytest.mark.parametrize("form", ["raw", "lines", "pages"])
def test_wikitext_reads_articles_as_the_harness_does(tmp_path: Path, form: str) -> None:
    wikitext = pytest.importorskip("lm_eval.tasks.wikitext.preprocess_wikitext")
    path = tmp_path / ("wiki.test.raw" if form == "raw" else "rows.jsonl")
    if form == "raw":
        path.write_text(RAW)
    else:
        articles = texts.pages(RAW.splitlines(keepends=True))
        rows = [{"text": line} for line in RAW.splitlines(keepends=True)]
        path.write_text("\n".join(map(json.dumps, rows if form == "lines" else [{"page": a} for a in articles])))
    examples = field_texts.wikitext_2(0, path=str(path))
    assert len(examples) == 2
    record = answered("likelihood/wikitext-2", examples)
    assert isinstance(record, Tokens)
    for i, page in enumerate(examples.inputs):
        theirs = wikitext.process_results({"page": page}, [-1.0])
        assert texts.untokenised(page) == wikitext.wikitext_detokenizer({"page": page})
        assert (record.words is not None and record.words[i], record.bytes[i]) == (
            theirs["word_perplexity"][1],
            theirs["byte_perplexity"][1],
        )
    assert "actor-writer." in texts.untokenised(examples.inputs[0])
    assert "(2,000 people)" in texts.untokenised(examples.inputs[0])


def test_wikitext_without_headings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wiki.test.raw"
    path.write_text("no heading\n")
    with pytest.raises(UsageError, match="no WikiText"):
        field_texts.wikitext_103(0, path=str(path))


def test_lambada_asks_for_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "lambada.jsonl"
    path.write_text("\n".join(json.dumps({"text": t}) for t in ("He sat under the tree", "She felt the wind")))
    examples = field_texts.lambada(0, path=str(path))
    assert examples.inputs[0] == ("He sat under the", " tree")
    record = answered("likelihood/lambada", examples)
    assert isinstance(record, LastWords)
    assert value(find("metric", "word-perplexity"), record) == pytest.approx(np.exp(5.0))  # type: ignore[arg-type]
    assert value(find("metric", "last-word-accuracy"), record) == 0.5  # type: ignore[arg-type]
    path.write_text(json.dumps({"text": "alone"}))
    with pytest.raises(UsageError, match="row 0 is not one of LAMBADA"):
        field_texts.lambada(0, path=str(path))


def test_the_pile_by_domain_and_packed(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl.zst"
    names = ["ArXiv", "ArXiv", "Github", "ArXiv"]
    rows = [{"text": f"document {i}" * (i + 1), "meta": {"pile_set_name": name}} for i, name in enumerate(names)]
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write("\n".join(json.dumps(row) for row in rows).encode())
    examples = field_texts.pile(0, path=str(path), each=2)
    assert examples.dataset is not None
    assert examples.dataset.tolist() == ["ArXiv", "ArXiv", "Github"]
    assert len(field_texts.pile(0, path=str(path), domain="Github")) == 1
    record = answered("likelihood/pile", examples)
    found = {m.name: value(m, record) for m in domain_metrics(record)}
    bits = 1 / np.log(2)  # a nat a character, all of one byte
    assert found == {"bits-per-byte-ArXiv": pytest.approx(bits), "bits-per-byte-Github": pytest.approx(bits)}
    uneven = Tokens(
        ids=record.ids, dataset=record.dataset, bytes=record.bytes, logprobs=Ragged.of([[-1], [-2], [-8]], np.float64)
    )
    nats = {m.name: value(m, uneven) for m in domain_metrics(uneven)}
    assert nats["bits-per-byte-ArXiv"] == pytest.approx(3 / np.log(2) / (10 + 20))
    assert nats["bits-per-byte-Github"] == pytest.approx(8 / np.log(2) / 30)


def test_text8_and_enwik8_keep_their_splits(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    text = "".join(np.array(list(field_texts.LETTERS))[draws.integers(0, 27, 4000)])
    path = tmp_path / "text8"
    path.write_text(text)
    examples = field_texts.text8(0, path=str(path), chunk=60)
    assert "".join(examples.inputs) == text[-200:]
    assert [len(chunk) for chunk in examples.inputs] == [60, 60, 60, 20]
    symbols = field_texts.text8_symbols(0, path=str(path), width=64)
    assert symbols.levels == 27
    assert {s: len(symbols.split(s)) for s in ("train", "calibration", "test")} == {
        "train": 3600 // 64, "calibration": 3, "test": 3,
    }  # fmt: skip
    assert "".join(field_texts.LETTERS[k] for k in symbols.split("test").inputs[0]) == text[3800:3864]
    path.write_text(text.upper())
    with pytest.raises(UsageError, match="other characters"):
        field_texts.text8_symbols(0, path=str(path))
    wide = tmp_path / "enwik8"
    wide.write_bytes(("<page>é€" * 500).encode())
    chunks = field_texts.enwik8(0, path=str(wide), chunk=10).inputs
    whole = wide.read_bytes()[-(len(wide.read_bytes()) - len(wide.read_bytes()) * 95 // 100) :]
    assert "".join(chunks) == whole.decode(errors="ignore")
    assert not any(re.search("�", chunk) for chunk in chunks)
    with pytest.raises(UsageError, match="not on the hub"):
        field_texts.enwik8(0)
