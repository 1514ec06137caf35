"""A report's charts and tables as files for papers: Vega-Lite, SVG, PNG, PDF, LaTeX, and Markdown with pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.reports import markdown, text
from bench.reports.material import Folder, Material
from bench.reports.page import Page, page
from bench.reports.standings.texts import latex
from bench.reports.view import Drawing, Grid, Panel
from bench.runners.atomic import make_folder, write_bytes, write_error, write_text

FOLDER = "export"
# The page's light theme: a chart of its own has no page to take its colours from.
COLOURS = {
    "--card": "#fff", "--ink": "#17202c", "--muted": "#566070", "--line": "#e2e6eb", "--c1": "#2262c9",
    "--c2": "#b45309", "--c3": "#0b7a55", "--c4": "#7a3fd1", "--c5": "#b81e62", "--c6": "#4d5966",
}  # fmt: skip
_VARIABLE = re.compile(r"var\((--[a-z0-9]+)\)")


def export(folder: Folder) -> list[Path]:
    """Write export/ into the run folder: report.md with pictures, tables.tex, and each chart in four forms."""
    content = page(Material.gather(folder))
    out = folder.path / FOLDER
    made: list[Path] = []
    try:
        make_folder(out)
        pictures = []
        for name, title, panel in charts(content):
            spec = literal(panel.svg.spec) if isinstance(panel.svg, Drawing) else {}
            for suffix, data in _forms(spec):
                made.append(out / f"{name}{suffix}")
                write_bytes(made[-1], data)
            pictures.append(f"![{text.markdown(title)}]({name}.png)")
        report = markdown.render(content) + "\n\n## Charts\n\n" + "\n\n".join(pictures) + "\n"
        for file, words in (("report.md", report), ("tables.tex", tables(content))):
            made.append(out / file)
            write_text(made[-1], words)
    except OSError as error:
        raise write_error(error, folder.path) from error
    return made


def charts(content: Page) -> Iterator[tuple[str, str, Panel]]:
    """(file stem, title, panel) of every chart of a report."""
    for section in content.sections:
        for i, figure in enumerate(section.figures):
            for j, panel in enumerate(figure.panels):
                slug = re.sub(r"[^a-z0-9]+", "-", f"{section.area} {figure.title}".lower()).strip("-")[:60]
                yield (
                    f"{slug}-{i + 1}{chr(ord('a') + j)}",
                    " · ".join(t for t in (figure.title, panel.title) if t),
                    panel,
                )


def literal(spec: Any) -> dict[str, Any]:
    """The spec with colours in place of the page's variables, on white."""
    coloured = _VARIABLE.sub(lambda m: COLOURS.get(m[1], "#000"), json.dumps(spec))
    return {**json.loads(coloured), "background": "white"}


def _forms(spec: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    import vl_convert

    yield ".vl.json", (json.dumps(spec, indent=1) + "\n").encode()
    yield ".svg", vl_convert.vegalite_to_svg(spec).encode()
    yield ".png", vl_convert.vegalite_to_png(spec, scale=2)
    yield ".pdf", vl_convert.vegalite_to_pdf(spec)


def tables(content: Page) -> str:
    """The overview and each area's tables as booktabs."""
    parts = [_tabular("Overview", content.overview)]
    for section in content.sections:
        if section.grid.rows:
            parts.append(_tabular(f"{section.title}: {section.grid.caption}", section.grid))
        parts += [_tabular(f"{section.title}: {title}", grid) for title, grid in section.grids]
    return "\n".join(parts)


def _tabular(title: str, grid: Grid) -> str:
    kept = [i for i, head in enumerate(grid.heads) if not head.title.endswith(", drawn")]
    columns = "".join("r" if grid.heads[i].numeric else "l" for i in kept)
    lines = [f"% {latex(title)}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [" & ".join(latex(grid.heads[i].title) for i in kept) + r" \\", r"\midrule"]
    for row in grid.rows:
        items = [row.items[i] for i in kept]
        cells = [latex(" ".join(t for t in (item.before + item.text, item.small) if t)) for item in items]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])
