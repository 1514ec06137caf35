"""Programs and sets of programs: how often they are right, and how much of them is left open."""

from __future__ import annotations

from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records.programs import Programs

PAPER = "PAC Prediction Sets for Large Language Models of Code"
CHECK = "uncertainty/program-sets"
_SOURCE = "Khakhar, Mell and Bastani 2023, arXiv:2302.08703"


@metric("program-match", of=Programs, area="uncertainty", better="higher", range=(0, 1), source=_SOURCE, check=CHECK)
def program_match(record: Programs) -> PerSample:
    """Share of programs whose tree is that of the right one: layout and comments do not count, names do."""
    return per_sample(record.matches)


@metric(
    "program-coverage",
    of=Programs,
    area="uncertainty",
    better="none",
    range=(0, 1),
    source=_SOURCE,
    papers=(PAPER,),
    check=CHECK,
)
def program_coverage(record: Programs) -> PerSample:
    """Share of sets that hold the right program: at least 1 - epsilon, with confidence 1 - delta."""
    if record.holds is None:
        raise NotApplicable("the record has no sets of programs")
    return per_sample(record.holds)


@metric(
    "nodes-left-out",
    of=Programs,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    source=_SOURCE,
    papers=(PAPER,),
    check=CHECK,
)
def nodes_left_out(record: Programs) -> PerSample:
    """Mean share of a program's nodes that are holes: better lower only at equal coverage.  1 says nothing at all."""
    if record.left_out is None:
        raise NotApplicable("the record has no sets of programs")
    return per_sample(record.left_out)
