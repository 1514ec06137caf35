"""What GitHub Actions reads: annotations, the step summary and outputs, each within its limits."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from bench.gates.document import CheckResult, Gate
from bench.reports.decisions.gate import ends, gain, in_order
from bench.reports.decisions.markdown import SUMMARY, render
from bench.reports.numerals import short
from bench.reports.text import shorten

MOST = 10  # annotations of one kind that a step shows
LEVELS: Mapping[str, str] = {
    "fail": "error", "error": "error", "invalid": "error", "missing": "error", "inconclusive": "warning",
}  # fmt: skip
SMALLEST = 2_000  # bytes; a summary shorter than this says nothing


def active(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this is a step of a workflow."""
    return (os.environ if environ is None else environ).get("GITHUB_ACTIONS") == "true"


def commands(gate: Gate) -> list[str]:
    """Workflow commands, at most ten of a kind; where there are more, the tenth counts the rest."""
    by_level: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for c in in_order(gate):
        loud = level(c)
        if loud:
            by_level[loud].append(_command(loud, f"{c.verdict}: {c.id}", message(c)))
    for loud, lines in by_level.items():
        if len(lines) > MOST:
            rest = len(lines) - MOST + 1
            lines[MOST - 1 :] = [_command(loud, "and more", f"{rest} more checks: see the step summary")]
    if gate.exit_code and not by_level["error"] and not by_level["warning"]:
        by_level["error"].append(_command("error", f"gate: {gate.verdict}", "; ".join(gate.notes) or gate.verdict))
    return [line for lines in by_level.values() for line in lines]


def level(c: CheckResult) -> str:
    """How loud a check is: error, warning, notice, or nothing."""
    if c.verdict in {"pass", "improved"}:
        return ""
    counts = c.required and c.counts_as not in {"pass", "improved"}
    return LEVELS["fail" if c.counts_as == "fail" else c.verdict] if counts else "notice"


def message(c: CheckResult) -> str:
    """What it says in one line."""
    numbers = f"gain {gain(c)} {ends(c)}, margin {short(c.margin)}. " if c.gain is not None else ""
    return numbers + "; ".join([c.reason, *c.warnings])


def _command(kind: str, title: str, said: str) -> str:
    # Texts from outside must not end the command and begin another.
    text = shorten(said, 400).replace("%", "%25")
    head = shorten(title, 120).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={head}::{text}"


def write_summary(gate: Gate, path: Path) -> bool:
    """Append the gate to the step's summary, within what is left of its limit; whether there was room."""
    used = path.stat().st_size if path.exists() else 0
    room = SUMMARY - used
    if room < SMALLEST:
        return False
    with path.open("a", encoding="utf-8") as file:
        file.write(render(gate, limit=room) + "\n")
    return True


def write_outputs(gate: Gate, folder: Path, path: Path) -> None:
    """Append `verdict`, `exit-code`, `failed`, `inconclusive` and the paths of the files to the step's outputs."""
    values = {
        "verdict": gate.verdict,
        "exit-code": str(gate.exit_code),
        "checks": str(len(gate.checks)),
        "failed": str(gate.counts["fail"]),
        "inconclusive": str(gate.counts["inconclusive"]),
        "json": str(folder / "gate.json"),
        "html": str(folder / "gate.html"),
        "markdown": str(folder / "gate.md"),
        "junit": str(folder / "junit.xml"),
    }
    with path.open("a", encoding="utf-8") as file:
        for key, value in values.items():
            # A delimiter that nobody can guess: a path with a line break sets nothing else.
            end = f"end-{secrets.token_hex(8)}"
            file.write(f"{key}<<{end}\n{value}\n{end}\n")


def defused(text: str) -> str:
    """A line of a log without the old form of workflow commands, which the runner finds anywhere in it."""
    return text.replace("##[", "## [")
