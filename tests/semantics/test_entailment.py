"""Entailment through a tiny classifier that is written in the real format, and counts of what was asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from bench.checks.generations import pool
from bench.errors import UsageError
from bench.scores.semantic import degree, semantic_entropy, semantic_entropy_discrete
from bench.semantics.entailment import Entailment, entailment
from bench.semantics.pools import draws
from bench.semantics.relations import entailments

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "fox", "red", "blue", "ran", "hid"]


def written(folder: Path, labels: tuple[str, ...] = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")) -> str:
    """A random BERT of three classes and a tokenizer of nine words, as a folder."""
    tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        initializer_range=1.0,
        num_labels=3,
        id2label=dict(enumerate(labels)),
        label2id={label: k for k, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("nli"))


def test_probabilities_are_the_models_own_in_a_stated_order(folder: str) -> None:
    judge = Entailment(folder, batch=2)
    pairs = [("fox ran", "red fox"), ("blue", "red fox hid"), ("fox", "fox")]
    found = judge(pairs)
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    for (a, b), row in zip(pairs, found, strict=True):
        with torch.inference_mode():
            logits = model(**tokenizer(a, b, return_tensors="pt")).logits[0].double()
        np.testing.assert_allclose(row, torch.softmax(logits, -1).numpy()[[2, 1, 0]], atol=1e-5)


def test_no_pair_runs_twice_and_pairs_run_in_batches(folder: str) -> None:
    judge = Entailment(folder, batch=4)
    pairs = [(a, b) for a in WORDS[4:] for b in WORDS[4:]]
    first = judge(pairs + pairs[:7])
    again = judge(pairs[::-1])
    assert (judge.asked, judge.run, judge.batches) == (57, 25, 7)
    np.testing.assert_array_equal(again[::-1], first[:25])


def test_equal_texts_entail_each_other_unasked(folder: str) -> None:
    entailment.cache_clear()
    record = pool([["fox", "fox", "red", "fox"], ["blue", "blue", "blue", "blue"]])
    (first, second) = entailments(draws(record), folder)
    assert entailment(folder).run == 2
    assert second[..., 0].min() == 1.0
    assert first[0, 1].tolist() == [1.0, 0.0, 0.0]


def test_scores_by_entailment_follow_from_its_matrix(folder: str) -> None:
    entailment.cache_clear()
    record = pool([["red fox", "fox ran", "blue hid", "fox"]])
    (matrix,) = entailments(draws(record), folder)
    alike = (matrix[..., 0] + matrix[..., 0].T) / 2
    assert degree(record, relation="nli", model=folder)[0] == pytest.approx(1 - alike.mean())
    both = (matrix.argmax(axis=2) == 0) & (matrix.argmax(axis=2) == 0).T
    firsts: list[int] = []
    classes = []
    for i in range(4):
        k = next((k for k, f in enumerate(firsts) if both[f, i]), len(firsts))
        firsts += [i] if k == len(firsts) else []
        classes.append(k)
    shares = np.bincount(classes) / 4
    expected = -(shares * np.log(shares)).sum()
    assert semantic_entropy_discrete(record, relation="nli", model=folder)[0] == pytest.approx(expected)
    assert semantic_entropy(record, relation="nli", model=folder)[0] == pytest.approx(expected)
    assert entailment(folder).run == 12


def test_a_classifier_of_other_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no entailment model"):
        Entailment(written(tmp_path, ("A", "B", "C")))([("fox", "red")])
    with pytest.raises(UsageError, match="no entailment model"):
        Entailment(str(tmp_path / "nowhere"))([("fox", "red")])
