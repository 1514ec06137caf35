"""Metrics of a task whose samples come from named parts: accuracy in each, and the gap between two.

A part is a value of the column `dataset`: the original and the perturbed questions, outputs of high and of low
probability.  Samples that belong together share their `group`, so that an interval of a gap is that of paired samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import Metric, NotApplicable, PerSample, per_sample
from bench.metrics.judged import judged
from bench.records import JUDGED, Record

SOURCE = "share of right answers among the samples of one part"
GAP = "Mirzadeh et al. 2024, GSM-Symbolic; a difference of two shares"


def part_of(record: Record, name: str) -> Bools:
    """Which samples are of the part, (n,); `NotApplicable` where there is none."""
    inside = np.zeros(len(record), dtype=np.bool_) if record.dataset is None else record.dataset == name
    if not inside.any():
        raise NotApplicable(f"the record has no sample of the part '{name}' ('dataset')")
    return inside


def accuracy_in(record: Any, *, part: str) -> PerSample:
    """Share of right answers among the samples of one part.  Range [0, 1]."""
    inside = part_of(record, part)
    return per_sample(judged(record)[1] & inside, inside)


def accuracy_gap(record: Any, w: Float64s, *, first: str, second: str) -> Float64s:
    """Accuracy in the first part less accuracy in the second, (B,).  Range [-1, 1].  w: (B, n)."""
    correct = judged(record)[1].astype(np.float64)
    shares = []
    for name in (first, second):
        inside = part_of(record, name).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may miss a part
            shares.append((w @ (correct * inside)) / (w @ inside))
    return shares[0] - shares[1]


def parts(*names: str, gaps: Sequence[tuple[str, str]] = ()) -> Callable[[Record], Sequence[Metric]]:
    """What a task takes as `own`: `accuracy-PART` of each part, and `gap-FIRST-SECOND` of each pair in `gaps`."""
    metrics = [_metric(f"accuracy-{name}", accuracy_in, SOURCE, "higher", (0, 1), part=name) for name in names]
    metrics += [
        _metric(f"gap-{first}-{second}", accuracy_gap, GAP, "none", (-1, 1), first=first, second=second)
        for first, second in gaps
    ]
    return partial(_given, metrics)


def _given(metrics: Sequence[Metric], record: Record) -> Sequence[Metric]:
    return metrics if isinstance(record, JUDGED) else ()


def _metric(name: str, function: Callable[..., Any], source: str, better: Any, range_: Any, **values: str) -> Metric:
    bound = update_wrapper(partial(function, **values), function)
    return Metric(name=name, area="reasoning", function=bound, source=source, better=better, range=range_, of=Record)
