"""What a language model's work has cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

LARGEST = frozenset({"peak", "memory"})  # of a usage's numbers, those that don't add up


@dataclass
class Usage:
    """What a language model's work has cost: a counter, which is added to as the work is done.

    Tokens are counted twice: as asked for, each request alone, and as they went through the model (`…_run`), shared
    ones once and padding among them.  scored_tokens: those of requests for probabilities.  prompt_tokens: those that
    texts were to continue; generated_tokens: those of the texts, whose last ones never run.  looks: places at which
    probabilities of a next token were computed.  forwards: passes of the model.  seconds: wall time of the work.
    engine: the way that probabilities were computed; note: why that one, where it was not the first choice.

    flops: floating-point operations of the products with the model's weights, attention not counted (0: not known);
    peak: how many of them a large matrix product reaches here in a second.  joules: energy by the machine's counters
    (0: none).  memory: the most bytes held so far.  These two, peak and memory, are not sums but the largest.
    """

    engine: str = ""
    note: str = ""
    scored_tokens: int = 0
    scored_tokens_run: int = 0
    prompt_tokens: int = 0
    prompt_tokens_run: int = 0
    generated_tokens: int = 0
    generated_tokens_run: int = 0
    looks: int = 0
    forwards: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    joules: float = 0.0
    peak: float = 0.0
    memory: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, float]) -> Usage:
        """The usage that gave those `counts`; what they lack or this doesn't know counts for nothing."""
        known = cls().counts()
        return cls(**{name: value for name, value in counts.items() if name in known})  # type: ignore[arg-type]

    def counts(self) -> dict[str, float]:
        """The numbers by name, JSON-ready."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, str)}

    def add(self, other: Usage) -> None:
        """Count what another counted."""
        for name, value in other.counts().items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name in LARGEST else mine + value)

    def copy(self) -> Usage:
        """The counts so far, which stay as they are."""
        return replace(self)

    def since(self, before: Usage) -> Usage:
        """What was added since an earlier reading."""
        after = self.copy()
        for name, value in before.counts().items():
            if name not in LARGEST:
                setattr(after, name, getattr(after, name) - value)
        return after


@runtime_checkable
class Metered(Protocol):
    """A model that counts what it costs."""

    def usage(self) -> Usage:
        """The cost of all work so far, as a copy."""
        ...
