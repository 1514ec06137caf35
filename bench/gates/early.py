"""Stopping an evaluation as soon as it is surely worse: bets on the paired differences, looked at after each batch.

A betting e-process keeps the chance of a false stop at the level however often one looks (`bench.stats.betting`), if
samples come in an order that says nothing of their difference: a task that asks its hard questions first may be
stopped for that.  It has less power than the gate at the end, and stops only for what is clearly bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import Float64s
from bench.comparing.evidence import CellEvidence, Digests, Evidence, Side, digests
from bench.components import Metric, NotApplicable, Task
from bench.errors import IncompleteError
from bench.gates.document import EXITS, CheckResult, Gate, SideFacts, Stop, counted
from bench.gates.policy import CheckRule, Policy
from bench.registry import chosen, find
from bench.reports.numerals import written
from bench.runners.folder import RunFolder
from bench.runners.journal import Journal, Layout
from bench.runners.measure import inliers
from bench.runners.plan import Plan, asked_rows, load_examples
from bench.runners.progress import Planned, Progress
from bench.runners.wanted import extended
from bench.stats.betting import judge
from bench.stats.verdicts import ALPHA, Verdict

if TYPE_CHECKING:
    from bench.config import RunConfig

GROWTH = 1.1  # a cell is looked at again once so many times more samples are there: reading them all costs


class StoppedEarlyError(IncompleteError):
    """An evaluation that was stopped because it was surely worse; what was answered is kept."""

    def __init__(self, stop: Stop, path: Path) -> None:
        super().__init__("stopped early", cause=stop.reason, fix=f"bench eval --resume {path} goes on nonetheless")
        self.stop = stop
        self.path = path


@dataclass
class _Stream:
    """One check that is followed: the baseline's values, and the rule that says what is borne."""

    cell: CellEvidence
    number: Evidence
    rule: CheckRule
    label: str
    asked: Any


@dataclass
class EarlyStop:
    """Progress that passes everything on, and raises `StoppedEarlyError` when a stream crosses its boundary."""

    inner: Progress
    streams: Sequence[_Stream]
    path: Path = field(default_factory=Path)
    seen: dict[str, int] = field(default_factory=dict)

    def start(self, plan: Planned) -> None:
        """Pass it on."""
        self.inner.start(plan)

    def folder(self, path: Path) -> None:
        """Remember where the answers are."""
        self.path = path
        self.inner.folder(path)

    def cell(self, name: str, n: int) -> None:
        """Pass it on."""
        self.inner.cell(name, n)

    def advance(self, name: str, n_done: int, running: str) -> None:
        """Look, where enough has been added since the last look."""
        self.inner.advance(name, n_done, running)
        mine = [s for s in self.streams if s.label == name]
        if mine and n_done >= GROWTH * self.seen.get(name, 0):
            self.seen[name] = n_done
            for stream in mine:
                stop = _look(stream, self.path, ALPHA / len(self.streams))
                if stop is not None:
                    raise StoppedEarlyError(stop, self.path)

    def done(self, name: str) -> None:
        """Pass it on."""
        self.inner.done(name)

    def note(self, text: str) -> None:
        """Pass it on."""
        self.inner.note(text)

    def finish(self) -> None:
        """Pass it on."""
        self.inner.finish()


def watching(inner: Progress, policy: Policy, baseline: Side, plan: Plan, config: RunConfig) -> EarlyStop:
    """Progress that follows every required check whose metric is a bounded mean of its samples."""
    return EarlyStop(inner, list(_streams(policy, baseline, plan, config)))


def _streams(policy: Policy, baseline: Side, plan: Plan, config: RunConfig) -> Iterator[_Stream]:
    single = len({(c.task, c.decoder) for c in baseline.cells}) == len(baseline.cells)
    for planned in plan.cells:
        cell = planned.cell
        if cell.family is not None:
            continue  # one seed does not decide over several
        task, decoder = str(cell.task), str(cell.decoder or "")
        found = [c for c in baseline.cells if (c.task, c.decoder) == (task, decoder)]
        found = [c for c in found if single or c.model == str(cell.model)]
        for one in found[:1]:
            examples = load_examples(cell.task, seed=config.seed, limit=config.limit)
            asked = asked_rows(extended(find(Task, cell.task.name), config), examples)
            for rule in policy.checks:
                for number in one.numbers:
                    if _followed(rule, one, number, str(cell.model)):
                        yield _Stream(one, number, rule, cell.label, asked)


def _followed(rule: CheckRule, cell: CellEvidence, number: Evidence, model: str) -> bool:
    plain = not (number.calibrator or number.score or number.slice) and number.bounded
    meant = fnmatchcase(cell.task, rule.task) and fnmatchcase(number.metric, rule.metric)
    meant = meant and fnmatchcase(model, rule.model) and fnmatchcase(cell.decoder, rule.decoder)
    plain = plain and not (rule.calibrator or rule.score or rule.slice)
    return plain and meant and rule.required and rule.margin is not None and rule.direction != "equal"


