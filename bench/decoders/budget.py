"""What a decoder may spend on a prompt, in tokens, and how to come near it without going beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.decisions import Cost, Prompt
from bench.errors import UsageError

R = TypeVar("R")


def affordable(budget: int, each: int) -> int:
    """How many texts of at most `each` tokens a budget surely pays for; at least 1."""
    return max(1, budget // max(1, each))


def longest(budget: int, max_tokens: int) -> int:
    """How long a text may become within a budget (0: none)."""
    return min(max_tokens, budget) if budget else max_tokens


def repeated(
    prompts: Sequence[Prompt],
    budget: int,
    most: Callable[[Prompt], int],
    run: Callable[[list[Prompt], int], list[R]],
    cost: Callable[[R], Cost],
) -> list[list[R]]:
    """What independent runs give each prompt: one, or with a budget as many as it surely pays for.

    most: the tokens that a run takes at most.  run: (prompts, number of the run) -> one result a prompt, which doesn't
    depend on the other prompts.  A run that cost nothing is the last.
    """
    found: list[list[R]] = [[] for _ in prompts]
    left = [budget] * len(prompts)
    going = list(range(len(prompts)))
    number = 0
    while going:
        for k, one in zip(going, run([prompts[k] for k in going], number), strict=True):
            found[k].append(one)
            left[k] -= cost(one).tokens
        going = [k for k in going if cost(found[k][-1]).tokens > 0 and left[k] >= most(prompts[k])] if budget else []
        number += 1
    return found


def require_budget(decoder: str, budget: int) -> None:
    """Raise `UsageError` where a budget is none."""
    whole = isinstance(budget, int) and budget >= 0
    require(whole, decoder, "budget", budget, "a whole number of tokens, or 0 for none")


def require(holds: bool, decoder: str, name: str, value: object, rule: str) -> None:
    """Raise `UsageError` where a decoder's parameter breaks its rule."""
    if not holds:
        raise UsageError(
            f"'{decoder}' can't take {name}={value}",
            cause=f"{name} must be {rule}",
            fix=f"bench show decoder {decoder}",
        )
