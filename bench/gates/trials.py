"""From a policy and two sides to trials: every check that is to be made, with what it is tested on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bench.arrays import Float64s
from bench.comparing.contrast import Contrast, contrast
from bench.comparing.evidence import CellEvidence, Evidence, Side
from bench.comparing.pairing import Couple, Pair, couples, described, differences, match, pair, seeds_of
from bench.gates.document import CheckKind
from bench.gates.policy import CheckRule, Policy
from bench.stats.design import design
from bench.stats.verdicts import Circumstances, OneSided


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """One check before its verdict.

    names: task, metric, model ... of the number.  circumstances: whether there is anything to test.  tested: the test,
    against `margin`.  null: the gain below which it is worse.  reason: why there is no test.  same: the answers are the
    baseline's, bit for bit.
    """

    rule: CheckRule
    kind: CheckKind
    names: Mapping[str, str]
    baseline_model: str = ""
    circumstances: Circumstances = field(default_factory=Circumstances)
    reason: str = ""
    same: bool = False
    pair: Pair | None = None
    tested: Contrast | None = None
    margin: float | None = None
    limit: float | None = None
    values: tuple[float | None, float | None] = (None, None)
    number: Evidence | None = None
    cells: Couple = (None, None)

    @property
    def sides(self) -> OneSided | None:
        """One-sided p-values, where there is a test."""
        return self.tested.sides if self.tested else None


def trials(policy: Policy, baseline: Side, candidate: Side) -> list[Trial]:
    """Every check that the rules make of the two sides; a rule that meets nothing makes one that is missing."""
    found: list[Trial] = []
    meetings = couples(baseline, candidate)
    for rule in policy.checks:
        made = [trial for one, other in meetings for trial in _of_cells(rule, one, other, baseline, candidate)]
        found += made or [_unmet(rule)]
    return found


def _unmet(rule: CheckRule) -> Trial:
    names = {k: getattr(rule, k) for k in type(rule).__mro__[1].model_fields}  # type: ignore[attr-defined]
    return Trial(
        rule=rule,
        kind=_kind(rule),
        names=names,
        circumstances=Circumstances(present=False),
        reason="neither run has such a number",
        margin=None,
    )


def _kind(rule: CheckRule) -> CheckKind:
    if rule.margin is None:
        return "floor" if rule.floor is not None else "ceiling"
    return "equivalence" if rule.direction == "equal" else "regression"


def _of_cells(
    rule: CheckRule, one: CellEvidence | None, other: CellEvidence | None, baseline: Side, candidate: Side
) -> Iterator[Trial]:
    keys = dict.fromkeys(e.key for c in (one, other) if c for e in c.numbers)
    cell = other or one
    if cell is None:
        return
    if not keys and _meant(rule, cell):
        # Nothing was measured, on whichever side; the rule still meant it.
        keys = dict.fromkeys([(rule.calibrator, rule.score, rule.slice, rule.metric)])
    for key in keys:
        calibrator, score, part, metric = key
        names = {
            "task": cell.task, "metric": metric, "model": cell.model, "decoder": cell.decoder,
            "calibrator": calibrator, "score": score, "slice": part,
        }  # fmt: skip
        if not rule.takes(names):
            continue
        first, second = (c.number(key) if c else None for c in (one, other))
        number = second or first
        base = Trial(
            rule=rule,
            kind=_kind(rule),
            names=names,
            baseline_model=one.model if one else "",
            number=number,
            cells=(one, other),
            values=(first.shown[0] if first else None, second.shown[0] if second else None),
        )
        if rule.margin is not None:
            yield _against(base, first, second, baseline, candidate)
        for kind in ("floor", "ceiling"):
            limit = getattr(rule, kind)
            if limit is not None:
                yield _absolute(replace(base, kind=kind, limit=limit), second)


def _meant(rule: CheckRule, cell: CellEvidence) -> bool:
    names = {"task": cell.task, "model": cell.model, "decoder": cell.decoder}
    return rule.takes({**{k: getattr(rule, k) for k in ("metric", "calibrator", "score", "slice")}, **names})


def _candidate_error(cell: CellEvidence | None, number: Evidence | None) -> str:
    if cell is not None and cell.error:
        return f"the evaluation failed: {cell.error}"
    if cell is not None and number is None and cell.unmeasured:
        return f"measuring failed: {cell.unmeasured}"
    return ""


def _barred(trial: Trial) -> Trial | None:
    """The trial without a test, where the samples of a side cannot be paired."""
    reason = next((c.barred for c in trial.cells if c is not None and c.barred), "")
    return replace(trial, circumstances=Circumstances(identical=False), reason=reason) if reason else None


def _against(trial: Trial, first: Evidence | None, second: Evidence | None, here: Side, there: Side) -> Trial:
    """The candidate against the baseline."""
    one, other = trial.cells
    error = _candidate_error(other, second)
    if error:
        return replace(trial, circumstances=Circumstances(evaluated=False), reason=error)
    barred = _barred(trial)
    if barred is not None:
        return barred
    if one is None or other is None or first is None or second is None:
        lacking = [side.name for side, number in ((here, first), (there, second)) if number is None]
        return replace(trial, circumstances=Circumstances(present=False), reason=f"not in {' nor in '.join(lacking)}")
    apart = differences(one, other)
    if (first.better, first.unit, first.likelihood) != (second.better, second.unit, second.likelihood):
        apart.append("the metric's definition or the kind of likelihood differs")
    if apart:
        return replace(trial, circumstances=Circumstances(identical=False), reason="; ".join(apart))
    m = match(one, other)
    if not m.complete:
        said = described(m, here.name, there.name)
        return replace(trial, circumstances=Circumstances(matched=False), reason=said)
    return _tested(trial, first, second)


def _tested(trial: Trial, first: Evidence, second: Evidence) -> Trial:
    one, other = trial.cells
    if one is None or other is None:
        return trial
    rule = trial.rule
    turned = (_directed(first, rule), _directed(second, rule))
    found = pair((one, other), turned, match(one, other), clustered=rule.cluster == "group")
    same = bool(one.answers) and one.answers == other.answers and one.n_failed == other.n_failed == 0
    if isinstance(found, str):
        return replace(trial, reason=found, same=same)
    margin = rule.borne(first.value or 0.0)
    c = contrast(found, margin=margin)
    reason = c.method.removeprefix("none: ") if c.sides is None else ""
    return replace(trial, pair=found, tested=c, margin=margin, reason=reason, same=same)


def _directed(number: Evidence, rule: CheckRule) -> Evidence:
    """The number with the rule's direction for its own."""
    return replace(number, better=rule.direction) if rule.direction in {"higher", "lower"} else number


