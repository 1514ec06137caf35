"""Askers of tasks whose requests follow from earlier answers or from other prompts than their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.examples import Examples
from bench.records import Record


@dataclass(frozen=True)
class Asking:
    """Asks by `function`; nothing can be told ahead."""

    function: Callable[[Any, Any, Examples, int, dict[str, Any]], Record]

    def __call__(self, model: Any, decoder: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> Record:
        """The record of a batch."""
        return self.function(model, decoder, batch, seed, common)

    def requests(self, model: Any, batch: Examples) -> Sequence[tuple[str, str]]:
        """None."""
        del model, batch  # what is asked is known only while it is asked
        return ()
