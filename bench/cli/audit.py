"""`bench audit`: statistical reports on a finished run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.auditing.findings import Finding


def command(
    run: Annotated[Path | None, typer.Argument(help="A run folder, as bench eval printed it.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this audit; repeatable.")
    ] = None,
    pairwise: Annotated[
        Path | None,
        typer.Option(
            "--pairwise", metavar="FILE", help="Instead of a run: judgements of pairs, as strengths and places."
        ),
    ] = None,
    tasks: Annotated[list[str] | None, typer.Option("--task", "-t", metavar="GLOB", help="Only these tasks.")] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of what the audits draw.")] = 0,
    listed: Annotated[bool, typer.Option("--list", help="What audits there are, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, one a finding.")] = False,
) -> None:
    """Ask what the numbers of a run hide, and with how few samples they could have been had.

    It reads the run folder alone; labels that an audit would buy are taken from it.
    """
    from bench.auditing.audits import AUDITS, audited
    from bench.cli import output
    from bench.errors import UsageError
    from bench.runners.folder import RunFolder

    if listed:
        if as_json:
            for name, audit in AUDITS.items():
                output.emit({"name": name, "asks": audit.asks, "source": audit.source, "check": audit.check})
        else:
            output.table(
                [[n, a.asks, a.source, a.check] for n, a in AUDITS.items()], ["name", "asks", "source", "check"]
            )
        return
    if pairwise is not None:
        if run is not None or only or tasks:
            raise UsageError(
                "there is a run and a file of judgements", cause="--pairwise stands alone", fix="name one of them"
            )
        from bench.auditing.pairwise import ranked, read

        findings = ranked(read(pairwise), pairwise.stem, seed=seed)
        _tell(findings, as_json=as_json)
        return
    if run is None:
        raise UsageError("no run is named", cause="an audit reads a run folder", fix="bench audit RUN, or --list")
    _tell(audited(RunFolder.open(run), only or [], tasks=tasks or [], seed=seed), as_json=as_json)


def _tell(findings: Iterable[Finding], *, as_json: bool) -> None:
    from bench.cli import output
    from bench.reports.numerals import decimals, written

    rows = []
    for finding in findings:
        if as_json:
            output.emit(finding.as_json())
            continue
        places = min(decimals(finding.value or 0.0, finding.low, finding.high), 4)
        bare = finding.low is None or finding.high is None
        ends = "—" if bare else f"[{written(finding.low, places)}, {written(finding.high, places)}]"
        sign = "! " if finding.warning else ""
        rows.append(
            [
                finding.audit,
                finding.task,
                finding.model,
                finding.what,
                written(finding.value, places),
                ends,
                sign + finding.says,
            ]
        )
    if not as_json:
        output.table(rows, ["audit", "task", "model", "what", "value", "95 % interval", "says"])
        output.note("! deserves a look; what each audit asks: bench audit --list")
