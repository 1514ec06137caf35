"""Texts from a completions or chat endpoint: what is sent for a draw, and what an answer says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import numpy as np

from bench.language import Draw, Generated
from bench.models.api.answers import choices, log_probabilities, strings, usage
from bench.models.api.failures import MalformedError

Endpoint = Literal["completions", "chat"]
PATHS: dict[str, str] = {"completions": "completions", "chat": "chat/completions"}
# What OpenAI takes; more are cut here, since texts are cut here anyway.
STOPS = 4
_SEEDS = 1 << 31


@dataclass(frozen=True)
class Abilities:
    """What a server does when it generates, as a probe has shown.

    many: several samples of a prompt in one request.  logprobs: those of the generated tokens.  length: how the most
    new tokens are named.
    """

    many: bool
    logprobs: bool
    length: str = "max_tokens"


def abilities(endpoint: Endpoint) -> list[Abilities]:
    """What to try, the best first."""
    lengths = ("max_tokens",) if endpoint == "completions" else ("max_tokens", "max_completion_tokens")
    pairs = ((True, True), (False, True), (False, False))
    return [Abilities(many, logprobs, length) for length in lengths for many, logprobs in pairs]


def request(model: str, endpoint: Endpoint, draw: Draw, count: int, able: Abilities) -> dict[str, Any]:
    """The body that asks for `count` texts."""
    body: dict[str, Any] = {"model": model, able.length: draw.max_tokens, "temperature": draw.temperature}
    if endpoint == "chat":
        body["messages"] = [{"role": "user", "content": draw.prompt}]
    else:
        body["prompt"] = draw.prompt
    if able.logprobs:
        body |= {"logprobs": True} if endpoint == "chat" else {"logprobs": 1}
    if draw.stop:
        body["stop"] = list(draw.stop[:STOPS])
    if draw.top_p < 1:
        body["top_p"] = draw.top_p
    if draw.temperature > 0:
        body["seed"] = draw.seed % _SEEDS
    if count > 1:
        body["n"] = count
    return body


def read(answer: Mapping[str, Any], endpoint: Endpoint, draw: Draw, count: int, able: Abilities) -> list[Generated]:
    """The texts of an answer.  Raises `MalformedError` for one that cannot be."""
    return [_generated(answer, choice, endpoint, draw, able) for choice in choices(answer, count)]


def _generated(
    answer: Mapping[str, Any], choice: Mapping[str, Any], endpoint: Endpoint, draw: Draw, able: Abilities
) -> Generated:
    message = choice.get("message") if endpoint == "chat" else choice
    text = message.get("content" if endpoint == "chat" else "text") if isinstance(message, dict) else None
    finish = choice.get("finish_reason")
    if text is None and endpoint == "chat" and finish is not None:
        text = ""  # all of it was spent on reasoning that is not shown
    if not isinstance(text, str):
        raise MalformedError("a choice has no text")
    if finish == "content_filter":
        raise MalformedError("the server's filter cut the text")
    tokens, logprobs = _tokens(choice, endpoint) if able.logprobs else (None, np.full(_count(answer), math.nan))
    if tokens is not None and len(tokens) > draw.max_tokens:
        raise MalformedError(f"{len(tokens)} tokens came, and {draw.max_tokens} were asked for")
    cuts = [(place, place + len(stop)) for stop in draw.stop if stop and (place := text.find(stop)) >= 0]
    if cuts:
        begin, end = min(cuts)
        if tokens is not None and "".join(tokens).startswith(text):
            # What came after the stop string is no part of the answer; the token that completes it is.
            logprobs = logprobs[: 1 + sum(reached < end for reached in accumulate(map(len, tokens)))]
        text = text[:begin]
    return Generated(text, np.empty(0, dtype=np.int64), logprobs, stopped=bool(cuts) or finish != "length")


def _tokens(choice: Mapping[str, Any], endpoint: Endpoint) -> tuple[list[str], Any]:
    given = choice.get("logprobs")
    if not isinstance(given, dict):
        raise MalformedError("no log-probabilities came")
    if endpoint == "completions":
        tokens = strings(given.get("tokens"), "the tokens")
        return tokens, log_probabilities(given.get("token_logprobs"), len(tokens))
    content = given.get("content") or []
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise MalformedError("the log-probabilities are no list")
    tokens = strings([entry.get("token") for entry in content], "the tokens")
    return tokens, log_probabilities([entry.get("logprob") for entry in content], len(tokens))


def _count(answer: Mapping[str, Any]) -> int:
    """Tokens of the one text of an answer that tells no log-probabilities."""
    counted = usage(answer)
    if counted is None:
        raise MalformedError("neither log-probabilities nor a count of tokens came")
    return counted[1]
