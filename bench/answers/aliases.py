"""Short answers to questions that allow several: equal to one of them but for case, articles and punctuation."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

# Between the answers that a target allows; answers have no line breaks.
BREAK = "\n"
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))
_APOSTROPHES = str.maketrans(dict.fromkeys("'’´`"))


def normal(text: str) -> str:
    """Lower case, without articles and punctuation, spaces single: SQuAD's normalisation (Rajpurkar et al. 2016).

    Apostrophes go without a trace, other signs leave a space, so that "twenty-one" is "twenty one".
    """
    plain = text.lower().translate(_APOSTROPHES).translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def allowed(answers: Iterable[str]) -> str:
    """A target that allows each of the answers, the first for show; raises ValueError where none says anything."""
    kept = dict.fromkeys(" ".join(str(answer).split()) for answer in answers)
    found = [answer for answer in kept if normal(answer)]
    if not found:
        raise ValueError("there is no answer")
    return BREAK.join(found)


def among(answer: str, target: str) -> bool:
    """Whether an answer is one of those that the target allows, once both are `normal`."""
    said = normal(answer)
    return bool(said) and said in {normal(one) for one in target.split(BREAK)}


def first_line(text: str) -> str | None:
    """What stands before the first line break, without a full stop; `None` for nothing."""
    line = text.strip().partition("\n")[0].strip().rstrip(".").strip()
    return line if normal(line) else None
