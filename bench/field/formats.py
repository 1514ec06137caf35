"""The data sets' own formats: a row as it is published -> an item.  Each raises KeyError or ValueError for another."""

from __future__ import annotations

import re
from random import Random

from bench.answers.equivalence import boxed
from bench.answers.extraction import number, short
from bench.field.items import LETTERS, Chosen, Written, lettered
from bench.field.reading import Row

_MATH = " Reason step by step and put the final answer in \\boxed{}."
_NUMBER = " Reason step by step and end with 'The answer is' and the number."


def gsm8k(row: Row, _: int) -> Written:
    """question; answer: the solution, then #### and the number (Cobbe et al. 2021)."""
    solution, mark, answer = str(row["answer"]).rpartition("####")
    if not mark or not solution:
        raise ValueError("'answer' holds no ####")
    return Written(f"Question: {row['question']}{_NUMBER}\nAnswer:", number(answer.strip()))


def math_500(row: Row, _: int) -> Written:
    """problem, answer (or a solution that boxes it), subject, unique_id (Hendrycks et al. 2021)."""
    answer = row.get("answer") or boxed(str(row.get("solution", "")))
    if not answer:
        raise ValueError("neither 'answer' nor a boxed one in 'solution'")
    part = str(row.get("subject") or row.get("type") or "")
    return Written(f"Problem: {row['problem']}{_MATH}\nSolution:", str(answer), part, str(row.get("unique_id") or ""))


def aime(row: Row, _: int) -> Written:
    """Problem (or question), answer: a whole number from 0 to 999."""
    question = row.get("problem") or row.get("question") or row["Question"]
    answer = int(row["answer"] if "answer" in row else row["Answer"])
    if not 0 <= answer <= 999:
        raise ValueError(f"{answer} is no answer of AIME")
    name = row.get("id", row.get("ID", ""))
    return Written(f"Problem: {question}{_MATH}\nSolution:", str(answer), id_of(name))


def id_of(name: object) -> str:
    """A name as a part of the year that it begins with, or nothing."""
    found = re.match(r"(?:19|20)\d\d", str(name))
    return found[0] if found else ""


def arc(row: Row, _: int) -> Chosen:
    """id, question, choices {text, label}, answerKey (Clark et al. 2018)."""
    labels, texts = list(row["choices"]["label"]), list(row["choices"]["text"])
    choices = tuple(f" {text}" for text in texts)
    return Chosen(f"Question: {row['question']}\nAnswer:", choices, labels.index(row["answerKey"]), id=str(row["id"]))


def mmlu(row: Row, _: int) -> Chosen:
    """question, subject, choices (4), answer 0 to 3 (Hendrycks et al. 2021)."""
    return lettered(row["question"].strip(), list(row["choices"]), int(row["answer"]), str(row.get("subject", "")))


def mmlu_pro(row: Row, _: int) -> Chosen:
    """question_id, question, options (up to 10), answer: a letter, category (Wang et al. 2024)."""
    options = [option for option in row["options"] if option != "N/A"]
    label = LETTERS.index(str(row["answer"]))
    return lettered(row["question"].strip(), options, label, str(row.get("category", "")), str(row["question_id"]))


def gpqa(row: Row, seed: int) -> Chosen:
    """Question, Correct Answer, Incorrect Answer 1 to 3 (Rein et al. 2023), in an order drawn by (seed, question)."""
    right = str(row["Correct Answer"]).strip()
    choices = [right, *(str(row[f"Incorrect Answer {i}"]).strip() for i in (1, 2, 3))]
    question = str(row["Question"]).strip()
    order = Random(f"gpqa/{seed}/{question}").sample(range(4), 4)
    part = str(row.get("High-level domain") or "")
    return lettered(question, [choices[i] for i in order], order.index(0), part, str(row.get("Record ID") or ""))


def bbh(row: Row, _: int) -> Written:
    """input, target: a letter in brackets, a word or a number (Suzgun et al. 2022)."""
    ask = "Reason step by step and end with 'The answer is' and the answer."
    return Written(f"Q: {row['input']}\n{ask}\nA:", short(str(row["target"])), str(row.get("task") or ""))


def entailment(row: Row, _: int) -> Chosen:
    """FOLIO: premises, conclusion, label (Han et al. 2022).  ProofWriter: theory, question, answer."""
    premises = row["premises"] if "premises" in row else row["theory"]
    text = " ".join(premises) if isinstance(premises, list) else str(premises).replace("\n", " ")
    claim = row["conclusion"] if "conclusion" in row else row["question"]
    label = str(row["label"] if "label" in row else row["answer"]).strip().lower()
    place = {"true": 0, "false": 1, "unknown": 2, "uncertain": 2}[label]
    depth = row.get("QDep", row.get("depth"))
    question = f"{text}\nQ: Given these facts alone, is this true, false or unknown? {claim}\nAnswer:"
    part = "" if depth is None else f"depth-{depth}"
    return Chosen(
        question, (" true", " false", " unknown"), place, part, str(row.get("example_id") or row.get("id") or "")
    )
