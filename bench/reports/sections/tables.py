"""Tables of results: the headlines of all areas, and each area's metrics by task and model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import stdev

from bench.records import Density
from bench.reports import headlines, words
from bench.reports.headlines import Group
from bench.reports.material import Material
from bench.reports.numerals import count, interval_of, places_of, value_of, written
from bench.reports.text import name
from bench.reports.view import Bar, Grid, Head, Item, Row
from bench.results import Result

# A result's kind of likelihood: short name and explanation; empty where it has none.
Kinds = Callable[[Result], tuple[str, str]]
Scale = tuple[float, float]
BARS = (
    "Intervals of one task and metric are drawn on one scale, its ends at the widest of them; bounds and estimates of "
    "a likelihood are dashed."
)


def kinds(material: Material) -> Kinds:
    """Looks up what kind of likelihood stands behind a result, from the record of its cell."""
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for cell in material.cells:
        if cell.area == "likelihood":
            record = material.record(cell)
            if isinstance(record, Density):
                short, long = words.kind(record.likelihood)
                mass = f"A mass over {record.levels} grey levels." if record.levels else "A density, not a mass."
                more = "" if record.dequantisation == "none" else f" Dequantisation: {name(record.dequantisation)}."
                found[cell.model, cell.task, cell.decoder] = (short, f"{long} {mass}{more}")
    return lambda r: found.get((r.model, r.task, r.decoder), ("", ""))


def overview(material: Material, kind_of: Kinds) -> Grid:
    """One headline a task for every model: value, interval, and the interval drawn."""
    rows = [r for area in material.areas for r in headlines.primary(area, material.of(area))]
    scales, places = _scales(rows), _places(rows)
    varied = any(_how(r) for r in rows)
    heads = (
        Head("Task"), Head("Model"), *([Head("With")] if varied else []), Head("Metric"),
        Head("Value", numeric=True), Head("Interval, drawn", note=BARS),
        Head("95 % interval", numeric=True), Head("n", numeric=True, note="samples behind the number"),
    )  # fmt: skip
    return Grid(heads, tuple(
        _headline(r, scales[r.task, r.metric], places[r.task, r.metric], kind_of, varied=varied) for r in rows
    ))  # fmt: skip


def _headline(r: Result, scale: Scale | None, places: int, kind_of: Kinds, *, varied: bool) -> Row:
    items = [
        _task(r, whole=True),
        _model(r, kind_of),
        *([Item(_how(r) or "—", sort=_how(r))] if varied else []),
        Item(words.label(r.metric), small=name(r.unit) if r.unit != words.label(r.metric) else "",
             badges=("biased",) if r.biased else (), title=words.BETTER.get(r.better, "")),
        Item(f"{_relation(r, kind_of)}{value_of(r, places)}", sort=r.value, title=words.reason(r)),
        _drawn(r, scale, kind_of),
        Item(interval_of(r, places), sort=r.low, title=words.reason(r)),
        _n(r),
    ]  # fmt: skip
    return Row(tuple(items), area=name(r.area))


def grids(material: Material, area: str, kind_of: Kinds) -> list[tuple[str, Grid]]:
    """The area's tables: a row for each task, model and variant, a column for each metric that occurs."""
    return [(g.title, by_metric(g, rows, kind_of)) for g, rows in headlines.groups(area, material.of(area))]


def by_metric(group: Group, results: Sequence[Result], kind_of: Kinds) -> Grid:
    """Metrics as columns.  The first column's intervals are drawn."""
    metrics = [m for m in group.metrics if any(r.metric == m for r in results)]
    by_subject: dict[tuple[str, ...], dict[str, Result]] = {}
    for r in results:
        by_subject.setdefault((r.task, r.model, _how(r)), {})[r.metric] = r
    varied = any(_how(r) for r in results)
    first = [row[metrics[0]] for row in by_subject.values() if metrics[0] in row]
    scales, places = _scales(first), _places(results)
    heads = [
        Head("Task"), Head("Model"), *([Head("With")] if varied else []),
        *(_head(m, results) for m in metrics), Head("n", numeric=True),
    ]  # fmt: skip
    heads.insert(3 + varied, Head(f"{words.label(metrics[0])}, drawn", note=BARS))
    rows = []
    for (task, _, how), row in by_subject.items():
        any_one = next(iter(row.values()))
        items = [_task(any_one), _model(any_one, kind_of)]
        items += [Item(how or "—", sort=how)] if varied else []
        items += [measured(row.get(m), kind_of, places.get((task, m))) for m in metrics] + [_n(any_one)]
        lead = row.get(metrics[0])
        drawn = _drawn(lead, scales[lead.task, lead.metric], kind_of) if lead is not None else Item("")
        items.insert(3 + varied, drawn)
        rows.append(Row(tuple(items)))
    return Grid(tuple(heads), tuple(rows))


def measured(r: Result | None, kind_of: Kinds | None = None, places: int | None = None) -> Item:
    """A value with its interval beneath; empty where nothing was measured."""
    if r is None:
        return Item("", title="not measured")
    sign = _relation(r, kind_of) if kind_of else ""
    return Item(f"{sign}{value_of(r, places)}", small=interval_of(r, places), sort=r.value, title=words.reason(r))


