"""Log-probabilities of a given text from a completions endpoint, and where in the text each token stands.

Two ways are in use.  `echo=true, logprobs=1` repeats the prompt as tokens with their log-probabilities (OpenAI's first
interface; vLLM, SGLang, llama-cpp-python, Together, Fireworks).  `prompt_logprobs=0` is vLLM's own.  Either way one new
token is asked for, since some servers take 0 for "as many as you like", and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from bench.arrays import Bools, Float64s
from bench.models.api.answers import choices, log_probabilities, strings
from bench.models.api.failures import MalformedError

Way = Literal["echo", "prompt_logprobs"]
WAYS: dict[Way, dict[str, Any]] = {
    "echo": {"echo": True, "logprobs": 1},
    "prompt_logprobs": {"prompt_logprobs": 0},
}
# What decoding makes of bytes that are no whole character.
_PARTIAL = "\ufffd"


@dataclass(frozen=True)
class Read:
    """A prompt as the server's model read it: tokens, their log-probabilities (nats; NaN: none given) and ranks.

    offsets: where the server says that tokens begin (empty: it doesn't).  first: whether each token was the model's
    first choice.
    """

    tokens: tuple[str, ...]
    logprobs: Float64s
    first: Bools
    offsets: tuple[int, ...] = ()


def request(model: str, prompt: str | Sequence[int], way: Way) -> dict[str, Any]:
    """The body that asks for the log-probabilities of a prompt, at temperature 1: the model's own."""
    text = prompt if isinstance(prompt, str) else list(prompt)
    return {"model": model, "prompt": text, "max_tokens": 1, "temperature": 1.0, **WAYS[way]}


def read(answer: Mapping[str, Any], way: Way) -> Read:
    """The tokens of an answer, those of the prompt first.  Raises `MalformedError` for one that cannot be."""
    (choice,) = choices(answer, 1)
    return _echoed(choice) if way == "echo" else _prompted(choice)


def _echoed(choice: Mapping[str, Any]) -> Read:
    given = choice.get("logprobs")
    if not isinstance(given, dict):
        raise MalformedError("no log-probabilities came")
    tokens = strings(given.get("tokens"), "the tokens")
    if not tokens:
        raise MalformedError("no token came")
    logprobs = log_probabilities(given.get("token_logprobs"), len(tokens), first_may_lack=True)
    offsets = given.get("text_offset")
    if not (isinstance(offsets, list) and len(offsets) == len(tokens) and all(isinstance(o, int) for o in offsets)):
        offsets = []
    return Read(tuple(tokens), logprobs, _firsts(given.get("top_logprobs"), logprobs), tuple(offsets))


def _firsts(tops: Any, logprobs: Float64s) -> Bools:
    """Whether no token is more likely; not where the server doesn't tell the likeliest."""
    out = np.zeros(len(logprobs), dtype=np.bool_)
    if isinstance(tops, list) and len(tops) == len(logprobs):
        for place, top in enumerate(tops):
            values = [v for v in top.values() if isinstance(v, int | float)] if isinstance(top, dict) else []
            out[place] = bool(values) and logprobs[place] >= max(values)
    return out


def _prompted(choice: Mapping[str, Any]) -> Read:
    given = choice.get("prompt_logprobs")
    if not isinstance(given, list) or not given:
        raise MalformedError("no log-probabilities of the prompt came")
    tokens: list[str] = []
    values: list[Any] = []
    first = np.zeros(len(given), dtype=np.bool_)
    for place, entry in enumerate(given):
        if entry is None and place == 0:
            tokens.append("")
            values.append(None)
            continue
        if not isinstance(entry, dict) or not entry or not all(isinstance(e, dict) for e in entry.values()):
            raise MalformedError(f"token {place} of the prompt has no log-probability")
        # The likeliest token may be told beside the prompt's own, which then has the larger rank.
        own = max(entry.values(), key=lambda e: e.get("rank") or 1)
        tokens.append(str(own.get("decoded_token") or ""))
        values.append(own.get("logprob"))
        first[place] = own.get("rank") == 1
    return Read(tuple(tokens), log_probabilities(values, len(tokens), first_may_lack=True), first)


@dataclass(frozen=True)
class Places:
    """Where the tokens of a prompt begin in it, in characters; the first `lead` tokens are not in the text (`<s>`)."""

    starts: tuple[int, ...]
    lead: int


def places(answer: Read, prompt: str) -> Places:
    """Where each token of the prompt begins; tokens beyond the prompt are left out.

    Where tokens are not whole characters, the server's own offsets are taken, if all tokens that are whole stand
    there.  Raises `MalformedError` where the tokens don't spell the prompt.
    """
    tokens = answer.tokens
    if not tokens[0] and np.isnan(answer.logprobs[0]):  # an untold first token is what the others leave over
        rest = "".join(tokens[1:])
        if prompt.endswith(rest) and rest != prompt:
            tokens = (prompt[: len(prompt) - len(rest)], *tokens[1:])
    for lead in (int(not tokens[0]), 1):
        found = _spelled(tokens, prompt, lead)
        if found is not None:
            return Places(tuple(found), lead)
    for lead in (0, 1):
        found = _offered(tokens, answer.offsets, prompt, lead)
        if found is not None:
            return Places(tuple(found), lead)
    raise MalformedError("the tokens that came don't spell the text that was sent")


def _spelled(tokens: Sequence[str], prompt: str, lead: int) -> list[int] | None:
    place, out = 0, [0] * lead
    for index in range(lead, len(tokens)):
        if place == len(prompt):
            break
        token = tokens[index]
        if index == lead and not prompt.startswith(token) and token.startswith(" "):
            token = token[1:]  # the space that some tokenizers put before a text
        if not prompt.startswith(token, place):
            return None
        out.append(place)
        place += len(token)
    return out if place == len(prompt) else None


def _offered(tokens: Sequence[str], offsets: Sequence[int], prompt: str, lead: int) -> list[int] | None:
    if not offsets or len(tokens) <= lead:
        return None
    found = [0] * lead + [offset - offsets[lead] for offset in offsets[lead:]]
    if any(before > after for before, after in pairwise(found)):
        return None
    count = sum(start < len(prompt) for start in found)
    clear = [not (_PARTIAL in token or token.startswith("bytes:")) for token in tokens]
    if not all(not clear[i] or prompt.startswith(tokens[i], found[i]) for i in range(lead, count)):
        return None
    # Nothing may be left over between the tokens, nor at the end: an answer that was cut short leaves something.
    ends = [*found[1:count], len(prompt)]
    tight = all(not clear[i] or found[i] + len(tokens[i]) == ends[i] for i in range(lead, count))
    closed = count == len(tokens) or found[count] == len(prompt)
    return found[:count] if count > lead and tight and closed else None


def boundary(starts: Sequence[int], split: int) -> int | None:
    """The first token of the continuation that starts at character `split` > 0; `None` where a token straddles it.

    lm-evaluation-harness counts the tokens of the context encoded alone.  Where no token straddles the split, that is
    the same: no merge has crossed it, so what stands before it is encoded as it would be alone (BPE merges by rank;
    and the best path through a point is best on either side of it).
    """
    token = sum(start < split for start in starts)
    return token if token < len(starts) and starts[token] == split else None
