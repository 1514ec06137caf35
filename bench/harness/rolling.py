"""Whole texts as the harness scores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.language import Opening, Scored


@dataclass(frozen=True)
class Rolled:
    """A text's score as the harness has it, and without the mark that the tokenizer put before the text."""

    whole: Scored
    text: Scored


def roll(model: Any, texts: Sequence[str]) -> list[Rolled]:
    """Score whole texts.

    Where a tokenizer begins each text with a mark, the harness puts one more before it and scores the second given the
    first.  Its numbers count that token (lm-evaluation-harness #3333); `text` is free of it.
    """
    mark = model.opening() if isinstance(model, Opening) else ""
    begun = [text if mark and text.startswith(mark) else mark + text for text in texts]
    scored = model.score([(mark, text) for text in begun])
    first = 1 if mark else 0
    return [Rolled(one, replace(one, logprobs=one.logprobs[first:])) for one in scored]
