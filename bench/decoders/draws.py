"""What decoders share: drawing pools of texts for prompts, and reading them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.decisions import Prompt
from bench.decoders.budget import affordable, longest, require, require_budget
from bench.errors import EvaluationError, UsageError
from bench.language import Draw, Generated, LanguageModel, Reshape, SteppedModel
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
    budget: int = 0,
) -> list[Pool]:
    """Draw n texts for each prompt, all together; the k-th is drawn with the seed of (decoder, prompt's id, k).

    With a budget they are as many as it bears: a text is drawn only where its longest form would still fit, so that
    what is spent comes near the budget and never above it; the first one is cut where the budget is shorter still.
    Raises `UsageError` for settings out of range and for a model that cannot reshape, `EvaluationError` where the model
    doesn't answer each draw.
    """
    require(isinstance(n, int) and n >= 1, decoder, "n", n, "a whole number of at least 1")
    require_budget(decoder, budget)
    require(temperature >= 0 and math.isfinite(temperature), decoder, "temperature", temperature, "at least 0")
    require(0 < top_p <= 1, decoder, "top_p", top_p, "above 0 and at most 1")
    if reshape is not None:
        stepped(model, decoder)
    found: list[list[Generated]] = [[] for _ in prompts]
    more = [affordable(budget, prompt.max_tokens) if budget else n for prompt in prompts]
    while any(more):
        draws = [
            Draw(
                p.text,
                derive(seed, decoder, p.id, len(own) + k),
                temperature,
                top_p,
                p.stop,
                longest(budget, p.max_tokens),
                reshape,
            )
            for p, own, count in zip(prompts, found, more, strict=True)
            for k in range(count)
        ]
        texts = iter(drawn(model, draws))
        for own, count in zip(found, more, strict=True):
            own += [next(texts) for _ in range(count)]
        if not budget:
            break
        found = [own[: _borne(own, budget, p.max_tokens)] for p, own in zip(prompts, found, strict=True)]
        more = [
            _further(model, own, budget, p.max_tokens) if count else 0
            for p, own, count in zip(prompts, found, more, strict=True)
        ]
    return [Pool(tuple(own), tuple(p.extract(t.text) for t in own)) for p, own in zip(prompts, found, strict=True)]


def _length(text: Generated) -> int:
    """What a text takes of a budget; one without a token, where a prompt fills the window, would be drawn for ever."""
    return max(1, len(text.token_ids))


def _borne(texts: Sequence[Generated], budget: int, longest: int) -> int:
    """How many of these a budget bears, each being drawn only where its longest form would still fit; at least 1."""
    before = np.cumsum([0, *map(_length, texts[:-1])])
    return max(1, int((before + longest <= budget).sum()))


def _further(model: LanguageModel, texts: Sequence[Generated], budget: int, longest: int) -> int:
    """How many texts to draw next: as many as surely fit, and of a model that runs here as many as are likely to.

    What then goes beyond the budget is left out, and costs the model little beside so many passes more.
    """
    spent = sum(map(_length, texts))
    sure = max(0, budget - spent) // max(1, longest)
    if not sure or not isinstance(model, SteppedModel):
        return sure
    return max(sure, 1 + (budget - spent - longest) * len(texts) // spent)


def drawn(model: LanguageModel, draws: Sequence[Draw]) -> list[Generated]:
    """One text for each draw; `EvaluationError` where the model leaves some out."""
    texts = model.generate(draws)
    if len(texts) != len(draws):
        raise EvaluationError(
            f"the model gave {len(texts)} texts for {len(draws)} draws",
            cause="its adapter must answer each draw",
            fix="mend the adapter's generate",
        )
    return texts


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
