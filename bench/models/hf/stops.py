"""Where generated tokens become text, and where that text stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.models.hf.checkpoint import Loaded

Decode = Callable[[tuple[int, ...]], str]


def _decoder(tokenizer: Any) -> Decode:
    """Tokens to text, without special tokens; remembers what it has decoded."""

    @lru_cache(maxsize=1 << 16)
    def decode(tokens: tuple[int, ...]) -> str:
        return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    return decode


@dataclass(frozen=True)
class Texts:
    """How tokens become text.  ends: tokens that end one; silent: tokens that are no text."""

    ends: frozenset[int]
    silent: frozenset[int]
    decode: Decode

    def closed(self, tokens: Sequence[int], stop: Sequence[str]) -> str | None:
        """The text, if the newest of its tokens ended it: an end token, or one that completes a stop string."""
        if tokens[-1] in self.ends:
            return self.decode(tuple(tokens[:-1]))
        return _cut(tokens, stop, self.decode, self.silent)


def texts_of(loaded: Loaded) -> Texts:
    """The end tokens are those of the generation settings and the tokenizer's own."""
    named = getattr(loaded.model.generation_config, "eos_token_id", None)
    several = named if isinstance(named, list | tuple) else [named]
    ends = frozenset(int(token) for token in (*several, loaded.tokenizer.eos_token_id) if token is not None)
    return Texts(ends, frozenset(loaded.tokenizer.all_special_ids), _decoder(loaded.tokenizer))


def _cut(tokens: Sequence[int], stop: Sequence[str], decode: Decode, silent: frozenset[int]) -> str | None:
    """The text before the stop string that the newest token completed; None where there is none.

    It is asked at each token, so a stop string can only lie at the end: within as
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
