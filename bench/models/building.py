"""From a spec to a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from bench import registry, specs
from bench.capabilities import Fittable, Machine
from bench.errors import BenchError, EvaluationError, UsageError
from bench.language import LanguageModel

# The parameter that every model has which the runner trains: by which seed.
SEED = "seed"


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
        made = factory(*([spec.target] if spec.target else []), **given)
    if SEED in spec.params and SEED not in given and not isinstance(made, Fittable):
        raise UsageError(
            f"'{spec.name}' has no parameter '{SEED}'",
            cause="it is not trained here",
            fix=f"leave '{SEED}=' out, or see bench show {spec.name}",
        )
    return made


def parameters(spec: specs.Spec) -> dict[str, Any]:
    """What its factory is given beside target and machine, held to what it takes; raises as `build` does.

    The seed of its training is the runner's, unless the factory has such a parameter of its own.
    """
    factory = registry.find("model", spec.name).function
    if SEED in spec.params and SEED not in inspect.signature(factory).parameters:
        _refuse_no_seed(spec)
        spec = specs.Spec(spec.name, spec.target, {k: v for k, v in spec.params.items() if k != SEED})
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


def _refuse_no_seed(spec: specs.Spec) -> None:
    seed = spec.params[SEED]
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(
            f"'{SEED}' of '{spec.name}' cannot be '{seed}'",
            cause="it must be a whole number, 0 or more",
            fix=f"write {spec.name},{SEED}=1",
        )


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
