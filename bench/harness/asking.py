"""Asking a batch of a task's documents: all their requests together, then the task's filters and metrics on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.arrays import Ragged, Strings
from bench.decoders.draws import probability
from bench.errors import EvaluationError, UsageError
from bench.examples import Examples
from bench.harness import index, values
from bench.harness.documents import Ask, Document, is_conversation, rendered
from bench.harness.generating import draws
from bench.harness.loading import Loaded, Options, load
from bench.harness.quiet import quiet
from bench.harness.rolling import Rolled, roll
from bench.language import Conversational, Generated, Scored
from bench.records import Choices, Generations, Record, Responses, Tokens

# What the harness's filters leave where a text held no answer.
NO_ANSWER = ("", "[invalid]")


@dataclass(frozen=True)
class Asker:
    """Asks documents of a task.  Plain values, so that a worker elsewhere can load the task by them.

    A pickled one takes the folders of the user's tasks along; where they lie is no part of what it is.  version: of
    the task, settings and all.  yields: the kind of record.  judge: of generated answers, the metric and filter that
    say whether one is right.
    """

    target: str
    options: Options
    version: str
    yields: type[Record]
    judge: str = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "folders": index.included()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        index.include(state.pop("folders"))
        vars(self).update(state)

    def __call__(self, model: Any, _: Any, batch: Examples, seed: int, common: Mapping[str, Any]) -> Record:
        """The record of one batch."""
        loaded = load(self.target, self.options)
        documents: list[Document] = list(batch.inputs)
        answers = _answers(model, documents, batch.ids, seed)
        measured = _measured(loaded, documents, answers)
        shared = {**common, "task_values": np.array([values.written(one.values) for one in measured], dtype=object)}
        makers = {Choices: _choices, Tokens: _tokens, Generations: self._generations, Responses: _responses}
        return makers[self.yields](shared, batch, documents, answers, measured)

    def requests(self, model: Any, batch: Examples) -> list[tuple[str, str]]:
        """The first scored request of each document, as (context, continuation)."""
        firsts = (next((ask for ask in document.asks if ask.way == "loglikelihood"), None) for document in batch.inputs)
        return [(_rendered(model, ask.context), ask.continuation) for ask in firsts if ask is not None]

    def _generations(
        self,
        shared: Mapping[str, Any],
        batch: Examples,
        _: Sequence[Document],
        answers: Sequence[Sequence[Answer]],
        measured: Sequence[Measured],
    ) -> Record:
        texts = [own[0].texts[0] for own in answers]
        read = ["" if one.answer in NO_ANSWER else one.answer for one in measured]
        logprobs = [float(text.logprobs.sum()) for text in texts]
        return Generations(
            **shared,
            answer=np.array(read, dtype=object),
            correct=np.array([one.values.get(self.judge) == 1 for one in measured], dtype=bool),
            confidence=np.array(
                [probability(p) if answer else 0.0 for p, answer in zip(logprobs, read, strict=True)], dtype=np.float64
            ),
            text=Ragged.of([[text.text] for text in texts], object),
            logprob=Ragged.of([[p] for p in logprobs], np.float64),
            tokens=Ragged.of([[len(text.logprobs)] for text in texts], np.int64),
            token_logprobs=Ragged.of([text.logprobs for text in texts], np.float64),
            target=np.array([str(target) for target in batch.targets], dtype=object)
            if batch.targets is not None
            else None,
        )


@dataclass(frozen=True)
class Answer:
    """The answer to one request: a score, or as many texts as were asked for."""

    scored: Scored | None = None
    texts: tuple[Generated, ...] = ()
    rolled: Rolled | None = None

    @property
    def loglik(self) -> float:
        """Log-likelihood of the scored text, nats."""
        return float(self.scored.logprobs.sum()) if self.scored is not None else float("nan")

    def as_response(self, ask: Ask) -> list[Any]:
        """What the harness's own model classes would have answered, once for each repeat."""
        if self.rolled is not None:
            return [float(self.rolled.whole.logprobs.sum())] * ask.repeats
        if self.scored is None:
            return [text.text for text in self.texts]
        return [(self.loglik, self.scored.greedy)] * ask.repeats


@dataclass(frozen=True)
class Measured:
    """What the task made of a document's answers: "metric,filter" -> value, and the first filter's first answer."""

    values: Mapping[str, Any]
    answer: str


def _answers(model: Any, documents: Sequence[Document], ids: Strings, seed: int) -> list[list[Answer]]:
    """The answers to each document's requests, in order; all scores are asked at once, and all texts."""
    asks = [(sample, ask) for sample, document in zip(ids, documents, strict=True) for ask in document.asks]
    contexts = [_rendered(model, ask.context) for _, ask in asks]
    scored = [k for k, (_, ask) in enumerate(asks) if ask.way == "loglikelihood"]
    rolled = [k for k, (_, ask) in enumerate(asks) if ask.way == "loglikelihood_rolling"]
    drawn = [
        (k, draw)
        for k, (sample, ask) in enumerate(asks)
        if ask.way == "generate_until"
        for draw in draws(ask, contexts[k], seed, str(sample))
    ]
    found: dict[int, Answer] = {}
    if scored:
        scores = model.score([(contexts[k], asks[k][1].continuation) for k in scored])
        found = {k: Answer(one) for k, one in zip(scored, scores, strict=True)}
    if rolled:
        wholes = roll(model, [asks[k][1].continuation for k in rolled])
        found |= {k: Answer(one.text, rolled=one) for k, one in zip(rolled, wholes, strict=True)}
    if drawn:
        texts = model.generate([draw for _, draw in drawn])
        for (k, _), text in zip(drawn, texts, strict=True):
            found[k] = Answer(texts=(*found.get(k, Answer()).texts, text))
    row = iter(range(len(asks)))
    return [[found[next(row)] for _ in document.asks] for document in documents]


