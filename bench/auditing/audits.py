"""The audits by name: what each asks, whose system it is, and the known-truth check that holds its statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.auditing import explaining, sampling
from bench.auditing.findings import Finding
from bench.auditing.subjects import Subject, subjects
from bench.errors import UsageError, unknown_name
from bench.runners.folder import RunFolder

Function = Callable[[Sequence[Subject], int], Iterable[Finding]]


@dataclass(frozen=True)
class Audit:
    """One audit.  check: the name for `bench check --name`."""

    function: Function
    asks: str
    source: str
    check: str


AUDITS: dict[str, Audit] = {
    "proxy": Audit(
        explaining.proxy, "does likelihood order models as accuracy does?",
        "Lambert, Amos, Yadan and Calandra 2020", "stats/proxy-audit",
    ),
    "failures": Audit(
        explaining.failures, "where does a model err together?", "Nguyen and Gonzalez 2024", "stats/failure-search"
    ),
    "subset": Audit(
        sampling.subset, "how well does a fifth of the samples tell the whole?", "Axiotis et al. 2024",
        "stats/sensitivity-sampling",
    ),
    "crowd": Audit(
        sampling.crowd, "does confidence go with being right, from few well-chosen ratings?",
        "Oikarinen, Yan, Kulkarni and Weng 2025", "stats/crowd-bayes",
    ),
    "groups": Audit(
        sampling.groups, "which groups err most, from one sample for all?", "multi-expectation importance sampling "
        "with control variates (ME-aISCV)", "stats/control-variates",
    ),
    "dependence": Audit(
        explaining.dependence, "what does confidence depend on, tested by betting?", "Teneggi and Sulam 2024",
        "stats/betting-two-sample",
    ),
    "shifts": Audit(
        explaining.shifts, "which shift changed the error rate from one task to the next?",
        "Zhang, Singh, Ghassemi and Joshi 2023", "stats/shift-attribution",
    ),
    "regret": Audit(
        explaining.unfair, "which group has most cause to regret the confidences?", "Acharya et al. 2023",
        "stats/groupwise-regret",
    ),
}  # fmt: skip


def audited(run: RunFolder, names: Sequence[str], *, tasks: Sequence[str] = (), seed: int = 0) -> Iterator[Finding]:
    """The findings of the audits named (none: all) on a run.

    Raises `UsageError` for an unknown name, and for a run in which no answer can be right or wrong.
    """
    for name in names:
        if name not in AUDITS:
            raise unknown_name("audit", name, AUDITS, listing="bench audit --list")
    found = list(subjects(run, tasks=tasks, seed=seed))
    if not found:
        raise UsageError(
            f"there is nothing to audit in '{run.path}'",
            cause="none of its cells has 20 samples or more whose answers can be right or wrong",
            fix="name a run of classification, choices or generations",
        )
    for name in names or AUDITS:
        yield from AUDITS[name].function(found, seed)
