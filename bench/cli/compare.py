"""`bench compare`: two or more runs, sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.comparing.changes import Changes
    from bench.comparing.comparison import Comparison


def command(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN[@MODEL]...", help="The reference first; one run: its models.")
    ],
    tasks: Annotated[list[str] | None, typer.Option("--task", "-t", metavar="GLOB", help="Only these tasks.")] = None,
    metrics: Annotated[list[str] | None, typer.Option("--metric", metavar="GLOB", help="Only these metrics.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also after calibrators, by every score, and without direction.")
    ] = False,
    correction: Annotated[
        str, typer.Option("--correction", metavar="NAME", help="holm, max-t, bonferroni, hochberg, bh, by, none.")
    ] = "holm",
    across_kinds: Annotated[
        bool, typer.Option("--across-kinds", help="Also a likelihood that is a bound with one that is exact.")
    ] = False,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", min=0, help="Changed samples shown each way and task.")
    ] = 3,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write comparison.json, .md and .html there.")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, one a comparison.")] = False,
) -> None:
    """Compare runs with the first one: paired by sample, with intervals, corrected p-values and what changed.

    Exits with 0 if everything that both have was compared, 4 if some of it is not comparable.
    """
    from bench.cli import output
    from bench.comparing.changes import changes
    from bench.comparing.comparison import Choice, compare
    from bench.comparing.sides import run_sides
    from bench.errors import NotComparableError
    from bench.registry import load_plugin
    from bench.reports.decisions import comparison as pages

    for path in plugins or []:
        load_plugin(path)
    sides = run_sides(runs)
    choice = Choice(
        tasks=tuple(tasks or ()), metrics=tuple(metrics or ()), everything=everything, across_kinds=across_kinds
    )
    found = compare(sides[0], sides[1:], choice, correction=correction)
    changed = [changes(c, most=max(samples, 20) if out else samples) for c in found]
    if out is not None:
        _write(out, found, changed)
    if as_json:
        for one in pages.document(found, changed):
            output.emit(one)
    elif as_markdown:
        output.data(pages.as_markdown(found, changed))
    else:
        _print(found, changed, samples)
    refused = [text for c in found for text in c.refused]
    for text in (text for c in found for text in c.missing):
        output.note(output.one_line(f"on one side only: {text}"))
    for text in (text for c in found for text in c.noted):
        output.note(output.one_line(f"kinds of likelihood mixed, as asked: {text}"))
    if refused:
        raise NotComparableError(
            f"{len(refused)} of the tasks cannot be compared",
            cause="; ".join(refused[:4]),
            fix="evaluate both on the same samples: the same task, seed and --limit",
        )


def _write(out: Path, found: list[Comparison], changed: list[list[Changes]]) -> None:
    import json

    from bench.cli import output
    from bench.cli.output import finite
    from bench.reports.decisions import comparison as pages
    from bench.reports.decisions.files import written

    document = {"schema_version": 1, "comparisons": pages.document(found, changed)}
    texts = {
        "comparison.json": json.dumps(finite(document), indent=1, allow_nan=False) + "\n",
        "comparison.md": pages.as_markdown(found, changed),
        "comparison.html": pages.page(found, changed),
    }
    written(out, texts)
    output.note(f"report: {out / 'comparison.html'}")


def _print(found: list[Comparison], changed: list[list[Changes]], samples: int) -> None:
    from bench.cli import output
    from bench.reports.decisions import comparison as pages

    for c, each in zip(found, changed, strict=True):
        output.data(output.one_line(f"{c.reference.name} → {c.candidate.name}"))
        cells = [pages.cells(row) for row in c.rows]
        keys = [
            "what",
            "task",
            "model",
            "variant",
            "metric",
            "reference",
            "candidate",
            "gain",
            "interval",
            "p",
            "mde",
            "n",
        ]
        keys = [k for k in keys if k not in {"variant", "model"} or len({row[k] for row in cells}) > 1]
        heads = {"what": "says", "variant": "with", "interval": "95 % interval", "p": f"p ({c.correction})"}
        output.table([[row[k] for k in keys] for row in cells], [heads.get(k, k) for k in keys])
        for one in each:
            if one.shown and samples:
                output.data(output.one_line(f"\n{one.task}: {one.gained} better, {one.lost} worse by {one.metric}"))
                ways = [[s for s in one.shown if s.gained is gained][:samples] for gained in (True, False)]
                rows = [
                    ["better" if s.gained else "worse", s.id, s.target, s.reference, s.candidate]
                    for way in ways
                    for s in way
                ]
                output.table(
                    [[cell[:60] for cell in row] for row in rows], ["", "sample", "right", "reference", "candidate"]
                )
        output.data("")
