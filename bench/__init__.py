"""bench: evaluate models by their probabilities, and say how sure every number is.

What an extension needs is here: `from bench import Classification, metric, per_sample`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC: dict[str, tuple[str, ...]] = {
    "bench.components": (
        "Calibration", "NotApplicable", "PerSample", "Truth",
        "calibrator", "check", "decoder", "metric", "model", "per_sample", "score", "task",
    ),
    "bench.records": ("Choices", "Classification", "Density", "Generations", "Judged", "Regression", "Tokens"),
    "bench.records.detection": ("Detection",),
    "bench.examples": ("Examples", "Question", "Reading"),
    "bench.capabilities": (
        "Classified", "Decision", "Draw", "Forecast", "Generated", "LogDensity", "Machine", "Prompt", "Scored",
    ),
}  # fmt: skip
_HOME: dict[str, str] = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - names, resolved below


def __getattr__(name: str) -> Any:
    # Resolved on first use: `bench --help` must not pay for numpy.
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