def by_seed(material: Material, area: str) -> list[tuple[str, Grid]]:
    """The value of each seed of the models that were trained several times, of the first number of each table."""
    groups = headlines.groups(area, material.of(area))
    found = [r for group, rows in groups for r in rows if r.metric == group.metrics[0] and r.seeds]
    if not found:
        return []
    most, places, varied = max(len(r.seeds) for r in found), _places(found), any(_how(r) for r in found)
    heads = (
        Head("Task"), Head("Model"), *([Head("With")] if varied else []), Head("Metric"), Head("Mean", numeric=True),
        *(Head(f"Seed {k}", numeric=True) for k in range(most)),
        Head("Deviation", numeric=True, note="standard deviation between seeds"),
    )  # fmt: skip
    rows = []
    for r in found:
        digits = places[r.task, r.metric]
        values = [v for v in r.seeds if v is not None]
        apart = stdev(values) if len(values) > 1 else None
        items = [_task(r), Item(name(r.model))] + ([Item(_how(r) or "—", sort=_how(r))] if varied else [])
        items += [Item(words.label(r.metric)), Item(value_of(r, digits), sort=r.value)]
        each = [*r.seeds, *[None] * (most - len(r.seeds))]
        items += [Item("—" if v is None else value_of(replace(r, value=v), digits), sort=v) for v in each]
        rows.append(Row((*items, Item("—" if apart is None else written(apart, 3), sort=apart))))
    return [("By seed", Grid(heads, tuple(rows)))]


def _head(metric: str, results: Iterable[Result]) -> Head:
    r = next(r for r in results if r.metric == metric)
    label = words.label(metric)
    unit = f" ({name(r.unit)})" if r.unit and r.unit not in label else ""
    title = f"{label} {words.ARROWS.get(r.better, '')}".strip()
    note = f"{words.BETTER.get(r.better, '')}{unit}" + ("; biased: see Methods" if r.biased else "")
    return Head(title, numeric=True, note=note, badge="biased" if r.biased else "")


def _model(r: Result, kind_of: Kinds) -> Item:
    short, long = kind_of(r)
    return Item(name(r.model), badges=tuple(text for text in (short, words.trained(r)) if text), title=long)


def _task(r: Result, *, whole: bool = False) -> Item:
    """The task without its area, which the table names; `whole` puts it before, paler."""
    short, full = words.task(r.task), name(r.task)
    before = full.removesuffix(short) if whole and full.endswith(short) else ""
    return Item(short, before=before, strong=True, sort=full, title="" if whole else full)


def _places(results: Sequence[Result]) -> dict[tuple[str, str], int]:
    """Decimals for each task and metric: those of its sharpest interval, so that a column reads evenly.

    Numbers of a bounded range have at most four.
    """
    found: dict[tuple[str, str], int] = {}
    for r in results:
        if r.low is not None and r.high is not None:
            most = 4 if r.range[0] is not None and r.range[1] is not None else 7
            found[r.task, r.metric] = max(found.get((r.task, r.metric), 0), min(places_of(r), most))
    for r in results:
        found.setdefault((r.task, r.metric), min(places_of(r), 4))
    return found


def _how(r: Result) -> str:
    return words.variant(r)


def _n(r: Result) -> Item:
    badges = (f"{count(r.n_failed)} failed",) if r.n_failed else ()
    clusters = f"; {count(r.groups)} independent clusters" if r.groups != r.n else ""
    return Item(count(r.n), badges=badges, sort=float(r.n), title=f"{count(r.n)} samples answered{clusters}")


def _relation(r: Result, kind_of: Kinds | None) -> str:
    """`≤` or `≥` before a number that bounds the true one: a lower bound of the likelihood is an upper one of bits."""
    short, _ = kind_of(r) if kind_of else ("", "")
    if short not in {"lower bound", "upper bound"} or r.better not in {"lower", "higher"}:
        return ""
    return "≤ " if (short == "lower bound") == (r.better == "lower") else "≥ "


def _drawn(r: Result, scale: Scale | None, kind_of: Kinds) -> Item:
    if scale is None or r.value is None:
        return Item("—", title=words.reason(r), sort=r.value)
    low, high = (r.value if end is None else end for end in (r.low, r.high))
    span = scale[1] - scale[0]
    at, start, end = (min(max((x - scale[0]) / span, 0.0), 1.0) for x in (r.value, low, high))
    kind = kind_of(r)[0]
    scaled = f"scale from {written(scale[0])} to {written(scale[1])}"
    label = f"{value_of(r)} {interval_of(r)}{f', {kind}' if kind else ''}; {scaled}"
    return Item("", bar=Bar(at, start, end, label=label, bound=kind not in {"", "exact"}), sort=r.value)


def _scales(rows: Iterable[Result]) -> dict[tuple[str, str], Scale | None]:
    """For each task and metric the range of values and interval ends, with a margin.

    A number that stands alone has nothing to share a scale with: it is drawn within its metric's whole range, or, where
    that is unbounded, not at all.
    """
    grouped: dict[tuple[str, str], list[Result]] = {}
    for r in rows:
        grouped.setdefault((r.task, r.metric), []).append(r)
    return {key: _scale(members) for key, members in grouped.items()}


def _scale(members: Sequence[Result]) -> Scale | None:
    ends = [x for r in members for x in (r.value, r.low, r.high) if x is not None]
    least, most = members[0].range
    if len(members) == 1:
        return None if least is None or most is None or not ends else (least, most)
    if not ends:
        return None
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or abs(low) * 0.1 or 1.0
    return (low - margin, high + margin)
