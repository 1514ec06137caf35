"""`bench baseline`: what a gate compares with, as a small file for git."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Baselines: what a gate compares with, as a small file for git."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("save")
def save(
    run: Annotated[str, typer.Argument(metavar="RUN[@MODEL]", help="A run folder, or one model of it.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The baseline file.")],
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Keep only what this policy checks.")
    ] = None,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Write what later runs are paired with: no answers and no texts, a few kB a number.

    Without a policy, the headline numbers of each task are kept.
    """
    from bench.cli import output
    from bench.comparing.sides import run_side
    from bench.gates import baseline
    from bench.gates.keeping import keeper
    from bench.registry import load_plugin

    for path in plugins or []:
        load_plugin(path)
    size = baseline.save(run_side(run), out, keep=keeper(policy))
    if as_json:
        output.emit({"path": str(out), "bytes": size})
    else:
        output.data(f"{out}: {size / 1000:.1f} kB")


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="A baseline file.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, one a number.")] = False,
) -> None:
    """Print the numbers of a baseline, after its checksum."""
    from bench.cli import output
    from bench.gates import baseline
    from bench.reports.numerals import written

    one = baseline.read(file)
    rows = []
    for cell in one.cells:
        for number in cell.numbers:
            facts = {"task": cell.task, "model": cell.model, "decoder": cell.decoder}
            facts |= dict(zip(("calibrator", "score", "slice", "metric"), number.key, strict=True))
            value, low, high = number.shown
            if as_json:
                output.emit({**facts, "value": value, "low": low, "high": high, "n": cell.n, "kind": number.kind})
            rows.append([*facts.values(), written(value), f"[{written(low)}, {written(high)}]", str(cell.n)])
    if not as_json:
        heads = ["task", "model", "decoder", "calibrator", "score", "slice", "metric", "value", "95 % interval", "n"]
        used = [i for i in range(len(heads)) if any(row[i] for row in rows)]
        output.table([[row[i] for i in used] for row in rows], [heads[i] for i in used])
