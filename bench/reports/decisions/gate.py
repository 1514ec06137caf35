"""The gate as a page: tiles, every check with its interval against its margin, what changed, and how it was judged."""

from __future__ import annotations

from collections.abc import Mapping

from bench.gates.document import CheckResult, Gate
from bench.reports import words
from bench.reports.decisions.sheet import CORRECTIONS, Part, Sheet, bar, html
from bench.reports.numerals import NONE, count, decimals, p_value, plural, short, written
from bench.reports.page import Tile
from bench.reports.text import name, shorten
from bench.reports.view import Grid, Head, Item, Row

SIGNS: Mapping[str, str] = {
    "error": "⚠", "invalid": "≠", "missing": "∅", "fail": "✕", "inconclusive": "◌", "pass": "✓", "improved": "▲",
}  # fmt: skip
TONES: Mapping[str, str] = {
    "error": "bad", "invalid": "bad", "missing": "warn", "fail": "bad", "inconclusive": "warn", "pass": "good",
    "improved": "good",
}  # fmt: skip
MEANINGS: Mapping[str, str] = {
    "error": "the evaluation failed, or nothing was checked",
    "invalid": "the two are not answers to the same questions",
    "missing": "one side lacks the number or some samples",
    "fail": "surely worse by more than the margin",
    "inconclusive": "too few samples to tell",
    "pass": "surely not worse by more than the margin",
    "improved": "surely better",
}
ORDER: tuple[str, ...] = tuple(SIGNS)
COLUMNS: tuple[str, ...] = (
    "verdict", "counts_as", "required", "kind", "task", "metric", "model", "decoder", "calibrator", "score", "slice",
    "baseline", "candidate", "gain", "low", "high", "margin", "limit", "p_worse", "p_adjusted", "mde", "n", "groups",
    "failed_baseline", "failed_candidate", "gains", "losses", "method", "reason",
)  # fmt: skip
LEAD = (
    "Candidate minus baseline on the same samples, turned so that positive is better. The green zone is what the "
    "margin bears. A check fails only where the whole interval lies outside the zone, corrected for the number of "
    "checks; it passes only where the whole interval lies inside."
)


def signed(verdict: str) -> str:
    """The verdict with its sign: never by colour alone."""
    return f"{SIGNS[verdict]} {verdict}"


def in_order(gate: Gate) -> list[CheckResult]:
    """The checks, what matters most first."""
    return sorted(gate.checks, key=lambda c: (not c.required, ORDER.index(c.verdict), c.id))


def places(c: CheckResult) -> int:
    """Decimals that the interval supports."""
    return decimals(c.gain or c.candidate or 0.0, c.low, c.high)


def gain(c: CheckResult) -> str:
    """The gain with its sign."""
    if c.gain is None:
        return NONE
    text = written(c.gain, places(c))
    return text if text.startswith("−") or float(c.gain) == 0 else f"+{text}"


def ends(c: CheckResult) -> str:
    """The interval of the gain."""
    if c.low is None or c.high is None:
        return NONE
    return f"[{written(c.low, places(c))}, {written(c.high, places(c))}]"


def subject(c: CheckResult) -> str:
    """The number's variant and model, small."""
    return " · ".join(name(p) for p in (c.decoder, c.calibrator, c.score, c.slice, c.model) if p and p != "*")


def page(gate: Gate) -> str:
    """The gate as one HTML text."""
    checks = in_order(gate)
    rows = [[getattr(c, column) for column in COLUMNS] for c in checks]
    return html(sheet(gate), COLUMNS, rows, "gate.csv")


def sheet(gate: Gate) -> Sheet:
    """What the page shows."""
    return Sheet(
        title=name(gate.name),
        status=f"{SIGNS[gate.verdict]} Gate: {gate.verdict}",
        tone=TONES[gate.verdict],
        chips=chips(gate),
        tiles=_tiles(gate),
        heading="Checks",
        lead=LEAD,
        filters=tuple((v, f"{SIGNS[v]} {v}") for v in ORDER),
        grid=grid(in_order(gate)),
        sections=(_reasons(gate), *_changed(gate), _methods(gate)),
        notes=tuple(shorten(n, 300) for n in _notes(gate)),
    )


