"""How many tokens to draft before the target model looks: fixed numbers, thresholds, and the best there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

# (tokens drafted so far, probability that all of them are accepted) -> whether to draft another one.
GoesOn = Callable[[int, float], bool]


def fixed(count: int) -> GoesOn:
    """Draft `count` tokens."""
    return lambda drafted, _: drafted < count


def threshold(limit: float, most: int) -> GoesOn:
    """Draft on while the probability that a token will be rejected is at most `limit` (SpecDec++), `most` at most."""
    return lambda drafted, kept: drafted < most and 1 - kept <= limit


def tokens_per_round(acceptance: float, drafts: int) -> float:
    """Expected tokens of a round whose drafts are each accepted with the same probability: (1 - α^(K+1)) / (1 - α)."""
    return float(drafts + 1) if acceptance == 1 else (1 - acceptance ** (drafts + 1)) / (1 - acceptance)


def speedup(acceptance: float, drafts: int, cost: float) -> float:
    """Tokens per round over the round's cost in passes of the target; a drafted token costs `cost` of one."""
    return tokens_per_round(acceptance, drafts) / (drafts * cost + 1)


def rate(goes_on: GoesOn, levels: Sequence[float], chances: Sequence[float], cost: float, most: int) -> float:
    """Expected tokens over expected cost of a round, exactly.

    Each drafted token's acceptance probability is seen when it is drafted, independently one of `levels` with
    `chances`; drafting it costs `cost`, the round's look of the target 1.
    """

    def beyond(drafted: int, kept: float) -> tuple[float, float]:
        if drafted == most or not goes_on(drafted, kept):
            return 0.0, 0.0
        tokens, spent = 0.0, cost
        for level, chance in zip(levels, chances, strict=True):
            more, paid = beyond(drafted + 1, kept * level)
            tokens += chance * (kept * level + more)
            spent += chance * paid
        return tokens, spent

    tokens, spent = beyond(0, 1.0)
    return (1 + tokens) / (1 + spent)


def best(levels: Sequence[float], chances: Sequence[float], cost: float, most: int) -> tuple[float, GoesOn]:
    """The highest rate (see there) of any stopping rule, and a rule that has it: for each depth a threshold.

    Dynamic programming at a price per unit of cost, and Dinkelbach's iteration for the price at which the best rule
    just breaks even.  Going on is worth more the likelier everything so far is kept, hence the thresholds.
    """
    price = 1.0
    while True:
        worth = _worth(tuple(levels), tuple(chances), cost, most, price)

        def goes_on(drafted: int, kept: float, worth: Callable[[int, float], float] = worth) -> bool:
            return drafted < most and worth(drafted, kept) > 0

        reached = rate(goes_on, levels, chances, cost, most)
        if reached <= price + 1e-14:
            return reached, goes_on
        price = reached


def _worth(
    levels: tuple[float, ...], chances: tuple[float, ...], cost: float, most: int, price: float
) -> Callable[[int, float], float]:
    """Value of drafting another token at (drafted, kept), over stopping."""

    @cache
    def worth(drafted: int, kept: float) -> float:
        value = -price * cost
        for level, chance in zip(levels, chances, strict=True):
            after = kept * level
            value += chance * (after + (max(0.0, worth(drafted + 1, after)) if drafted + 1 < most else 0.0))
        return value

    return worth
