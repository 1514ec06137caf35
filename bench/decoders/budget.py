"""What a decoder may spend on a prompt, in tokens, and how to come near it without going beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bench.decisions import Cost, Prompt
from bench.errors import UsageError

R = TypeVar("R")
# What runs made at once may come to, in tokens: they share what they begin with, and so come to far less.
TOGETHER = 1 << 17


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
    run: Callable[[list[Prompt]], list[R]],
    cost: Callable[[R], Cost],
    *,
    together: int = TOGETHER,
) -> list[list[R]]:
    """What independent runs give each prompt: one, or with a budget as many as it surely pays for.

    most: the tokens that a run takes at most.  run: prompts, each with the number of its run -> one result each, which
    doesn't depend on the others.  A run that cost nothing is the last.  together: tokens of runs that are made
    at once at most, beyond one a prompt; 0: one after another.
    """
    found: list[list[R]] = [[] for _ in prompts]
    left = [budget] * len(prompts)
    going = list(range(len(prompts)))
    while going:
        width = max(1, together // max(1, sum(most(prompts[k]) for k in going)))
        sure = {k: max(1, min(width, left[k] // max(1, most(prompts[k])))) for k in going}
        asked = [(k, replace(prompts[k], run=len(found[k]) + more)) for k in going for more in range(sure[k])]
        over = set()
        for (k, _), one in zip(asked, run([prompt for _, prompt in asked]), strict=True):
            if k not in over:
                found[k].append(one)
                left[k] -= cost(one).tokens
                if cost(one).tokens <= 0:
                    over.add(k)
        going = [k for k in going if k not in over and left[k] >= most(prompts[k])] if budget else []
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
