"""Bringing two cells together: are they comparable, which samples do both have, and what of it may be tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.arrays import Float64s, Ints
from bench.comparing.evidence import CellEvidence, Digests, Evidence, Kind, Side, folds_of
from bench.errors import NotComparableError
from bench.stats.design import Design, design
from bench.stats.training_seeds import Seeds

# What must be equal for two answers to be answers to one question.  Model, seed, device and versions may differ.
SAME_KEYS = ("task", "task version", "data", "decoder")
Couple = tuple[CellEvidence | None, CellEvidence | None]
# proportion: a share against a limit.
PairKind = Kind | Literal["proportion"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Match:
    """Samples of two cells of one task.

    rows: positions of the common samples in each, (n,) both.  failed_reference, failed_candidate: answered by the other
    side only; positions there.  failed_both: how many neither answered.  unmatched: how many the reference has that the
    candidate was never asked, and the other way round.
    """

    rows: tuple[Ints, Ints]
    failed_reference: Ints
    failed_candidate: Ints
    failed_both: int
    unmatched: tuple[int, int]

    @property
    def complete(self) -> bool:
        """Whether both sides were asked the same samples."""
        return self.unmatched == (0, 0)

    @property
    def n_failed(self) -> int:
        """Samples that one side or both left without an answer."""
        return len(self.failed_reference) + len(self.failed_candidate) + self.failed_both


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair:
    """One number of two cells over the same samples, turned so that higher is better.

    first, second: (n,), of the reference and of the candidate: values (share, mean), contributions (influence) or fold
    totals (folds).  lost_first, lost_second: whether that side has no answer, (n,).  limits: worst and best value,
    where these are known.  values: the two numbers, of answered samples.  clusters: (n,).  attrition: samples lost.
    samples, independent: how many samples, and clusters of them, are behind the rows.  seeds: of each side that was
    trained several times.
    """

    kind: PairKind
    first: Float64s
    second: Float64s
    lost_first: Float64s
    lost_second: Float64s
    limits: tuple[float, float] | None
    values: tuple[float, float]
    clusters: Digests
    design: Design
    attrition: int
    samples: int
    independent: int
    seeds: tuple[Seeds, ...] = ()


def couples(reference: Side, candidate: Side) -> list[Couple]:
    """Cells of both sides by task and decoder: by model too, unless each side has one model a task.

    Raises `NotComparableError` where neither way brings any two cells together.
    """
    single = all(len({(c.task, c.decoder) for c in s.cells}) == len(s.cells) for s in (reference, candidate))

    def key(cell: CellEvidence) -> tuple[str, ...]:
        return (cell.task, cell.decoder) if single else (cell.task, cell.decoder, cell.model)

    mine, theirs = ({key(c): c for c in s.cells} for s in (reference, candidate))
    if not mine.keys() & theirs.keys():
        names = " and ".join(f"{s.name}: {_listed(s, single)}" for s in (reference, candidate))
        raise NotComparableError(
            f"'{reference.name}' and '{candidate.name}' have nothing in common",
            cause=names,
            fix="compare runs of the same tasks, or name one model of each: RUN@MODEL",
        )
    every = dict.fromkeys([*mine, *theirs])
    return [(mine.get(k), theirs.get(k)) for k in every]


def _listed(one: Side, single: bool) -> str:
    names = list(dict.fromkeys(c.task if single else f"{c.model} on {c.task}" for c in one.cells))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "no cells"


def differences(reference: CellEvidence, candidate: CellEvidence) -> list[str]:
    """Why two cells are not answers to the same questions; empty where they are."""
    one, other = reference.identity, candidate.identity
    # Brought predictions have no task whose data could be fingerprinted: what was asked shows in the records.
    shared = [k for k in SAME_KEYS if k in one and k in other]
    found = [f"{k}: {_short(one[k])} and {_short(other[k])}" for k in shared if one[k] != other[k]]
    if reference.record != candidate.record:
        found.append(f"record: {reference.record} and {candidate.record}")
    elif not found and np.array_equal(reference.ids, candidate.ids) and reference.questions != candidate.questions:
        found.append("the same sample ids stand for other questions, truths or groups")
    return found


def kinds_apart(reference: CellEvidence, candidate: CellEvidence) -> str:
    """Of what different kinds two cells' likelihoods are, in words; empty where they are of one kind."""
    one, other = ({e.likelihood for e in cell.numbers if e.likelihood} for cell in (reference, candidate))
    if not one or not other or one == other:
        return ""
    first, second = (" and ".join(_KINDS.get(k, k) for k in sorted(kinds)) for kinds in (one, other))
    return f"its likelihood is {first} on one side and {second} on the other"


