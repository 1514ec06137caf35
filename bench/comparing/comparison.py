"""Comparing sides: every number that two of them have, tested in pairs and corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import numpy as np

from bench.comparing.contrast import Contrast, contrast, refuse_seeds
from bench.comparing.evidence import CellEvidence, Evidence, Side
from bench.comparing.pairing import Match, Pair, couples, described, differences, kinds_apart, match, pair
from bench.errors import NotComparableError, UsageError
from bench.reports.headlines import SCORES
from bench.stats.design import design
from bench.stats.influence import Influence
from bench.stats.maxt import max_t, occupied
from bench.stats.multiplicity import METHODS, adjusted
from bench.stats.paired import t_test
from bench.stats.training_seeds import Seeds

COMPARISON_SCHEMA = 1
MAX_T = "max-t"
CORRECTIONS: tuple[str, ...] = (*METHODS, MAX_T)


@dataclass(frozen=True, eq=False, kw_only=True)
class Row:
    """One number of two sides.

    adjusted: two-sided p-value after correction over the comparison.  reason: why there is no test.  n: samples asked
    of both.  failed: without an answer in the reference, in the candidate.
    """

    task: str
    decoder: str
    models: tuple[str, str]
    area: str
    calibrator: str
    score: str
    slice: str
    metric: str
    better: str
    unit: str
    biased: bool
    reference: float | None
    candidate: float | None
    contrast: Contrast | None
    n: int
    failed: tuple[int, int]
    adjusted: float | None = None
    reason: str = ""

    @property
    def level(self) -> str:
        """What it is about: overall, task or slice."""
        return "overall" if not self.task else "slice" if self.slice else "task"

    def as_json(self) -> dict[str, Any]:
        """The row as JSON."""
        c = self.contrast
        own = {k: v for k, v in asdict(replace(self, contrast=None)).items() if k not in {"models", "failed"}}
        named = ("gain", "low", "high", "p_value", "mde", "groups", "gains", "losses", "mcnemar", "method")
        numbers = {k: getattr(c, k) if c else None for k in named}
        return {
            **{k: v for k, v in own.items() if k != "contrast"},
            "level": self.level,
            "reference_model": self.models[0],
            "candidate_model": self.models[1],
            "failed_reference": self.failed[0],
            "failed_candidate": self.failed[1],
            **numbers,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """A candidate against the reference.

    refused: what cannot be compared, and why.  missing: what one side lacks.  noted: likelihoods of different kinds,
    compared because that was asked for.
    """

    reference: Side
    candidate: Side
    rows: tuple[Row, ...]
    refused: tuple[str, ...]
    missing: tuple[str, ...]
    correction: str
    matches: dict[tuple[str, str, str], Match] = field(default_factory=dict)
    noted: tuple[str, ...] = ()

    @property
    def tests(self) -> int:
        """How many p-values were corrected together."""
        return sum(row.adjusted is not None for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which numbers are compared: globs of tasks and metrics (none: the usual ones), and whether all of them.

    across_kinds: also likelihoods of different kinds, such as a bound with an exact value.
    """

    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    everything: bool = False
    across_kinds: bool = False

    def takes(self, cell: CellEvidence, number: Evidence) -> bool:
        """Whether a number is wanted: unless all are, those without calibrator, of one score a cell."""
        if self.tasks and not any(fnmatchcase(cell.task, t) for t in self.tasks):
            return False
        if self.metrics and not any(fnmatchcase(number.metric, m) for m in self.metrics):
            return False
        if self.everything:
            return True
        if number.calibrator or (number.better == "none" and not self.metrics):
            return False
        return not number.score or number.score == _headline_score(cell)


def _headline_score(cell: CellEvidence) -> str:
    present = dict.fromkeys(e.score for e in cell.numbers if e.score)
    return next((s for s in SCORES if s in present), next(iter(present), ""))


