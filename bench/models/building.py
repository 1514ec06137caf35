"""From a spec to a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from bench import registry, specs
from bench.capabilities import Machine
from bench.errors import BenchError, EvaluationError, UsageError
from bench.language import LanguageModel


class NotSuited(UsageError):  # noqa: N818 - said of the pair: neither is at fault
    """The model cannot answer this data at all, such as a discrete density asked about continuous inputs."""


def build(spec: specs.Spec, machine: Machine) -> Any:
    """The model that a spec names, made by its factory.

    A factory whose first parameter is `target` is given the spec's target; one that has a parameter `machine` is
    given the machine.  Raises `UsageError` for an unknown model, parameter, or a target too many or too few.
    """
    factory = registry.find("model", spec.name).function
    given = parameters(spec)
    if "machine" in inspect.signature(factory).parameters:
        given["machine"] = machine
    with told(f"model '{spec}' could not be made"):
        return factory(*([spec.target] if spec.target else []), **given)


def parameters(spec: specs.Spec) -> dict[str, Any]:
    """What its factory is given beside target and machine, held to what it takes; raises as `build` does."""
    factory = registry.find("model", spec.name).function
    names = list(inspect.signature(factory).parameters)
    aimed = names[:1] == ["target"]
    if aimed and not spec.target:
        raise UsageError(
            f"model '{spec.name}' needs a target", cause="it is pointed at something", fix=f"write {spec.name}:TARGET"
        )
    if spec.target and not aimed:
        raise UsageError(
            f"model '{spec.name}' takes no target", cause=f"'{spec.target}' follows its name", fix=f"write {spec.name}"
        )
    return specs.bind(factory, spec, skip=int(aimed), given=("machine",))


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what a model's own code raises into an `EvaluationError`; a script that ends the process is such a failure.

    An error in three lines, a missing package and a lack of memory pass through: they say more as they are.
    """
    try:
        yield
    except (BenchError, ImportError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise EvaluationError(
            what, cause=f"{type(error).__name__}: {error}", fix="mend the model; --debug shows where it failed"
        ) from error


def facts(adapter: str, parameters: Mapping[str, Any], *libraries: str) -> dict[str, Any]:
    """A fingerprint: what the adapter is, its parameters, and the versions of bench and the libraries behind it."""
    from importlib.metadata import version

    from bench import __version__

    versions = {"bench": __version__, **{name: version(name) for name in libraries}}
    return {"adapter": adapter, "parameters": dict(parameters), "versions": versions}


@lru_cache(maxsize=4)
def named_model(spec: str, machine: Machine) -> LanguageModel:
    """Another language model that a component works with, by its spec; kept, so that its users share one."""
    made: LanguageModel = build(specs.parse(spec), machine)
    return made
