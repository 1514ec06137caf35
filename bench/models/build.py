"""From a model's spec to its adapter."""

from __future__ import annotations

import inspect
from typing import Any

from bench.capabilities import CAPABILITIES, Machine
from bench.components import Model
from bench.errors import EvaluationError, UsageError
from bench.registry import find
from bench.specs import Spec, bind


def build_model(spec: Spec, machine: Machine, *, needs: str = "") -> Any:
    """The adapter that a spec names; cheap, since weights load when first asked.

    A factory whose first parameter is `target` gets what follows the colon.  Raises `UsageError` for a wrong name,
    target or parameter, and `EvaluationError` where the adapter lacks the capability `needs`.
    """
    factory = find(Model, spec.name).function
    parameters = inspect.signature(factory).parameters
    takes_target = next(iter(parameters), "") == "target"
    optional = takes_target and parameters["target"].default is not inspect.Parameter.empty
    if takes_target and spec.target is None and not optional:
        raise UsageError(
            f"model '{spec.name}' needs a target",
            cause="it is written name:target",
            fix=f"bench show model {spec.name}",
        )
    if spec.target is not None and not takes_target:
        raise UsageError(
            f"model '{spec.name}' takes no target", cause=f"':{spec.target}' follows its name", fix=f"write {spec.name}"
        )
    values = bind(factory, spec, skip=int(takes_target), given=("machine",))
    if "machine" in parameters:
        values["machine"] = machine
    adapter = factory(*([spec.target] if spec.target is not None else []), **values)
    if needs and not isinstance(adapter, CAPABILITIES[needs]):
        raise EvaluationError(
            f"model '{spec}' is no {needs} model",
            cause=f"{type(adapter).__name__} lacks what {CAPABILITIES[needs].__name__} asks for",
            fix="bench list models shows what each model gives",
        )
    return adapter
