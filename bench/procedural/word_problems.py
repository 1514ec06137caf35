"""Arithmetic stories, and the same story told otherwise: other names, other numbers, other words, or a useless fact.

A `Plot` is what happens to a number; a `Telling` is how it is put into words.  The answer hangs on the plot alone, so
that accuracy over tellings of one plot shows what a model takes from the words, and accuracy over new numbers what it
remembers of the old ones (Mirzadeh et al. 2024, GSM-Symbolic and GSM-NoOp).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from bench.procedural.items import check_difficulty

DIFFICULTIES = 8
VARIANTS = ("plain", "names", "wording", "numbers", "distractor")
LARGEST = 999

NAMES = (
    "Ana",
    "Ben",
    "Carla",
    "Dario",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Lena",
    "Milo",
    "Nora",
)
THINGS = ("apples", "marbles", "books", "stamps", "shells", "buttons", "pencils", "cards", "beads", "coins")

# kind -> wordings.  Each wording of a kind holds the same slots, and no two kinds share a wording.
EVENTS: dict[str, tuple[str, ...]] = {
    "gain": (
        "Then {name} buys {k} more.",
        "After that, {name} is given another {k}.",
        "{name} finds {k} more of them.",
    ),
    "lose": ("{name} gives {k} of them to {friend}.", "Then {k} of them get lost.", "{name} sells {k} of them."),
    "times": (
        "By the next week {name} has {k} times as many.",
        "{name} keeps collecting until there are {k} times as many.",
        "Over the year the collection grows to {k} times its size.",
    ),
    "share": (
        "{name} puts them into {k} equal piles and keeps one pile.",
        "{name} splits them evenly among {k} people, keeping one share.",
        "They are divided into {k} equal boxes, and {name} takes a single box.",
    ),
}
STARTS = (
    "{name} has {n} {things}.",
    "At first, {name} owns {n} {things}.",
    "There are {n} {things} in the bag of {name}.",
)
QUESTIONS = (
    "How many {things} does {name} have now?",
    "How many {things} are left with {name} in the end?",
    "What is the number of {things} that {name} has at the end?",
)
DISTRACTORS = (
    "{friend} has {d} {others}.",
    "Of the {things}, {d} are a little smaller than the rest.",
    "Last year {name} saw {d} {others} in a shop window.",
    "{friend} is {d} years old.",
)
OF_THEM = 1  # the one that speaks of the counted things themselves


@dataclass(frozen=True)
class Plot:
    """A first number and what happens to it: (kind of event, its number)."""

    start: int
    events: tuple[tuple[str, int], ...]

    @property
    def totals(self) -> tuple[int, ...]:
        """The number after each event; the last is the answer."""
        totals, total = [], self.start
        for kind, k in self.events:
            total = {"gain": total + k, "lose": total - k, "times": total * k, "share": total // k}[kind]
            totals.append(total)
        return tuple(totals)

    @property
    def answer(self) -> int:
        """The number at the end."""
        return self.totals[-1]


@dataclass(frozen=True)
class Telling:
    """How a plot is put into words.  wordings: of the start, of each event, and of the question.

    distractor: (wording, its number, the sentence after which it stands), or `None`.
    """

    name: str
    friend: str
    things: str
    others: str
    wordings: tuple[int, ...]
    distractor: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Story:
    """One question in one variant.  plot names what its variants share."""

    text: str
    answer: str
    steps: str
    variant: str
    plot: Plot
    telling: Telling


def draw_plot(rng: Random, difficulty: int, shape: tuple[str, ...] = ()) -> Plot:
    """A plot of `difficulty` events whose numbers stay whole, within [1, `LARGEST`]; `shape` prescribes the kinds."""
    check_difficulty("word-problems", difficulty, DIFFICULTIES)
    while True:
        total = start = rng.randint(2, 60)
        events: list[tuple[str, int]] = []
        for at in range(difficulty):
            options = [(kind, low, high) for kind, low, high in _ranges(total) if not shape or kind == shape[at]]
            if not options:
                break
            kind, low, high = rng.choice(options)
            k = rng.choice(_divisors(total)) if kind == "share" else rng.randint(low, high)
            events.append((kind, k))
            total = Plot(total, ((kind, k),)).answer
        if len(events) == difficulty:
            return Plot(start, tuple(events))


def variants(rng: Random, difficulty: int) -> list[Story]:
    """One plot in each of `VARIANTS`; all but `numbers` have the same answer."""
    plot = draw_plot(rng, difficulty)
    telling = _telling(rng, difficulty)
    renamed = _telling(rng, difficulty)
    while renamed.name == telling.name or renamed.things == telling.things:
        renamed = _telling(rng, difficulty)
    other = draw_plot(rng, difficulty, tuple(kind for kind, _ in plot.events))
    while other.answer == plot.answer:
        other = draw_plot(rng, difficulty, tuple(kind for kind, _ in plot.events))
    distractor = _distractor(rng, plot)
    told = {
        "plain": (plot, telling),
        "names": (plot, replace(renamed, wordings=telling.wordings)),
        "wording": (plot, replace(telling, wordings=_reworded(rng, telling.wordings))),
        "numbers": (other, telling),
        "distractor": (plot, replace(telling, distractor=distractor)),
    }
    return [tell(p, t, name) for name, (p, t) in told.items()]


def tell(plot: Plot, telling: Telling, variant: str) -> Story:
    """The story in words, and its solution in steps that end with the answer."""
    about = {"name": telling.name, "friend": telling.friend, "things": telling.things, "others": telling.others}
    first, *middle, last = telling.wordings
    sentences = [STARTS[first].format(n=plot.start, **about)]
    for (kind, k), wording in zip(plot.events, middle, strict=True):
        sentences.append(EVENTS[kind][wording].format(k=k, **about))
    if telling.distractor is not None:
        wording, d, after = telling.distractor
        sentences.insert(after + 1, DISTRACTORS[wording].format(d=d, **about))
    sentences.append(QUESTIONS[last].format(**about))
    return Story(" ".join(sentences), str(plot.answer), _steps(plot), variant, plot, telling)


def _steps(plot: Plot) -> str:
    signs = {"gain": "+", "lose": "-", "times": "*", "share": "/"}
    befores = (plot.start, *plot.totals[:-1])
    lines = [
        f"{before} {signs[kind]} {k} = {after}."
        for before, (kind, k), after in zip(befores, plot.events, plot.totals, strict=True)
    ]
    return " ".join(lines) + f" So {plot.answer}."


def _telling(rng: Random, difficulty: int) -> Telling:
    name, friend = rng.sample(NAMES, 2)
    things, others = rng.sample(THINGS, 2)
    return Telling(name, friend, things, others, tuple(rng.randrange(3) for _ in range(difficulty + 2)))


def _distractor(rng: Random, plot: Plot) -> tuple[int, int, int]:
    """A useless fact that is possible where it stands: of n things, fewer than n are smaller."""
    after = rng.randrange(len(plot.events) + 1)
    there = (plot.start, *plot.totals)[after]
    wording = rng.choice([w for w in range(len(DISTRACTORS)) if w != OF_THEM or there > 2])
    return wording, rng.randint(2, min(20, there - 1) if wording == OF_THEM else 20), after


def _reworded(rng: Random, wordings: tuple[int, ...]) -> tuple[int, ...]:
    """Another wording of every sentence."""
    return tuple((wording + rng.randint(1, 2)) % 3 for wording in wordings)


def _ranges(total: int) -> list[tuple[str, int, int]]:
    """The events that a total can bear: (kind, least number, largest)."""
    out = [("gain", 2, 60)] if total <= LARGEST - 60 else []
    if total > 3:
        out.append(("lose", 2, min(60, total - 1)))
    if total * 2 <= LARGEST:
        out.append(("times", 2, min(5, LARGEST // total)))
    if _divisors(total):
        out.append(("share", 2, 9))
    return out


def _divisors(total: int) -> list[int]:
    return [k for k in range(2, 10) if total % k == 0 and total > k]
