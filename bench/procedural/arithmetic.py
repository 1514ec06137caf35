"""Sums worked out one step at a time: ``7 + 25 - 4 = ?``, with 1 to 4 operations."""

from __future__ import annotations

from random import Random

from bench.procedural.items import Item, check_difficulty, question_item

KIND = "arithmetic"
DIFFICULTIES = 4

# difficulty -> (largest first number, largest operand after it, largest running total).  Adding one digit is
# within reach of a model of a million parameters; a chain of larger operands is hard for it, because each
# step can go wrong.
_LIMITS = {1: (99, 9, 99), 2: (99, 9, 99), 3: (99, 49, 99), 4: (99, 99, 298)}
_CHOICES = 4


def draw(rng: Random, difficulty: int) -> Item:
    """One sum with ``difficulty`` operations; every running total lies in [0, 298].

    A product can only come first, so that working from left to right is also the usual precedence.
    """
    check_difficulty(KIND, difficulty, DIFFICULTIES)
    first, largest, ceiling = _LIMITS[difficulty]
    if rng.random() < 0.25:
        left, right = rng.randint(2, 9), rng.randint(2, 9)
        total, question, steps = left * right, f"{left} * {right}", [f"{left} * {right} = {left * right}."]
    else:
        total = rng.randint(1, first)
        question, steps = str(total), []
    while len(steps) < difficulty:
        sign, term = _next_term(rng, total, largest, ceiling)
        result = total + term if sign == "+" else total - term
        question += f" {sign} {term}"
        steps.append(f"{total} {sign} {term} = {result}.")
        total = result
    choices = _choices(rng, total)
    return question_item(KIND, f"{question} = ?", " ".join(steps), str(total), difficulty, choices=choices)


def _next_term(rng: Random, total: int, largest: int, ceiling: int) -> tuple[str, int]:
    """A sign and an operand that keep the running total within [0, ceiling]."""
    up, down = min(largest, ceiling - total), min(largest, total)
    sign = "+" if down < 1 or (up >= 1 and rng.random() < 0.5) else "-"
    return sign, rng.randint(1, up if sign == "+" else down)


def _choices(rng: Random, answer: int) -> tuple[str, ...]:
    """The answer among near misses: the slips of a carry (off by ten) and of counting (off by one or two)."""
    slips = [slip for slip in (-20, -11, -10, -9, -2, -1, 1, 2, 9, 10, 11, 20) if answer + slip >= 0]
    options = [answer, *(answer + slip for slip in rng.sample(slips, _CHOICES - 1))]
    rng.shuffle(options)
    return tuple(map(str, options))
