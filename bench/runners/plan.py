"""The plan of a run: which model is asked which task by which decoder, and what that will cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.capabilities import CAPABILITIES, Machine
from bench.components import Calibrator, Decoder, Metric, Model, Score, Task
from bench.errors import BenchError, EvaluationError, UsageError
from bench.examples import Examples
from bench.harness.groups import TaskGroup
from bench.models.building import build, parameters
from bench.registry import chosen, components, expanded, find, find_task
from bench.results import SCHEMA_VERSION
from bench.runners import history
from bench.runners.decoding import BUDGET, compared
from bench.runners.trainings import Trainings, refuse_twice
from bench.runners.wanted import check_names, extended
from bench.seeds import generator
from bench.specs import Spec, bind, parse

if TYPE_CHECKING:
    from bench.config import RunConfig


@dataclass(frozen=True)
class Cell:
    """One model asked one task (by one decoder, where answers are generated).

    family: the model of which this one is a training by one of several seeds.
    """

    model: Spec
    task: Spec
    decoder: Spec | None = None
    family: Spec | None = None

    @property
    def label(self) -> str:
        """The cell in words, for progress and errors."""
        return f"{self.model} on {self.task}" + (f" by {self.decoder}" if self.decoder else "")


@dataclass(frozen=True)
class PlannedCell:
    """A cell with its cost: samples to ask, tokens to run at most (0 where none), seconds (`None`: nothing is known).

    guessed: whether the seconds are those of as many tokens in other cells of the model, since this one never ran here.
    """

    cell: Cell
    n: int
    tokens: int
    seconds: float | None
    guessed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The cell as one JSON-ready row."""
        return {
            "schema_version": SCHEMA_VERSION,
            "model": str(self.cell.model),
            "task": str(self.cell.task),
            "decoder": str(self.cell.decoder or ""),
            "n": self.n,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "guessed": self.guessed,
        }


