"""How well a bound could be trained by: the signal in its gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.components import task
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.metrics.signals import CHECK, SOURCE, TIGHTER
from bench.records import Record
from bench.records.signals import Signals
from bench.tasks.asking import Asked
from bench.tasks.likelihood.linear_factors import likelihood_linear_factors

POINTS = 100


@task("likelihood/gradient-signal", needs="density", yields=Signals, source=SOURCE, papers=(TIGHTER,), check=CHECK)
def likelihood_gradient_signal(seed: int) -> Examples:
    """100 points of `likelihood/linear-factors`: signal-to-noise of a bound's gradients, of generator and proposal.

    A model answers with `signal(inputs)`, as `ppca` does for its `bound`.
    """
    whole = likelihood_linear_factors(seed)
    parts = {"train": whole.split("train"), "test": whole.split("test").take(np.arange(POINTS))}
    return Examples.join(
        {name: replace(part, splits=None, truth=None, asker=Asked(ask)) for name, part in parts.items()}
    )


def ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    """The record of a batch."""
    if not callable(getattr(model, "signal", None)):
        raise EvaluationError(
            "the model tells nothing of a bound's gradients",
            cause="it has no method 'signal'",
            fix="ask ppca with a bound: ppca,latent=4,bound=iwae,k=64,spread=1.5",
        )
    generator, inference = model.signal(np.asarray(batch.inputs))
    return Signals(**common, generator=generator, inference=inference)
