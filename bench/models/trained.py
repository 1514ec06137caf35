"""One model as several: each seed of its training a spec of its own."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable

from bench import registry
from bench.capabilities import Fittable, Machine
from bench.models.building import SEED, build
from bench.specs import Spec, parse

PLACE = "{seed}"


def by_seeds(spec: Spec, count: int) -> tuple[Spec, ...]:
    """The model trained by seeds 0 .. count - 1; empty where it has no seed, so that it would be the same each time.

    In a spec that has `{seed}` (in a file's name, say) the seed's number goes there.  Otherwise `seed` is set: of a
    model that takes such a parameter, or of one that the runner trains, unless it draws nothing while it is.
    """
    text = str(spec)
    if PLACE in text:
        return tuple(parse(text.replace(PLACE, str(seed))) for seed in range(count))
    if SEED in spec.params or not _seeded(spec):
        return ()
    return tuple(Spec(spec.name, spec.target, {**spec.params, SEED: seed}) for seed in range(count))


def _seeded(spec: Spec) -> bool:
    factory = registry.find("model", spec.name).function
    own = inspect.signature(factory).parameters.get(SEED)
    if own is not None:
        return own.default is not None  # None: what it points at takes one, or does not
    adapter = build(spec, Machine())
    return isinstance(adapter, Fittable) and _reads_seed(type(adapter).fit)


def _reads_seed(fit: Callable[..., None]) -> bool:
    """Whether a model's `fit(self, train, seed)` looks at its seed at all; what never does gives the same each time."""
    code = getattr(fit, "__code__", None)
    if code is None or code.co_argcount < 3:
        return True
    name = code.co_varnames[2]
    return any(step.opname.startswith("LOAD") and step.argval == name for step in dis.get_instructions(code))
