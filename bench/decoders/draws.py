"""What decoders share: drawing pools of texts for prompts, and reading them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.capabilities import Draw, Generated, LanguageModel, Prompt, Reshape, SteppedModel
from bench.errors import EvaluationError, UsageError
from bench.seeds import derive


@dataclass(frozen=True)
class Pool:
    """The texts generated for one prompt, and the answer read from each (None where none could be)."""

    texts: tuple[Generated, ...]
    answers: tuple[str | None, ...]

    @property
    def log_probs(self) -> tuple[float, ...]:
        """Log-probability of each text under the model, nats; NaN where the model doesn't tell it."""
        return tuple(float(text.logprobs.sum()) for text in self.texts)

    def require_log_probs(self, decoder: str) -> None:
        """Raise `UsageError` where the model tells no log-probabilities, as some behind an API."""
        if any(np.isnan(log_prob) for log_prob in self.log_probs):
            raise UsageError(
                f"'{decoder}' needs the log-probabilities of generated tokens",
                cause="the model doesn't tell them",
                fix="--decoder self-consistency counts votes; with n=1,temperature=0 it is greedy",
            )


def draw_pools(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    decoder: str,
    seed: int,
    n: int,
    temperature: float,
    top_p: float,
    reshape: Reshape | None = None,
) -> list[Pool]:
    """Draw n texts for each prompt, all together; the k-th is drawn with the seed of (decoder, prompt's id, k).

    Raises `UsageError` for settings out of range and for a model that cannot reshape, `EvaluationError` where the model
    doesn't answer each draw.
    """
    require(isinstance(n, int) and n >= 1, decoder, "n", n, "a whole number of at least 1")
    require(temperature >= 0 and math.isfinite(temperature), decoder, "temperature", temperature, "at least 0")
    require(0 < top_p <= 1, decoder, "top_p", top_p, "above 0 and at most 1")
    if reshape is not None:
        stepped(model, decoder)
    draws = [
        Draw(p.text, derive(seed, decoder, p.id, k), temperature, top_p, p.stop, p.max_tokens, reshape)
        for p in prompts
        for k in range(n)
    ]
    texts = model.generate(draws)
    if len(texts) != len(draws):
        raise EvaluationError(
            f"the model gave {len(texts)} texts for {len(draws)} draws",
            cause="its adapter must answer each draw",
            fix="mend the adapter's generate",
        )
    pools = []
    for k, prompt in enumerate(prompts):
        own = tuple(texts[k * n : (k + 1) * n])
        pools.append(Pool(own, tuple(prompt.extract(text.text) for text in own)))
    return pools


def probability(log_prob: float) -> float:
    """The exponential of a log-probability, at most 1 whatever its rounding."""
    return float(np.exp(min(log_prob, 0.0)))


def stepped(model: LanguageModel, decoder: str) -> SteppedModel:
    """The model, if a decoder can see and change its probabilities at each step; `UsageError` otherwise."""
    if not isinstance(model, SteppedModel):
        raise UsageError(
            f"'{decoder}' can't run on this model",
            cause="it needs the probabilities of all tokens at each step, which this model doesn't give",
            fix="take a local model (hf:…), or a decoder that only draws: sample, self-consistency",
        )
    return model


def require(holds: bool, decoder: str, name: str, value: object, rule: str) -> None:
    """Raise `UsageError` where a decoder's parameter breaks its rule."""
    if not holds:
        raise UsageError(
            f"'{decoder}' can't take {name}={value}",
            cause=f"{name} must be {rule}",
            fix=f"bench show decoder {decoder}",
        )
