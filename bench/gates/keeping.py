"""Which numbers a baseline keeps: what a policy checks, or the headlines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.comparing.evidence import CellEvidence, Evidence
from bench.gates.policy import read
from bench.gates.starting import headline_numbers


def keeper(policy: Path | None) -> Callable[[CellEvidence, Evidence], bool]:
    """Whether a number is kept."""
    if policy is None:
        return lambda cell, number: any(number is e for e in headline_numbers(cell))
    rules = read(policy).checks

    def checked(cell: CellEvidence, number: Evidence) -> bool:
        names = {
            "task": cell.task, "decoder": cell.decoder, "metric": number.metric, "calibrator": number.calibrator,
            "score": number.score, "slice": number.slice,
        }  # fmt: skip
        # The model that will be compared may have another name.
        return any(rule.takes({**names, "model": rule.model}) for rule in rules)

    return checked
