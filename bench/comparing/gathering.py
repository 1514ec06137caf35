"""From a run folder to what its numbers rest on: each number is computed again from the records, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints, Ragged, Strings
from bench.comparing.evidence import CellEvidence, Digests, Evidence, Kind, Side, digests, folds_of
from bench.comparing.trainings import as_one, of_seed
from bench.components import Metric, NotApplicable
from bench.errors import BenchError, EvaluationError
from bench.records import Record
from bench.registry import chosen
from bench.reports.headlines import HARNESS
from bench.results import Result
from bench.runners.cells import CellEntry
from bench.runners.folder import RunFolder
from bench.runners.identity import fingerprint
from bench.runners.measure import views
from bench.stats.design import design
from bench.stats.influence import of_auroc, of_ratio, of_weighted

# What a record holds of the question and of the truth; the rest is the model's.
QUESTION: Mapping[str, tuple[str, ...]] = {
    "classification": ("labels", "truth"),
    "regression": ("y",),
    "choices": ("labels", "order"),
    "tokens": ("bytes", "words", "truth"),
    "generations": ("target",),
    "density": ("dim", "truth"),
}
COMMON = ("groups", "weights", "ood", "dataset")
SAME = 1e-6  # relative; a number that was made on another machine may differ in its last digits
TELLING = 0.5  # share of samples with a real number of their own, from which equal answers say: the same model


def side(run: RunFolder, name: str, *, model: str = "") -> Side:
    """All numbers of a run (of one model of it) with what they rest on.  Reads every record once."""
    results: dict[tuple[str, str, str], list[Result]] = {}
    for result in run.results():
        results.setdefault((result.model, result.task, result.decoder), []).append(result)
    entries: dict[tuple[str, str, str], list[CellEntry]] = {}
    for e in run.cells:
        if not model or e.subject == model:
            entries.setdefault((e.subject, e.task, e.decoder), []).append(e)
    cells = tuple(_gathered(run, own, results.get(key, [])) for key, own in entries.items())
    return Side(name=name, facts=_facts(run), cells=cells, folder=str(run.path), model=model)


def _gathered(run: RunFolder, entries: Sequence[CellEntry], results: Sequence[Result]) -> CellEvidence:
    """What a model's numbers on a task rest on; of one trained by several seeds, on all of its cells."""
    if not entries[0].family:
        return gather(run, entries[0], results)
    each = [gather(run, e, [of_seed(r, k) for r in results]) for k, e in enumerate(entries)]
    return as_one(entries[0].family, each, results)


def _facts(run: RunFolder) -> dict[str, str]:
    manifest = run.manifest
    git = manifest.get("git") or {}
    commit = str(git.get("commit", ""))[:10] + (" + changes" if git.get("dirty") else "")
    facts = {
        "run": run.path.name,
        "suite": manifest.get("suite"),
        "seed": manifest.get("seed"),
        "created": str(manifest.get("created", "")).replace("T", " ").replace("+00:00", " UTC"),
        "commit": commit,
        "bench": manifest.get("bench_version"),
    }
    return {k: str(v) for k, v in facts.items() if v not in (None, "")}


def gather(run: RunFolder, entry: CellEntry, results: Sequence[Result]) -> CellEvidence:
    """What the results of one cell rest on; a cell without a record keeps the reason."""
    about: dict[str, Any] = {
        "model": entry.model, "task": entry.task, "decoder": entry.decoder, "area": entry.area,
        "record": entry.record, "identity": dict(entry.identity),
    }  # fmt: skip
    if entry.status != "done":
        error = entry.error or "the cell was not finished"
        return CellEvidence(**about, ids=np.empty(0, dtype=np.uint64), error=error)
    long = run.long(entry.name)
    if long is not None:
        return CellEvidence(**about, ids=np.empty(0, dtype=np.uint64), barred=_too_long(len(long)))
    record, failures = run.record(entry.name), run.failures(entry.name)
    test = record.split("test")
    names = digests(test.ids, "sample ids")
    order = np.argsort(names)
    test, ids = test.take(order), names[order]
    if len(np.unique(ids)) < len(ids):
        raise EvaluationError(
            f"'{run.path}': {entry.task} has a sample id twice", cause="samples are paired by id", fix="make ids unique"
        )
    clusters = ids if test.groups is None else digests(test.groups, "groups")
    found = _numbers(record, test, results, ids, clusters)
    return CellEvidence(
        **about,
        ids=ids,
        groups=None if test.groups is None else clusters,
        weights=test.weights,
        failed=np.sort(digests(np.array(sorted(failures), dtype=np.str_), "sample ids")),
        n_failed=max((r.n_failed for r in results), default=record.n_failed),
        questions=_questions(test),
        answers=_answers(test),
        unmeasured=entry.unmeasured,
        numbers=tuple(found),
    )


def _too_long(rows: int) -> str:
    return (
        f"its {rows:,} rows are too many to be held and paired by id; results.json has its numbers with their "
        "intervals, and a part of the rows, the same on both sides, can be evaluated and compared"
    )


def _numbers(
    record: Record, test: Record, results: Sequence[Result], ids: Digests, clusters: Digests
) -> list[Evidence]:
    def key(result: Result) -> tuple[str, str]:
        return (result.calibrator, result.score)

    found: list[Evidence] = []
    for (calibrator, score), group in groupby(sorted(results, key=key), key=key):
        view = views(record, test, calibrator, score)
        for result in group:
            sample = view(result.slice)
            place = np.searchsorted(ids, digests(sample.ids, "sample ids"))
            metric = _metric(result, sample)
            if metric is not None:
                found.append(_number(metric, result, sample, place, ids, clusters))
                if not (calibrator or score) and isinstance(sample, Record):
                    found += _by_dataset(metric, result, sample, place, ids, clusters)
    return found


