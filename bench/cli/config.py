"""`bench config show`: every setting, its value, and where that value came from."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Settings: what they are and where they come from."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("show")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Show where each value came from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Print every setting with its value.

    A flag goes before BENCH_* variables, these before bench.toml or [tool.bench] in pyproject.toml, these before
    your own config.toml, and that before the default.
    """
    from bench.cli import output
    from bench.config import FLAGS, KEYS, RunConfig, resolve

    config = resolve({})
    values = config.model_dump(mode="json")
    rows = []
    for key in KEYS:
        source = config.origins.get(key, "default")
        about = RunConfig.model_fields[key].description or ""
        if as_json:
            output.emit({"key": key, "value": values[key], "origin": source, "flag": FLAGS[key], "description": about})
        rows.append([key, _written(values[key]), *([source] if origin else [about])])
    if not as_json:
        output.table(rows, ["setting", "value", "origin" if origin else "meaning"])


def _written(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "-"
    if value is None or value == "":
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