def compare(
    reference: Side, candidates: Sequence[Side], choice: Choice, *, correction: str = "holm", seed: int = 0
) -> list[Comparison]:
    """Each candidate against the reference; p-values are corrected over all of them together.

    Raises `NotComparableError` where nothing at all can be compared, saying why.
    """
    if correction not in CORRECTIONS:
        raise UsageError(
            f"unknown correction '{correction}'", cause="it is not one of those known", fix=", ".join(CORRECTIONS)
        )
    found = [_against(reference, candidate, choice) for candidate in candidates]
    if not any(c.rows for c in found):
        raise _nothing(found)
    return _corrected(found, correction, seed)


def _nothing(found: Sequence[Comparison]) -> NotComparableError:
    reasons = [text for c in found for text in (*c.refused, *c.missing)]
    return NotComparableError(
        "nothing can be compared",
        cause="; ".join(reasons[:4]) or "no number was asked for",
        fix="evaluate both on the same samples, or name other tasks and metrics",
    )


def _against(reference: Side, candidate: Side, choice: Choice) -> Comparison:
    rows: list[Row] = []
    refused: list[str] = []
    missing: list[str] = []
    noted: list[str] = []
    matches: dict[tuple[str, str, str], Match] = {}
    for one, other in couples(reference, candidate):
        cell = one or other
        if cell is None or not _asked(cell, choice):
            continue
        label = cell.task + (f" by {cell.decoder}" if cell.decoder else "")
        if one is None or other is None or one.error or other.error:
            missing.append(_lacking(label, one, other, reference.name, candidate.name))
            continue
        barred = one.barred or other.barred
        if barred:
            refused.append(f"{label}: {barred}")
            continue
        apart = differences(one, other)
        kinds = kinds_apart(one, other)
        if kinds and not choice.across_kinds:
            apart.append(f"{kinds}; --across-kinds compares them all the same")
        m = match(one, other)
        if apart or not m.complete:
            refused.append(f"{label}: {'; '.join(apart) or described(m, reference.name, candidate.name)}")
            continue
        matches[one.task, one.decoder, other.model] = m
        noted += [f"{label}: {kinds}"] if kinds else []
        rows += _rows(one, other, m, choice)
    return Comparison(
        reference=reference,
        candidate=candidate,
        rows=(*_overall(rows), *rows),
        refused=tuple(refused),
        missing=tuple(missing),
        noted=tuple(noted),
        correction="none",
        matches=matches,
    )


def _asked(cell: CellEvidence, choice: Choice) -> bool:
    return not choice.tasks or any(fnmatchcase(cell.task, t) for t in choice.tasks)


def _lacking(label: str, one: CellEvidence | None, other: CellEvidence | None, here: str, there: str) -> str:
    for cell, name in ((one, here), (other, there)):
        if cell is None:
            return f"{label}: not in {name}"
        if cell.error:
            return f"{label}: failed in {name}: {cell.error}"
    return label


def _rows(one: CellEvidence, other: CellEvidence, m: Match, choice: Choice) -> list[Row]:
    rows = []
    for number in one.numbers:
        twin = other.number(number.key)
        if twin is None or not choice.takes(one, number):
            continue
        found = pair((one, other), (number, twin), m)
        c = None if isinstance(found, str) else contrast(found)
        reason = found if isinstance(found, str) else c.method.removeprefix("none: ") if c and c.low is None else ""
        rows.append(
            Row(
                task=one.task, decoder=one.decoder, models=(one.model, other.model), area=one.area,
                calibrator=number.calibrator, score=number.score, slice=number.slice, metric=number.metric,
                better=number.better, unit=number.unit, biased=number.biased,
                reference=number.shown[0], candidate=twin.shown[0], contrast=c, reason=reason,
                n=one.n if not isinstance(found, Pair) else found.samples,
                failed=(one.n_failed, other.n_failed),
            )
        )  # fmt: skip
    return rows


