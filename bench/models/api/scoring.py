"""From a context and its continuation to log-probabilities: as texts, which the server encodes, or as tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np

from bench.errors import EvaluationError
from bench.language import Scored
from bench.models.api.failures import MalformedError
from bench.models.api.logprobs import Read, boundary, places
from bench.models.hf.encoding import Encoder, Span

# Asks the server for a prompt; the function turns an answer into what is wanted, and may refuse it.
Asking = Callable[[str | list[int], Callable[[Read], Any]], Awaitable[Any]]
_NAME_TOKENIZER = "name the model's tokenizer, so that tokens are sent: tokenizer=PATH-OR-NAME"


async def score_text(ask: Asking, context: str, continuation: str) -> Scored:
    """Scores of the continuation; the server encodes the whole text, the boundary is found in its tokens.

    As lm-evaluation-harness does it, spaces that end the context belong to the continuation.  Raises `EvaluationError`
    where a token straddles the boundary (the harness then scores tokens that only a tokenizer can make), and where a
    token of the continuation has no log-probability.
    """
    whole, split = context + continuation, len(context.rstrip())
    if split == len(whole):
        return Scored(np.empty(0), greedy=True)
    read, found = await ask(whole, lambda read: (read, places(read, whole)))
    first = found.lead if split == 0 else boundary(found.starts, split)
    if first is None:
        raise EvaluationError(
            "a token belongs to the context and to the continuation",
            cause=f"it straddles the boundary before {whole[split : split + 20]!r}",
            fix=_NAME_TOKENIZER,
        )
    return _scored(read, first, len(found.starts))


async def score_tokens(ask: Asking, encoder: Encoder, passes: Sequence[Span]) -> Scored:
    """Scores of one request's tokens, encoded here; a long text takes several passes."""
    parts = [await ask(list(span.tokens), _counted(encoder, span)) for span in passes]
    scored = [_scored(read, span.first, len(span.tokens)) for read, span in zip(parts, passes, strict=True)]
    logprobs = [one.logprobs for one in scored]
    return Scored(np.concatenate(logprobs) if logprobs else np.empty(0), all(one.greedy for one in scored))


def _counted(encoder: Encoder, span: Span) -> Callable[[Read], Read]:
    """Refuses an answer that is about other tokens than those that were sent."""

    def check(read: Read) -> Read:
        if len(read.tokens) < len(span.tokens):
            raise MalformedError(f"{len(read.tokens)} tokens came back for a prompt of {len(span.tokens)}")
        sent = encoder.tokenizer.decode(list(span.tokens[1:]), skip_special_tokens=True)
        came = "".join(read.tokens)
        if "\ufffd" not in sent + came and "".join(sent.split()) not in "".join(came.split()):
            raise MalformedError("the server reads the tokens as another text: tokenizer= is not its model's")
        return read

    return check


def _scored(read: Read, first: int, end: int) -> Scored:
    logprobs = read.logprobs[first:end]
    if np.isnan(logprobs).any():
        raise EvaluationError(
            "the first token of a text without context has no log-probability",
            cause="the server puts nothing before a text that it could follow",
            fix=_NAME_TOKENIZER,
        )
    return Scored(logprobs, greedy=bool(read.first[first:end].all()))
