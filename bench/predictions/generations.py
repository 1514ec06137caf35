"""Generated answers: one row a generation, grouped by prompt.

The answer to a prompt is the majority vote of its generations' answers, unreadable (empty) ones not voting; of answers
with equal votes the one of more total probability wins, then the one that came first.  Its confidence is its share of
all generations of the prompt; a lone generation's is the probability of its text.  Where no answers are given, the
most probable generation is the answer, and its probability the confidence.  Where one generation of each prompt is
marked as greedy, that one is the answer instead, its probability the confidence, and the others are draws beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Ragged
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Generations

# Columns that belong to the prompt, though every row of it repeats them.
_OF_THE_PROMPT = ("group", "split", "weight", "ood", "dataset", "target", "p_true", "stated", "deferred")


def build(table: Table) -> dict[str, Generations]:
    """One `Generations`, a row a prompt in the order of first appearance."""
    import pandas as pd

    common = table.common()
    _check(table)
    prompt, names = pd.factorize(table.columns["prompt_id"])
    order = np.argsort(prompt, kind="stable")
    counts = np.bincount(prompt)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    first = order[offsets[:-1]]
    for key in _OF_THE_PROMPT:
        column = table.get(key)
        if column is not None:
            table.refuse(key, column != column[first[prompt]], "the same in all rows of a prompt")
    if table.get("greedy") is not None:
        decided = _greedy(table, prompt, counts)
    else:
        decided = _vote(table, prompt, counts) if table.get("answer") is not None else _most_probable(table, prompt)

    def pooled(key: str) -> Ragged | None:
        column = table.get(key)
        return None if column is None else Ragged(column[order], offsets)

    def of_prompt(column: AnyArray | None) -> AnyArray | None:
        return None if column is None else column[first]

    shared: dict[str, Any] = {k: of_prompt(common[k]) for k in ("groups", "splits", "weights", "ood", "dataset")}
    record = Generations(
        **shared,
        ids=np.asarray(names, dtype=np.str_),
        n_failed=len(table.failed_prompts - set(names.tolist())),
        answer=decided.answer,
        correct=decided.correct,
        confidence=decided.confidence,
        text=Ragged(table.columns["text"][order], offsets),
        logprob=Ragged(table.columns["logprob"][order], offsets),
        tokens=Ragged(table.columns["tokens"][order], offsets),
        answers=pooled("answer"),
        corrects=pooled("correct"),
        passes=pooled("passes"),
        token_logprobs=_joined(table.get("token_logprobs"), order, offsets),
        target=of_prompt(table.get("target")),
        greedy=pooled("greedy"),
        token_entropies=_joined(table.get("token_entropies"), order, offsets),
        pieces=_joined(table.get("pieces"), order, offsets),
        states=_joined(table.get("states"), order, offsets),
        p_true=of_prompt(table.get("p_true")),
        stated=of_prompt(table.get("stated")),
        deferred=of_prompt(table.get("deferred")),
    )
    return {table.name: record}


def _check(table: Table) -> None:
    logprob, tokens, each = table.columns["logprob"], table.columns["tokens"], table.get("token_logprobs")
    table.refuse("logprob", ~(logprob <= 1e-6), "a log-probability: a number of at most 0")
    table.refuse("tokens", tokens < 1, "at least 1")
    for key in ("token_entropies", "pieces"):
        other = table.get(key)
        if other is not None:
            table.refuse(key, other.lengths != tokens, "as many as 'tokens' says")
    if each is None:
        return
    table.refuse_entries("token_logprobs", ~(each.values <= 1e-6), "log-probabilities: numbers of at most 0")
    table.refuse("token_logprobs", each.lengths != tokens, "as many numbers as 'tokens' says")
    with np.errstate(invalid="ignore"):
        apart = np.abs(each.sums() - logprob) > 0.01 + 0.01 * np.abs(logprob)
    table.refuse("logprob", apart, "the sum of 'token_logprobs' (within 1 %): not averaged, not rescaled")


@dataclass(frozen=True)
class _Decided:
    answer: AnyArray
    correct: Bools
    confidence: Float64s


def _vote(table: Table, prompt: Ints, counts: Ints) -> _Decided:
    """The majority's answer for each prompt; (prompts,) each."""
    import pandas as pd

    answers, correct, logprob = table.columns["answer"], table.columns["correct"], table.columns["logprob"]
    code, _ = pd.factorize(answers)
    # Candidates are the distinct (prompt, answer) pairs, numbered in the order of first appearance.
    candidate, _ = pd.factorize(prompt * (int(code.max()) + 1) + code)
    first = np.unique(candidate, return_index=True)[1]
    table.refuse("correct", correct != correct[first[candidate]], "the same for equal answers to one prompt")
    table.refuse("correct", correct & (answers == ""), "false where no answer could be read")
    votes = np.bincount(candidate)
    mass = np.full(len(first), -np.inf)
    np.logaddexp.at(mass, candidate, logprob)
    readable = answers[first] != ""
    # Best last: readable, then votes, then probability, then the earliest.
    ranked = np.lexsort((-first, mass, votes, readable, prompt[first]))
    owner = prompt[first[ranked]]
    best = ranked[np.append(owner[1:] != owner[:-1], True)]
    share = votes[best] / counts
    alone = np.minimum(np.exp(logprob[first[best]]), 1.0)
    confidence = np.where(readable[best], np.where(counts > 1, share, alone), 0.0)
    return _Decided(answers[first[best]], correct[first[best]], confidence)


