"""Tasks of lm-evaluation-harness as tasks of bench: `lm-eval:NAME`, with parameters by the harness's own names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from bench.components import Task
from bench.errors import UsageError
from bench.examples import Examples
from bench.harness.asking import Asker
from bench.harness.groups import TaskGroup
from bench.harness.index import LISTING
from bench.harness.loading import FEWSHOT_SEED, Loaded, Options, load
from bench.harness.members import Branch, resolve
from bench.harness.metrics import own_metrics
from bench.records import Choices, Generations, Record, Responses, Tokens
from bench.specs import Spec, bind

SOURCE = "Gao et al., A framework for few-shot language model evaluation (lm-evaluation-harness)"
# Metrics of generated answers that say of each whether it is right.
_JUDGES = ("exact_match", "acc", "em", "math_verify", "pass@1", "prompt_level_strict_acc")


def examples_of(
    target: str,
    seed: int,  # noqa: ARG001 - the harness's requests depend on its own seeds alone
    *,
    num_fewshot: int | None = None,
    limit: float | None = None,
    chat_template: bool = False,
    fewshot_as_multiturn: bool = True,
    system_instruction: str = "",
    fewshot_seed: int = FEWSHOT_SEED,
    unsafe_code: bool = False,
) -> Examples:
    """The documents of a task of the harness, asked with the harness's own requests, byte for byte.

    num_fewshot: worked examples before each question.  limit: the first so many documents, or that share of them.
    chat_template: put as a conversation through the model's template.  fewshot_as_multiturn: each worked example as
    turns of its own.  system_instruction: a text, or @FILE.  unsafe_code: let the task run code that the model wrote.
    """
    options = Options(
        num_fewshot, limit, chat_template, fewshot_as_multiturn, system_instruction, fewshot_seed, unsafe_code
    )
    loaded = load(target, options)
    shape = _shape(target, options)
    return Examples(
        ids=np.array([f"{loaded.name}/{document.number}" for document in loaded.documents]),
        inputs=list(loaded.documents),
        targets=None if shape.targets is None else np.array(shape.targets),
        asker=Asker(target, options, loaded.version, shape.yields, shape.judge),
    )


def task(spec: Spec) -> Task:
    """The task of bench that a spec such as `lm-eval:hellaswag,num_fewshot=5` names.

    Raises `UsageError` for a name or a parameter that is unknown, `EvaluationError` where the data cannot be had.
    """
    target = _target(spec)
    function = partial(examples_of, target)
    options = Options(**bind(function, spec, skip=1))
    loaded, shape = load(target, options), _shape(target, options)
    return Task(
        name=f"{spec.name}:{target}",
        area="likelihood" if shape.yields is Tokens else "reasoning",
        function=function,
        source=SOURCE,
        needs="language",
        yields=shape.yields,
        version=loaded.version,
        own=partial(own_metrics, loaded.task),
    )


def expanded(spec: Spec) -> tuple[list[Spec], list[TaskGroup]]:
    """The tasks that a spec stands for, and the groups that say something of them together, outermost first."""
    tree = resolve(_target(spec))
    if not isinstance(tree, Branch):
        return [spec], []
    leaves = [Spec(spec.name, leaf.target, spec.params) for leaf in tree.leaves()]
    if not leaves:
        raise UsageError(f"group '{spec}' has no tasks", cause="its file names none", fix="mend the group")
    groups = [
        TaskGroup.of(Spec(spec.name, branch.name, spec.params), branch)
        for branch in tree.branches()
        if branch.aggregates
    ]
    return list(dict.fromkeys(leaves)), groups


def _target(spec: Spec) -> str:
    if not spec.target:
        raise UsageError(f"which task of '{spec.name}'?", cause="a name is missing after the colon", fix=LISTING)
    return spec.target


@dataclass(frozen=True)
class _Shape:
    """What a task's answers make: a record, the right answers, and the metric that judges generated ones."""

    yields: type[Record]
    targets: Sequence[Any] | None = None
    judge: str = ""


@lru_cache(maxsize=256)
def _shape(target: str, options: Options) -> _Shape:
    """The narrowest record that holds the task's answers; where only the task can judge them, `Responses`."""
    loaded = load(target, options)
    if loaded.way == "multiple_choice":
        golds = _golds(loaded)
        return _Shape(Responses) if golds is None else _Shape(Choices, golds)
    single = all(len(document.asks) == 1 for document in loaded.documents)
    if loaded.way in {"loglikelihood", "loglikelihood_rolling"}:
        return _Shape(Tokens if single else Responses)
    judge = _judge(loaded)
    if not single or not judge or any(document.asks[0].repeats > 1 for document in loaded.documents):
        return _Shape(Responses)
    return _Shape(Generations, [_target_text(loaded, number) for number in loaded.instances], judge)


def _golds(loaded: Loaded) -> list[int] | None:
    """The right choice of each document; `None` where several may be right, one has none, or the task judges itself."""
    task = loaded.task
    if callable(task.config.process_results) or task.multiple_target:
        return None
    golds = []
    for document in loaded.documents:
        doc = loaded.instances[document.number][0].doc
        choices = task.doc_to_choice(doc)
        gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
        if isinstance(gold, str):
            gold = choices.index(gold) if gold in choices else -1
        if not isinstance(gold, int) or not 0 <= gold < len(choices) or len(choices) < 2:
            return None
        golds.append(gold)
    return golds


def _judge(loaded: Loaded) -> str:
    """The metric and filter by which a generated answer is right or wrong; empty where there is none."""
    names = [str(name) for name in loaded.task.aggregation()]
    metric = next((name for name in names if name in _JUDGES), "")
    return f"{metric},{loaded.task._filters[0].name}" if metric else ""  # noqa: SLF001 - its only place


def _target_text(loaded: Loaded, number: int) -> str:
    return str(loaded.task.doc_to_target(loaded.instances[number][0].doc))