def chips(gate: Gate) -> tuple[tuple[str, str], ...]:
    """Facts of both sides."""
    found = [("baseline", gate.baseline.name), ("candidate", gate.candidate.name)]
    for key in ("suite", "seed"):
        values = dict.fromkeys(s.facts.get(key, "") for s in (gate.baseline, gate.candidate))
        found.append((key, " → ".join(v for v in values if v)))
    for side, label in ((gate.baseline, "baseline commit"), (gate.candidate, "commit")):
        found.append((label, side.facts.get("commit", "")))
    found.append(("judged", gate.created.replace("T", " ").replace("+00:00", " UTC")))
    return tuple((k, shorten(v, 60)) for k, v in found if v)


def _notes(gate: Gate) -> list[str]:
    notes = list(gate.notes)
    if gate.stopped:
        notes.insert(0, f"Stopped early: {gate.stopped.reason}")
    return notes


def _tiles(gate: Gate) -> tuple[Tile, ...]:
    n = gate.counts
    barred = n["error"] + n["invalid"] + n["missing"]
    forgiven = sum(bool(c.acknowledged and c.acknowledged.active) for c in gate.checks)
    worse = "regressed" + (f", {forgiven} acknowledged" if forgiven else "")
    return (
        Tile(count(n["fail"]), worse, _tone(n["fail"], "bad")),
        Tile(count(n["inconclusive"]), "inconclusive (too few samples)", _tone(n["inconclusive"], "warn")),
        Tile(count(barred), "not comparable, missing or failed", _tone(barred, "bad")),
        Tile(count(n["improved"]), "improved", _tone(n["improved"], "good")),
        Tile(count(n["pass"]), "passed: not worse by the margin", _tone(n["pass"], "good")),
        Tile(count(len(gate.checks)), f"checks, {sum(c.required for c in gate.checks)} required"),
    )


def _tone(number: int, tone: str) -> str:
    return tone if number else "plain"


def grid(checks: list[CheckResult]) -> Grid:
    """All checks as a table."""
    heads = (
        Head("Verdict"), Head("Task"), Head("Metric"), Head("n", numeric=True),
        Head("Baseline", numeric=True), Head("Candidate", numeric=True),
        Head("Gain", numeric=True, note="candidate minus baseline (or limit), positive for better"),
        Head("Interval, drawn", note="95 %; 0 in the middle, 3 margins either way or as far as it takes; green: borne"),
        Head("Margin", numeric=True), Head("p, corrected", numeric=True, note="of 'not worse by more than the margin'"),
        Head("MDE", numeric=True, note="smallest difference found with 80 % power"),
    )  # fmt: skip
    return Grid(heads, tuple(_row(c) for c in checks))


def _row(c: CheckResult) -> Row:
    places_ = places(c)
    arrow = words.ARROWS.get(c.better, "")
    limit = f"{c.kind} {short(c.limit)}" if c.limit is not None else short(c.margin) if c.margin is not None else NONE
    badges = [] if c.required else ["advisory"]
    badges += ["acknowledged"] if c.acknowledged and c.acknowledged.active else []
    unit = c.margin or max((abs(x) for x in (c.low, c.high) if x is not None), default=0.0) / 2.8
    drawn = None
    if c.gain is not None:
        label = f"gain {gain(c)} {ends(c)}, margin {short(c.margin)}"
        drawn = bar(c.gain, (c.low, c.high), unit, label, margin=c.margin, tone=TONES[c.verdict])
    failed = c.failed_baseline + c.failed_candidate
    return Row(
        (
            Item(signed(c.verdict), tone=TONES[c.verdict], badges=tuple(badges), title=shorten(c.reason, 200)),
            Item(name(c.task), small=subject(c), strong=True),
            Item(f"{words.label(c.metric)} {arrow}".strip(), badges=("biased",) if c.biased else ()),
            Item(count(c.n) if c.n else NONE, sort=c.n, small=f"{failed} failed" if failed else _clusters(c)),
            Item(written(c.baseline, places_), sort=c.baseline),
            Item(written(c.candidate, places_), sort=c.candidate),
            Item(gain(c), sort=c.gain, small=ends(c) if c.low is not None else ""),
            Item(NONE if drawn is None else "", bar=drawn, sort=c.gain, title=shorten(c.method, 120)),
            Item(limit, sort=c.margin),
            Item(p_value(c.p_adjusted), sort=c.p_adjusted),
            Item(NONE if c.mde is None else short(c.mde), sort=c.mde),
        ),
        area=c.verdict,
    )


