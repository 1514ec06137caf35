"""Where generated tokens become text, and where that text stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Decode = Callable[[tuple[int, ...]], str]


def decoder(tokenizer: Any) -> Decode:
    """Tokens to text, without special tokens; remembers what it has decoded."""

    @lru_cache(maxsize=1 << 16)
    def decode(tokens: tuple[int, ...]) -> str:
        return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    return decode


def cut(tokens: Sequence[int], stop: Sequence[str], decode: Decode, silent: frozenset[int]) -> str | None:
    """The text before the stop string that the newest token completed; None where there is none.

    silent: tokens that are no text.  It is asked at each token, so a stop string can only lie at the end: within as
    many tokens as it has bytes, since each has at least one, and a few more for a first character cut in two or a space
    that a tokenizer drops at the start.  Only where one is found there is the whole text decoded.
    """
    if not stop:
        return None
    reach = max(len(one.encode()) for one in stop) + 4
    start = len(tokens)
    while start and reach:
        start -= 1
        reach -= tokens[start] not in silent
    tail = decode(tuple(tokens[start:]))
    if not any(one in tail for one in stop):
        return None
    text = decode(tuple(tokens))
    places = [place for one in stop if (place := text.find(one)) >= 0]
    return text[: min(places)] if places else None
