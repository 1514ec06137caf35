"""The cells of one model that was trained by several seeds, as one: means over seeds of what each sample adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.comparing.evidence import CellEvidence, Evidence, Key
from bench.results import Result
from bench.runners.identity import fingerprint
from bench.stats.design import design
from bench.stats.influence import of_mean
from bench.stats.training_seeds import Seeds, seeds_of


def of_seed(result: Result, place: int) -> Result:
    """The result of one seed out of that of all; its interval isn't kept."""
    value = result.seeds[place] if place < len(result.seeds) else None
    return replace(result, value=value, low=None, high=None, seeds=())


def as_one(model: str, cells: Sequence[CellEvidence], results: Sequence[Result]) -> CellEvidence:
    """The cells of all seeds as the one of the model.  results: of all seeds together.

    Seeds whose cell failed are left out, as they are of the results; where seeds answered different samples, nothing
    can be paired, and `barred` says so.
    """
    done = [cell for cell in cells if not cell.error]
    if not done or any(cell.barred for cell in done):
        return replace(next((c for c in done if c.barred), cells[0]), model=model)
    first = replace(done[0], model=model, trainings=len(done))
    if any(cell.n_failed or not np.array_equal(cell.ids, first.ids) for cell in done):
        return replace(first, numbers=(), barred="samples failed, and not the same ones for every seed")
    shown = {(r.calibrator, r.score, r.slice, r.metric): (r.value, r.low, r.high) for r in results}
    numbers = [_mean([cell.number(number.key) for cell in done], first, shown) for number in first.numbers]
    answers = [cell.answers for cell in done]
    return replace(
        first,
        answers=fingerprint(answers) if all(answers) else "",
        unmeasured="; ".join(dict.fromkeys(cell.unmeasured for cell in done if cell.unmeasured)),
        numbers=tuple(number for number in numbers if number is not None),
    )


Shown = tuple[float | None, float | None, float | None]


def _mean(numbers: Sequence[Evidence | None], cell: CellEvidence, shown: dict[Key, Shown]) -> Evidence | None:
    each = [number for number in numbers if number is not None]
    first, values = each[0], [number.value for number in each if number.value is not None]
    if len(each) < len(numbers):
        return None
    if len(values) < len(each) or len({len(number.values) for number in each}) > 1:
        return replace(first, value=None, shown=shown.get(first.key, (None, None, None)))
    mean = float(np.mean(values))
    rows = np.stack([number.values for number in each])
    return replace(
        first,
        kind="mean"
        if first.kind == "share" and len(np.unique(rows[:, ~np.isnan(rows[0])], axis=0)) > 1
        else first.kind,
        value=mean,
        values=rows.mean(axis=0),
        shown=shown.get(first.key, (mean, None, None)),
        seeds=_seeds(each, cell) if len(each) > 1 else None,
    )


def _seeds(each: Sequence[Evidence], cell: CellEvidence) -> Seeds:
    kind, used = each[0].kind, ~np.isnan(each[0].values)
    clusters = None if kind == "folds" else cell.clusters[used]
    weights = None if cell.weights is None or kind not in {"mean", "share"} else cell.weights[used]
    d = design(int(used.sum()), groups=clusters, weights=weights)
    rows = [number.values[used] for number in each]
    if kind in {"mean", "share"}:
        rows = [of_mean(values, d).contributions for values in rows]
    return seeds_of(np.array([number.value for number in each], dtype=np.float64), np.stack(rows), d)
