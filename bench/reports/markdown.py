"""report.md: the same tables as the page, as GitHub shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.reports.numerals import bar
from bench.reports.page import Page, manifest_grid
from bench.reports.text import markdown
from bench.reports.view import Figure, Grid, Head, Item, Section

# GitHub stops showing a step summary at 1,024 k; generations in full are for the page alone.
MOST_ROWS = 400
_WHERE = (
    "Charts, and every number, are in [report.html](report.html); the numbers alone in [results.csv](results.csv). "
    "Intervals are 95 %; — is a number or an interval that cannot be given; † an interval that is less sure than that, "
    "for the reason in the column `caution` of results.csv."
)


def render(page: Page) -> str:
    """The report as one Markdown text; every text from outside is escaped."""
    parts = [
        f"# bench · {markdown(page.suite)}",
        f"**{markdown(page.status)}** · " + " · ".join(f"{markdown(k)} {markdown(v)}" for k, v in page.chips),
        " · ".join(f"**{markdown(t.number)}** {markdown(t.text)}" for t in page.tiles),
        _WHERE,
        "## Overview",
        table(page.overview),
    ]
    for section in page.sections:
        parts += _section(section)
    parts += _failed(page) + _methods(page) + _manifest(page)
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {markdown(section.title)}", markdown(section.lead, 600)]
    named = [(section.grid.caption, section.grid), *section.grids]
    for title, grid in named:
        parts += [f"### {markdown(title)}" if title else "", table(grid)]
    parts += [_figure(figure) for figure in section.figures]
    return parts + [markdown(note, 600) for note in section.notes]


def _figure(figure: Figure) -> str:
    """What a figure says, without the drawing: its title and its headings."""
    said = [f"{p.title}: {p.subtitle}" if p.title else p.subtitle for p in figure.panels if p.subtitle]
    said = said or ([figure.subtitle] if figure.subtitle else [])
    lines = "".join(f"\n  - {markdown(text, 400)}" for text in said)
    return f"- *{markdown(figure.title)}* (in report.html){lines}"


def table(grid: Grid) -> str:
    """A table as GitHub shows it, of at most `MOST_ROWS` rows; intervals are drawn with characters."""
    if not grid.rows:
        return ""
    heads = [head for head in grid.heads if not head.title.endswith(", drawn") or head.title.startswith("Interval")]
    keep = [i for i, head in enumerate(grid.heads) if head in heads]
    lines = [_line(_head(h) for h in heads), _line("--:" if h.numeric else "---" for h in heads)]
    lines += [_line(_cell(row.items[i]) for i in keep) for row in grid.rows[:MOST_ROWS]]
    if len(grid.rows) > MOST_ROWS:
        lines.append(_line([f"… {len(grid.rows) - MOST_ROWS} more rows in report.html", *[""] * (len(heads) - 1)]))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(head: Head) -> str:
    return markdown(head.title) + (f" ({markdown(head.badge)})" if head.badge else "")


def _cell(item: Item) -> str:
    if item.bar is not None:
        return f"`{bar(item.bar.value, item.bar.low, item.bar.high, 0.0, 1.0).replace(' ', '·')}`"
    text = markdown(f"{item.before}{item.text}")
    text = f"**{text}**" if item.strong and text else text
    more = [markdown(item.small, 120)] if item.small else []
    more += [f"({markdown(badge, 40)})" for badge in item.badges]
    return " ".join([text, *more]).strip()


def _failed(page: Page) -> list[str]:
    if not page.failures and not page.notes:
        return []
    lines = [f"- **{markdown(f.what)}** — {markdown(f.why, 500)}" for f in page.failures]
    lines += [f"- cannot be read: {markdown(note)}" for note in page.notes]
    return ["## What failed", "\n".join(lines)]


def _methods(page: Page) -> list[str]:
    parts = ["## Methods"]
    if page.methods:
        rows = [(markdown(m), markdown(text, 500), f"{n:,}") for m, text, n in page.methods]
        parts.append(_plain_table(("Interval", "What it is", "Numbers"), rows))
    if page.definitions:
        metrics = [
            (
                markdown(d.label), markdown(d.text, 400), markdown(d.better) + (", **biased**" if d.biased else ""),
                markdown(f"{d.range} {d.unit}".strip()), markdown(d.source, 200),
            )
            for d in page.definitions
        ]  # fmt: skip
        parts.append(_plain_table(("Metric", "What it is", "Direction", "Range, unit", "Source"), metrics))
    return parts if len(parts) > 1 else []


def _manifest(page: Page) -> list[str]:
    parts = ["## This run"]
    for purpose, command in page.commands:
        fence = "`" * max(3, _longest_run(command) + 1)
        parts.append(f"{markdown(purpose).capitalize()}:\n\n{fence}sh\n{command}\n{fence}")
    for heading, rows in page.facts:
        parts += [f"### {markdown(heading)}", table(manifest_grid(rows))]
    return parts


def _longest_run(text: str) -> int:
    longest = run = 0
    for sign in text:
        run = run + 1 if sign == "`" else 0
        longest = max(longest, run)
    return longest


def _plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_line(heads), _line("---" for _ in heads), *(_line(row) for row in rows)])
