"""Models that a run trains by several seeds: which there are, and what is said of those that have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.errors import UsageError
from bench.models.trained import by_seeds
from bench.specs import Spec


@dataclass(frozen=True)
class Trainings:
    """The trainings of each model that is to be trained so many times; empty for one that has no seed."""

    found: Mapping[tuple[Spec, int], tuple[Spec, ...]]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, wanted: Iterable[tuple[Sequence[Spec], int]]) -> Trainings:
        """Those of the models that are wanted so many times.  Raises `UsageError` where not one of them has a seed."""
        asked = dict.fromkeys((spec, seeds) for models, seeds in wanted if seeds > 1 for spec in models)
        found = {(spec, seeds): by_seeds(spec, seeds) for spec, seeds in asked}
        once = [str(spec) for (spec, _), trainings in found.items() if not trainings]
        if found and len(once) == len(found):
            raise UsageError(
                f"'{once[0]}' cannot be run by {next(iter(found))[1]} seeds",
                cause="nothing in it is drawn while it is trained, or it is not trained here",
                fix="leave --seeds out, or name a file of each seed with {seed} for its number: torch:net-{seed}.pt",
            )
        told = (f"{', '.join(dict.fromkeys(once))}: asked once, since no seed changes it",) if once else ()
        return cls(found, told)

    def by(self, spec: Spec, seeds: int) -> tuple[Spec, ...]:
        """The trainings of a model; itself where there is one."""
        return self.found.get((spec, seeds), ()) or (spec,)


def refuse_twice(cells: Iterable[tuple[str, str, str, str]]) -> None:
    """Refuse a model that is asked a task both by one seed and by several.

    cells: (family, model, task, decoder) of each.  The two numbers would have one name.
    """
    cells = list(cells)
    alone = {(model, task, decoder) for family, model, task, decoder in cells if not family}
    for family, _, task, decoder in cells:
        if family and (family, task, decoder) in alone:
            raise UsageError(
                f"'{family}' is asked {task} both by one seed and by several",
                cause="the two numbers would have one name",
                fix="ask it one way: by several seeds, or by one",
            )
