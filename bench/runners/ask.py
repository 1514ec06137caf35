"""Asking a model a batch of samples: from its answers to a typed record.

A sample that cannot be answered is data, not a crash: when a batch fails, its samples are asked one by one, and those
that fail alone are reported with their reason and stay in the denominator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import isnan
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.capabilities import Classifier, DensityModel, Machine, Regressor
from bench.components import Decoder, Task
from bench.decisions import Decision, Prompt
from bench.errors import BenchError, EvaluationError, IncompleteError, RecordError, UsageError
from bench.examples import Examples, Question, Reading
from bench.language import Foresighted, LanguageModel
from bench.models.documents import document_logprobs
from bench.records import Choices, Classification, Density, Generations, Record, Regression, Speculation, Tokens
from bench.records.head import packed
from bench.registry import find
from bench.specs import Spec, bind
from bench.usage import Metered, Usage

LOG = logging.getLogger("bench")
# Samples asked at a time unless --batch-size says otherwise: what fits a small memory, and loses little to a kill.
BATCH: dict[type[Record], int] = {
    Classification: 1024,
    Regression: 1024,
    Density: 1024,
    Choices: 64,
    Tokens: 16,
    Generations: 64,
    Speculation: 32,
}


# Of a cell's questions, so many are shown to a model that looks ahead: what most of them share is seen in any few.
FORESEEN = 512


@dataclass(frozen=True)
class Answers:
    """What came of one batch: the record of the answered samples (`None`: there are none), and why others failed.

    usage: what the batch cost, where the model counts that.
    """

    record: Record | None
    failed: dict[str, str]
    usage: Usage = field(default_factory=Usage)


def batch_size(task: Task, machine: Machine) -> int:
    """Samples in one batch of a task; an accelerator is given more, since it is idle with few."""
    usual = BATCH.get(task.yields, 256)
    if task.needs == "language" and machine.device != "cpu":
        usual *= 8
    return machine.batch or usual


def prepare(model: Any, task: Task, asked: Examples, machine: Machine) -> None:
    """Show a model some of the cell's questions, the same in every session, so that it may run once what they share.

    Where they share nothing, or come in one batch, it is shown none, and forgets those of the cell before.
    """
    if not isinstance(model, Foresighted):
        return
    scored = task.yields is Choices or asked.asker is not None
    shown = min(FORESEEN, len(asked)) if scored and len(asked) > batch_size(task, machine) else 0
    rows = np.unique(np.linspace(0, len(asked) - 1, shown).astype(int))
    try:
        if asked.asker is not None:
            model.prepare(asked.asker.requests(model, asked.take(rows)))
        else:
            questions: list[Question] = [asked.inputs[i] for i in rows]
            model.prepare([(question.prompt, question.choices[0]) for question in questions])
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a question, asking it will tell
        LOG.debug("%s looks at nothing ahead: %s", task.name, error)


def usage_of(model: Any) -> Usage:
    """What the model has cost so far, where it counts that."""
    return model.usage() if isinstance(model, Metered) else Usage()


def ask(model: Any, task: Task, decoder: Spec | None, batch: Examples, seed: int) -> Answers:
    """Ask one batch.  Raises only what stops the whole cell: no memory, a missing package, a model set up wrongly.

    `IncompleteError` passes too: what the model needs is spent or gone, and the run can be continued.
    """
    before = usage_of(model)
    answers = _ask(model, task, decoder, batch, seed)
    return replace(answers, usage=usage_of(model).since(before))


def _ask(model: Any, task: Task, decoder: Spec | None, batch: Examples, seed: int) -> Answers:
    try:
        return Answers(_record(model, task, decoder, batch, seed), {})
    except (MemoryError, ImportError, IncompleteError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, UsageError) and not isinstance(error, RecordError):
            raise  # the model was named or set up wrongly: every sample would say so
        if len(batch) == 1:
            return Answers(None, {str(batch.ids[0]): _reason(error)})
    parts = [_ask(model, task, decoder, batch.take(np.array([i])), seed) for i in range(len(batch))]
    answered = [p.record for p in parts if p.record is not None]
    failed = {key: why for p in parts for key, why in p.failed.items()}
    return Answers(task.yields.concatenate(answered) if answered else None, failed)


def _reason(error: BaseException) -> str:
    if isinstance(error, BenchError):
        return f"{error.what}: {error.cause}"
    return f"{type(error).__name__}: {error}"


def _record(model: Any, task: Task, decoder: Spec | None, batch: Examples, seed: int) -> Record:
    asker = batch.asker or ASKERS.get(task.yields)
    if asker is None:
        raise EvaluationError(
            f"task '{task.name}' yields a record that no runner makes",
            cause=f"it yields {task.yields.__name__}",
            fix=f"yield one of {', '.join(t.__name__ for t in ASKERS)}",
        )
    common = {
        "ids": batch.ids,
        "groups": batch.groups,
        "splits": batch.splits,
        "weights": batch.weights,
        "ood": batch.ood,
        "dataset": batch.dataset,
    }
    return asker(model, decoder, batch, seed, common)


Common = dict[str, Any]


def _classification(model: Classifier, _: Spec | None, batch: Examples, __: int, common: Common) -> Record:
    answer = model.classify(np.asarray(batch.inputs))
    return Classification(
        **common,
        labels=_targets(batch),
        logits=answer.logits,
        features=answer.features,
        members=answer.members,
        truth=batch.truth,
        head="" if answer.head is None else packed(*answer.head),
    )


def _regression(model: Regressor, _: Spec | None, batch: Examples, __: int, common: Common) -> Record:
    answer = model.forecast(np.asarray(batch.inputs))
    return Regression(**common, y=_targets(batch), **vars(answer))


def _density(model: DensityModel, _: Spec | None, batch: Examples, __: int, common: Common) -> Record:
    inputs = np.asarray(batch.inputs)
    answer = model.density(inputs)
    return Density(
        **common,
        log_prob=answer.log_prob,
        dim=np.full(len(batch), int(np.prod(inputs.shape[1:]))),
        mc_error=answer.mc_error,
        ess=answer.ess,
        pareto_k=answer.pareto_k,
        solver_error=answer.solver_error,
        evaluations=answer.evaluations,
        log_det=answer.log_det,
        truth=batch.truth,
        likelihood=answer.likelihood,
        levels=batch.levels,
        dequantisation=answer.dequantisation,
        estimator=answer.estimator,
        tolerance=answer.tolerance,
    )


def _tokens(model: LanguageModel, _: Spec | None, batch: Examples, __: int, common: Common) -> Record:
    texts = [str(text) for text in batch.inputs]
    return Tokens(
        **common,
        logprobs=Ragged.of(document_logprobs(model, texts), np.float64),
        bytes=np.array([len(text.encode()) for text in texts]),
        words=np.array([len(text.split()) for text in texts]),
        truth=batch.truth,
    )


def _choices(model: LanguageModel, _: Spec | None, batch: Examples, __: int, common: Common) -> Record:
    questions: list[Question] = list(batch.inputs)
    scored = iter(model.score([(q.prompt, choice) for q in questions for choice in q.choices]))
    logprobs = [[next(scored).logprobs for _ in q.choices] for q in questions]
    return Choices(
        **common,
        labels=_targets(batch),
        loglik=Ragged.of([[float(choice.sum()) for choice in row] for row in logprobs], np.float64),
        bytes=Ragged.of([[len(choice.encode()) for choice in q.choices] for q in questions], np.int64),
        tokens=Ragged.of([[len(choice) for choice in row] for row in logprobs], np.int64),
        truth=None if batch.truth is None else Ragged.of(batch.truth, np.float64),
    )


def _reading(batch: Examples) -> Reading:
    if batch.reading is None:
        raise EvaluationError(
            "a generation task has no reading", cause="answers cannot be read", fix="give Examples a Reading"
        )
    return batch.reading


def _decide(model: LanguageModel, decoder: Spec | None, batch: Examples, seed: int) -> list[Decision]:
    if decoder is None:
        raise EvaluationError(
            "a generation task has no decoder", cause="nothing says how to answer", fix="give the task decoders"
        )
    reading = _reading(batch)
    function = find(Decoder, decoder.name).function
    targets = [None] * len(batch) if batch.targets is None else [str(target) for target in batch.targets]
    prompts = [
        Prompt(
            str(id_),
            str(text),
            reading.extract,
            reading.stop,
            reading.max_tokens,
            reading.step,
            reading.grammar,
            None if target is None else partial(reading.right, target),
        )
        for id_, text, target in zip(batch.ids, batch.inputs, targets, strict=True)
    ]
    decisions: list[Decision] = function(model, prompts, seed, **bind(function, decoder, skip=3))
    return decisions


def _generations(model: LanguageModel, decoder: Spec | None, batch: Examples, seed: int, common: Common) -> Record:
    decisions = _decide(model, decoder, batch, seed)
    reading = _reading(batch)
    targets = [str(target) for target in _targets(batch)]
    same = reading.same

    def _right(answer: str, target: str) -> bool:
        # No answer is never right, whatever the target.
        return answer != "" and same(answer, target)

    from bench.decoders.uncertainty import Probed, columns

    answers = [[reading.extract(g.text) or "" for g in d.pool] for d in decisions]
    more = columns(decisions)
    theirs = [d.deferred for d in decisions if isinstance(d, Probed) and d.deferred is not None]
    if theirs and len(theirs) == len(decisions):
        more["deferred"] = np.array([_right(a, t) for a, t in zip(theirs, targets, strict=True)], dtype=bool)
    return Generations(
        **common,
        **more,
        answer=np.array([d.answer for d in decisions], dtype=object),
        correct=np.array([_right(d.answer, t) for d, t in zip(decisions, targets, strict=True)], dtype=bool),
        confidence=np.array([d.confidence for d in decisions], dtype=np.float64),
        text=Ragged.of([[g.text for g in d.pool] for d in decisions], object),
        logprob=Ragged.of([[float(g.logprobs.sum()) for g in d.pool] for d in decisions], np.float64),
        tokens=Ragged.of([[len(g.logprobs) for g in d.pool] for d in decisions], np.int64),
        answers=Ragged.of(answers, object),
        corrects=Ragged.of([[_right(a, t) for a in row] for row, t in zip(answers, targets, strict=True)], np.bool_),
        token_logprobs=Ragged.of([np.concatenate([g.logprobs for g in d.pool]) for d in decisions], np.float64),
        target=np.array(targets, dtype=object),
        spent=np.array([d.spent.tokens for d in decisions], dtype=np.int64),
        calls=np.array([d.spent.calls for d in decisions], dtype=np.int64),
        checks=np.array([d.spent.checks for d in decisions], dtype=np.int64),
    )


def _speculation(model: LanguageModel, decoder: Spec | None, batch: Examples, seed: int, common: Common) -> Record:
    from bench.decoders.speculation import Speculated

    decisions = [d for d in _decide(model, decoder, batch, seed) if isinstance(d, Speculated)]
    if len(decisions) < len(batch):
        raise UsageError(
            f"decoder '{decoder}' drafts nothing",
            cause="the task asks how drafts fare",
            fix="leave --decoder out, or name speculative or speculative-adaptive",
        )
    traces = [d.trace for d in decisions]

    def _over_looks(name: str, dtype: Any = np.float64) -> Ragged:
        return Ragged.of([[getattr(look, name) for look in trace.looks] for trace in traces], dtype)

    paired = not any(isnan(look.importance_two) for trace in traces for look in trace.looks)
    return Speculation(
        **common,
        drafted=Ragged.of([trace.drafted for trace in traces], np.int64),
        passed=Ragged.of([trace.passed for trace in traces], np.int64),
        emitted=Ragged.of([trace.emitted for trace in traces], np.int64),
        accepted=_over_looks("passed", np.bool_),
        predicted=_over_looks("predicted"),
        overlap=_over_looks("overlap"),
        optimal_two=_over_looks("optimal_two"),
        recursive_two=_over_looks("recursive_two"),
        k_seq_two=_over_looks("k_seq_two"),
        importance_two=_over_looks("importance_two") if paired else None,
        tokens=np.array([len(d.pool[0].logprobs) for d in decisions]),
        draft_cost=decisions[0].draft_cost if decisions else 0.0,
    )


ASKERS: dict[type[Record], Callable[[Any, Spec | None, Examples, int, Common], Record]] = {
    Classification: _classification,
    Regression: _regression,
    Density: _density,
    Tokens: _tokens,
    Choices: _choices,
    Generations: _generations,
    Speculation: _speculation,
}


def _targets(batch: Examples) -> Any:
    if batch.targets is None:
        raise EvaluationError("the task gives no targets", cause="its record needs them", fix="set Examples.targets")
    return batch.targets