def _rendered(model: Any, context: str) -> str:
    if not is_conversation(context):
        return context
    if getattr(model, "chat_template", False):
        raise UsageError(
            "the task and the model would both apply the chat template",
            cause="chat_template=true is set on both",
            fix="leave it out of the model: the task knows the turns",
        )
    if not isinstance(model, Conversational):
        raise UsageError(
            "the model has no chat template", cause="the task is asked with chat_template=true", fix="leave it out"
        )
    return rendered(context, lambda messages, prefill: model.render(messages, prefill=prefill))


def _measured(loaded: Loaded, documents: Sequence[Document], answers: Sequence[Sequence[Answer]]) -> list[Measured]:
    """The task's filters over the batch, then its `process_results` document by document, for each filter."""
    several = [
        [
            replace(instance, resps=answer.as_response(ask), filtered_resps={})
            for instance, ask, answer in zip(loaded.instances[document.number], document.asks, own, strict=True)
        ]
        for document, own in zip(documents, answers, strict=True)
    ]
    with quiet():
        together = [instance for own in several for instance in own]
        for ensemble in loaded.task._filters:  # noqa: SLF001 - `apply_filters` would take the task's own instances
            ensemble.apply(together)
        return [_of_document(loaded, own) for own in several]


def _of_document(loaded: Loaded, instances: Sequence[Any]) -> Measured:
    found: dict[str, Any] = {}
    for name in instances[0].filtered_resps:
        given = loaded.task.process_results(instances[0].doc, [one.filtered_resps[name] for one in instances])
        if not isinstance(given, Mapping):
            raise EvaluationError(
                f"task '{loaded.name}' gave no metrics",
                cause=f"process_results returned a {type(given).__name__}",
                fix="mend the task: it must return metric -> value",
            )
        found |= {f"{metric},{name}": value for metric, value in given.items()}
    first = next(iter(instances[0].filtered_resps.values()))
    return Measured(found, _first_text(first))


def _first_text(filtered: Any) -> str:
    while isinstance(filtered, list | tuple) and filtered:
        filtered = filtered[0]
    return filtered if isinstance(filtered, str) else ""


def _choices(
    shared: Mapping[str, Any],
    batch: Examples,
    documents: Sequence[Document],
    answers: Sequence[Sequence[Answer]],
    _: Sequence[Measured],
) -> Record:
    # A task that wants mutual information asks each choice again without its context: those come last.
    kept = [[k for k, ask in enumerate(d.asks) if k < _conditional(d)] for d in documents]
    return Choices(
        **shared,
        labels=np.asarray(batch.targets, dtype=np.int64),
        loglik=Ragged.of([[own[k].loglik for k in ks] for own, ks in zip(answers, kept, strict=True)], np.float64),
        bytes=Ragged.of(
            [[len(d.asks[k].continuation.encode()) for k in ks] for d, ks in zip(documents, kept, strict=True)],
            np.int64,
        ),
        tokens=Ragged.of([[_count(own[k]) for k in ks] for own, ks in zip(answers, kept, strict=True)], np.int64),
    )


def _conditional(document: Document) -> int:
    """How many of the requests have the question before them."""
    half = len(document.asks) // 2
    last = document.asks[half:]
    twice = len(document.asks) == 2 * half and all(not ask.context for ask in last)
    return half if twice and any(ask.context for ask in document.asks[:half]) else len(document.asks)


def _count(answer: Answer) -> int:
    return len(answer.scored.logprobs) if answer.scored is not None else 0


def _tokens(
    shared: Mapping[str, Any],
    _: Examples,
    documents: Sequence[Document],
    answers: Sequence[Sequence[Answer]],
    __: Sequence[Measured],
) -> Record:
    texts = [document.asks[0].continuation for document in documents]
    return Tokens(
        **shared,
        logprobs=Ragged.of([own[0].scored.logprobs for own in answers if own[0].scored is not None], np.float64),
        bytes=np.array([len(text.encode()) for text in texts]),
        words=np.array([len(text.split()) for text in texts]),
    )


def _responses(
    shared: Mapping[str, Any],
    _: Examples,
    __: Sequence[Document],
    answers: Sequence[Sequence[Answer]],
    ___: Sequence[Measured],
) -> Record:
    scored = [[one.loglik for one in own if one.scored is not None] for own in answers]
    texts = [[text.text for one in own for text in one.texts] for own in answers]
    return Responses(
        **shared,
        loglik=Ragged.of(scored, np.float64) if any(scored) else None,
        text=Ragged.of(texts, object) if any(texts) else None,
    )