def _absolute(trial: Trial, second: Evidence | None) -> Trial:
    """The candidate against a floor or a ceiling: paired with a side that has the limit for every answer."""
    other = trial.cells[1]
    error = _candidate_error(other, second)
    if error:
        return replace(trial, circumstances=Circumstances(evaluated=False), reason=error)
    barred = _barred(trial)
    if barred is not None:
        return barred
    if other is None or second is None or trial.limit is None:
        return replace(trial, circumstances=Circumstances(present=False), reason="not in the candidate")
    if second.value is None:
        return replace(trial, reason="it has no value in the candidate")
    found = _limited(other, second, trial)
    if isinstance(found, str):
        return replace(trial, reason=found)
    c = contrast(found)
    reason = c.method.removeprefix("none: ") if c.sides is None else ""
    return replace(trial, pair=found, tested=c, margin=0.0, reason=reason)


def _limited(cell: CellEvidence, number: Evidence, trial: Trial) -> Pair | str:
    sign = 1.0 if trial.kind == "floor" else -1.0
    limit, value = float(trial.limit or 0.0), float(number.value or 0.0)
    clustered = trial.rule.cluster == "group"
    if number.kind in {"share", "mean"}:
        return _limited_mean(cell, number, sign, limit, clustered=clustered)
    if cell.n_failed:
        return f"{cell.n_failed} samples failed, and what they would add has no bound"
    used = ~np.isnan(number.values)
    names = cell.clusters if clustered else cell.ids
    clusters = np.arange(len(used), dtype=np.uint64) if number.kind == "folds" else names[used]
    psi: Float64s = sign * number.values[used]
    nothing = np.zeros(len(psi))
    return Pair(
        kind=number.kind, first=nothing, second=psi, lost_first=nothing, lost_second=nothing, limits=None,
        values=(sign * limit, sign * value), clusters=clusters, design=design(len(psi), groups=clusters), attrition=0,
        samples=len(cell.ids), independent=len(np.unique(names)), seeds=seeds_of(number),
    )  # fmt: skip


def _limited_mean(cell: CellEvidence, number: Evidence, sign: float, limit: float, *, clustered: bool) -> Pair | str:
    low, high = number.range
    if cell.n_failed and (low is None or high is None):
        return f"{cell.n_failed} samples failed, and what they would add has no bound"
    used = ~np.isnan(number.values)
    pads = np.zeros(cell.n_failed)
    names = (cell.clusters if clustered else cell.ids)[used]
    clusters = np.concatenate([names, np.arange(cell.n_failed, dtype=np.uint64)])
    weights = None if cell.weights is None else np.concatenate([cell.weights[used], pads + 1])
    values = sign * np.concatenate([number.values[used], pads])
    ends = None
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        ends = (min(sign * low, sign * high), max(sign * low, sign * high))
    return Pair(
        kind="proportion" if number.kind == "share" else "mean",
        first=np.full(len(values), sign * limit),
        second=values,
        lost_first=np.zeros(len(values)),
        lost_second=np.concatenate([np.zeros(int(used.sum())), pads + 1]),
        limits=ends,
        values=(sign * limit, sign * float(number.value or 0.0)),
        clusters=clusters,
        design=design(len(values), groups=clusters, weights=weights),
        attrition=cell.n_failed,
        samples=len(values),
        independent=len(np.unique(clusters)),
        seeds=seeds_of(number),
    )
