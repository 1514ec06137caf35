"""Verifiers of steps: what can be said of a text before it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bench.components import verifier
from bench.decisions import Judgement, Prompt
from bench.language import Generated, LanguageModel

# What a worked sum states: a op b = c, of at most nine digits each, read and never evaluated.
_STATED = re.compile(r"(?<![0-9])([0-9]{1,9}) ([-+*]) ([0-9]{1,9}) = (-?[0-9]{1,9})(?![0-9])")
_UNREADABLE = 0.25


@verifier("equations", source="bench: arithmetic of the steps themselves, as unit tests hold code to examples")
def equations(_: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
    """Whether the steps of a worked sum hold: 1 if all equations do, and a text that has ended gives the last result.

    Otherwise 0; ½ where there is no equation yet, ¼ where a text ended without one that can be read.  It does not know
    the right answer: steps that hold may be those of another question, so it has false positives but, on worked sums,
    no false negatives.
    """
    return Judgement.free(
        np.array([_holds(p, t.text, whole) for p, t in zip(prompts, texts, strict=True)], dtype=np.float64)
    )


def _holds(prompt: Prompt, text: str, whole: bool) -> float:
    stated = _STATED.findall(text)
    if not stated:
        return _UNREADABLE if whole else 0.5
    if not all(_result(int(a), op, int(b)) == int(c) for a, op, b, c in stated):
        return 0.0
    if not whole:
        return 1.0
    answer = prompt.extract(text)
    if answer is None:
        return _UNREADABLE
    return float(answer == stated[-1][3])


def _result(a: int, op: str, b: int) -> int:
    return a + b if op == "+" else a - b if op == "-" else a * b
