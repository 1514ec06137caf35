"""Answers to changed inputs and by other models, beside the answer itself: what some OOD scores compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.arrays import Float64s
from bench.records.base import attribute, column
from bench.records.kinds import Classification, Density


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


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbedDensity(Density):
    """A log-density, with what OOD scores hold against it; what the model doesn't give is absent."""

    kind: ClassVar[str] = "probed-density"

    members: Float64s | None = column("float", "log-density under each member of an ensemble, M", dims=1, optional=True)
    background: Float64s | None = column("float", "log-density under a model of the background", optional=True)
    complexity: Float64s | None = column("float", "length of the input after lossless compression, nats", optional=True)
    minority: Float64s | None = column(
        "float", "mean squared distance to the denoised, noised input, over random noise", optional=True
    )
    reconstruction: Float64s | None = column("float", "squared distance to the reconstructed input", optional=True)
