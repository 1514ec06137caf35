"""A classification whose inputs were also changed, to see how the answer moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.arrays import Float64s
from bench.records.base import attribute, column
from bench.records.kinds import Classification


@dataclass(frozen=True, kw_only=True, eq=False)
class Probed(Classification):
    """A classification, with the answers to changed inputs and the gradient at the input, where the model gives it."""

    kind: ClassVar[str] = "probed-classification"

    nudged: Float64s | None = column(
        "float", "logits after a step of the input that makes its predicted class more probable", dims=1, optional=True
    )
    shuffled: Float64s | None = column("float", "logits for the input with its patches shuffled", dims=1, optional=True)
    slope: Float64s | None = column(
        "float", "length of the gradient of logsumexp(logits) with respect to the input", optional=True
    )
    step: float = attribute(0.0, "size of the step behind `nudged`, in the input's units")
    temperature: float = attribute(1.0, "temperature of the softmax whose gradient `nudged` follows")
