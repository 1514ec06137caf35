"""A task of the harness, loaded: its data, and every request built from them as the harness builds it."""

from __future__ import annotations

import hashlib
import inspect
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, EvaluationError, UsageError
from bench.harness.documents import Ask, Document, conversation
from bench.harness.generating import normalised
from bench.harness.members import Branch, Leaf, resolve
from bench.harness.quiet import compile_templates_once, quiet

# The harness's own defaults: of Python's and numpy's generators while a task loads, and of its few-shot sampler.
PYTHON_SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234


@dataclass(frozen=True)
class Options:
    """How a task is asked, by the harness's own names; see `bench.harness.tasks`."""

    num_fewshot: int | None = None
    limit: float | None = None
    chat_template: bool = False
    fewshot_as_multiturn: bool = True
    system_instruction: str = ""
    fewshot_seed: int = FEWSHOT_SEED
    unsafe_code: bool = False


@dataclass(frozen=True, eq=False)
class Loaded:
    """The harness's task object, its documents, and the instances that it made of each, by document number."""

    task: Any
    documents: tuple[Document, ...]
    instances: Mapping[int, tuple[Any, ...]]
    digest: str

    @property
    def name(self) -> str:
        """As the harness calls it."""
        return str(self.task.task_name)

    @property
    def way(self) -> str:
        """multiple_choice, loglikelihood, loglikelihood_rolling or generate_until."""
        return str(self.task.OUTPUT_TYPE)

    @property
    def version(self) -> str:
        """What an answer's meaning depends on: the task's version, its settings, and the harness's release."""
        from importlib.metadata import version

        return f"{self.task.VERSION}, settings {self.digest}, lm_eval {version('lm-eval')}"


@lru_cache(maxsize=256)
def load(target: str, options: Options) -> Loaded:
    """The task of that name with its requests.  Raises `BenchError` for what cannot be had or made."""
    leaf = resolve(target)
    if isinstance(leaf, Branch):
        raise UsageError(
            f"'{target}' is a group of tasks", cause="one task is expected", fix=f"bench show task lm-eval:{target}"
        )
    with _told(target), quiet(), _seeded():
        compile_templates_once()
        task = _built(leaf)
        _refuse_unfit(task, target, options)
        _set(task, options)
        instances = _instances(task, options)
    numbers = sorted(instances)
    documents = tuple(_document(number, instances[number]) for number in numbers)
    return Loaded(task, documents, instances, _digest(task))


def _built(leaf: Leaf) -> Any:
    from lm_eval.tasks._factory import TaskFactory
    from lm_eval.tasks._index import Entry, Kind

    if leaf.path is None:
        found = Entry(str(leaf.changes["task"]), Kind.TASK, None, dict(leaf.changes))
        return TaskFactory().build(found, registry={})
    found = Entry(leaf.target, Kind.TASK, leaf.path)
    return TaskFactory().build(found, overrides=dict(leaf.changes), registry={})


def _set(task: Any, options: Options) -> None:
    """As `simple_evaluate` does: a task that says 0 shots stays at 0, one that says nothing has none."""
    own = task.get_config("num_fewshot")
    if options.num_fewshot is not None and own != 0:
        task.set_config(key="num_fewshot", value=options.num_fewshot)
    elif own is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=options.fewshot_seed)


def _instances(task: Any, options: Options) -> dict[int, tuple[Any, ...]]:
    from lm_eval.evaluator_utils import get_sample_size

    task.build_all_requests(
        limit=get_sample_size(task, options.limit),
        rank=0,
        world_size=1,
        system_instruction=_instruction(options.system_instruction),
        apply_chat_template=options.chat_template,
        fewshot_as_multiturn=options.fewshot_as_multiturn,
        chat_template=conversation if options.chat_template else None,
        tokenizer_name="",
    )
    found: dict[int, list[Any]] = {}
    for instance in task.instances:
        found.setdefault(int(instance.doc_id), []).append(instance)
    return {number: tuple(sorted(several, key=lambda one: one.idx)) for number, several in found.items()}


def _instruction(text: str) -> str | None:
    """The system instruction: as written, or, since a spec has no room for commas, `@FILE`."""
    if not text.startswith("@"):
        return text or None
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the system instruction '{text}' cannot be read", cause=str(error), fix="give @FILE of a text file"
        ) from error


