"""Forecasts against the exact one in named zones: where values were seen, between these, and beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper

import numpy as np

from bench.components import Better, Metric, NotApplicable, PerSample, per_sample
from bench.forecasts.forms import std_of
from bench.metrics.exact import kl_to_exact
from bench.metrics.parts import part_of
from bench.records import Record, Regression

SOURCE = "Foong et al. 2019, arXiv:1906.11537"


def kl_in(record: Regression, *, zone: str) -> PerSample:
    """Mean KL(exact || forecast) in one zone, nats."""
    inside = part_of(record, zone)
    return per_sample(np.where(inside, kl_to_exact(record).values, 0.0), inside)


def spread_in(record: Regression, *, zone: str) -> PerSample:
    """Mean ratio of the forecast's standard deviation to the exact one's in one zone: below 1 it is too sure."""
    if record.exact_std is None:
        raise NotApplicable("the exact forecast is not known: the record has no 'exact_std'")
    inside = part_of(record, zone)
    return per_sample(np.where(inside, std_of(record) / record.exact_std, 0.0), inside)


def zones(*names: str) -> Callable[[Record], Sequence[Metric]]:
    """What a task takes as `own`: `kl-ZONE` and `spread-ZONE` of each zone (a value of `dataset`)."""
    kinds: tuple[tuple[str, Callable[..., PerSample], Better, str], ...] = (
        ("kl", kl_in, "lower", "nats"),
        ("spread", spread_in, "none", ""),
    )
    made = [
        Metric(
            name=f"{kind}-{name}",
            area="uncertainty",
            function=update_wrapper(partial(function, zone=name), function),
            source=SOURCE,
            better=better,
            unit=unit,
            range=(0, None),
            of=Regression,
        )
        for kind, function, better, unit in kinds
        for name in names
    ]
    return lambda record: made if isinstance(record, Regression) else ()
