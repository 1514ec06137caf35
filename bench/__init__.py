"""bench: evaluate models by their probabilities, and say how sure every number is.

What an extension needs is here: `from bench import Classification, metric, per_sample`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.capabilities import Classified, Forecast, LogDensity, Machine
    from bench.components import (
        Calibration,
        NotApplicable,
        PerSample,
        Truth,
        calibrator,
        check,
        decoder,
        metric,
        model,
        per_sample,
        score,
        task,
    )
    from bench.decisions import Decision, Prompt
    from bench.examples import Examples, Question, Reading
    from bench.language import Draw, Generated, Scored
    from bench.records import Choices, Classification, Density, Generations, Judged, Regression, Tokens
    from bench.records.detection import Detection

__version__ = "0.1.0"

__all__ = [
    "Calibration", "Choices", "Classification", "Classified", "Decision", "Density", "Detection", "Draw", "Examples",
    "Forecast", "Generated", "Generations", "Judged", "LogDensity", "Machine", "NotApplicable", "PerSample", "Prompt",
    "Question", "Reading", "Regression", "Scored", "Tokens", "Truth", "__version__", "calibrator", "check", "decoder",
    "metric", "model", "per_sample", "score", "task",
]  # fmt: skip

_MODULES = (
    "bench.components",
    "bench.records",
    "bench.records.detection",
    "bench.examples",
    "bench.capabilities",
    "bench.language",
    "bench.usage",
    "bench.decisions",
)


def __getattr__(name: str) -> Any:
    # Resolved on first use: `bench --help` must not pay for numpy.
    if name in __all__:
        for module in map(importlib.import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
