"""The results in a terminal: a table an area, as many columns as its width takes, two-line rows where it takes none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.reports import headlines, words
from bench.reports.headlines import Group
from bench.reports.material import AREAS
from bench.reports.numerals import count, interval_of, places_of, value_of
from bench.reports.text import name, shorten
from bench.results import Result

NARROW = 64
NAMES = 28
# What a terminal without Unicode shows instead.
_ASCII = str.maketrans(
    {
        "−": "-",
        "—": "-",
        "↑": "^",
        "↓": "v",
        "∞": "inf",
        "·": ",",
        "²": "^2",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "†": "!",
    }
)


@dataclass(frozen=True)
class Line:
    """One task, model and variant with its numbers, by metric."""

    task: str
    model: str
    how: str
    numbers: dict[str, Result]


def results_table(results: Sequence[Result], console: Console) -> None:
    """Print the headline metrics of each area with their 95 % intervals.

    A likelihood is named with its kind: exact, a bound or an estimate.  Texts are plain (no markup, control
    characters shown as signs), so nothing that a model or a data set is called can steer the terminal; colour and
    width are the console's.
    """
    if not results:
        _print(console, Text("no results"))
        return
    areas = [a for a in AREAS if any(r.area == a for r in results)]
    areas += sorted({r.area for r in results} - set(areas))
    biased = False
    cautions: dict[tuple[str, str], None] = {}
    for area in areas:
        mine = sorted((r for r in results if r.area == area), key=lambda r: (r.task, r.model))
        _print(console, Text(f"\n{words.title(area)}", style="bold"))
        groups = headlines.groups(area, mine)
        if len({(r.task, r.model) for r in mine}) == 1:
            groups.append(_others(mine, groups))
        for group, members in groups:
            if not members:
                continue
            metrics = [m for m in group.metrics if any(r.metric == m for r in members)]
            biased |= any(r.biased for r in members)
            cautions |= {(r.metric, r.caution): None for r in members if r.caution}
            lines = _lines(members)
            if console.width < NARROW:
                _stack(console, lines, metrics)
            else:
                _tabulate(console, lines, metrics, group)
    note = "95 % intervals in brackets; ↑ ↓ the better direction; — none can be given"
    note += "; * biased" if biased else ""
    _print(console, Text(note + ("; † less sure than 95 %:" if cautions else ""), style="dim"))
    for what, metrics in _gathered(cautions).items():
        _print(console, Text(f"† {', '.join(metrics)}: {what}", style="dim"))


def _others(results: Sequence[Result], groups: Sequence[tuple[Group, list[Result]]]) -> tuple[Group, list[Result]]:
    """What no group holds of the numbers of a model on a task, as it answered: there is room for all of them."""
    shown = {r.metric for _, members in groups for r in members}
    plain = [r for r in results if r.metric not in shown and not (r.slice or r.calibrator or r.score)]
    return Group(headlines.OTHER, tuple(dict.fromkeys(r.metric for r in plain))), plain


def _gathered(cautions: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The labels of the metrics of which each caution is said."""
    found: dict[str, list[str]] = {}
    for metric, what in cautions:
        found.setdefault(what, []).append(words.label(metric))
    return found


def _lines(results: Sequence[Result]) -> list[Line]:
    lines: dict[tuple[str, str, str], Line] = {}
    for r in results:
        key = (r.task, r.model, words.variant(r))
        kind = words.kind(r.likelihood)[0] if r.likelihood else ""
        said = ", ".join(part for part in (kind, words.trained(r)) if part)
        model = f"{name(r.model)} ({said})" if said else name(r.model)
        line = lines.setdefault(key, Line(words.task(r.task), model, key[2], {}))
        line.numbers[r.metric] = r
    return list(lines.values())


