"""A function as a task's own way to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.examples import Examples
from bench.records import Record


@dataclass(frozen=True)
class Asked:
    """An `Asker` that is one function, (model, decoder, batch, seed, columns) -> record, foreseeing nothing."""

    function: Callable[[Any, Any, Examples, int, dict[str, Any]], Record]

    def __call__(self, model: Any, decoder: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> Record:
        """The record of a batch."""
        return self.function(model, decoder, batch, seed, common)

    def requests(self, model: Any, batch: Examples) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - the protocol's
        """None: the requests of these tasks share too little to be looked at ahead."""
        return ()
