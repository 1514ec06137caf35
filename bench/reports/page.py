"""The whole report as a value: facts of the run, tiles, the overview, sections, methods and what failed."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.reports import words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, plural
from bench.reports.sections import (
    calibration,
    cost,
    likelihood,
    likelihood_curves,
    ood,
    published,
    reasoning,
    samples,
    slices,
    spending,
    tables,
    uncertainty,
    uniformity,
)
from bench.reports.text import name, shorten
from bench.reports.view import Figure, Grid, Head, Item, Row, Section

MOST_FIGURES = 3
MOST_FAILURES = 20


@dataclass(frozen=True)
class Tile:
    """A number at the top.  `tone` colours it: good, bad or plain; the words say the same."""

    number: str
    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Failure:
    """A cell that gave nothing, or samples of one that gave no answer, in words."""

    what: str
    why: str


@dataclass(frozen=True)
class Page:
    """What both HTML and Markdown are made from."""

    suite: str
    status: str
    tone: str
    chips: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    overview: Grid
    sections: tuple[Section, ...]
    methods: tuple[tuple[str, str, int], ...]
    definitions: tuple[words.Definition, ...]
    failures: tuple[Failure, ...]
    facts: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]
    commands: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = field(default=())
    samples: Grid | None = None


def page(material: Material) -> Page:
    """Everything that the report shows of a run."""
    kind_of = tables.kinds(material)
    sections = [_section(material, area, kind_of) for area in material.areas]
    spent = cost.section(material)
    sections += [spent] if spent is not None else []
    status, tone = _status(material)
    return Page(
        suite=name(material.manifest.get("suite") or "run"),
        status=status,
        tone=tone,
        chips=_chips(material),
        tiles=_tiles(material),
        overview=tables.overview(material, kind_of),
        sections=tuple(sections),
        methods=_methods(material),
        definitions=tuple(words.definitions(r.metric for r in material.results)),
        failures=_failures(material),
        facts=_facts(material.manifest),
        commands=_commands(material),
        notes=tuple(f"{shorten(cell, 100)}: {shorten(why, 200)}" for cell, why in material.unreadable.items()),
        samples=samples.chosen(material),
    )


def _section(material: Material, area: str, kind_of: tables.Kinds) -> Section:
    cells = material.cells_of(area)
    grids = tables.grids(material, area, kind_of)
    figures, left_out = _figures(material, area, cells)
    further = grids[1:] + tables.by_seed(material, area)
    if area in {"ood", "uncertainty"}:
        further += ood.by_dataset(material, area) + slices.worst(material, cells)
    if area == "likelihood":
        further += published.grids(material, area, kind_of)
    shown = reasoning.examples(material, cells) if area == "reasoning" else None
    notes = []
    if left_out:
        notes.append(f"No figures are drawn for {', '.join(dict.fromkeys(left_out))}: their numbers are in the table.")
    drawn = {cell.name: f"{cell.model} on {cell.task}" for cell in cells} if figures else {}
    notes += [f"{name(drawn[cell])}: {how}." for cell, how in material.sampled.items() if cell in drawn]
    first = grids[0] if grids else ("", Grid((), ()))
    return Section(
        id=f"area-{material.areas.index(area)}",
        area=name(area),
        title=words.title(area),
        lead=words.lead(area),
        grid=Grid(first[1].heads, first[1].rows, caption=first[0]),
        figures=tuple(figures),
        grids=tuple(further),
        after=(("Answers in full", shown),) if shown is not None else (),
        notes=tuple(notes),
    )


def _figures(material: Material, area: str, cells: list[Cell]) -> tuple[list[Figure], list[str]]:
    if area == "likelihood":
        drawn, left_out = likelihood.figures(material, cells, MOST_FIGURES)
        further, also = uniformity.figures(material, cells, MOST_FIGURES)
        every = likelihood_curves.figures(material, cells) + drawn + further
        return every, [task for task in left_out + also if not any(f.title.endswith(f" — {task}") for f in every)]
    if area == "calibration":
        return calibration.figures(material, cells, MOST_FIGURES)
    if area == "ood":
        return ood.figures(material, cells, MOST_FIGURES)
    if area == "uncertainty":
        return uncertainty.figures(material, cells, MOST_FIGURES + 2)
    if area == "reasoning":
        first = reasoning.accuracies(material, area, "acc")
        figures, left_out = calibration.figures(material, cells, MOST_FIGURES - 1)
        return ([first] if first is not None else []) + spending.figures(material, area, "spent") + figures, left_out
    return [], []


def _status(material: Material) -> tuple[str, str]:
    """One word on whether the run is whole, with its sign: never by colour alone."""
    failed = sum(c.failed for c in material.cells)
    owed = sum(not c.done and not c.failed for c in material.cells)
    lost = sum(c.n_failed for c in material.cells)
    if failed or owed:
        return f"✕ {plural(failed + owed, 'cell')} without results", "bad"
    if lost:
        return f"◌ {plural(lost, 'sample')} without an answer", "warn"
    unmeasured = sum(bool(c.unmeasured) for c in material.cells)
    if unmeasured:
        return f"◌ {plural(unmeasured, 'cell')} not wholly measured", "warn"
    return "✓ Complete", "good"


def _chips(material: Material) -> tuple[tuple[str, str], ...]:
    manifest = material.manifest
    git = manifest.get("git") or {}
    commit = str(git.get("commit", ""))[:10] + (" + changes" if git.get("dirty") else "")
    hardware = manifest.get("hardware") or {}
    accelerator = hardware.get("accelerator", "none")
    device = accelerator if accelerator not in {"none", "", None} else hardware.get("processor", "")
    created = str(manifest.get("created", "")).replace("T", " ").replace("+00:00", " UTC")
    chips = (
        ("suite", manifest.get("suite")), ("seed", manifest.get("seed")), ("bench", manifest.get("bench_version")),
        ("run", created), ("git", commit), ("device", device),
        ("text scored by", ", ".join(dict.fromkeys(c.engine for c in material.cells if c.engine))),
    )  # fmt: skip
    return tuple((key, shorten(value, 48)) for key, value in chips if value not in (None, ""))


def _tiles(material: Material) -> tuple[Tile, ...]:
    cells = material.cells
    done = sum(c.done for c in cells)
    failed = sum(c.failed for c in cells)
    asked, lost = sum(c.n for c in cells), sum(c.n_failed for c in cells)
    bare = sum(r.low is None and r.high is None for r in material.results)
    return (
        Tile(f"{count(done)} / {count(len(cells))}", "cells done", "good" if done == len(cells) else "bad"),
        Tile(count(failed), "cells failed", "bad" if failed else "plain"),
        Tile(count(len({c.model for c in cells})), "models"),
        Tile(count(len({c.task for c in cells})), "tasks"),
        Tile(count(len(material.results)), f"numbers, {count(len(material.results) - bare)} with an interval"),
        Tile(count(lost), f"failed of {plural(asked, 'sample')}", "bad" if lost else "plain"),
    )


def _methods(material: Material) -> tuple[tuple[str, str, int], ...]:
    """Interval methods by how often they occur: the method, what it means, how many numbers have it."""
    counted = Counter(words.without(r) for r in material.results)
    return tuple((shorten(m, 120), words.method(m), n) for m, n in counted.most_common())


def _failures(material: Material) -> tuple[Failure, ...]:
    found = [
        Failure(f"{name(c.model)} on {name(c.task)}{_by(c)}: no results", shorten(c.error or c.status, 400))
        for c in material.cells
        if not c.done
    ]
    for cell in material.cells:
        if cell.done and cell.n_failed:
            why = _reasons(material, cell)
            share = f"{plural(cell.n_failed, 'sample')} of {count(cell.n)} without an answer"
            found.append(Failure(f"{name(cell.model)} on {name(cell.task)}{_by(cell)}: {share}", why))
    for cell in material.cells:
        if cell.unmeasured:
            what = f"{name(cell.model)} on {name(cell.task)}{_by(cell)}: not everything was measured"
            found.append(Failure(what, shorten(cell.unmeasured, 400)))
    if len(found) > MOST_FAILURES:
        rest = len(found) - MOST_FAILURES
        return (*found[:MOST_FAILURES], Failure(f"and {count(rest)} more", "see run.json"))
    return tuple(found)


def _by(cell: Cell) -> str:
    return f" by {name(cell.decoder)}" if cell.decoder else ""


def _reasons(material: Material, cell: Cell) -> str:
    """The commonest reasons of a cell's failed samples, each with its number."""
    reader = getattr(material.folder, "failures", None)
    try:
        reasons = Counter(shorten(why, 200) for why in reader(cell.name).values()) if reader is not None else Counter()
    except (BenchError, OSError):
        return "the reasons cannot be read"
    return "; ".join(f"{why} ({count(n)})" for why, n in reasons.most_common(3)) or "no reason was kept"