def _greedy(table: Table, prompt: Ints, counts: Ints) -> _Decided:
    """The greedy generation of each prompt; (prompts,) each."""
    marked = table.columns["greedy"]
    found = np.bincount(prompt[marked], minlength=len(counts))
    table.refuse("greedy", found[prompt] != 1, "true for just one generation of each prompt")
    rows = np.flatnonzero(marked)
    rows = rows[np.argsort(prompt[rows], kind="stable")]
    answer = table.columns["answer" if table.get("answer") is not None else "text"][rows]
    confidence = np.where(answer == "", 0.0, np.minimum(np.exp(table.columns["logprob"][rows]), 1.0))
    return _Decided(answer, table.columns["correct"][rows], confidence)


def _most_probable(table: Table, prompt: Ints) -> _Decided:
    """The most probable generation of each prompt, the earliest of equals; (prompts,) each."""
    logprob = table.columns["logprob"]
    ranked = np.lexsort((-np.arange(len(prompt)), logprob, prompt))
    owner = prompt[ranked]
    best = ranked[np.append(owner[1:] != owner[:-1], True)]
    confidence = np.minimum(np.exp(logprob[best]), 1.0)
    return _Decided(table.columns["text"][best], table.columns["correct"][best], confidence)


def _joined(each: Ragged | None, order: Ints, offsets: Ints) -> Ragged | None:
    """The token log-probabilities of a prompt's whole pool, end to end."""
    if each is None:
        return None
    sorted_ = each.take(order)
    return Ragged(sorted_.values, sorted_.offsets[offsets])


_ROWS: dict[str, list[Any]] = {
    "prompt_id": ["p1", "p1", "p2"],
    "text": ["6 times 7 is 42", "it is 42", "I think 12"],
    "logprob": [-2.5, -3.0, -4.0],
    "tokens": [5, 3, 4],
    "correct": [True, True, False],
    "answer": ["42", "42", "12"],
}
CONVENTION = Convention(
    kind="generations",
    about="generated answers, one row a generation; the rows of a prompt are its pool, and its answer is their vote",
    fields=(
        Field(("prompt_id", "prompt_ids"), "the prompt that was answered", "str", required=True),
        Field(("text",), "what was generated", "text", required=True),
        Field(("logprob",), "log-probability of the whole text, nats", required=True),
        Field(("tokens",), "tokens of the text", "int", required=True),
        Field(("correct",), "whether its answer is right", "bool", required=True),
        Field(("answer",), "the answer read from it; empty where there is none", "text"),
        Field(("token_logprobs",), "log-probability of each token, nats", form="list"),
        Field(("target",), "the right answer", "text"),
        Field(("greedy",), "true for the greedy text, which is then the answer; the others are draws", "bool"),
        Field(("token_entropies",), "entropy of the distribution at each token, nats", form="list"),
        Field(("pieces",), "text of each token", "text", form="list"),
        Field(("states",), "the text as a vector (hidden state, embedding)", form="list"),
        Field(("p_true",), "probability that the model gives to the answer's being true; one a prompt"),
        Field(("stated",), "confidence that the model stated in words, 0 to 1; one a prompt"),
        Field(("deferred",), "whether another model's answer is right; one a prompt", "bool"),
        Field(("passes",), "whether a verifier that may err passed it (resample-…)", "bool"),
    ),
    forms=(),
    columns=_ROWS,
    arrays=_ROWS,
    build=build,
)
