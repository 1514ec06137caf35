"""Final answers in generated text: where they stand, what form they have, and why one could not be read.

Nothing that a model wrote is ever evaluated.  Patterns are linear in the length of the text, of which only the end is
looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

LONGEST = 20_000  # characters of a text that are looked at, from its end
REASONS = ("empty", "no-marker", "malformed")


@dataclass(frozen=True)
class Read:
    """What a text says: the canonical answer, or why there is none (one of `REASONS`)."""

    answer: str | None
    reason: str = ""


@dataclass(frozen=True)
class Extractor:
    """The answer after the last of the markers, if it has the form of an answer.

    marker: a pattern with one group, what stands where the answer should.  form: what an answer looks like, as a whole.
    canon: how it is put into one spelling: `number`, `lower`, `short` or `text`.  bare: whether a text without any
    marker is read as a whole.
    """

    marker: str
    form: str
    canon: str = "text"
    bare: bool = False

    def read(self, text: str) -> Read:
        """The answer, or the reason why there is none."""
        text = text[-LONGEST:].strip()
        if not text:
            return Read(None, "empty")
        found = _compiled(self.marker).findall(text)
        if not found and not self.bare:
            return Read(None, "no-marker")
        said = (found[-1] if found else text).strip().rstrip(".").strip()
        if not _compiled(self.form).fullmatch(said):
            return Read(None, "malformed")
        return Read(_CANONS[self.canon](said))

    def __call__(self, text: str) -> str | None:
        """The answer, or `None`."""
        return self.read(text).answer


def account(texts: Iterable[str], extractor: Extractor) -> dict[str, int]:
    """How many texts could be read ("read"), and how many could not for each of `REASONS`."""
    counts = Counter(extractor.read(text).reason or "read" for text in texts)
    return {name: counts[name] for name in ("read", *REASONS)}


def number(text: str) -> str:
    """A number in one spelling: no thousands separators, no sign of money or per cent, no trailing zeros.

    `text` has the form of `NUMBER`.
    """
    plain = re.sub(r"[,$€£%\s]", "", text).lstrip("+")
    whole, _, fraction = plain.partition(".")
    sign = "-" if whole.startswith("-") else ""
    whole, fraction = whole.lstrip("-").lstrip("0") or "0", fraction.rstrip("0")
    value = f"{whole}.{fraction}" if fraction else whole
    return value if value == "0" else sign + value


def short(text: str) -> str:
    """A short answer in lower case, without brackets, quotes and a full stop around it."""
    return text.strip().strip(".()[]\"'*` ").lower()


def read_boxed(text: str) -> str | None:
    r"""What stands in the last `\boxed{}`, else what a number after one of the usual phrases says."""
    from bench.answers.equivalence import boxed

    return boxed(text) or NUMERIC(text)


_CANONS: dict[str, Callable[[str], str]] = {"number": number, "lower": str.lower, "short": short, "text": str}

# A line's worth after one of the phrases with which solutions end.
_PHRASE = r"(?:####|\b[Tt]he (?:final )?answer is:?|\b[Ff]inal [Aa]nswer:|\bAnswer:|\bANSWER:|\bSo)[ \t]*([^\n]{0,200})"
_SIGN = r"[$€£]?[ ]?[-+]?[$€£]?"
NUMBER = _SIGN + r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18})(?:\.[0-9]{1,18})?[ ]?%?"

# The number at the start of what follows, units and a full stop after it being let pass.
NUMERIC = Extractor(
    r"(?:####|\b[Tt]he (?:final )?answer is:?|\b[Ff]inal [Aa]nswer:|\bAnswer:|\bANSWER:|\\boxed\{|\bSo,?)[ \t]*"
    rf"({NUMBER})(?![0-9A-Za-z]|[.,][0-9])",
    NUMBER,
    "number",
)
# A capital, since "a" is a word too.
LETTER = Extractor(
    r"(?:\b[Tt]he (?:final |correct |best )?answer is:?|\b[Ff]inal [Aa]nswer:|\bAnswer:|\bANSWER:|\\boxed\{)[ \t]*"
    r"\(?([A-Z])\)?(?![A-Za-z0-9'’-])",
    "[A-Z]",
)
WORDS = Extractor(_PHRASE, r"[^\n]{1,200}", "text")


def words(*answers: str) -> Extractor:
    """Reads one of the given words, whatever their case, after one of the usual phrases or standing alone."""
    form = "|".join(re.escape(answer) for answer in answers)
    return Extractor(_PHRASE, f"(?i:{form})", "lower", bare=True)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