_KINDS = {"exact": "exact", "lower": "a lower bound", "upper": "an upper bound", "estimate": "an estimate"}


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:12]}…"


def match(reference: CellEvidence, candidate: CellEvidence) -> Match:
    """Which samples two cells have in common, by id."""
    _, first, second = np.intersect1d(reference.ids, candidate.ids, assume_unique=True, return_indices=True)
    rest_first = np.setdiff1d(np.arange(len(reference.ids)), first)
    rest_second = np.setdiff1d(np.arange(len(candidate.ids)), second)
    lost_there = np.isin(reference.ids[rest_first], candidate.failed)
    lost_here = np.isin(candidate.ids[rest_second], reference.failed)
    return Match(
        rows=(first, second),
        failed_reference=rest_second[lost_here],
        failed_candidate=rest_first[lost_there],
        failed_both=max(0, min(reference.n_failed - int(lost_here.sum()), candidate.n_failed - int(lost_there.sum()))),
        unmatched=(int((~lost_there).sum()), int((~lost_here).sum())),
    )


def pair(
    cells: tuple[CellEvidence, CellEvidence], numbers: tuple[Evidence, Evidence], m: Match, *, clustered: bool = True
) -> Pair | str:
    """Two numbers over the common samples, or why they cannot be tested.

    Bounded means keep samples that one side failed, to be counted at their worst and best; other numbers are of the
    answered samples, and say nothing where one failed.
    """
    one, other = numbers
    if one.value is None or other.value is None:
        return "it has no value in " + ("the reference" if one.value is None else "the candidate")
    if {one.kind, other.kind} & {"influence", "folds"}:
        return _whole(cells, numbers, m, clustered=clustered)
    return _by_sample(cells, numbers, m, clustered=clustered)


def _whole(
    cells: tuple[CellEvidence, CellEvidence], numbers: tuple[Evidence, Evidence], m: Match, *, clustered: bool
) -> Pair | str:
    one, other = numbers
    if m.n_failed:
        return f"{m.n_failed} samples failed, and what they would add has no bound"
    if one.kind != other.kind or len(one.values) != len(other.values):
        return "the two were not computed alike"
    sign = -1.0 if one.better == "lower" else 1.0
    clusters = cells[0].clusters if clustered or one.kind == "folds" else cells[0].ids
    if one.kind == "folds":
        used = np.ones(len(one.values), dtype=bool)
        clusters = fold_names(cells[0].clusters, one)
    else:
        used = ~np.isnan(one.values) & ~np.isnan(other.values)
        clusters = clusters[used]
    nothing = np.zeros(int(used.sum()))
    return Pair(
        kind=one.kind,
        first=sign * one.values[used],
        second=sign * other.values[used],
        lost_first=nothing,
        lost_second=nothing,
        limits=None,
        values=(sign * float(one.value or 0.0), sign * float(other.value or 0.0)),
        clusters=clusters,
        design=design(len(nothing), groups=clusters),
        attrition=0,
        samples=len(cells[0].ids) if one.kind == "folds" else len(nothing),
        independent=len(np.unique(cells[0].clusters if one.kind == "folds" else clusters)),
        seeds=seeds_of(one, other),
    )