def _clusters(c: CheckResult) -> str:
    return f"{c.groups:,} clusters" if 0 < c.groups < c.n else ""


def _reasons(gate: Gate) -> Part:
    """Each verdict in words, with what to know beside it."""
    rows = tuple(
        Row(
            (
                Item(signed(c.verdict), tone=TONES[c.verdict]),
                Item(shorten(c.id, 160), strong=True),
                Item(shorten(c.reason, 400), small=shorten("; ".join(c.warnings), 600)),
            ),
        )
        for c in in_order(gate)
    )
    grid_ = Grid((Head("Verdict"), Head("Check"), Head("Why")), rows)
    return Part("why", "Why", "", (("", grid_),))


def _changed(gate: Gate) -> tuple[Part, ...]:
    changed = [c for c in in_order(gate) if c.gains is not None and (c.gains or c.losses)]
    if not changed:
        return ()
    heads = (
        Head("Task"), Head("Metric"), Head("Became right", numeric=True), Head("Became wrong", numeric=True),
        Head("Some that became wrong"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                Item(name(c.task), small=subject(c), strong=True), Item(words.label(c.metric)),
                Item(count(c.gains or 0), sort=c.gains), Item(count(c.losses or 0), sort=c.losses),
                Item(shorten(", ".join(c.lost), 200) or NONE),
            )
        )
        for c in changed
    )  # fmt: skip
    lead = "Samples whose answer changed from wrong to right, and from right to wrong."
    return (Part("changed", "What changed", lead, ((("", Grid(heads, rows))),)),)


def _methods(gate: Gate) -> Part:
    used = dict.fromkeys(
        c.method.partition(",")[0] for c in gate.checks if c.method and not c.method.startswith("none")
    )
    first = (
        f"{plural(len(gate.checks), 'check')}; correction of false alarms over the required ones: "
        f"{CORRECTIONS[gate.correction]}; passing needs none, since all must pass. Intervals are 95 %."
    )
    texts = [
        first,
        *(METHODS[m] for m in METHODS if any(u.startswith(m) for u in used)),
    ]
    s = gate.self_check
    if s is not None and s.permutations:
        texts.append(
            f"Self-check: in {s.permutations:,} random exchanges of the two sides' answers, between which nothing "
            f"changed, a check failed in {100 * s.false_fail:.1f} % (with all margins 0: "
            f"{100 * s.false_fail_at_zero:.1f} %; at most 5 % is right), and all passed in {100 * s.passes:.1f} %."
        )
    for c in gate.checks:
        if c.acknowledged:
            state = "until" if c.acknowledged.active else "no longer since"
            texts.append(f"Acknowledged {state} {c.acknowledged.expires}: {c.id}: {c.acknowledged.reason}")
    return Part("methods", "How it was judged", texts=tuple(shorten(t, 500) for t in texts))


METHODS: Mapping[str, str] = {
    "Tango": "Tango: score test and interval of the difference of two paired shares (Tango 1998); with clusters, "
    "counts over the design effect.",
    "paired t": "Paired t: Student's t of the differences, on clusters with the CR1 error; ratios and AUROC linearised "
    "(delta method, placements), other numbers by a jackknife over groups of clusters.",
    "wilson": "Wilson: score interval of one share, here against a floor or ceiling.",
}
