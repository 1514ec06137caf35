"""Conclusions from facts and rules: chosen at once, or translated into logic and proved."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples, Question, Reading
from bench.metrics.parts import parts
from bench.procedural.entailment import ANSWERS, Fact, Rule, Theory, draw, formula, prove, read_formula, say
from bench.procedural.items import digest
from bench.records import Choices, Generations

QUESTIONS = 60
DEPTHS = (1, 2, 3, 4)
SOURCE = "Olausson et al. 2023, LINC, arXiv:2310.15164; bench, procedural (after ProofWriter and FOLIO)"
PAPERS = (
    "LINC: A Neurosymbolic Approach for Logical Reasoning by Combining Language Models with First-Order Logic Provers",
)
LONGEST = 4000  # characters of a translation that are read
MOST = 40  # formulas

Drawn = tuple[str, Theory, Fact, str, str]  # id, theory, claim, label, part


@task(
    "reasoning/entailment",
    needs="language",
    yields=Choices,
    own=parts(*(f"depth-{d}" for d in DEPTHS), gaps=[("depth-1", "depth-4")]),
    source=SOURCE,
    check="reasoning/entailment",
)
def entailment(seed: int, questions: int = QUESTIONS) -> Examples:
    """Does a claim follow from facts and rules about three people: true, false or unknown, by depth of proof.

    As many of each label, so that chance is 1/3; labels are a prover's.  The embedded models answer by chance.
    """
    drawn = _drawn(seed, questions)
    return Examples(
        ids=np.array([row[0] for row in drawn]),
        inputs=[Question(f"{_asked(row)}\nAnswer:", tuple(f" {answer}" for answer in ANSWERS)) for row in drawn],
        targets=np.array([ANSWERS.index(row[3]) for row in drawn]),
        dataset=np.array([row[4] for row in drawn]),
    )


@task(
    "reasoning/entailment-proved",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    own=parts(*(f"depth-{d}" for d in DEPTHS), gaps=[("depth-1", "depth-4")]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/entailment",
)
def entailment_proved(seed: int, questions: int = QUESTIONS) -> Examples:
    """The same questions, the model writing each premise and the claim as a formula, which a prover judges (LINC).

    A text that cannot be read, or whose premises contradict each other, has no answer (`parse-rate`); with `--decoder
    self-consistency` the others vote.  The embedded models write no logic.
    """
    drawn = _drawn(seed, questions)
    example = Theory((Fact("Eve", "kind"),), (Rule((("kind", True),), ("tall", False)),), ("Eve",))
    shown = "\n".join([*map(formula, example.premises), "claim: Tall(Eve)"])
    told = " ".join(map(say, example.premises))
    ask = "Write each premise as a formula on a line of its own, then the claim, as here.\n"
    prompt = f"{ask}\nQ: {told} Claim: Eve is tall.\nFormulas:\n{shown}\n\n"
    return Examples(
        ids=np.array([row[0] for row in drawn]),
        inputs=[f"{prompt}{_asked(row)}\nFormulas:\n" for row in drawn],
        targets=np.array([row[3] for row in drawn]),
        dataset=np.array([row[4] for row in drawn]),
        reading=Reading(extract=proved, stop=("\n\n", "\nQ:"), max_tokens=400),
    )


def _drawn(seed: int, questions: int) -> list[Drawn]:
    rng = Random(f"entailment/{seed}")
    rows: list[Drawn] = []
    for turn in range(questions):
        depth, label = DEPTHS[turn // len(ANSWERS) % len(DEPTHS)], ANSWERS[turn % len(ANSWERS)]
        theory, claim = draw(rng, depth, label)
        name = digest(f"{turn} {theory} {claim}")
        rows.append((f"entailment-{name}", theory, claim, label, f"depth-{depth}"))
    return rows


def _asked(row: Drawn) -> str:
    _, theory, claim, *_ = row
    premises = " ".join(map(say, theory.premises))
    return f"Q: {premises} Claim: {say(claim)}"


def proved(text: str) -> str | None:
    """The prover's answer to the formulas of a text: premises a line, then `claim:`; `None` where it can't be read."""
    try:
        return prove(*translated(text))
    except ValueError:
        return None


def translated(text: str) -> tuple[Theory, Fact]:
    """The theory and the claim that a text states.  `ValueError` says what is wrong with it."""
    lines = [line.strip() for line in text[:LONGEST].split("\n") if line.strip()]
    if not lines or not lines[-1].lower().startswith("claim:"):
        raise ValueError("the last line states no claim")
    if len(lines) > MOST:
        raise ValueError("there are too many formulas")
    claim = read_formula(lines[-1].partition(":")[2])
    if not isinstance(claim, Fact):
        raise ValueError("a claim is about one person")  # noqa: TRY004 - it is the text that is wrong
    premises = [read_formula(line) for line in lines[:-1]]
    facts = tuple(p for p in premises if isinstance(p, Fact))
    rules = tuple(p for p in premises if isinstance(p, Rule))
    people = tuple(sorted({fact.person for fact in (*facts, claim)}))
    return Theory(facts, rules, people), claim


def failures(texts: list[str]) -> Counter[str]:
    """Why translations could not be judged, by reason; "" counts those that could."""
    reasons: Counter[str] = Counter()
    for text in texts:
        try:
            prove(*translated(text))
            reasons[""] += 1
        except ValueError as error:
            reasons["no atom" if "no atom" in str(error) else str(error)] += 1
    return reasons
