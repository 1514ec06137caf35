"""The gate as Markdown: for a pull request's comment, and for a step summary; cut where GitHub would cut or refuse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.gates.document import CheckResult, Gate
from bench.reports import words
from bench.reports.decisions.gate import MEANINGS, ORDER, SIGNS, chips, ends, gain, in_order, subject
from bench.reports.decisions.sheet import CORRECTIONS
from bench.reports.numerals import NONE, short, written
from bench.reports.text import markdown

MARKER = "<!-- bench-gate -->"  # by which a later comment finds the earlier one
COMMENT = 64_000  # bytes; GitHub refuses comments above 65,536 characters
SUMMARY = 900_000  # bytes; GitHub drops a step summary above 1,024 k
QUIET = ("pass", "improved")
_HEADS = ("", "Task", "Metric", "Baseline", "Candidate", "Gain [95 %]", "Margin", "p", "Why")


def render(gate: Gate, *, limit: int = COMMENT) -> str:
    """The gate as Markdown of at most `limit` bytes; what matters most comes first, and what is cut is counted."""
    checks = in_order(gate)
    loud = [c for c in checks if c.verdict not in QUIET]
    calm = [c for c in checks if c.verdict in QUIET]
    head = _head(gate)
    tail = "\n" + _foot(gate)
    room = limit - len((head + tail).encode()) - 400
    body, room = _table("", loud, room)
    if calm:
        inner, room = _table("", calm, room - 80)
        body += f"\n<details><summary>{len(calm)} passed</summary>\n\n{inner}\n</details>\n"
    return head + body + tail


def _head(gate: Gate) -> str:
    counts = " · ".join(f"{SIGNS[v]} {gate.counts[v]} {v}" for v in ORDER if gate.counts[v])
    facts = " · ".join(f"{markdown(k)} {markdown(v)}" for k, v in chips(gate))
    verdict = f"**{SIGNS[gate.verdict]} {gate.verdict.upper()}**: {MEANINGS[gate.verdict]}"
    parts = [MARKER, f"### bench · {markdown(gate.name, 80)}", verdict, counts, f"<sub>{facts}</sub>"]
    if gate.stopped:
        parts.append(f"> Stopped early: {markdown(gate.stopped.reason)}")
    parts += [f"> {markdown(note)}" for note in gate.notes[:10]]
    return "\n\n".join(p for p in parts if p) + "\n\n"


def _table(title: str, checks: Sequence[CheckResult], room: int) -> tuple[str, int]:
    if not checks:
        return title, room
    lines = [_line(_HEADS), _line("---" if i in {0, 1, 2, 8} else "--:" for i in range(len(_HEADS)))]
    room -= sum(len(line.encode()) + 1 for line in lines)
    for k, c in enumerate(checks):
        line = _line(_cells(c))
        room -= len(line.encode()) + 1
        if room < 0:
            lines.append(_line([f"… {len(checks) - k} more in gate.json and gate.html", *[""] * (len(_HEADS) - 1)]))
            break
        lines.append(line)
    return title + "\n".join(lines) + "\n", room


def _cells(c: CheckResult) -> list[str]:
    sign = f"{SIGNS[c.verdict]} {c.verdict}" + ("" if c.required else " (advisory)")
    if c.acknowledged and c.acknowledged.active:
        sign += f" (acknowledged until {c.acknowledged.expires})"
    limit = short(c.margin) if c.limit is None else f"{c.kind} {short(c.limit)}"
    why = "; ".join([c.reason, *c.warnings])
    small = subject(c)
    return [
        sign,
        markdown(c.task, 80) + (f"<br><sub>{markdown(small, 160)}</sub>" if small else ""),
        markdown(words.label(c.metric)),
        written(c.baseline),
        written(c.candidate),
        f"{gain(c)} {ends(c)}" if c.low is not None else gain(c),
        limit,
        NONE if c.p_adjusted is None else written(c.p_adjusted, 3),
        markdown(why, 300),
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _foot(gate: Gate) -> str:
    checked = ""
    if gate.self_check and gate.self_check.permutations:
        s = gate.self_check
        checked = f" Self-check: {100 * s.false_fail_at_zero:.1f} % false alarms in {s.permutations} exchanges."
    return (
        "<sub>Candidate minus baseline on the same samples, positive for better. "
        f"Correction: {CORRECTIONS[gate.correction]}; exit code {gate.exit_code}.{checked}</sub>\n"
    )
