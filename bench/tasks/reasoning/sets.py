"""Questions about a set: asked at once, and by asking about each member and adding up the answers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from bench.answers.aggregation import RULES
from bench.arrays import Ragged
from bench.components import task
from bench.examples import Examples, Question
from bench.language import LanguageModel
from bench.metrics.parts import parts
from bench.procedural.biographies import CITIES, JOBS, QUESTIONS, registry
from bench.procedural.items import DIRECT_CUE, digest
from bench.records import Choices, log_softmax
from bench.tasks.asking import Asked

PAPERS = ("ThinkSum: Probabilistic reasoning over sets using large language models",)
SOURCE = "Ozturkler et al. 2023, ThinkSum, arXiv:2210.01293"
SETS = 40
MEMBERS = 3
CHOICES = 6
DIRECT = "direct"
WAYS = (DIRECT, *RULES)
_VALUES = {"city": CITIES, "job": JOBS}
_TOGETHER = {
    "city": "In which city were {names} born?",
    "job": "Which job do {names} work as?",
}


@dataclass(frozen=True)
class SetQuestion(Question):
    """A question of a set and the way it is answered: `direct`, or a rule over `members`, one prompt a member."""

    way: str = DIRECT
    members: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The prompts that are scored."""
        return (self.prompt,) if self.way == DIRECT else self.members

    @property
    def texts(self) -> list[str]:
        """What goes through the model."""
        return [prompt + choice for prompt in self.asked for choice in self.choices]


@task(
    "reasoning/sets",
    needs="language",
    yields=Choices,
    own=parts(*WAYS, gaps=[(rule, DIRECT) for rule in RULES]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/sets",
)
def sets(seed: int, sets: int = SETS, members: int = MEMBERS) -> Examples:
    """What people of the embedded models' training text have in common: their city or their job, of six choices.

    Each set is asked in four ways, which form one group: at once, and by asking of each member and taking the product,
    the mixture or the minimum of the answers.  A question at once is beyond the embedded models, which were asked of
    one person at a time; the rules are what ThinkSum adds.
    """
    rng = Random(f"sets/{seed}")
    rows: list[tuple[str, SetQuestion, int, str]] = []
    for turn in range(sets):
        attribute = ("city", "job")[turn % 2]
        value = rng.choice(_VALUES[attribute])
        people = [person for person in registry() if person.value(attribute) == value]
        names = [person.name for person in rng.sample(people, members)]
        options = [value, *rng.sample([other for other in _VALUES[attribute] if other != value], CHOICES - 1)]
        rng.shuffle(options)
        choices = tuple(f" {option}." for option in options)
        asked = rng.choice(QUESTIONS["test"][attribute])
        single = tuple(f"Q: {asked.format(name=name)}{DIRECT_CUE}" for name in names)
        listed = ", ".join(names[:-1]) + f" and {names[-1]}"
        whole = f"Q: {_TOGETHER[attribute].format(names=listed)}{DIRECT_CUE}"
        group = digest(f"{turn} {whole}")
        for way in WAYS:
            question = SetQuestion(whole, choices, way, single)
            rows.append((f"{group}-{way}", question, options.index(value), group))
    return Examples(
        ids=np.array([row[0] for row in rows]),
        inputs=[row[1] for row in rows],
        targets=np.array([row[2] for row in rows]),
        groups=np.array([row[3] for row in rows]),
        dataset=np.array([row[1].way for row in rows]),
        asker=Asked(ask),
    )


def ask(model: LanguageModel, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Choices:
    """All prompts of a batch in one call; the answers of each question's members put together by its rule."""
    questions: list[SetQuestion] = list(batch.inputs)
    requests = [(prompt, choice) for q in questions for prompt in q.asked for choice in q.choices]
    totals = iter([scored.total for scored in model.score(requests)])
    logs = []
    for question in questions:
        by_member = np.array([[next(totals) for _ in question.choices] for _ in question.asked])
        logs.append(RULES[question.way](by_member) if question.way in RULES else log_softmax(by_member[0]))
    return Choices(**common, labels=np.asarray(batch.targets), loglik=Ragged.of(logs, np.float64))