def _overall(rows: Sequence[Row]) -> list[Row]:
    """For each metric that several tasks have: the mean of the tasks' gains, each task counting the same."""
    several = len({(r.task, r.decoder) for r in rows}) < len({(r.task, r.decoder, r.models) for r in rows})

    def key(row: Row) -> tuple[str, ...]:
        return (row.metric, row.calibrator, row.score, *(row.models if several else ()))

    found = []
    usable = [r for r in rows if r.level == "task" and r.contrast and r.contrast.low is not None and not any(r.failed)]
    for _, group in groupby(sorted(usable, key=key), key=key):
        members = list(group)
        if len({r.task for r in members}) < 2:
            continue
        first = members[0]
        found.append(
            replace(
                first,
                task="",
                decoder="",
                area="",
                reference=float(np.mean([r.reference for r in members if r.reference is not None])),
                candidate=float(np.mean([r.candidate for r in members if r.candidate is not None])),
                contrast=_mean_contrast([r.contrast for r in members if r.contrast], len(members)),
                n=sum(r.n for r in members),
            )
        )
    return found


def _mean_contrast(members: Sequence[Contrast], tasks: int) -> Contrast:
    """The mean gain; samples with the same id or group in several tasks are one cluster."""
    from bench.stats.power import detectable

    totals = np.mean([c.totals for c in members], axis=0)
    used = np.any([c.totals != 0 for c in members], axis=0)
    gain = float(np.mean([c.gain for c in members]))
    change = totals[used] - totals[used].mean() if used.any() else totals[used]
    t = t_test(Influence(gain, change), design(len(change)), _mean_seeds(members))
    return replace(
        members[0],
        gain=gain, low=t.low, high=t.high, p_value=t.p_value, sides=None, mcnemar=None,
        mde=detectable(t.error, t.df) if t.error else None,
        n=sum(c.n for c in members), groups=t.groups, best=gain, totals=totals,
        gains=sum(c.gains or 0 for c in members) if all(c.gains is not None for c in members) else None,
        losses=sum(c.losses or 0 for c in members) if all(c.losses is not None for c in members) else None,
        method=f"mean of {tasks} tasks, {t.method}", seeds=_mean_seeds(members),
    )  # fmt: skip


def _mean_seeds(members: Sequence[Contrast]) -> tuple[Seeds, ...]:
    """The seeds of a mean over tasks: as if a seed did alike on all of them, which is the most that it can do."""
    trained = [c.seeds for c in members if c.seeds]
    if not trained:
        return ()
    error = sum(math.sqrt(sum(s.between for s in seeds)) for seeds in trained) / len(members)
    return (Seeds(between=error**2, within=0.0, count=min(s.count for seeds in trained for s in seeds)),)


def _corrected(found: Sequence[Comparison], correction: str, seed: int) -> list[Comparison]:
    tested = [r for c in found for r in c.rows if r.contrast and r.contrast.p_value is not None]
    if correction == MAX_T:
        refuse_seeds(r.contrast for r in tested)
        usable = [r for r in tested if r.contrast and r.contrast.low is not None]
        values = np.array([r.contrast.gain for r in usable if r.contrast])
        psi = np.stack([r.contrast.totals for r in usable if r.contrast], axis=1) if usable else np.zeros((2, 0))
        p = max_t(values, occupied(psi), seed=seed).p_values if usable else np.empty(0)
        by_row = {id(r): float(x) for r, x in zip(usable, p, strict=True)}
    else:
        raw = np.array([r.contrast.p_value for r in tested if r.contrast], dtype=np.float64)
        p = adjusted(raw, correction)  # type: ignore[arg-type]
        by_row = {id(r): float(x) for r, x in zip(tested, p, strict=True)}
    return [
        replace(c, rows=tuple(replace(r, adjusted=by_row.get(id(r))) for r in c.rows), correction=correction)
        for c in found
    ]
