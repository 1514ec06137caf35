"""Small probabilistic worlds told in English, with every posterior by enumeration.

After Wong et al. 2023 (From Word Models to World Models): a world is a program that draws a few discrete variables; a
question conditions on what is told and asks for the probability of something else.  `posterior` goes through all
outcomes, `weighted` draws them (likelihood weighting).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

State = dict[str, float]
Event = Callable[[State], bool]


@dataclass(frozen=True)
class Variable:
    """A discrete variable: its values, and their probabilities given the variables before it (which sum to 1)."""

    name: str
    values: tuple[float, ...]
    law: Callable[[State], Sequence[float]]


World = tuple[Variable, ...]


@dataclass(frozen=True)
class Told:
    """A question: the world in words, what is known, what is asked, and the answer, p(query | evidence)."""

    domain: str
    text: str
    answer: float
    prior: float


def outcomes(world: World) -> Iterator[tuple[State, float]]:
    """Every state with its probability."""
    for values in product(*(variable.values for variable in world)):
        state: State = {}
        p = 1.0
        for variable, value in zip(world, values, strict=True):
            p *= variable.law(state)[variable.values.index(value)]
            state[variable.name] = value
        if p > 0:
            yield state, p


def posterior(world: World, query: Event, evidence: Sequence[Event] = ()) -> float:
    """p(query | all of the evidence), by enumeration; `ValueError` where the evidence is impossible."""
    both = mass = 0.0
    for state, p in outcomes(world):
        if all(event(state) for event in evidence):
            mass += p
            both += p * query(state)
    if mass == 0:
        raise ValueError("the evidence is impossible")
    return both / mass


def weighted(world: World, query: Event, given: State, draws: int, rng: Random) -> float:
    """The same for evidence that fixes variables: they are not drawn, and each draw weighs their probability."""
    both = mass = 0.0
    for _ in range(draws):
        state: State = {}
        weight = 1.0
        for variable in world:
            law = variable.law(state)
            if variable.name in given:
                state[variable.name] = given[variable.name]
                weight *= law[variable.values.index(given[variable.name])]
            else:
                state[variable.name] = rng.choices(variable.values, law)[0]
        mass += weight
        both += weight * query(state)
    if mass == 0:
        raise ValueError("the evidence is impossible")
    return both / mass


NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gia", "Hal")


def tug_of_war(rng: Random) -> Told:
    """Strengths of 1 to 3, laziness in each match; who wins tells of strength, which tells of the next match."""
    a, b, c = rng.sample(NAMES, 3)
    lazy = rng.choice((0.1, 0.2, 0.3))
    world: list[Variable] = [Variable(f"strength {x}", (1, 2, 3), lambda _: (1 / 3, 1 / 3, 1 / 3)) for x in (a, b, c)]
    world += [
        Variable(f"lazy {x} {m}", (0, 1), lambda _: (1 - lazy, lazy)) for m in (1, 2) for x in (a, b if m == 1 else c)
    ]

    def beats(x: str, y: str, match: int) -> Event:
        def won(state: State) -> bool:
            pull_x = state[f"strength {x}"] / (1 + state[f"lazy {x} {match}"])
            pull_y = state[f"strength {y}"] / (1 + state[f"lazy {y} {match}"])
            return pull_x > pull_y

        return won

    told_win = rng.random() < 0.5
    first = beats(a, b, 1) if told_win else beats(b, a, 1)
    query = beats(a, c, 2)
    text = (
        "In a tug of war each player's strength is 1, 2 or 3, each equally likely and the same in every match. In a "
        f"match, each player is lazy with probability {lazy}, which halves that player's strength in that match alone. "
        f"The player with more strength wins; equal strength is a draw. {a if told_win else b} beat "
        f"{b if told_win else a} in the first match. Does {a} beat {c} in the second match?"
    )
    return _told("tug-of-war", text, tuple(world), query, (first,))


def urns(rng: Random) -> Told:
    """Which of two urns was it, after a few draws with replacement?"""
    name = rng.choice(NAMES)
    reds = rng.sample(range(1, 10), 2)
    prior = rng.choice((0.3, 0.5, 0.7))
    seen = [int(rng.random() < 0.5) for _ in range(rng.randint(1, 3))]
    world = (
        Variable("urn", (0, 1), lambda _: (prior, 1 - prior)),
        *(
            Variable(f"ball {k}", (0, 1), lambda s: (1 - reds[int(s["urn"])] / 10, reds[int(s["urn"])] / 10))
            for k in range(len(seen))
        ),
    )
    evidence = [_is(f"ball {k}", value) for k, value in enumerate(seen)]
    colours = ", then ".join(("a blue ball", "a red ball")[value] for value in seen)
    text = (
        f"Urn A holds {reds[0]} red and {10 - reds[0]} blue balls, urn B {reds[1]} red and {10 - reds[1]} blue ones. "
        f"{name} picks urn A with probability {prior}, otherwise urn B, and draws with replacement: {colours}. "
        f"Did {name} pick urn A?"
    )
    return _told("urns", text, world, _is("urn", 0), evidence)


def diagnosis(rng: Random) -> Told:
    """Two causes of one symptom: seeing one of them explains the other away."""
    name = rng.choice(NAMES)
    flu, cold = rng.choice((0.05, 0.1, 0.2)), rng.choice((0.1, 0.2, 0.4))
    by_flu, by_cold = rng.choice((0.6, 0.8, 0.9)), rng.choice((0.3, 0.5, 0.7))
    leak = 0.05
    world = (
        Variable("flu", (0, 1), lambda _: (1 - flu, flu)),
        Variable("cold", (0, 1), lambda _: (1 - cold, cold)),
        Variable("cough", (0, 1), lambda s: _or((by_flu * s["flu"], by_cold * s["cold"], leak))),
    )
    evidence = [_is("cough", 1)]
    known = ""
    if rng.random() < 0.5:
        value = int(rng.random() < 0.5)
        evidence.append(_is("cold", value))
        known = f" {name} {'has a' if value else 'has no'} cold."
    text = (
        f"A person has the flu with probability {flu} and, independently, a cold with probability {cold}. The flu "
        f"alone causes a cough with probability {by_flu}, a cold alone with probability {by_cold}, and dust with "
        f"probability {leak}, each on its own. {name} coughs.{known} Does {name} have the flu?"
    )
    return _told("diagnosis", text, world, _is("flu", 1), evidence)


def errand(rng: Random) -> Told:
    """What somebody wants, from where they go: the far shop is chosen for what only it may have."""
    name = rng.choice(NAMES)
    tea = rng.choice((0.3, 0.5, 0.6))
    near_tea, near_bread = rng.choice((0.7, 0.9)), rng.choice((0.1, 0.3))
    world = (
        Variable("wants tea", (0, 1), lambda _: (1 - tea, tea)),
        Variable("near", (0, 1), lambda s: _coin(near_tea if s["wants tea"] else near_bread)),
    )
    went = int(rng.random() < 0.5)
    text = (
        f"{name} wants tea with probability {tea}, otherwise bread. Wanting tea, {name} goes to the near shop with "
        f"probability {near_tea}, and wanting bread with probability {near_bread}; otherwise to the far one. {name} "
        f"goes to the {'near' if went else 'far'} shop. Does {name} want tea?"
    )
    return _told("errand", text, world, _is("wants tea", 1), [_is("near", went)])


DOMAINS: dict[str, Callable[[Random], Told]] = {
    "tug-of-war": tug_of_war, "urns": urns, "diagnosis": diagnosis, "errand": errand,
}  # fmt: skip


def _told(domain: str, text: str, world: World, query: Event, evidence: Sequence[Event]) -> Told:
    return Told(domain, text, posterior(world, query, evidence), posterior(world, query))


def _is(name: str, value: float) -> Event:
    return lambda state: state[name] == value


def _coin(p: float) -> tuple[float, float]:
    return 1 - p, p


def _or(causes: Sequence[float]) -> tuple[float, float]:
    """Noisy or: each cause acts by itself."""
    none = 1.0
    for p in causes:
        none *= 1 - p
    return none, 1 - none
