"""Fictional people, some spoken of often and some rarely, and questions about them in held-out wordings.

The names are made of random syllables; any likeness to a living person is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random

from bench.procedural.items import Item, Split, check_difficulty, question_item

KIND = "biographies"
DIFFICULTIES = 3
PEOPLE = 240
ATTRIBUTES = ("city", "job", "year")
CITIES = (
    "Velport", "Osmere", "Karnby", "Mildrew", "Tessam", "Brookfen", "Quenby", "Sundle", "Halvik", "Orrin",
    "Pardew", "Wexcomb",
)  # fmt: skip
JOBS = (
    "baker", "pilot", "tailor", "judge", "miner", "painter", "doctor", "sailor", "teacher", "farmer",
    "singer", "clerk",
)  # fmt: skip
YEARS = tuple(str(year) for year in range(1920, 2000))
_REGISTRY_SEED = "biographies/registry/1"
_CHOICES = 4

STATEMENTS = {
    "city": ("{name} was born in {city}.", "{name} comes from {city}.", "{city} is the home of {name}."),
    "job": ("{name} works as a {job}.", "{name} is a {job}.", "The job of {name} is {job}."),
    "year": ("{name} was born in the year {year}.", "The birth year of {name} is {year}."),
}
QUESTIONS: dict[Split, dict[str, tuple[str, ...]]] = {
    "train": {
        "city": (
            "Where was {name} born?",
            "Which city does {name} come from?",
            "What is the home of {name}?",
        ),
        "job": ("What is the job of {name}?", "What does {name} work as?", "Which job has {name}?"),
        "year": (
            "When was {name} born?",
            "What is the birth year of {name}?",
            "In which year was {name} born?",
        ),
    },
    "test": {
        "city": ("In which city was {name} born?", "Which city is the home of {name}?"),
        "job": ("Which job does {name} work as?", "As what does {name} work?"),
        "year": ("Which year was {name} born in?", "Which is the birth year of {name}?"),
    },
}


@dataclass(frozen=True)
class Person:
    """A fictional person.  ``weight`` is proportional to how often the training text speaks of them."""

    name: str
    city: str
    job: str
    year: str
    weight: float
    difficulty: int

    def value(self, attribute: str) -> str:
        """The fact itself: ``city``, ``job`` or ``year``."""
        return {"city": self.city, "job": self.job, "year": self.year}[attribute]


@cache
def registry() -> tuple[Person, ...]:
    """All people, most spoken of first (weight 1/rank, as in Zipf's law); the same on every call and machine.

    Difficulty 1 is the first quarter by rank, 2 up to five eighths, 3 the rest.
    """
    rng = Random(_REGISTRY_SEED)
    names: dict[str, None] = {}
    while len(names) < PEOPLE:
        names[f"{_syllables(rng, 2)} {_syllables(rng, 2)}"] = None
    return tuple(
        Person(
            name=name,
            city=rng.choice(CITIES),
            job=rng.choice(JOBS),
            year=rng.choice(YEARS),
            weight=1 / rank,
            difficulty=1 if rank <= PEOPLE // 4 else 2 if rank <= PEOPLE * 5 // 8 else 3,
        )
        for rank, name in enumerate(names, start=1)
    )


def draw(rng: Random, difficulty: int, split: Split = "test") -> Item:
    """One question about a person of that difficulty, in a wording of that split.

    Unlike the other kinds, what is held out is the wording: the facts themselves are in the training text.
    """
    check_difficulty(KIND, difficulty, DIFFICULTIES)
    people, cumulative = _people(difficulty)
    person = rng.choice(people) if split == "test" else rng.choices(people, cum_weights=cumulative)[0]
    attribute = rng.choice(ATTRIBUTES)
    question = rng.choice(QUESTIONS[split][attribute]).format(name=person.name)
    answer = person.value(attribute)
    return question_item(
        KIND,
        question,
        _statement(person, attribute, 0),
        answer,
        difficulty,
        choices=_choices(rng, attribute, answer),
        group=person.name,
    )


def biography(rng: Random) -> str:
    """A line of training text: every fact about one person, drawn by weight, in random order and wording."""
    people, cumulative = _people(None)
    person = rng.choices(people, cum_weights=cumulative)[0]
    order = rng.sample(ATTRIBUTES, len(ATTRIBUTES))
    return " ".join(_statement(person, name, rng.randrange(len(STATEMENTS[name]))) for name in order) + "\n"


@cache
def _people(difficulty: int | None) -> tuple[tuple[Person, ...], tuple[float, ...]]:
    """The people of a difficulty (all for None), with their cumulative weights."""
    people = tuple(person for person in registry() if difficulty in (None, person.difficulty))
    return people, tuple(accumulate(person.weight for person in people))


def _statement(person: Person, attribute: str, wording: int) -> str:
    values = {"name": person.name, attribute: person.value(attribute)}
    return STATEMENTS[attribute][wording].format(**values)


def _choices(rng: Random, attribute: str, answer: str) -> tuple[str, ...]:
    values = {"city": CITIES, "job": JOBS, "year": YEARS}[attribute]
    options = [answer, *rng.sample([value for value in values if value != answer], _CHOICES - 1)]
    rng.shuffle(options)
    return tuple(options)


def _syllables(rng: Random, count: int) -> str:
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(count)).capitalize()
