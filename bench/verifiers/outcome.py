"""Verifiers of texts: one that knows the right answer, one that knows nothing, and models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.capabilities import Machine
from bench.components import verifier
from bench.decisions import Judgement, Prompt
from bench.errors import UsageError
from bench.language import Generated, LanguageModel
from bench.models.building import named_model
from bench.seeds import generator

QUESTION = "{prompt}{text}\nIs the answer right? Answer yes or no:"
YES, NO = (" yes", " Yes"), (" no", " No")


@verifier("exact", source="the task's own right answers: what a perfect verifier would make of a decoder")
def exact(_: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
    """1 for a text whose answer is right, 0 for any other; ½ for texts that have not ended.

    It knows the truth, so what a decoder reaches with it is a bound, or with its dial (`fpr`, `fnr`) a model of a
    verifier of known error rates; it is never a result of the model alone.
    """
    if not whole:
        return Judgement.free(np.full(len(texts), 0.5))
    if any(prompt.right is None for prompt in prompts):
        raise UsageError(
            "verifier 'exact' can't judge this task",
            cause="the task has no right answers",
            fix="take another: bench list verifiers",
        )
    right = [p.right(t.text) for p, t in zip(prompts, texts, strict=True) if p.right is not None]
    return Judgement.free(np.array(right, dtype=np.float64))


@verifier("random", source="the baseline: a verifier that knows nothing")
def random(_: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
    """A uniform number in (0, 1), drawn by prompt and text."""
    del whole
    return Judgement.free(
        np.array([generator(0, "random verifier", p.id, t.text).random() for p, t in zip(prompts, texts, strict=True)])
    )


@verifier("likelihood", source="perplexity; with another model, reranking by a second opinion")
def likelihood(
    model: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool, target: str = ""
) -> Judgement:
    """Probability per token of the text: under the model that wrote it, or `likelihood:MODEL` under another.

    The writer's own are known already and cost nothing; another model reads each text after its prompt.
    """
    del whole
    if not target:
        means = [float(t.logprobs.mean()) if len(t.logprobs) else 0.0 for t in texts]
        if np.isnan(means).any():
            raise UsageError(
                "verifier 'likelihood' needs the log-probabilities of generated tokens",
                cause="the model doesn't tell them",
                fix="name a model that reads the texts: verifier=likelihood:MODEL",
            )
        return Judgement.free(np.exp(np.minimum(means, 0.0)))
    other = named_model(target, getattr(model, "machine", Machine()))
    found = iter(other.score([(p.text, t.text) for p, t in zip(prompts, texts, strict=True) if t.text]))
    scored = [next(found).logprobs if t.text else np.zeros(0) for t in texts]
    means = [float(s.mean()) if len(s) else -math.inf for s in scored]
    return Judgement(np.exp(np.minimum(means, 0.0)), np.array([len(s) for s in scored], dtype=np.int64))


@verifier(
    "self-evaluation",
    source="Kadavath et al. 2022, Language Models (Mostly) Know What They Know: P(True)",
    papers=("Adaptive Inference-Time Compute: LLMs Can Predict if They Can Do Better, Even Mid-Generation",),
)
def self_evaluation(
    model: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool, target: str = ""
) -> Judgement:
    """Probability of yes against no where a model is asked whether the text is right.

    It is the model that wrote it, or MODEL with `self-evaluation:MODEL`.  Small models that were never asked such
    questions know little of it: the embedded ones answer at random.
    """
    del whole
    other = named_model(target, getattr(model, "machine", Machine())) if target else model
    contexts = [QUESTION.format(prompt=p.text, text=t.text) for p, t in zip(prompts, texts, strict=True)]
    words = (*YES, *NO)
    scored = other.score([(context, word) for context in contexts for word in words])
    totals = np.array([s.total for s in scored]).reshape(len(texts), len(words))
    yes = np.logaddexp.reduce(totals[:, : len(YES)], axis=1)
    no = np.logaddexp.reduce(totals[:, len(YES) :], axis=1)
    tokens = np.array([s.tokens for s in scored]).reshape(totals.shape).sum(axis=1)
    read = np.array([len(t.token_ids) for t in texts]) + tokens
    return Judgement(1 / (1 + np.exp(np.clip(no - yes, -700, 700))), read)
