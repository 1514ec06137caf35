"""Asking a verifier from a decoder: by name, with a dial for its errors, and counting what it costs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bench.arrays import Float64s
from bench.components import Verifier
from bench.decisions import Cost, Judgement, Prompt
from bench.decoders.budget import require
from bench.errors import EvaluationError, UsageError
from bench.language import Generated, LanguageModel
from bench.registry import find
from bench.seeds import generator
from bench.specs import parse

# A decoder's own verifier where none is named: it needs neither a second model nor the truth.
DEFAULT = "likelihood"


# (model, prompts, texts, whole=whether they have ended) -> what is thought of them.
Verify = Callable[..., Judgement]


def named(spec: str) -> Verify:
    """The verifier of that name, `name:target` where it takes a target."""
    asked = parse(spec)
    verifier = find(Verifier, asked.name)
    takes = "target" in inspect.signature(verifier.function).parameters
    if (asked.target is not None and not takes) or asked.params:
        raise UsageError(
            f"verifier '{asked.name}' can't be set up by '{spec}'",
            cause="it takes no parameters" + ("" if takes else " and no target"),
            fix=f"write {asked.name}" + (":TARGET" if takes else ""),
        )
    return partial(verifier.function, target=asked.target or "") if takes else verifier.function


class Judge:
    """A verifier as one decoder uses it.

    spec: its name, `name:target` where it takes a target (such as the model that judges), or the verifier itself.
    fpr, fnr: its dial.  A score s below ½ becomes 1 - s with probability fpr, any other with probability fnr, drawn
    once for each (prompt, text): a verifier that says true or false then has these as its rates of false positives and
    false negatives.
    cost: what judging has cost each run on a prompt.
    """

    def __init__(
        self, model: LanguageModel, decoder: str, seed: int, spec: str | Verify, fpr: float, fnr: float
    ) -> None:
        require(0 <= fpr <= 1, decoder, "fpr", fpr, "from 0 to 1")
        require(0 <= fnr <= 1, decoder, "fnr", fnr, "from 0 to 1")
        self.model = model
        self.seed = seed
        self.rates = fpr, fnr
        self.verify = named(spec) if isinstance(spec, str) else spec
        self._cost: dict[tuple[str, int], Cost] = {}

    def cost(self, prompt: Prompt) -> Cost:
        """What judging texts of that run on a prompt has cost."""
        return self._cost.get((prompt.id, prompt.run), Cost())

    def __call__(self, prompts: Sequence[Prompt], texts: Sequence[Generated], whole: bool = True) -> Float64s:
        """Scores (n,) in [0, 1] of texts, each with its prompt; whole: whether they have ended."""
        found = self.verify(self.model, prompts, texts, whole=whole)
        scores = np.array(found.scores, dtype=np.float64)
        if scores.shape != (len(texts),) or not ((scores >= 0) & (scores <= 1)).all():
            raise EvaluationError(
                f"the verifier ({self.verify}) gave no scores",
                cause=f"it gave {scores.shape} numbers for {len(texts)} texts, or some outside [0, 1]",
                fix="give a number in [0, 1] for each text",
            )
        for prompt, tokens in zip(prompts, found.tokens, strict=True):
            self._cost[prompt.id, prompt.run] = self.cost(prompt) + Cost(int(tokens), 0, 1)
        if any(self.rates):
            fpr, fnr = self.rates
            noise = [
                generator(self.seed, "verifier", p.id, t.text).random() for p, t in zip(prompts, texts, strict=True)
            ]
            turned = np.array(noise) < np.where(scores < 0.5, fpr, fnr)
            scores = np.where(turned, 1 - scores, scores)
        return scores