def _tabulate(console: Console, lines: Sequence[Line], metrics: Sequence[str], group: Group) -> None:
    """As many metrics as fit, the first always; names are cut before numbers are."""
    varied = any(line.how for line in lines)
    heads = {m: _head(m, lines) for m in metrics}
    cells = {m: [_number(line.numbers.get(m), _places(lines, line, m)) for line in lines] for m in metrics}
    widths = {m: max(len(heads[m]), *map(len, cells[m])) for m in metrics}
    names = [max(len(getattr(line, part)) for line in lines) for part in ("task", "model", "how")]
    room = console.width - sum(min(w, NAMES) + 2 for w in names[: 2 + varied]) - 8
    shown = [metrics[0]]
    for m in metrics[1:]:
        if sum(widths[s] + 2 for s in shown) + widths[m] + 2 <= room:
            shown.append(m)
    if len(shown) < len(metrics) and len({(line.task, line.model) for line in lines}) == 1:
        # Of one model on one task all numbers can be shown, one beneath the other.
        _list(console, lines[0], metrics)
        if len(lines) > 1:
            _tabulate(console, lines[1:], shown, group)
        return
    # Every width is given, so that numbers are never cut; what a line lacks, the names give up.
    spare = room - sum(widths[m] + 2 for m in shown)
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim", pad_edge=False)
    parts = ["task", "model", "how"][: 2 + varied]
    limit = max(8, NAMES + min(spare, 0) // len(parts))
    for part in parts:
        table.add_column("with" if part == "how" else part, no_wrap=True)
    for m in shown:
        table.add_column(_safe(console, heads[m]), justify="right", no_wrap=True, min_width=widths[m])
    table.add_column("n", justify="right", no_wrap=True)
    for i, line in enumerate(lines):
        row = [_safe(console, shorten(getattr(line, part), limit)) for part in parts]
        row += [_safe(console, cells[m][i]) for m in shown]
        table.add_row(*map(Text, row), Text(_n(line)))
    if group.title in {headlines.OTHER, headlines.THEIRS}:
        _print(console, Text(group.title, style="dim"))
    console.print(table)


def _list(console: Console, line: Line, metrics: Sequence[str]) -> None:
    """One number a row."""
    _print(console, Text(" · ".join(part for part in (line.task, line.model, line.how, f"n {_n(line)}") if part)))
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for m in metrics:
        r = line.numbers.get(m)
        if r is not None:
            number = _number(r, _places([line], line, m))
            table.add_row(Text(_safe(console, _head(m, [line]))), Text(_safe(console, number)))
    console.print(table)


def _stack(console: Console, lines: Sequence[Line], metrics: Sequence[str]) -> None:
    """One number a line, beneath the name of what it is of."""
    for line in lines:
        _print(console, Text(" · ".join(part for part in (line.task, line.model, line.how) if part), style="bold"))
        for m in metrics:
            r = line.numbers.get(m)
            if r is not None:
                _print(console, Text(f"  {_head(m, [line])}  {_number(r, _places([line], line, m))}"))
        _print(console, Text(f"  n {_n(line)}"))


def _head(metric: str, lines: Sequence[Line]) -> str:
    r = next(line.numbers[metric] for line in lines if metric in line.numbers)
    label = words.label(metric)
    unit = f" ({name(r.unit)})" if r.unit and r.unit not in label else ""
    return f"{label}{'*' if r.biased else ''}{unit} {words.ARROWS.get(r.better, '')}".strip()


def _number(r: Result | None, places: int) -> str:
    return "" if r is None else f"{value_of(r, places)} {interval_of(r, places)}"


def _places(lines: Sequence[Line], line: Line, metric: str) -> int:
    """Decimals of the sharpest interval of the task's numbers of that metric."""
    mine = [r for other in lines if other.task == line.task and (r := other.numbers.get(metric)) is not None]
    return min(max((places_of(r) for r in mine if r.low is not None or len(mine) == 1), default=4), 4)


def _n(line: Line) -> str:
    r = next(iter(line.numbers.values()))
    return f"{count(r.n)} (+{count(r.n_failed)} failed)" if r.n_failed else count(r.n)


def _print(console: Console, text: Text) -> None:
    text.plain = _safe(console, text.plain)
    console.print(text, soft_wrap=True)


def _safe(console: Console, text: str) -> str:
    """The text as the console's encoding can write it."""
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return text