def fold_names(clusters: Digests, number: Evidence) -> Digests:
    """A digest for each fold; the number may rest on a part of the samples, and then on a part of the folds."""
    folds = folds_of(clusters)
    if int(folds.max(initial=-1)) + 1 == len(number.values):
        return np.asarray(clusters[np.unique(folds, return_index=True)[1]])
    return np.arange(len(number.values), dtype=np.uint64)


def _by_sample(
    cells: tuple[CellEvidence, CellEvidence], numbers: tuple[Evidence, Evidence], m: Match, *, clustered: bool
) -> Pair | str:
    one, other = numbers
    bounded = one.bounded and other.bounded
    sign = -1.0 if one.better == "lower" else 1.0
    common = m.rows if not bounded else _with_lost(m)
    values = [np.full(len(common[0]), np.nan) for _ in range(2)]
    for side, number in enumerate(numbers):
        held = common[side] >= 0
        values[side][held] = number.values[common[side][held]]
    lost = [rows < 0 for rows in common]
    # Rows that the number leaves out (OOD samples, other slices) are no attrition.
    used = (~np.isnan(values[0]) | lost[0]) & (~np.isnan(values[1]) | lost[1])
    both = m.failed_both if bounded else 0
    clusters = np.where(lost[0], _taken(cells[1], common[1], clustered), _taken(cells[0], common[0], clustered))[used]
    weights = np.where(lost[0], _weights(cells[1], common[1]), _weights(cells[0], common[0]))[used]
    pads = np.ones(both)
    clusters = np.concatenate([clusters, np.arange(both, dtype=np.uint64)])
    first, second = (sign * np.concatenate([np.nan_to_num(v[used]), 0 * pads]) for v in values)
    limits = None
    if bounded and one.range[0] is not None and one.range[1] is not None:
        limits = (min(sign * one.range[0], sign * one.range[1]), max(sign * one.range[0], sign * one.range[1]))
    kind: PairKind = "share" if one.kind == other.kind == "share" else "mean"
    if kind == "share" and sign < 0:  # a share of errors becomes one of what was right
        first, second, limits = 1 + first, 1 + second, (0.0, 1.0)
    return Pair(
        kind=kind,
        first=first,
        second=second,
        lost_first=np.concatenate([lost[0][used], pads]).astype(np.float64),
        lost_second=np.concatenate([lost[1][used], pads]).astype(np.float64),
        limits=limits,
        values=(sign * float(one.value or 0.0), sign * float(other.value or 0.0)),
        clusters=clusters,
        design=design(len(first), groups=clusters, weights=np.concatenate([weights, pads])),
        attrition=m.n_failed,
        samples=len(first),
        independent=len(np.unique(clusters)),
        seeds=seeds_of(one, other),
    )


def seeds_of(*numbers: Evidence) -> tuple[Seeds, ...]:
    """The seeds of those numbers that are means over trainings."""
    return tuple(e.seeds for e in numbers if e.seeds is not None)


def _with_lost(m: Match) -> tuple[Ints, Ints]:
    """Positions of the common samples and of those that one side lost, -1 where it did."""
    none_first = np.full(len(m.failed_reference), -1)
    none_second = np.full(len(m.failed_candidate), -1)
    return (
        np.concatenate([m.rows[0], none_first, m.failed_candidate]),
        np.concatenate([m.rows[1], m.failed_reference, none_second]),
    )


def _taken(cell: CellEvidence, rows: Ints, clustered: bool) -> Digests:
    names = cell.clusters if clustered else cell.ids
    return names[rows] if len(names) else np.zeros(len(rows), dtype=np.uint64)


def _weights(cell: CellEvidence, rows: Ints) -> Float64s:
    return np.ones(len(rows)) if cell.weights is None else cell.weights[rows]


def described(m: Match, reference: str, candidate: str) -> str:
    """What differs between two sets of samples, in words."""
    parts = [
        f"{count:,} samples of {here} are not in {there}"
        for count, here, there in (
            (m.unmatched[0], reference, candidate),
            (m.unmatched[1], candidate, reference),
        )
        if count
    ]
    return "; ".join(parts)
