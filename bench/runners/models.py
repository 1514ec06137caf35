"""The models of a run: built once, fitted once for each training split, and known by their fingerprints."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from bench import __version__
from bench.capabilities import CAPABILITIES, Fingerprinted, Fittable, Machine
from bench.components import Decoder, Task
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.models.building import SEED, build, told
from bench.registry import find
from bench.runners.identity import Identity, data_fingerprint, fingerprint
from bench.runners.plan import Cell
from bench.seeds import derive
from bench.specs import Spec, bind


class Models:
    """Adapters by spec, and fitted ones by (spec, training data); both are made when first needed."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.seed = seed
        self._built: dict[Spec, Any] = {}
        self._fitted: dict[tuple[Spec, str], Any] = {}

    def fingerprint(self, spec: Spec) -> str:
        """Digest of what the model says that it is; of its spec alone where it says nothing."""
        with told(f"model '{spec}' does not say what it is"):
            model = self._build(spec)
            said = model.fingerprint() if isinstance(model, Fingerprinted) else {"spec": str(spec)}
            return fingerprint(dict(said))

    def ready(self, spec: Spec, train: Examples, note: Callable[[str], None]) -> Any:
        """The model, fitted on `train` if it is one that learns; warnings on the way go to `note`."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            with told(f"model '{spec}' could not be made ready"):
                model = self._ready(spec, train)
        for text in dict.fromkeys(str(w.message) for w in caught):
            note(f"{spec}: {text}")
        return model

    def able(self, spec: Spec, task: Task, train: Examples, note: Callable[[str], None]) -> Any:
        """The model, ready, and able to answer the task; `EvaluationError` where it is not."""
        model = self.ready(spec, train, note)
        capability = CAPABILITIES[task.needs]
        if not isinstance(model, capability):
            raise EvaluationError(
                f"model '{spec}' is no {task.needs} model",
                cause=f"it lacks what {capability.__name__} asks for",
                fix="bench list models shows what each model gives",
            )
        return model

    def _build(self, spec: Spec) -> Any:
        if spec not in self._built:
            self._built[spec] = build(spec, self.machine)
        return self._built[spec]

    def _ready(self, spec: Spec, train: Examples) -> Any:
        model = self._build(spec)
        if not isinstance(model, Fittable):
            return model
        key = (spec, data_fingerprint(train))
        if key not in self._fitted:
            if len(train) == 0:
                raise EvaluationError(
                    f"model '{spec}' has nothing to learn from",
                    cause="the task has no training split",
                    fix="name a model that is fitted already",
                )
            fresh = build(spec, self.machine)
            # By name alone: variants that ask one training in different ways must ask the same training.
            fresh.fit(train, derive(self.seed, "fit", str(Spec(spec.name, spec.target)), *_training(spec)))
            self._fitted[key] = fresh
        return self._fitted[key]


def _training(spec: Spec) -> tuple[int, ...]:
    """Which of several trainings it is; the first is the one that there would be without."""
    seed = spec.params.get(SEED, 0)
    return (seed,) if isinstance(seed, int) and seed else ()


def identity(
    cell: Cell, task: Task, examples: Examples, asked: Examples, machine: Machine, model: str, *, seed: int
) -> Identity:
    """What the answers of a cell depend on, `model` being its fingerprint; a resume needs all of it unchanged."""
    keys = {
        "bench": __version__,
        "model": str(cell.model),
        "model fingerprint": model,
        "task": str(cell.task),
        "task version": str(task.version),
        "data": data_fingerprint(examples),
        "samples asked": fingerprint(asked.ids),
        "dtype": machine.dtype,
        "device": machine.device.partition(":")[0],
        "seed": str(seed),
    }
    if cell.decoder is not None:
        function = find(Decoder, cell.decoder.name).function
        keys["decoder"] = str(Spec(cell.decoder.name, None, bind(function, cell.decoder, skip=3)))
    return Identity(keys)