@dataclass(frozen=True)
class Plan:
    """All cells of a run, in the order in which they are asked, and the groups whose tasks are told together too.

    notes: what the user should know before it starts.
    """

    suite: str
    cells: tuple[PlannedCell, ...]
    groups: tuple[TaskGroup, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        """One JSON-ready row a cell."""
        return [cell.as_json() for cell in self.cells]

    @property
    def seconds(self) -> float | None:
        """Estimated time of the cells of which something is known; `None` if nothing is of any."""
        known = [c.seconds for c in self.cells if c.seconds is not None]
        return sum(known) if known else None

    def paces(self, rates: dict[tuple[str, str, str], float]) -> dict[str, float]:
        """Seconds per planned token by model, from seconds per sample by (model, task, decoder)."""
        spent: dict[str, tuple[float, int]] = {}
        for c in self.cells:
            model = str(c.cell.family or c.cell.model)
            rate = rates.get((model, str(c.cell.task), str(c.cell.decoder or "")))
            if rate is not None and c.tokens:
                seconds, tokens = spent.get(model, (0.0, 0))
                spent[model] = seconds + rate * c.n, tokens + c.tokens
        return {model: seconds / tokens for model, (seconds, tokens) in spent.items()}


def plan(config: RunConfig) -> Plan:
    """The cells that the configuration asks for, each checked to fit together.

    Raises `UsageError` for an unknown name or parameter, for a model that cannot answer any of the tasks, and for an
    empty plan.
    """
    blocks, suite = _blocks(config)
    trainings = Trainings.of([(block.models, config.seeds or block.seeds) for block in blocks])
    cells = list(dict.fromkeys(cell for block in blocks for cell in _cross(block, trainings, config)))
    if not cells:
        raise UsageError(
            "nothing to evaluate", cause="no model here can answer any of the tasks", fix="bench list tasks"
        )
    if config.decoders and not any(cell.decoder for cell in cells):
        raise UsageError(
            f"no task here has answers for decoder '{config.decoders[0]}'",
            cause="decoders are for tasks whose answers are generated, such as reasoning/arithmetic",
            fix="leave --decoder out, or name such a task; bench show task NAME tells its decoders",
        )
    for spec in dict.fromkeys(cell.task for cell in cells):
        _refuse_unknown_parts(find_task(spec))
    check_names(config, {find_task(cell.task).yields for cell in cells})
    refuse_twice([(str(c.family or ""), str(c.model), str(c.task), str(c.decoder or "")) for c in cells])
    return Plan(suite, tuple(_costed(cell, config) for cell in cells), _groups(config), trainings.notes)


def _refuse_unknown_parts(task: Task) -> None:
    """What a task is measured by is looked up before anything is asked, not after."""
    for kind, names in ((Metric, task.metrics), (Score, task.scores), (Calibrator, task.calibrators)):
        for name in names:
            chosen(kind, name)


@lru_cache(maxsize=256)
def load_examples(spec: Spec, *, seed: int, limit: int | None) -> Examples:
    """The samples of a task; with a limit, that many of its test samples, drawn by the seed and kept in order."""
    task = find_task(spec)
    examples = _examples(task, spec, seed)
    if len(examples.split("test")) == 0:
        raise UsageError(
            f"task '{spec}' has no test samples", cause="it yielded none", fix=f"bench show task {spec.name}"
        )
    if limit is None:
        return examples
    is_test = np.ones(len(examples), dtype=bool) if examples.splits is None else examples.splits == "test"
    test = np.flatnonzero(is_test)
    if limit >= len(test):
        return examples
    kept = generator(seed, "limit", str(spec)).permutation(test)[:limit]
    return examples.take(np.sort(np.concatenate([np.flatnonzero(~is_test), kept])))


def _examples(task: Task, spec: Spec, seed: int) -> Examples:
    try:
        examples = task.function(seed, **bind(task.function, spec, skip=1))
    except (BenchError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise EvaluationError(
            f"task '{spec}' could not give its samples",
            cause=f"{type(error).__name__}: {error}",
            fix="mend the task or its parameters; --debug shows where it failed",
        ) from error
    if not isinstance(examples, Examples):
        raise EvaluationError(
            f"task '{spec}' gave no samples",
            cause=f"it returned a {type(examples).__name__}, not Examples",
            fix="return Examples from the task",
        )
    return examples


def asked_rows(task: Task, examples: Examples) -> Examples:
    """The rows that the model is asked: all but the training split, and that too where a score is fitted on it."""
    if examples.splits is None:
        return examples
    fitted = any(chosen(Score, name).fitted for name in task.scores)
    wanted = np.ones(len(examples), dtype=bool) if fitted else examples.splits != "train"
    if not task.calibrators:
        wanted &= examples.splits != "calibration"
    return examples.take(np.flatnonzero(wanted))


class Block(NamedTuple):
    """Models and the tasks that they are asked, by which decoders, and by how many seeds each is trained.

    strict: whether every model must be able to answer every task.
    """

    models: list[Spec]
    tasks: list[Spec]
    decoders: list[Spec]
    strict: bool
    seeds: int = 1


def _blocks(config: RunConfig) -> tuple[list[Block], str]:
    models, tasks = [parse(m) for m in config.models], _tasks(config.tasks)
    decoders = compared(config.decoders, config.budget)
    if not config.suite:
        return [Block(models, tasks, decoders, len(models) == 1 and len(tasks) == 1)], ""
    from bench.suites import load

    suite = load(config.suite)
    own = [
        Block(
            [parse(m) for m in b.models],
            _tasks(b.tasks),
            decoders or compared(b.decoders, config.budget),
            strict=True,
            seeds=b.seeds,
        )
        for b in suite.cells
    ]
    if models:
        # The user's models on the suite's tasks: whichever of them they can answer.
        everything = list(dict.fromkeys(t for block in own for t in block.tasks))
        return [Block(models, tasks or everything, decoders, strict=False)], suite.name
    if tasks:
        return _for_tasks(own, tasks, decoders), suite.name
    return own, suite.name


def _tasks(texts: Iterable[str]) -> list[Spec]:
    """The tasks that are named, each group replaced by its tasks."""
    return list(dict.fromkeys(spec for text in texts for spec in expanded(parse(text))[0]))


def _groups(config: RunConfig) -> tuple[TaskGroup, ...]:
    """The groups that are named, by the user or else by the suite."""
    texts: Iterable[str] = config.tasks
    if config.suite and not texts:
        from bench.suites import load

        texts = [text for block in load(config.suite).cells for text in block.tasks]
    return tuple({str(group.spec): group for text in texts for group in expanded(parse(text))[1]}.values())


def _for_tasks(own: list[Block], tasks: list[Spec], decoders: list[Spec]) -> list[Block]:
    """The suite's models for the user's tasks: those that the suite pairs with a task, else all that can answer it."""
    blocks: list[Block] = []
    for task in tasks:
        paired = [b for b in own if task.name in {t.name for t in b.tasks}]
        for seeds in dict.fromkeys(b.seeds for b in paired or own):
            models = dict.fromkeys(m for b in (paired or own) if b.seeds == seeds for m in b.models)
            blocks.append(Block(list(models), [task], decoders, strict=False, seeds=seeds))
    return blocks


def _cross(block: Block, trainings: Trainings, config: RunConfig) -> Iterator[Cell]:
    answered: set[Spec] = set()
    models = [(spec, family) for family in block.models for spec in trainings.by(family, config.seeds or block.seeds)]
    for task_spec in block.tasks:
        task = find_task(task_spec)
        bind(task.function, task_spec, skip=1)
        for model_spec, family in models:
            model = find(Model, model_spec.name)
            if task.needs not in _gives(model_spec, model):
                if block.strict:
                    raise _mismatch(model_spec, model, task)
                continue
            parameters(model_spec)
            answered |= {task_spec, model_spec}
            for decoder in _decoders(task, block.decoders, config.budget):
                yield Cell(model_spec, task_spec, decoder, family if family != model_spec else None)
    _refuse_unanswered([spec for spec, _ in models], block.tasks, answered)


@lru_cache(maxsize=256)
def _gives(spec: Spec, model: Model) -> tuple[str, ...]:
    """What the model can be asked; of one that may be many things, such as an ensemble, what this one is."""
    if len(model.gives) < 2:
        return model.gives
    adapter = build(spec, Machine())
    return tuple(name for name in model.gives if isinstance(adapter, CAPABILITIES[name]))


def _decoders(task: Task, chosen: list[Spec], budget: int | None) -> Iterable[Spec | None]:
    if not task.decoders:
        return [None]
    specs = chosen or compared(task.decoders, budget)
    for spec in specs:
        bind(find(Decoder, spec.name).function, spec, skip=3)
    return specs


def _refuse_unanswered(models: list[Spec], tasks: list[Spec], answered: set[Spec]) -> None:
    """A model that can answer none of the tasks is a mistake; so is a lone task that no model can answer."""
    for spec in models:
        if spec not in answered and tasks:
            model = find(Model, spec.name)
            raise _mismatch(spec, model, find_task(tasks[0]))
    for spec in tasks:
        if spec not in answered and len(tasks) == 1:
            task = find_task(spec)
            raise UsageError(
                f"no model here can answer task '{spec}'",
                cause=f"it needs a {task.needs} model",
                fix="name one with --model; bench list models shows them",
            )


def _mismatch(spec: Spec, model: Model, task: Task) -> UsageError:
    able = [name for name, m in components(Model).items() if task.needs in m.gives]
    return UsageError(
        f"model '{spec}' cannot answer task '{task.name}'",
        cause=f"the task needs a {task.needs} model; '{spec}' is a {' or '.join(_gives(spec, model))}",
        fix=f"models that can: {', '.join(able) or 'none'}",
    )


def _costed(cell: Cell, config: RunConfig) -> PlannedCell:
    task = extended(find_task(cell.task), config)
    asked = asked_rows(task, load_examples(cell.task, seed=config.seed, limit=config.limit))
    tokens = _tokens(asked, cell) if task.needs == "language" else 0
    seconds = history.estimate(str(cell.family or cell.model), str(cell.task), str(cell.decoder or ""), len(asked))
    if seconds is not None:
        return PlannedCell(cell, len(asked), tokens, seconds)
    guessed = history.guess(str(cell.family or cell.model), tokens)
    return PlannedCell(cell, len(asked), tokens, guessed, guessed is not None)


def _tokens(asked: Examples, cell: Cell) -> int:
    """Tokens that the cell runs at most, taking four UTF-8 bytes for a token; generated ones are counted in full."""
    texts = [text for row in asked.inputs for text in _texts(row)]
    prompt = sum(len(text.encode()) for text in texts) // 4 + len(texts)
    if asked.reading is None or cell.decoder is None:
        return prompt + sum(getattr(row, "generated", 0) for row in asked.inputs)
    decoder = find(Decoder, cell.decoder.name)
    settings = bind(decoder.function, cell.decoder, skip=3)
    most = int(settings.get(BUDGET, 0)) or asked.reading.max_tokens * int(settings.get("n", 1))
    return prompt + len(asked) * most


def _texts(row: Any) -> list[str]:
    return list(row.texts) if hasattr(row, "texts") else [str(row)]