def _document(number: int, instances: tuple[Any, ...]) -> Document:
    from lm_eval.utils import handle_non_serializable

    content = json.dumps(instances[0].doc, sort_keys=True, default=handle_non_serializable)
    digest = hashlib.blake2b(content.encode("utf-8", errors="surrogatepass"), digest_size=16).hexdigest()
    return Document(number, digest, tuple(_ask(instance) for instance in instances))


def _ask(instance: Any) -> Ask:
    way, arguments = instance.request_type, instance.args
    if way == "loglikelihood":
        return Ask(way, str(arguments[0]), str(arguments[1]))
    if way == "loglikelihood_rolling":
        return Ask(way, continuation=str(arguments[0]))
    settings = json.dumps(arguments[1], sort_keys=True)
    most = int(normalised(settings)["max_gen_toks"])
    return Ask(way, str(arguments[0]), settings=settings, repeats=int(instance.repeats or 1), most=most)


def _digest(task: Any) -> str:
    """Of all settings, functions by their source; where the file lies on this machine is left out."""
    settings = task.dump_config()
    about = {k: v for k, v in (settings.get("metadata") or {}).items() if k != "config_source"}
    text = json.dumps({**settings, "metadata": about}, sort_keys=True, default=_source)
    return hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=8).hexdigest()


def _source(value: Any) -> str:
    """A function as its source, or its name where it has none; never its address, which changes with the process."""
    if not callable(value):
        return f"{type(value).__name__}"
    try:
        return inspect.getsource(value)
    except (TypeError, OSError):
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__name__)}"


def _refuse_unfit(task: Any, target: str, options: Options) -> None:
    if getattr(task, "MULTIMODAL", False):
        raise UsageError(
            f"task 'lm-eval:{target}' asks about images or sounds",
            cause="bench asks language models about texts",
            fix="leave it out",
        )
    if getattr(task, "UNSAFE_CODE", False) and not options.unsafe_code:
        raise UsageError(
            f"task 'lm-eval:{target}' runs code that the model wrote",
            cause="running what a model wrote is off unless asked for",
            fix=f"in a sandbox only: lm-eval:{target},unsafe_code=true",
        )


@contextmanager
def _seeded() -> Iterator[None]:
    """Python's and numpy's generators as the harness sets them, since a task's `process_docs` may draw from them."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(PYTHON_SEED)
    np.random.seed(NUMPY_SEED)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _told(target: str) -> Iterator[None]:
    """What the harness or `datasets` raises, as an error in three lines."""
    name = f"lm-eval:{target}"
    try:
        yield
    except (BenchError, MemoryError):
        raise
    except ImportError as error:
        package = error.name or "that package"
        raise UsageError(
            f"task '{name}' needs a package that is not installed", cause=str(error), fix=f"pip install {package}"
        ) from error
    except Exception as error:
        trouble = _no_data(error)
        if trouble:
            raise EvaluationError(f"the data of '{name}' are not here", cause=trouble, fix=_fetch(name)) from error
        raise EvaluationError(
            f"task '{name}' could not be loaded",
            cause=_first_line(error),
            fix="mend the task; --debug shows where it failed",
        ) from error


def _no_data(error: Exception) -> str:
    """Why the data could not be had, where that is what went wrong; empty elsewhere."""
    import datasets

    if datasets.config.HF_HUB_OFFLINE or datasets.config.HF_DATASETS_OFFLINE:
        wanting = (ConnectionError, FileNotFoundError, datasets.exceptions.DatasetsError, ValueError)
        return "offline, and they are not in the local cache" if isinstance(error, wanting) else ""
    if isinstance(error, ConnectionError | FileNotFoundError | datasets.exceptions.DatasetsError):
        return _first_line(error)
    return ""


def _fetch(name: str) -> str:
    import datasets

    offline = datasets.config.HF_HUB_OFFLINE or datasets.config.HF_DATASETS_OFFLINE
    again = f"bench eval --dry-run -m MODEL -t {name}"
    return f"without --offline, once: {again}" if offline else f"check the network or the path, then: {again}"


def _first_line(error: Exception) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line}"[:300]
