"""`bench leaderboard`: many runs as one static site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders that hold them.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the site goes.")] = Path("leaderboard"),
    reusable: Annotated[
        bool,
        typer.Option("--thresholdout", help="Tell numbers through Thresholdout: a holdout that bears many looks."),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the resampling behind places.")] = 0,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, one a board and model.")] = False,
) -> None:
    """Rank the models of runs: a site with a page for each task and model, Markdown, CSV and LaTeX.

    Places are sets: all that the samples allow. Models are paired by sample where their answers can be read.
    """
    from bench.cli import output
    from bench.leaderboard.build import build, run_folders
    from bench.registry import load_plugin
    from bench.reports.numerals import plural

    for path in plugins or []:
        load_plugin(path)
    found = build(run_folders(runs), out, reusable=reusable, seed=seed)
    if as_json:
        for ranked in found.boards:
            for i in ranked.order:
                s, p = ranked.board.standings[i], ranked.places
                output.emit(
                    {
                        "task": ranked.board.task, "variant": ranked.board.variant, "metric": ranked.board.metric,
                        "model": s.model, "decoder": s.result.decoder, "place": int(p.rank[i]),
                        "place_low": int(p.low[i]), "place_high": int(p.high[i]), "value": s.result.value,
                        "low": s.result.low, "high": s.result.high,
                    }
                )  # fmt: skip
    else:
        output.data(str(out / "index.html"))
    output.note(f"{plural(len(found.models), 'model')} on {plural(len(found.boards), 'board')}")