def _look(stream: _Stream, path: Path, alpha: float) -> Stop | None:
    x = _differences(stream, path)
    low, high = stream.number.range
    if not len(x) or low is None or high is None:
        return None
    margin = stream.rule.borne(stream.number.value or 0.0)
    if margin >= high - low:
        return None
    found = judge(x, margin=margin, limits=(low - high, high - low), alpha=alpha)
    if found.verdict is not Verdict.FAIL:
        return None
    gain = float(x[: found.stop].mean())
    return Stop(
        task=stream.cell.task,
        model=stream.label.partition(" on ")[0],
        metric=stream.number.metric,
        samples=found.stop,
        planned=stream.cell.n,
        gain=gain,
        reason=f"{stream.number.metric} on {stream.cell.task} was {written(gain, 3)} after {found.stop} of "
        f"{stream.cell.n} independent samples: surely worse by more than {written(margin)}",
    )


def _differences(stream: _Stream, path: Path) -> Float64s:
    """Candidate less baseline in the order of arrival, positive for better; one value a cluster that is complete."""
    ids, values, failed = _arrived(stream, path)
    place = np.searchsorted(stream.cell.ids, ids)
    place[place == len(stream.cell.ids)] = 0
    known = stream.cell.ids[place] == ids if len(stream.cell.ids) else np.zeros(len(ids), dtype=bool)
    base = stream.number.values[place[known]]
    low, high = stream.number.range
    lower = stream.rule.direction == "lower" or (stream.rule.direction == "metric" and stream.number.better == "lower")
    worst = float((high if lower else low) or 0.0)
    mine = np.where(failed, worst, values)[known].astype(np.float64)
    x = (base - mine) if lower else (mine - base)
    held = ~np.isnan(x)
    clusters = stream.cell.clusters[place[known]][held]
    return x[held] if stream.cell.groups is None else _by_cluster(x[held], clusters, stream.cell.clusters)


def _by_cluster(x: Float64s, clusters: Digests, all_clusters: Digests) -> Float64s:
    names, inverse, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    every, sizes = np.unique(all_clusters, return_counts=True)
    whole = counts == sizes[np.searchsorted(every, names)]
    last = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(last, inverse, np.arange(len(x)))
    means = np.bincount(inverse, x, minlength=len(names)) / counts
    order = np.argsort(last[whole])
    return np.asarray(means[whole][order], dtype=np.float64)


def _arrived(stream: _Stream, path: Path) -> tuple[Digests, Float64s, Any]:
    """Digests, values and failures of the samples that were answered so far, in the order of asking."""
    run = RunFolder.open(path)
    entry = next(e for e in run.cells if _label(e) == stream.label)
    cls = find(Task, stream.cell.task.partition(",")[0]).yields
    layout = Layout(stream.asked.ids, entry.batch)
    with Journal.open(run.cell_path(entry.name), cls, layout, key=entry.digest) as journal:
        batches = [journal.read(b) for b in sorted(journal.done)]
    metric = chosen(Metric, stream.number.metric)
    names: list[str] = []
    values: list[float] = []
    lost: list[bool] = []
    for batch in batches:
        if batch.rows:
            part = inliers(cls.from_rows(list(batch.rows), batch.attributes).split("test"))
            try:
                found = metric.function(part).values if len(part) else np.empty(0)
            except NotApplicable:
                continue
            names += [str(i) for i in part.ids]
            values += [float(v) for v in found]
            lost += [False] * len(part)
        names += batch.failed
        values += [0.0] * len(batch.failed)
        lost += [True] * len(batch.failed)
    return digests(np.array(names, dtype=np.str_), "sample ids"), np.array(values), np.array(lost, dtype=bool)


def _label(entry: Any) -> str:
    return f"{entry.model} on {entry.task}" + (f" by {entry.decoder}" if entry.decoder else "")


def stopped_gate(policy: Policy, baseline: Side, error: StoppedEarlyError, *, created: str) -> Gate:
    """The gate of an evaluation that was stopped: one FAIL, and everything else not known."""
    stop = error.stop
    checks = [
        CheckResult(
            id=f"{stop.task} · {stop.metric}", kind="regression", verdict="fail", counts_as="fail", required=True,
            reason=stop.reason, task=stop.task, metric=stop.metric, model=stop.model, gain=stop.gain, n=stop.samples,
            method="betting e-process",
        )
    ]  # fmt: skip
    checks += [
        CheckResult(
            id=f"{rule.label} ({k + 1})", kind="regression", verdict="inconclusive", counts_as="pass",
            required=rule.required, reason="not evaluated: stopped early", task=rule.task, metric=rule.metric,
            model=rule.model,
        )
        for k, rule in enumerate(policy.checks)
    ]  # fmt: skip
    return Gate(
        created=created, name=policy.name, correction="none", verdict="fail",
        exit_code=int(EXITS[Verdict.FAIL]), counts=counted(checks),
        baseline=SideFacts(name=baseline.name, facts=dict(baseline.facts)),
        candidate=SideFacts(name=str(error.path), facts={}), checks=tuple(checks), stopped=stop,
    )  # fmt: skip