def _facts(manifest: Mapping[str, Any]) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
    """The manifest's tables: (heading, rows of name, value and, for settings, origin)."""
    found = []
    for key, heading in (("versions", "Versions"), ("hardware", "Hardware"), ("git", "Checkout")):
        rows = tuple((name(k), shorten(v, 120), "") for k, v in (manifest.get(key) or {}).items())
        if rows:
            found.append((heading, rows))
    settings = []
    for key, entry in (manifest.get("config") or {}).items():
        value, origin = (entry.get("value"), entry.get("origin", "")) if isinstance(entry, Mapping) else (entry, "")
        settings.append((name(key), shorten(_setting(value), 200), shorten(origin, 80)))
    if settings:
        found.append(("Configuration", tuple(settings)))
    return tuple(found)


def _setting(value: Any) -> str:
    if value is None or value in ([], "", {}):
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _commands(material: Material) -> tuple[tuple[str, str], ...]:
    """How to make the run, and the report, again: (what for, command)."""
    run = shlex.quote(shorten(material.folder.path, 400))
    commands = [("make this report again", f"bench report {run}")]
    again = _again(material.manifest)
    if again:
        commands.insert(0, ("run the same again", again))
    if any(not c.done for c in material.cells):
        commands.append(("go on with this run", f"bench eval --resume {run}"))
    return tuple(commands)


