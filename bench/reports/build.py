"""The one entry: report.md, report.html and results.csv of a run folder, made from what the folder holds."""

from __future__ import annotations

from bench.reports import html, markdown, table
from bench.reports.material import Folder, Material
from bench.reports.page import page
from bench.runners.atomic import write_error, write_text

HTML, MARKDOWN, CSV = "report.html", "report.md", "results.csv"


def build(folder: Folder) -> dict[str, str]:
    """Write the reports into the run folder, each whole or not at all; gives the cells that can't be read, and why.

    The same folder gives the same bytes.  Raises `IncompleteError` for a run without results or a full disk, and
    `EvaluationError` for one that cannot be written.
    """
    material = Material.gather(folder)
    content = page(material)
    texts = {
        CSV: table.csv_text(material.results),
        MARKDOWN: markdown.render(content),
        HTML: html.render(content, material.results),
    }
    try:
        for file, text in texts.items():
            write_text(folder.path / file, text)
    except OSError as error:
        raise write_error(error, folder.path) from error
    return material.unreadable
