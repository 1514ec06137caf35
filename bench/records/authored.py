"""The record of texts of which a machine wrote some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.arrays import AnyArray, Bools
from bench.records.base import column
from bench.records.kinds import Tokens


@dataclass(frozen=True, kw_only=True, eq=False)
class Authored(Tokens):
    """What follows an opening, as a person or a model went on, with its log-probabilities under that model.

    Of test rows `ood` says the same as `machine`; training rows of both kinds are what a detector learns from.
    """

    kind: ClassVar[str] = "authored-tokens"

    text: AnyArray = column("text", "what follows the opening")
    machine: Bools = column("bool", "whether the model wrote it")
