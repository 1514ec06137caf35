"""A fine-tuned language model together with the model that it was tuned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import specs
from bench.capabilities import Fingerprinted, Machine
from bench.components import model
from bench.errors import UsageError
from bench.language import Draw, Generated, LanguageModel, Scored
from bench.models.building import build, facts
from bench.usage import Metered, Usage


@dataclass
class Pair:
    """Answers as the tuned model; `base` is asked beside it where a task compares the two."""

    tuned: Any
    base: Any
    target: str
    base_name: str

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """The tuned model's."""
        scored: list[Scored] = self.tuned.score(requests)
        return scored

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """The tuned model's."""
        generated: list[Generated] = self.tuned.generate(draws)
        return generated

    def usage(self) -> Usage:
        """Of both, where they count it."""
        total = Usage()
        for one in (self.tuned, self.base):
            if isinstance(one, Metered):
                total.add(one.usage())
        return total

    def fingerprint(self) -> dict[str, Any]:
        """Both models' fingerprints."""
        each = [dict(m.fingerprint()) if isinstance(m, Fingerprinted) else {} for m in (self.tuned, self.base)]
        return {**facts("pair", {"target": self.target, "base": self.base_name}), "models": each}


@model(
    "pair",
    gives="language",
    area="ood",
    source="Zhang et al. 2024, arXiv:2404.08679",
    papers=("Your Finetuned Large Language Model is Already a Powerful Out-of-distribution Detector",),
    check="ood/lm-ratio",
)
def pair(target: str, machine: Machine, base: str = "lm-base") -> Pair:
    """A fine-tuned language model and its base: `pair:lm-tuned,base=lm-base`.

    target: the tuned model, a name or name:target.  base: the model that it was tuned from.
    """
    made = [build(specs.parse(text), machine) for text in (target, base)]
    for text, one in zip((target, base), made, strict=True):
        if not isinstance(one, LanguageModel):
            raise UsageError(
                f"'{text}' is no language model", cause="pair compares two of them", fix="name a language model"
            )
    return Pair(made[0], made[1], target, base)
