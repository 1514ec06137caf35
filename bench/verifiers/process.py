"""A process-reward model: whether all steps so far are right, told from the states in which a model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import Machine
from bench.components import verifier
from bench.decisions import Judgement, Prompt
from bench.errors import UsageError
from bench.language import Details, Generated, LanguageModel, Scored
from bench.models.building import named_model

WEIGHTS = Path(__file__).parents[1] / "zoo" / "checkpoints" / "process-reward" / "model.safetensors"
READER = "lm-tuned"


@verifier(
    "process-reward",
    source="Lightman et al. 2023, Let's Verify Step by Step; the states as features: Azaria and Mitchell 2023",
    check="process-reward",
)
def process_reward(
    model: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool
) -> Judgement:
    """Probability that all steps so far are right, by a logistic regression on the states of `lm-tuned` reading them.

    Trained on labelled steps of the embedded model's own texts on sums and chains of comparisons (`bench.zoo.rewards`);
    of other tasks it knows nothing.  ½ where there is no text yet.
    """
    del whole
    reader: Any = named_model(READER, getattr(model, "machine", Machine()))
    asked = [(prompt.text, text.text) for prompt, text in zip(prompts, texts, strict=True) if text.text]
    scores = np.full(len(texts), 0.5)
    tokens = np.zeros(len(texts), dtype=np.int64)
    if asked:
        read = reader.score(asked, Details(hidden=True))
        at = np.flatnonzero([bool(text.text) for text in texts])
        scores[at] = rewards(features(read), *_weights())
        tokens[at] = [one.tokens for one in read]
    return Judgement(scores, tokens)


def features(read: Sequence[Scored]) -> Float64s:
    """What is known of each text that was read, (n, 2 d + 4).

    Mean, least and last log-probability of its tokens, the logarithm of their number, and mean and last of the states
    (d,) that foretold them.
    """
    rows = []
    for one in read:
        assert one.details is not None  # noqa: S101 - asked for
        states = one.details.hidden
        assert states is not None  # noqa: S101 - asked for
        own = one.logprobs
        told = [own.mean(), own.min(), own[-1], np.log(len(own))]
        rows.append(np.concatenate([told, states.mean(axis=0), states[-1]]))
    return np.array(rows)


def rewards(found: Float64s, mean: Float64s, scale: Float64s, weights: Float64s, bias: Float64s) -> Float64s:
    """Probabilities (n,) for features (n, f); all others (f,), bias (1,)."""
    logits = ((found - mean) / scale) @ weights + bias
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


@lru_cache(maxsize=1)
def _weights() -> tuple[Float64s, Float64s, Float64s, Float64s]:
    from safetensors.numpy import load_file

    if not WEIGHTS.is_file():
        raise UsageError("the process-reward model is missing", cause="it is not installed", fix="make zoo")
    kept = load_file(WEIGHTS)
    return kept["mean"], kept["scale"], kept["weights"], kept["bias"]
