"""A document of a harness task with everything that the model is asked about it, as plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Way = Literal["loglikelihood", "loglikelihood_rolling", "generate_until"]
# A conversation within a text, put there until the model that is asked renders it: its own chat template does that,
# and a task's requests are made before any model is known.  The marks are of Unicode's private use.
_OPEN, _CLOSE = "\ue0c0", "\ue0c1"
_CONVERSATION = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)


@dataclass(frozen=True)
class Ask:
    """One request: the text before, the text scored (or all of a rolling one), or how a text is generated.

    settings: the task's generation settings as JSON.  repeats: how many texts are generated.  most: their tokens.
    """

    way: Way
    context: str = ""
    continuation: str = ""
    settings: str = "{}"
    repeats: int = 1
    most: int = 0


@dataclass(frozen=True)
class Document:
    """A row of the task's data: its number there, a digest of its content, and what is asked about it, in order."""

    number: int
    digest: str
    asks: tuple[Ask, ...]

    @property
    def texts(self) -> list[str]:
        """What goes through the model, for estimates of cost."""
        return [ask.context + ask.continuation for ask in self.asks]

    @property
    def generated(self) -> int:
        """Tokens generated at most, likewise for estimates."""
        return sum(ask.most * ask.repeats for ask in self.asks)


def conversation(messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """A stand-in for a model's chat template: the messages as text, to be rendered by `rendered`."""
    said = json.dumps({"messages": [dict(m) for m in messages], "prefill": not add_generation_prompt})
    return f"{_OPEN}{said}{_CLOSE}"


def rendered(text: str, render: Callable[[Sequence[Mapping[str, str]], bool], str]) -> str:
    """The text with each conversation in it rendered: (messages, whether the last one is to be continued) -> text."""

    def one(found: re.Match[str]) -> str:
        said: dict[str, Any] = json.loads(found[1])
        return render(said["messages"], said["prefill"])

    return _CONVERSATION.sub(one, text)


def is_conversation(text: str) -> bool:
    """Whether a chat template is needed to ask this."""
    return _OPEN in text
