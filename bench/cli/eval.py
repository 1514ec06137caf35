"""`bench eval`: ask models, or read predictions, and print what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.config import RunConfig


# Options that may be given several times are one of each, however many they are.
_SEVERAL = {"models", "tasks", "decoders", "metrics", "scores", "calibrators"}


def singular(option: str) -> str:
    """The name of an option that was written in the plural, such as `--decoders all`."""
    return option[:-1] if option in _SEVERAL else option


def command(
    models: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="SPEC", help="name:target,key=value; repeatable.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", metavar="SPEC", help="area/name,key=value; repeatable.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="NAME|FILE", help="A built-in suite or a YAML file.")
    ] = None,
    decoders: Annotated[
        list[str] | None, typer.Option("--decoder", metavar="SPEC|all", help="name,key=value; repeatable.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", metavar="TOKENS", help="What each decoder may spend on a prompt.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="SPEC|all", help="Metrics beside the tasks' own.")
    ] = None,
    scores: Annotated[
        list[str] | None, typer.Option("--score", metavar="SPEC|all", help="Scores beside the tasks' own.")
    ] = None,
    calibrators: Annotated[
        list[str] | None, typer.Option("--calibrator", metavar="SPEC|all", help="Calibrators beside the tasks' own.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Saved predictions: .parquet .npz .csv .jsonl")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="What they are: bench show record lists the kinds.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="At most so many test samples of each task.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="From which every random draw comes.")] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="Train each model N times; their numbers become one.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder in which run folders are made.")
    ] = None,
    resume: Annotated[Path | None, typer.Option("--resume", metavar="RUN", help="Run folder to continue.")] = None,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with components of your own.")
    ] = None,
    include_paths: Annotated[
        list[Path] | None,
        typer.Option("--include-path", metavar="DIR", help="A folder with lm-evaluation-harness tasks of your own."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", metavar="DTYPE", help="auto, float32, float16, bfloat16, float64.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="ENGINE", help="Scores language models: auto, tree, plain, lm-eval."),
    ] = None,
    batch_size: Annotated[
        str | None, typer.Option("--batch-size", metavar="N|auto", help="Samples at a time, or auto.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option("--runner", metavar="local|ray", help="Ask here, or on the workers of a Ray cluster.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", metavar="auto|HOST:PORT", help="Cluster to join; else one here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Ray workers; none: one a GPU, or for four cores.")
    ] = None,
    gpus: Annotated[
        float | None, typer.Option("--gpus-per-worker", metavar="F", help="GPUs of a Ray worker, such as 2 or 0.5.")
    ] = None,
    offline: Annotated[bool | None, typer.Option("--offline", help="Use nothing from the network.")] = None,
    trust: Annotated[bool | None, typer.Option("--trust-remote-code", help="Let a model bring its own code.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and its cost; run nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    quiet: Annotated[bool | None, typer.Option("--quiet", "-q", help="Results and errors only.")] = None,
    no_progress: Annotated[bool | None, typer.Option("--no-progress", help="Show no progress.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,  # noqa: ARG001 - read by `main`
) -> None:
    """Evaluate models on tasks, or saved predictions, and report every number with its interval.

    With no options at all, the suite 'quick' runs: embedded models and data, no network, under a minute.

    Exits with 0 if everything was measured, 3 if part of it is missing, 5 if all of it failed.
    """
    from bench.config import resolve
    from bench.registry import HARNESS, load_plugin

    flags: dict[str, Any] = {
        "models": models, "tasks": tasks, "suite": suite, "decoders": decoders, "budget": budget,
        "metrics": metrics, "scores": scores, "calibrators": calibrators, "predictions": predictions,
        "kind": kind, "limit": limit, "seed": seed, "seeds": seeds, "out": out, "resume": resume, "plugins": plugins,
        "include_paths": include_paths, "device": device, "dtype": dtype, "engine": engine, "batch_size": batch_size,
        "offline": offline, "trust_remote_code": trust,
        "runner": runner, "ray_address": ray_address, "workers": workers, "gpus_per_worker": gpus,
        "quiet": quiet, "progress": None if no_progress is None else not no_progress,
    }  # fmt: skip
    config = resolve(flags)
    for path in config.plugins:
        load_plugin(path)
    if config.include_paths or any(task.startswith(f"{HARNESS}:") for task in config.tasks):
        _find_harness_tasks(config)
    if config.offline:
        _stay_offline()
    if config.predictions:
        _predictions(config, dry_run=dry_run, as_json=as_json)
    else:
        _models(config, dry_run=dry_run, as_json=as_json)


def _find_harness_tasks(config: RunConfig) -> None:
    from bench.cli import output
    from bench.harness import index

    if not config.quiet:
        index.told_to(output.note)
    index.include(config.include_paths)


def _models(config: RunConfig, *, dry_run: bool, as_json: bool) -> None:
    from bench.runners.plan import plan

    planned = plan(config)
    if dry_run:
        _print_plan(planned, as_json=as_json)
        return
    from bench.runners.execute import evaluate

    _finish(config, lambda watcher: evaluate(config, planned, watcher), as_json=as_json)


def _predictions(config: RunConfig, *, dry_run: bool, as_json: bool) -> None:
    from bench.cli import output
    from bench.predictions import read_predictions

    assert config.predictions is not None  # noqa: S101 - for the type checker: the caller asked
    records = read_predictions(config.predictions, config.kind)
    if dry_run:
        for name, record in records.items():
            facts = {"record": name, "kind": config.kind, "n": len(record), "n_failed": record.n_failed}
            output.emit(facts) if as_json else output.data(f"{name}: {config.kind}, {len(record)} samples")
        return
    from bench.runners.execute import evaluate_predictions

    _finish(config, lambda watcher: evaluate_predictions(config, records, watcher), as_json=as_json)


def _finish(config: RunConfig, run: Any, *, as_json: bool) -> None:
    """Run, show, report; the last line on stderr says where everything is."""
    from bench.cli import output
    from bench.cli.failures import InterruptedRunError
    from bench.cli.progress import progress
    from bench.errors import ExitCode

    watcher = progress(quiet=config.quiet, shown=config.progress)
    try:
        with _warnings_noted(watcher):
            folder = run(watcher)
    except KeyboardInterrupt as stop:
        path = watcher.path
        trust = " --trust-remote-code" if config.trust_remote_code else ""
        fix = f"bench eval --resume {shlex.quote(str(path))}{trust}" if path else "run the same command again"
        kept = "what was finished is kept" if path else "nothing was finished"
        raise InterruptedRunError("interrupted", cause=f"a signal asked bench to stop; {kept}", fix=fix) from stop
    finally:
        watcher.finish()
    results = folder.results()
    if as_json:
        for result in results:
            output.emit(result.as_json())
    else:
        _print_table(results)
    from bench.reports.build import build

    build(folder)
    missing = _missing(folder)
    if missing:
        output.note(output.one_line(f"incomplete: {missing}"))
    if not config.quiet:
        output.note(output.one_line(f"run: {folder.path}   report: {folder.path / 'report.html'}"))
    if missing:
        raise typer.Exit(ExitCode.INCOMPLETE)


@contextmanager
def _warnings_noted(watcher: Any) -> Iterator[None]:
    """Say what libraries warn of as notes, each text once, rather than as lines of their source code."""
    import warnings

    told: set[str] = set()

    def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = f"{category.__name__}: {message}"
        if text not in told:
            told.add(text)
            watcher.note(text)

    with warnings.catch_warnings():
        warnings.showwarning = note
        yield


def _missing(folder: Any) -> str:
    """What was to be measured and is not there, in words; empty where all is."""
    failed = [cell for cell in folder.cells if cell.status != "done"]
    samples = sum(cell.n_failed for cell in folder.cells)
    parts = []
    if failed:
        names = ", ".join(f"{cell.model} on {cell.task}" for cell in failed[:3]) + (", ..." if len(failed) > 3 else "")
        parts.append(f"{len(failed)} of {len(folder.cells)} cells failed ({names})")
    if samples:
        parts.append(f"{samples} of the samples gave no answer")
    lacking = [cell.unmeasured for cell in folder.cells if cell.unmeasured]
    if lacking:
        parts.append("; ".join(lacking[:3]) + ("; ..." if len(lacking) > 3 else ""))
    return "; ".join(parts)


def _print_table(results: Any) -> None:
    import sys

    from rich.console import Console

    from bench.cli.output import coloured
    from bench.reports.terminal import results_table

    # A pipe has no width to respect, so nothing is cut there.
    plain = not coloured(sys.stdout)
    console = Console(
        file=sys.stdout, no_color=plain, force_terminal=not plain, width=None if sys.stdout.isatty() else 200
    )
    results_table(results, console)


def _print_plan(planned: Any, *, as_json: bool) -> None:
    from bench.cli import output
    from bench.cli.progress import duration, guesses
    from bench.runners.progress import counted

    if as_json:
        for row in planned.as_json():
            output.emit(row)
        return
    rows = planned.as_json()
    keys = ("model", "task", "decoder", "n", "tokens", "seconds")
    output.table(
        [
            [
                "~" * row["guessed"] + duration(row[k]) if k == "seconds" and row[k] is not None else str(row[k] or "-")
                for k in keys
            ]
            for row in rows
        ],
        ["model", "task", "decoder", "samples", "tokens", "time"],
    )
    total = planned.seconds
    new = sum(row["seconds"] is None for row in rows)
    if total is None:
        known = "unknown time: no cell ran here before"
    else:
        known = f"about {duration(total)}" + guesses(sum(row["guessed"] for row in rows))
        known += f", and {counted(new, 'cell')} that never ran here" if new else ""
    counts = {"cell": len(rows), "sample": sum(r["n"] for r in rows), "token": sum(r["tokens"] for r in rows)}
    output.note(", ".join([*(counted(number, word) for word, number in counts.items()), known]))


def _stay_offline() -> None:
    """Tell the Hugging Face libraries before they are imported; they read these variables once."""
    import os

    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[variable] = "1"
