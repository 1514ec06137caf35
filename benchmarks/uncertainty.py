"""Pairwise entailments of semantic scores: calls saved by asking each pair once, and passes saved by batches.

    python -m benchmarks.uncertainty [--prompts 100] [--draws 10] [--model PATH]

The generations are lm-base's own samples on `uncertainty/people`.  Without --model the classifier is a random BERT of
two layers, made here: what is counted does not depend on its weights, and the seconds are those of such a size.  Adds a
section to docs/performance.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.arrays import Ragged
from bench.capabilities import Machine
from bench.examples import Examples
from bench.language import Draw
from bench.models.lm import lm_base
from bench.records import Generations
from bench.registry import find
from bench.scores.semantic import degree, eigv, kernel_language_entropy, semantic_entropy, semantic_entropy_discrete
from bench.semantics.entailment import Entailment, Pair, entailment
from benchmarks.sections import put

SCORES = (semantic_entropy, semantic_entropy_discrete, degree, eigv, kernel_language_entropy)


def generated(prompts: int, draws: int) -> Generations:
    """Samples of lm-base, as a record."""
    asked: Examples = find("task", "uncertainty/people").function(0)
    texts = [str(text) for text in asked.inputs[:prompts]]
    every = [Draw(text, seed, 1.0, max_tokens=72) for text in texts for seed in range(draws)]
    found = lm_base(machine=Machine()).generate(every)
    rows = [found[k * draws : (k + 1) * draws] for k in range(len(texts))]
    return Generations(
        ids=asked.ids[: len(texts)],
        answer=np.array([row[0].text for row in rows], dtype=object),
        correct=np.zeros(len(texts), dtype=bool),
        confidence=np.full(len(texts), 0.5),
        text=Ragged.of([[t.text for t in row] for row in rows], object),
        logprob=Ragged.of([[float(t.logprobs.sum()) for t in row] for row in rows], np.float64),
        tokens=Ragged.of([[len(t.logprobs) for t in row] for row in rows], np.int64),
    )


def random_classifier(folder: Path, texts: Sequence[str]) -> str:
    """A BERT with random weights whose words are those of the texts."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *sorted({w for text in texts for w in text.split()})]
    tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    special = dict(zip(("pad_token", "cls_token", "sep_token", "unk_token"), words, strict=False))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    labels = ("contradiction", "neutral", "entailment")
    config = BertConfig(
        vocab_size=len(words), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
        max_position_embeddings=128, num_labels=3, id2label=dict(enumerate(labels)),
        label2id={name: k for k, name in enumerate(labels)},
    )  # fmt: skip
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return str(folder)


def plain_pairs(record: Generations) -> list[Pair]:
    """All ordered pairs of a prompt's draws, as a loop over them asks."""
    return [(a, b) for i in range(len(record)) for a in record.text[i].tolist() for b in record.text[i].tolist()]


def main() -> None:
    """Print one table, and put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--model", default="")
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    given = parser.parse_args()
    record = generated(given.prompts, given.draws)
    with tempfile.TemporaryDirectory() as folder:
        target = given.model or random_classifier(Path(folder), record.text.values.tolist())
        pairs = plain_pairs(record)
        alone, sample = Entailment(target, batch=1), list(dict.fromkeys(pairs))[:200]
        alone(sample[:1])
        began = time.process_time()
        alone(sample[1:])
        each = (time.process_time() - began) / max(1, len(sample) - 1)
        judge = entailment(target)
        judge(sample[:1])
        began = time.process_time()
        for score in SCORES:
            score(record, relation="nli", model=target)
        seconds = time.process_time() - began
    naive = len(pairs) * len(SCORES)
    less = naive // max(1, judge.batches)
    asked = (
        f"{given.prompts} prompts, {given.draws} samples each, {len(SCORES)} scores that ask a classifier of entailment"
    )
    lines = [
        "# How many entailments are asked?",
        "",
        f"Made by `python -m benchmarks.uncertainty`: {asked}; CPU seconds in one thread.",
        "",
        "| way | pairs through the model | passes | CPU seconds |",
        "| --- | --: | --: | --: |",
        f"| each score asks each pair alone | {naive:,} | {naive:,} | {naive * each:.1f} (from {each:.4f} a pair) |",
        f"| bench: different pairs once, in batches | {judge.run:,} | {judge.batches:,} | {seconds:.1f} |",
        "",
        f"{1 - judge.run / naive:.1%} of the pairs are saved, and all but a pass in {less:,}.",
    ]
    print("\n".join(lines))
    put(given.out, "benchmarks.uncertainty", "\n".join(lines))


if __name__ == "__main__":
    main()
