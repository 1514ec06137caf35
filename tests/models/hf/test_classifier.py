"""Classifiers of texts: tiny checkpoints of both kinds, held against transformers text by text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

from bench.capabilities import Machine
from bench.errors import EvaluationError, UsageError
from bench.models.hf.classifier import text_classifier
from tests.models.tiny import byte_tokenizer, llama

TEXTS = np.array(["book me a flight", "no", "The owl wants that nest. " * 3, "what time is it", "a"])


def saved(folder: Path, kind: str) -> Any:
    """A random network of three classes, and its tokenizer, in a folder."""
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    common = {"vocab_size": len(tokenizer), "hidden_size": 24, "intermediate_size": 32, "num_labels": 3}
    common |= {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
    if kind == "bert":
        tokenizer.pad_token = "</s>"
        network: Any = BertForSequenceClassification(BertConfig(**common, pad_token_id=1))
    else:
        network = LlamaForSequenceClassification(LlamaConfig(**common, pad_token_id=1, num_key_value_heads=2))
    network.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return network.double(), tokenizer


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_logits_are_those_of_each_text_alone_and_follow_from_features(tmp_path: Path, kind: str) -> None:
    network, tokenizer = saved(tmp_path, kind)
    found = text_classifier(str(tmp_path), machine=Machine(device="cpu", batch=2)).classify(TEXTS)
    for row, text in zip(found.logits, TEXTS, strict=True):
        with torch.inference_mode():
            alone = network(**tokenizer([str(text)], return_tensors="pt")).logits[0].numpy()
        np.testing.assert_allclose(row, alone, atol=1e-9)
    assert found.features is not None
    assert found.head is not None
    weight, bias = found.head
    assert found.features.shape == (5, 24)
    np.testing.assert_allclose(found.features @ weight.T + bias, found.logits, atol=1e-5)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    llama(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(EvaluationError, match="incomplete"):
        text_classifier(str(tmp_path), machine=Machine(device="cpu")).classify(TEXTS)
    with pytest.raises(UsageError, match="max_length"):
        text_classifier(str(tmp_path), machine=Machine(device="cpu"), max_length=-1)


def test_what_names_it_changes_with_its_length(tmp_path: Path) -> None:
    saved(tmp_path, "bert")
    long, short = (text_classifier(str(tmp_path), machine=Machine(), max_length=n) for n in (0, 5))
    assert long.fingerprint() != short.fingerprint()
