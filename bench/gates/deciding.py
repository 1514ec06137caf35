"""The verdict of each trial by the rules of `bench.stats.verdicts`: FAIL corrected over the family, PASS each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.comparing.contrast import contrast, refuse_seeds
from bench.gates.trials import Trial
from bench.stats.maxt import max_t, occupied
from bench.stats.multiplicity import adjusted
from bench.stats.verdicts import ALPHA, OneSided, Verdict


def judged(made: Sequence[Trial], correction: str, seed: int) -> tuple[list[Verdict], list[float | None]]:
    """Verdict and adjusted p-value of each trial.  Required and advisory checks are two families."""
    adjusted_p: dict[int, float] = {}
    for required in (True, False):
        family = [i for i, t in enumerate(made) if t.rule.required == required and _testable(t)]
        adjusted_p |= _family([made[i] for i in family], family, correction, seed)
    p = [adjusted_p.get(i) for i in range(len(made))]
    return [_verdict(t, x) for t, x in zip(made, p, strict=True)], p


def _testable(trial: Trial) -> bool:
    return trial.sides is not None and trial.circumstances.verdict() is None and not trial.same


def _family(made: Sequence[Trial], places: Sequence[int], correction: str, seed: int) -> dict[int, float]:
    """Adjusted p-values of "worse", by place; an equivalence check stands in it twice, once for each side."""
    members: list[tuple[int, Trial, float]] = []
    for place, trial in zip(places, made, strict=True):
        members.append((place, trial, 1.0))
        if trial.kind == "equivalence":
            members.append((place, trial, -1.0))
    if not members:
        return {}
    p = _max_t(members, seed) if correction == "max-t" else _stepwise(members, correction)
    out: dict[int, float] = {}
    for (place, _, _), x in zip(members, p, strict=True):
        out[place] = min(float(x), out.get(place, 1.0))
    return out


def _stepwise(members: Sequence[tuple[int, Trial, float]], correction: str) -> Float64s:
    raw = [_worse(trial.sides, side) for _, trial, side in members if trial.sides]
    return adjusted(np.array(raw), correction)  # type: ignore[arg-type]


def _worse(sides: OneSided, side: float) -> float:
    # Better by more than the margin is what equivalence refutes on its other side.
    return sides.worse if side > 0 else sides.too_good


def _max_t(members: Sequence[tuple[int, Trial, float]], seed: int) -> Float64s:
    refuse_seeds(t.tested for _, t, _ in members)
    values = np.array([side * t.tested.best for _, t, side in members if t.tested])
    totals = np.stack([side * t.tested.totals for _, t, side in members if t.tested], axis=1)
    null = np.array([-float(t.margin or 0.0) for _, t, _ in members])
    return max_t(values, occupied(totals), seed=seed, null=null, side="less").p_values


def _verdict(trial: Trial, p: float | None) -> Verdict:
    barred = trial.circumstances.verdict()
    if barred is not None or (trial.same and trial.kind in {"regression", "equivalence"}):
        return barred or Verdict.PASS
    sides = trial.sides
    if sides is None or p is None:
        return Verdict.INCONCLUSIVE
    if p < ALPHA:
        return Verdict.FAIL
    passed = sides.equivalent if trial.kind == "equivalence" else sides.not_worse
    if trial.kind == "regression" and sides.better < ALPHA and _has_direction(trial):
        return Verdict.IMPROVED
    return Verdict.PASS if passed < ALPHA else Verdict.INCONCLUSIVE


def _has_direction(trial: Trial) -> bool:
    return trial.rule.direction in {"higher", "lower"} or (trial.number is not None and trial.number.better != "none")


def without_margins(made: Sequence[Trial]) -> list[Trial]:
    """The trials with all margins 0."""
    return [replace(t, margin=0.0, tested=contrast(t.pair)) if t.pair and t.kind == "regression" else t for t in made]
