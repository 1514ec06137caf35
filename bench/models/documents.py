"""Whole documents under a language model."""

from __future__ import annotations

from collections.abc import Sequence

from bench.arrays import Float64s
from bench.language import LanguageModel


def document_logprobs(model: LanguageModel, texts: Sequence[str]) -> list[Float64s]:
    """Log-probability of each token of each text, nats, (tokens,) a text; texts have no context.

    A text longer than the model's window is the adapter's to cut (each token scored once).
    """
    return [scored.logprobs for scored in model.score([("", text) for text in texts])]
