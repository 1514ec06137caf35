"""What a worker of a cluster does: it holds one model, ready to be asked, and answers batches.

Nothing here knows of Ray.  Every method returns what can be pickled; a failure comes back in words, never raised.
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench import __version__
from bench.capabilities import Machine
from bench.errors import EvaluationError, IncompleteError, UsageError
from bench.examples import Examples
from bench.registry import find_task, load_plugin
from bench.runners.ask import Answers, ask, prepare
from bench.runners.executor import TROUBLES, Trouble, trouble
from bench.runners.models import Models
from bench.runners.plan import Cell
from bench.specs import Spec
from bench.threads import one_blas_thread

T = TypeVar("T")


@dataclass(frozen=True)
class Outfit:
    """What a worker is told when it starts.  plugins: the files' paths and contents.  threads: for torch."""

    folder: str
    machine: Machine
    seed: int
    threads: int
    plugins: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Asked:
    """A cell as a worker needs it.

    model: the fingerprint that its model must have.  samples and train: fetch the samples that are asked, and those
    that a model may learn on.
    """

    number: int
    cell: Cell
    model: str
    samples: Callable[[], Examples]
    train: Callable[[], Examples]


@dataclass(frozen=True)
class Said:
    """What a worker answers: a value or a trouble, its notes, and the seconds that it took.

    stop: nothing more can be asked of anyone, for these reasons (what, cause, fix).
    """

    value: Any = None
    trouble: Trouble | None = None
    stop: tuple[str, str, str] | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


class Worker:
    """One process with one model."""

    def __init__(self, outfit: Outfit) -> None:
        self.outfit = outfit
        self._held: tuple[Spec, Models] | None = None
        self._ready: dict[int, tuple[Cell, Examples, Any]] = {}

    def start(self) -> Said:
        """Set the process up; says where it runs."""
        return _said(self._start)

    def fingerprint(self, spec: Spec) -> Said:
        """What a model says that it is."""
        return _said(lambda _: self._models(spec).fingerprint(spec))

    def load(self, asked: Asked) -> Said:
        """Make the model of a cell ready, in the place of the one that was held."""
        return _said(lambda note: self._load(asked, note))

    def ask(self, number: int, start: int, stop: int) -> Said:
        """Answer the samples at these positions of a cell that was loaded: `Answers`."""
        return _said(lambda _: self._ask(number, start, stop))

    def _start(self, _: Callable[[str], None]) -> str:
        here = self.outfit
        if Path(here.folder).is_dir():  # relative paths in specs mean what they mean to the driver
            os.chdir(here.folder)
            sys.path.insert(0, here.folder)
        if here.machine.offline:
            for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
                os.environ[variable] = "1"
        for path, content in here.plugins:
            load_plugin(_plugin(Path(path), content))
        # Torch reads it when it is imported, which takes seconds that not every model needs.
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(here.threads)
        if here.machine.device == "cuda":
            _refuse_blind()
        return f"{platform.node()} {os.getpid()} {__version__}"

    def _models(self, spec: Spec) -> Models:
        """The models made of one spec; those of another are let go first, for there is memory for one."""
        if self._held is None or self._held[0] != spec:
            self._held = None
            self._ready.clear()
            _free(self.outfit.machine)
            self._held = spec, Models(self.outfit.machine, self.outfit.seed)
        return self._held[1]

    def _load(self, asked: Asked, note: Callable[[str], None]) -> None:
        cell = asked.cell
        models = self._models(cell.model)
        found = models.fingerprint(cell.model)
        if found != asked.model:
            raise EvaluationError(
                f"model '{cell.model}' is another one on {platform.node()}",
                cause=f"its fingerprint there is {found}, and {asked.model} where the run began",
                fix="give every node the same files and versions",
            )
        task, samples = find_task(cell.task), asked.samples()
        model = models.able(cell.model, task, _own(asked.train()), note)
        prepare(model, task, samples, self.outfit.machine)
        self._ready = {asked.number: (cell, samples, model)}

    def _ask(self, number: int, start: int, stop: int) -> Answers:
        cell, samples, model = self._ready[number]
        part = samples.take(np.arange(start, stop))
        return ask(model, find_task(cell.task), cell.decoder, part, self.outfit.seed)


def _said(act: Callable[[Callable[[str], None]], T]) -> Said:
    """What came of an act: its value or its trouble, with what libraries warned of on the way."""
    notes: list[str] = []
    began = time.monotonic()
    with _warnings(notes), one_blas_thread():
        try:
            return Said(act(notes.append), notes=tuple(notes), seconds=time.monotonic() - began)
        except IncompleteError as error:
            return Said(stop=(error.what, error.cause, error.fix), notes=tuple(notes))
        except TROUBLES as error:
            return Said(trouble=trouble(error), notes=tuple(notes))


@contextmanager
def _warnings(notes: list[str]) -> Iterator[None]:
    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = f"{category.__name__}: {message}"
        if text not in notes:
            notes.append(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _plugin(path: Path, content: bytes) -> Path:
    """The plugin on this node: the same file, where it is there, else a copy of its own."""
    if path.is_file() and path.read_bytes() == content:
        return path
    copy = Path(tempfile.mkdtemp(prefix="bench-plugin-")) / path.name
    copy.write_bytes(content)
    return copy


def _own(examples: Examples) -> Examples:
    """A copy that may be written to: what comes through shared memory may not."""
    return examples.take(np.arange(len(examples)))


def _refuse_blind() -> None:
    import torch

    if not torch.cuda.is_available():
        raise UsageError(
            f"a worker on {platform.node()} has no GPU that torch can use",
            cause="torch finds no CUDA device there",
            fix="install torch with CUDA on that node, or use --device cpu",
        )


def _free(machine: Machine) -> None:
    gc.collect()
    if machine.device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


def plugins(paths: Sequence[Path]) -> tuple[tuple[str, bytes], ...]:
    """Plugin files, as an outfit carries them."""
    return tuple((str(path.absolute()), path.read_bytes()) for path in paths)
