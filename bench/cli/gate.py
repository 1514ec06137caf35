"""`bench gate`: is a candidate worse than its baseline?  The exit code says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.comparing.evidence import Side
    from bench.gates.document import Gate
    from bench.gates.policy import Policy

app = typer.Typer(rich_markup_mode=None)
PERMUTATIONS = 200


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN|FILE", help="RUN, RUN@MODEL or a baseline file.")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option("--candidate", metavar="RUN", help="RUN or RUN@MODEL; or evaluate one, see --suite.")
    ] = None,
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="What is checked: YAML or TOML.")] = Path(
        "gate.yaml"
    ),
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="NAME|FILE", help="Evaluate this first, and gate it.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="SPEC", help="Evaluate this first, and gate it.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", metavar="SPEC", help="On these tasks; repeatable.")
    ] = None,
    decoders: Annotated[
        list[str] | None, typer.Option("--decoder", metavar="SPEC", help="By these decoders; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of that evaluation.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="Of that evaluation.")] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="Folder in which that run folder is made.")
    ] = None,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="End that evaluation once it is surely worse.")
    ] = False,
    self_check: Annotated[
        bool, typer.Option("--self-check", help="Also judge random exchanges of both sides: how often is it wrong?")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where gate.json, gate.md, gate.html and junit.xml go.")
    ] = Path("gate"),
    sarif: Annotated[bool, typer.Option("--sarif", help="Also write gate.sarif.")] = False,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print gate.json on one line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The verdicts and errors only.")] = False,
) -> None:
    """Hold a candidate against its baseline by a policy.

    Exits with 0 if all required checks passed, 1 if one surely failed, 3 if the samples cannot tell, 4 if something is
    missing or not comparable, 5 if an evaluation failed or nothing was checked.
    """
    if context.invoked_subcommand is not None:
        return
    from bench.gates.judging import refuse_empty
    from bench.gates.policy import read
    from bench.registry import load_plugin

    for path in plugins or []:
        load_plugin(path)
    _refuse(baseline, candidate, bool(suite or models or tasks), stop_early=stop_early)
    rules = read(policy)
    refuse_empty(rules)
    flags = {"suite": suite, "models": models, "tasks": tasks, "decoders": decoders, "seed": seed, "limit": limit,
             "out": runs, "plugins": plugins, "quiet": quiet or None}  # fmt: skip
    made = _judge(rules, str(baseline), candidate, flags, stop_early=stop_early, self_check=self_check)
    _tell(made, out, str(policy), as_json=as_json, quiet=quiet, sarif=sarif)
    if made.exit_code:
        raise typer.Exit(made.exit_code)


def _refuse(baseline: str | None, candidate: str | None, evaluates: bool, *, stop_early: bool) -> None:
    from bench.errors import UsageError

    if baseline is None:
        raise UsageError(
            "a gate needs a baseline", cause="--baseline is missing", fix="bench baseline save RUN -o baseline.json"
        )
    if (candidate is None) == (not evaluates):
        raise UsageError(
            "a gate needs one candidate",
            cause="--candidate is missing" if candidate is None else "there is a run and something to evaluate",
            fix="give --candidate RUN, or what to evaluate: --suite, --model, --task",
        )
    if stop_early and candidate is not None:
        raise UsageError(
            "there is nothing to stop early", cause="the candidate was evaluated already", fix="leave --stop-early out"
        )


def _judge(
    rules: Policy, baseline: str, candidate: str | None, flags: dict[str, Any], *, stop_early: bool, self_check: bool
) -> Gate:
    from datetime import UTC, datetime

    from bench.comparing.sides import gate_side
    from bench.gates.baseline import rounded
    from bench.gates.early import StoppedEarlyError, stopped_gate
    from bench.gates.judging import gate

    now = datetime.now(UTC)
    created = now.isoformat(timespec="seconds")
    one = gate_side(baseline)
    if candidate is not None:
        other = gate_side(candidate)
    else:
        try:
            other = _evaluated(flags, rules if stop_early else None, one)
        except StoppedEarlyError as stop:
            return stopped_gate(rules, one, stop, created=created)
    if bool(one.folder) != bool(other.folder):  # a file holds rounded values
        one, other = rounded(one), rounded(other)
    checks = PERMUTATIONS if self_check else 0
    return gate(rules, one, other, today=now.date(), created=created, self_check=checks)


def _evaluated(flags: dict[str, Any], followed: Policy | None, baseline: Side) -> Side:
    """The candidate, evaluated now; `followed`: the policy that may stop it early."""
    from bench.cli.progress import progress
    from bench.comparing.sides import run_side
    from bench.config import resolve
    from bench.gates.early import watching
    from bench.runners.execute import evaluate
    from bench.runners.plan import plan

    config = resolve(flags)
    planned = plan(config)
    watcher = progress(quiet=config.quiet, shown=config.progress)
    told = watching(watcher, followed, baseline, planned, config) if followed else watcher
    try:
        folder = evaluate(config, planned, told)
    finally:
        watcher.finish()
    return run_side(str(folder.path))


def _tell(made: Gate, out: Path, policy: str, *, as_json: bool, quiet: bool, sarif: bool) -> None:
    import os

    from bench.cli import output
    from bench.reports.decisions import files, github

    paths = files.write(made, out, policy=policy, with_sarif=sarif)
    in_github = github.active()
    if as_json:
        output.emit(made.as_json())
    else:
        _print(made, in_github=in_github)
    if in_github:
        for line in github.commands(made):
            output.note(line)
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        github.write_summary(made, Path(os.environ["GITHUB_STEP_SUMMARY"]))
    if os.environ.get("GITHUB_OUTPUT"):
        github.write_outputs(made, out, Path(os.environ["GITHUB_OUTPUT"]))
    if not quiet:
        output.note("reports: " + "  ".join(str(path) for path in paths))


def _print(made: Gate, *, in_github: bool) -> None:
    from bench.cli import output
    from bench.reports import words
    from bench.reports.decisions.gate import ends, gain, in_order, signed
    from bench.reports.decisions.github import defused
    from bench.reports.numerals import short, written

    rows = []
    for c in in_order(made):
        mark = signed(c.verdict) + ("" if c.required else " (advisory)")
        mark += " (acknowledged)" if c.acknowledged and c.acknowledged.active else ""
        limit = short(c.margin) if c.limit is None else f"{c.kind} {short(c.limit)}"
        names = [c.id.partition(" · ")[0], words.label(c.metric), c.model]
        numbers = [written(c.baseline), written(c.candidate), gain(c), ends(c), limit, written(c.p_adjusted)]
        rows.append([mark, *names, *numbers, "; ".join([c.reason, *c.warnings])])
    heads = ["verdict", "task", "metric", "model", "baseline", "candidate", "gain", "95 % interval", "margin",
             f"p ({made.correction})", "why"]  # fmt: skip
    # The verdict stands first: no name from elsewhere can begin a line, and pass for a command to a CI system.
    output.table([[defused(cell) for cell in row] for row in rows] if in_github else rows, heads)
    if made.self_check and made.self_check.permutations:
        s = made.self_check
        output.data(
            f"self-check: {100 * s.false_fail:.1f} % false alarms ({100 * s.false_fail_at_zero:.1f} % with all margins "
            f"0), {100 * s.passes:.1f} % passes in {s.permutations} exchanges of the two sides"
        )
    for note in (*made.notes, *([f"stopped early: {made.stopped.reason}"] if made.stopped else [])):
        output.data(output.one_line(f"note: {note}"))
    output.data(f"gate: {signed(made.verdict)}")


@app.command("init")
def init(
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="RUN, RUN@MODEL or a baseline file.")],
    candidate: Annotated[
        str | None, typer.Argument(metavar="CANDIDATE", help="RUN or RUN@MODEL, such as a second seed.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The policy file.")] = Path("gate.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a policy that is there.")] = False,
) -> None:
    """Write a commented policy from one run or two: headline numbers, with margins that their samples can hold."""
    from bench.cli import output
    from bench.comparing.sides import gate_side
    from bench.errors import UsageError
    from bench.gates.starting import policy_text
    from bench.runners.atomic import write_error, write_text

    if out.exists() and not force:
        raise UsageError(f"'{out}' is there already", cause="it may hold your changes", fix="--force, or another -o")
    text = policy_text(gate_side(baseline), gate_side(candidate) if candidate else None)
    try:
        write_text(out, text)
    except OSError as error:
        raise write_error(error, out, resumable=False) from error
    output.data(str(out))