def _metric(result: Result, sample: Any) -> Metric | None:
    """What made a result; `None` for a number that estimates nothing, or that the record cannot give again.

    Of the harness's own numbers a record holds what each sample got: those that are its mean can be paired.
    """
    if not result.metric.startswith(HARNESS):
        metric = chosen(Metric, result.metric)
        return metric if metric.interval else None
    from bench.harness.metrics import mean_of

    metric = mean_of(result.metric, limits=result.range)
    try:
        value, _, _ = contributions(metric, sample, digests(sample.ids, "sample ids"))
    except (NotApplicable, BenchError, KeyError, TypeError, ValueError):  # the last two: its items are no numbers
        return None
    same = value is not None and result.value is not None and abs(value - result.value) <= SAME * max(1.0, abs(value))
    return metric if same or result.n_failed else None


def _by_dataset(
    metric: Metric, result: Result, sample: Record, place: Ints, ids: Digests, clusters: Digests
) -> Iterator[Evidence]:
    """The number on the samples of each data set, where there are several."""
    if sample.dataset is None:
        return
    names = np.unique(sample.dataset)
    for name in names if len(names) > 1 else ():
        rows = np.flatnonzero(sample.dataset == name)
        bare = replace(result, slice=str(name), value=None, low=None, high=None)
        yield _number(metric, bare, sample.take(rows), place[rows], ids, clusters)


def _number(metric: Metric, result: Result, sample: Any, place: Ints, ids: Digests, clusters: Digests) -> Evidence:
    try:
        value, kind, values = contributions(metric, sample, clusters[place])
    except (NotApplicable, BenchError):
        value, kind, values = None, "mean", np.full(len(place), np.nan)
    _agree(result, value)
    if kind != "folds":
        spread = np.full(len(ids), np.nan)
        spread[place] = values
        values = spread
    return Evidence(
        calibrator=result.calibrator,
        score=result.score,
        slice=result.slice,
        metric=result.metric,
        better=result.better,
        unit=result.unit,
        range=metric.range,
        biased=result.biased,
        likelihood=result.likelihood,
        kind=kind,
        value=value,
        values=values,
        shown=(value if result.value is None else result.value, result.low, result.high),
    )


def contributions(metric: Metric, sample: Any, clusters: Digests) -> tuple[float | None, Kind, Float64s]:
    """A metric of a record or detection: its value, and what each row (or each fold of clusters) adds to it.

    Means give the samples' own values, ratios and AUROC their influence, all else the jackknife over `folds_of`.
    """
    d = design(len(sample), groups=clusters, weights=sample.weights)
    kind: Kind
    if not metric.weighted:
        measured = metric.function(sample)
        if measured.denominators is None and measured.link == "identity":
            value = float(d.weights @ measured.values / d.weights.sum()) if d.rows else math.nan
            ones = metric.range == (0, 1) and bool(np.isin(measured.values, (0.0, 1.0)).all())
            kind, values = ("share" if ones else "mean"), measured.values
        else:
            denominators = np.ones(len(d)) if measured.denominators is None else measured.denominators
            found = of_ratio(measured.values, denominators, d, link=measured.link)
            value, kind, values = found.value, "influence", found.contributions
    elif metric.name == "auroc":
        found = of_auroc(np.asarray(sample.scores, np.float64), np.asarray(sample.positive, bool), d)
        value, kind, values = found.value, "influence", found.contributions
    else:
        coarse = design(len(sample), groups=folds_of(clusters), weights=sample.weights)
        found = of_weighted(lambda w: metric.function(sample, w), coarse)
        value, kind, values = found.value, "folds", found.totals(coarse)
    if not math.isfinite(value) or not np.isfinite(values).all():
        return None, kind, np.full(len(values), np.nan)
    return value, kind, np.asarray(values, dtype=np.float64)


def _agree(result: Result, value: float | None) -> None:
    """What the records give must be what results.json says, where no failed sample stands between the two."""
    if value is None or result.value is None or result.n_failed:
        return
    if abs(value - result.value) > SAME * max(1.0, abs(result.value)):
        raise EvaluationError(
            f"results.json and the records disagree on {result.metric} of {result.model} on {result.task}",
            cause=f"{result.value} there, {value} computed again",
            fix="evaluate again with this version of bench",
        )


def _columns(test: Record, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(test, name) for name in names if getattr(test, name, None) is not None}


def _questions(test: Record) -> str:
    return fingerprint([test.ids, _columns(test, (*COMMON, *QUESTION.get(test.kind, ())))])


def _answers(test: Record) -> str:
    """Digest of what the model answered; empty unless most samples have a real number that no other sample has."""
    asked = {"ids", "splits", *COMMON, *QUESTION.get(test.kind, ())}
    given = _columns(test, [name for name in test.columns() if name not in asked])
    reals = [v.values if isinstance(v, Ragged) else v for v in given.values()]
    reals = [v for v in reals if v.dtype.kind == "f" and v.size]
    if not any(len(np.unique(v)) > TELLING * len(test) for v in reals):
        return ""
    return fingerprint([test.ids, given])


def sample_ids(run: RunFolder, name: str) -> Strings:
    """Ids of a cell's answered test samples in the order of `CellEvidence.ids`."""
    ids = run.record(name).split("test").ids
    return np.asarray(ids[np.argsort(digests(ids, "sample ids"))])
