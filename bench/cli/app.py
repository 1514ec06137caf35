"""The application: its commands, and the options that come before a command."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import (
    audit,
    baseline,
    check,
    compare,
    config,
    doctor,
    eval,  # noqa: A004
    gate,
    leaderboard,
    list,  # noqa: A004
    lm_eval,
    report,
    show,
    view,
    watch,
)

# Plain help: it prints in half the time, and alike on every terminal.
app = typer.Typer(
    name="bench",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="bench eval runs everything on embedded models and data; bench list shows what there is.",
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,  # noqa: ARG001 - read by `main`
) -> None:
    """Evaluate models by their probabilities, and say how sure every number is."""
    if version:
        from bench import __version__
        from bench.cli import output

        output.data(f"bench {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("eval", context_settings={"token_normalize_func": eval.singular})(eval.command)
app.command("list")(list.command)
app.command("show")(show.command)
app.command("report")(report.command)
app.command("check")(check.command)
app.command("doctor")(doctor.command)
app.command("compare")(compare.command)
app.command("leaderboard")(leaderboard.command)
app.command("audit")(audit.command)
app.command("watch")(watch.command)
app.command("view")(view.command)
app.add_typer(gate.app, name="gate")
app.add_typer(baseline.app, name="baseline")
app.command(
    "lm-eval",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]},
)(lm_eval.command)
app.add_typer(config.app, name="config")