_FLAGS = (
    ("models", "--model"), ("tasks", "--task"), ("decoders", "--decoder"), ("budget", "--budget"),
    ("plugins", "--plugin"), ("predictions", "--predictions"), ("kind", "--as"), ("limit", "--limit"),
)  # fmt: skip


def _again(manifest: Mapping[str, Any]) -> str:
    """The command line that gives the same cells and draws."""
    config = manifest.get("config") or {}

    def setting(key: str) -> Any:
        entry = config.get(key)
        return entry.get("value") if isinstance(entry, Mapping) else entry

    words_: list[str] = ["bench", "eval"]
    if not any(setting(key) for key in ("models", "tasks", "predictions")):
        words_ += ["--suite", str(setting("suite") or manifest.get("suite") or "quick")]
    elif setting("suite"):
        words_ += ["--suite", str(setting("suite"))]
    for key, flag in _FLAGS:
        value = setting(key)
        for one in value if isinstance(value, list) else [value]:
            if one not in (None, ""):
                words_ += [flag, str(one)]
    if manifest.get("seed") is not None:
        words_ += ["--seed", str(manifest["seed"])]
    return shlex.join(shorten(word, 400) for word in words_)


def manifest_grid(rows: tuple[tuple[str, str, str], ...]) -> Grid:
    """A table of facts; the third column only where a row has an origin."""
    with_origin = any(origin for _, _, origin in rows)
    heads = (Head("Name"), Head("Value"), *([Head("From")] if with_origin else []))
    return Grid(
        heads,
        tuple(Row((Item(key), Item(value), *([Item(origin)] if with_origin else []))) for key, value, origin in rows),
    )
