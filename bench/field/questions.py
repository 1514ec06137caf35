"""Questions with short answers, as published; each raises KeyError or ValueError for another form."""

from __future__ import annotations

from bench.answers.aliases import BREAK, allowed
from bench.field.items import Written
from bench.field.reading import Row


def trivia_qa(row: Row, _: int) -> Written:
    """question, question_id, answer {value, aliases} (Joshi et al. 2017)."""
    answer = row["answer"]
    target = allowed([answer["value"], *answer.get("aliases", [])])
    return Written(_asked(str(row["question"])), target, id=str(row.get("question_id") or ""))


def nq_open(row: Row, _: int) -> Written:
    """question, answer: a list (Kwiatkowski et al. 2019; Lee et al. 2019)."""
    answers = row["answer"]
    return Written(_asked(str(row["question"])), allowed([answers] if isinstance(answers, str) else answers))


def sciq(row: Row, _: int) -> Written:
    """question, correct_answer, support (Welbl et al. 2017)."""
    support = " ".join(str(row.get("support") or "").split())
    before = f"Support: {support}\n" if support else ""
    return Written(before + _asked(str(row["question"])), allowed([row["correct_answer"]]))


def coqa(row: Row, number: int) -> list[Written]:
    """story, questions, answers {input_text, additional?}, id (Reddy et al. 2019): a question a turn.

    The turns before it stand in the prompt with their true answers.  part: the story, whose questions are one cluster.
    """
    questions, answers = list(row["questions"]), list(row["answers"]["input_text"])
    if len(questions) != len(answers) or not questions:
        raise ValueError("'questions' and 'answers' differ in length")
    story = f"Story: {' '.join(str(row['story']).split())}\n"
    name = str(row.get("id") or f"story-{number}")
    found, before = [], ""
    for turn, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        prompt = f"{story}{before}{_asked(str(question))}"
        found.append(Written(prompt, allowed([answer]), part=name, id=f"{name}-{turn}"))
        before += f"{_asked(str(question))} {answer}\n"
    return found


def shown(items: list[Written]) -> str:
    """Worked examples, to stand before a question: each with the first answer that it allows."""
    return "".join(f"{item.prompt} {item.target.partition(BREAK)[0]}\n\n" for item in items)


def _asked(question: str) -> str:
    return f"Question: {' '.join(question.split())}\nAnswer:"
