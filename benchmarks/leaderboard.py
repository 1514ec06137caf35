"""How long a leaderboard takes: python -m benchmarks.leaderboard [--models 200] [--tasks 300] [--metrics 6].

Draws the answers of models of known skill to questions of known difficulty, sample by sample, stores a run folder for
each model as `bench eval` does, and times `bench leaderboard` on them.  A second, smaller
set of runs holds its answers too, so that its boards are paired by sample.  Adds a section to docs/performance.md.
"""

from __future__ import annotations

import argparse
import cProfile
import math
import os
import platform
import pstats
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.leaderboard.build import build, run_folders
from bench.records import Generations
from bench.results import Result
from bench.runners import compaction
from bench.runners.cells import CellEntry, cell_name
from bench.runners.folder import RunFolder
from bench.seeds import derive, generator
from benchmarks.sections import put

MOST_SECONDS, MOST_BYTES = 10.0, 1_000_000
LOST, PARTIAL, EARLIER = 0.01, 0.1, 0.1  # shares of cells that failed, of models asked less, of models run before
# The metrics of an area, its headline first: name, direction, unit, range, and what its samples are made of.
AREAS: dict[str, tuple[tuple[str, str, str, tuple[float | None, float | None]], ...]] = {
    "reasoning": (
        ("accuracy", "higher", "", (0.0, 1.0)),
        ("brier-confidence", "lower", "", (0.0, 1.0)),
        ("parse-rate", "higher", "", (0.0, 1.0)),
        ("tokens-per-answer", "none", "tokens", (0.0, None)),
        ("choice-nll", "lower", "nats", (0.0, None)),
        ("overconfidence", "lower", "", (-1.0, 1.0)),
    ),
    "calibration": (
        ("brier", "lower", "", (0.0, 2.0)),
        ("accuracy", "higher", "", (0.0, 1.0)),
        ("nll", "lower", "nats", (0.0, None)),
        ("overconfidence", "lower", "", (-1.0, 1.0)),
        ("tokens-per-answer", "none", "tokens", (0.0, None)),
        ("parse-rate", "higher", "", (0.0, 1.0)),
    ),
    "likelihood": (
        ("bits-per-byte", "lower", "bits", (0.0, None)),
        ("accuracy", "higher", "", (0.0, 1.0)),
        ("choice-nll", "lower", "nats", (0.0, None)),
        ("brier-confidence", "lower", "", (0.0, 1.0)),
        ("tokens-per-answer", "none", "tokens", (0.0, None)),
        ("overconfidence", "lower", "", (-1.0, 1.0)),
    ),
}

MADE = (
    "Made by `python -m benchmarks.leaderboard` on {machine}; seconds of `bench leaderboard` from run folders to the "
    "site on disk, without the start of Python, the least of three. CPU seconds are of both processes. A run a model, "
    "a tenth of them twice; a tenth of the models was asked only some tasks, and a hundredth of the cells failed. "
    "Beyond 1,000 cells places come from the models' intervals; up to there the answers are read again and paired by "
    "sample."
)


@dataclass(frozen=True)
class World:
    """Models and tasks.  answered: whether runs hold the answers, without which nothing is paired."""

    models: int
    tasks: int
    samples: int
    metrics: int
    answered: bool = False


@dataclass(frozen=True)
class Made:
    """What a build took: CPU and wall seconds, peak memory in MB, pages, the largest in bytes, and the site's bytes."""

    seconds: float
    wall: float
    memory: float
    pages: int
    largest: int
    size: int


def _samples(rng: np.random.Generator, skill: Float64s, difficulty: float, n: int) -> dict[str, Float64s]:
    """Per-sample values (models, n) of each metric, of a task: an answer is right by a logistic law."""
    item = difficulty + rng.normal(size=n)
    p = 1 / (1 + np.exp(-(skill[:, None] - item[None])))
    right = rng.random(p.shape) < p
    stated = 1 / (1 + np.exp(-(1.3 * (skill[:, None] - item[None]) + rng.normal(size=p.shape))))
    given = np.clip(np.where(right, stated, 1 - stated), 1e-6, 1.0)
    return {
        "accuracy": right.astype(np.float64),
        "brier-confidence": (stated - right) ** 2,
        "brier": 2 * (stated - right) ** 2,
        "parse-rate": (rng.random(p.shape) < 0.97).astype(np.float64),
        "tokens-per-answer": rng.poisson(40, p.shape).astype(np.float64),
        "choice-nll": -np.log(given),
        "nll": -np.log(given),
        "overconfidence": stated - right,
        "bits-per-byte": np.exp(0.4 - 0.2 * skill[:, None] + 0.3 * rng.normal(size=p.shape)),
        "stated": stated,
    }


def _means(values: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Mean and ends of its t interval, of each row."""
    n = values.shape[1]
    mean, half = values.mean(axis=1), 1.96 * values.std(axis=1, ddof=1) / math.sqrt(n)
    return mean, mean - half, mean + half


def _names(world: World) -> tuple[list[str], list[tuple[str, str]]]:
    families = ("atlas", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron")
    models = [f"{families[k % 8]}-{1 + k // 8}b-{('base', 'chat', 'code')[k % 3]}" for k in range(world.models)]
    areas = ["reasoning"] if world.answered else list(AREAS)  # the answers are those to questions
    tasks = [(areas[t % len(areas)], f"{areas[t % len(areas)]}/made-{t:03d}") for t in range(world.tasks)]
    return models, tasks


def make_runs(folder: Path, world: World, seed: int = 0) -> None:
    """A run folder a model: most with all tasks, some with fewer, some run before, a few cells failed."""
    rng = generator(seed, "leaderboard-world")
    models, tasks = _names(world)
    skill = rng.normal(size=world.models)
    asked = rng.random((world.models, world.tasks)) < np.where(rng.random(world.models) < PARTIAL, 0.6, 1.0)[:, None]
    lost = rng.random(asked.shape) < LOST * (not world.answered)
    numbers: dict[int, list[Result]] = {k: [] for k in range(world.models)}
    entries: dict[int, list[tuple[CellEntry, Generations | None]]] = {k: [] for k in range(world.models)}
    for t, (area, task) in enumerate(tasks):
        drawn = _samples(rng, skill + 0.5 * rng.normal(size=world.models), rng.normal(), world.samples)
        for k in np.flatnonzero(asked[:, t]).tolist():
            entries[k].append(_cell(models[k], task, area, world, drawn, k, lost=bool(lost[k, t])))
        for metric, better, unit, limits in AREAS[area][: world.metrics]:
            value, low, high = _means(drawn[metric])
            for k in np.flatnonzero(asked[:, t] & ~lost[:, t]).tolist():
                numbers[k].append(
                    Result(
                        model=models[k], task=task, area=area, metric=metric, value=float(value[k]), low=float(low[k]),
                        high=float(high[k]), n=world.samples, n_failed=0, groups=world.samples, unit=unit,
                        better=better, biased=False, method="t", range=limits,
                        likelihood="exact" if area == "likelihood" else "",
                    )
                )  # fmt: skip
    for k in range(world.models):
        before = rng.random() < EARLIER
        for month in ("2026-01", "2026-02") if before else ("2026-02",):
            _store(folder / f"{month}-{models[k]}", f"{month}-03T00:00:00+00:00", entries[k], numbers[k])


def _cell(
    model: str, task: str, area: str, world: World, drawn: dict[str, Float64s], k: int, *, lost: bool
) -> tuple[CellEntry, Generations | None]:
    identity = {"data": task, "task version": "1", "samples asked": "all"}
    answered = float(drawn["tokens-per-answer"][k].sum())
    entry = CellEntry(
        name=cell_name(task, model, f"{derive(0, model, task):016x}"), model=model, task=task, area=area,
        record="generations", n=world.samples, seconds=world.samples * 0.01 * (1 + k % 7), identity=identity,
        status="failed" if lost else "done", error="out of memory" if lost else "",
        cost={"prompt_tokens_run": 80.0 * world.samples, "answer_tokens_run": answered},
    )  # fmt: skip
    return entry, _answers(drawn, k) if world.answered and not lost else None


def _answers(drawn: dict[str, Float64s], k: int) -> Generations:
    """The record behind a row of what was drawn."""
    right, n = drawn["accuracy"][k].astype(bool), drawn["accuracy"].shape[1]
    tokens = drawn["tokens-per-answer"][k].astype(np.int64)
    answer = np.where(right, "7", "8").astype(object)
    return Generations(
        ids=np.array([f"q{i:05d}" for i in range(n)]), answer=answer, correct=right, confidence=drawn["stated"][k],
        text=Ragged.of([[f"The answer is {a}."] for a in answer], object), logprob=Ragged.of([[-3.0]] * n, float),
        tokens=Ragged.of([[t] for t in tokens.tolist()], int), answers=Ragged.of([[a] for a in answer], object),
        target=np.full(n, "7", dtype=object),
    )  # fmt: skip


def _store(
    path: Path, created: str, cells: Sequence[tuple[CellEntry, Generations | None]], numbers: Sequence[Result]
) -> None:
    stored = []
    for entry, record in cells:
        files = compaction.write(path / "cells" / entry.name, record, []) if record is not None else ()
        stored.append(replace(entry, parts=files))
    whole = path.with_name(path.name + "-cells")
    if (path / "cells").exists():  # a run folder is made empty: what was written first is put in place again
        (path / "cells").rename(whole)
        path.rmdir()
    with RunFolder.create(path, {"suite": "made", "seed": 0, "created": created}, stored) as run:
        if whole.exists():
            whole.rename(path / "cells")
        run.write_results(numbers)
        run.finish()


def timed(runs: Path, out: Path) -> Made:
    """Build the site three times, and look at what came of it."""
    seconds, wall = math.inf, math.inf
    for _ in range(3):  # what else the machine does makes it slower, never quicker
        start, began = sum(os.times()[:4]), time.perf_counter()
        found = build(run_folders([runs]), out)
        seconds, wall = min(seconds, sum(os.times()[:4]) - start), min(wall, time.perf_counter() - began)
        del found  # what the end of a process does for all at once
    sizes = [f.stat().st_size for f in out.rglob("*.html")]
    whole = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    return Made(seconds, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(sizes), max(sizes), whole)


def section(found: Sequence[tuple[World, Made]]) -> str:
    """The section of docs/performance.md."""
    lines = [
        "## Building a leaderboard",
        "",
        MADE.format(machine=platform.machine()),
        "",
        "| models | tasks | numbers a cell | places | CPU s | wall s | memory, MB | pages | largest, kB | site, MB |",
        "|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for world, made in found:
        how = f"paired, {world.samples} samples" if world.answered else "from intervals"
        lines.append(
            f"| {world.models} | {world.tasks} | {world.metrics} | {how} | {made.seconds:.1f} | {made.wall:.1f} | "
            f"{made.memory:.0f} | {made.pages:,} | {made.largest / 1000:.0f} | {made.size / 1e6:.0f} |"
        )
    return "\n".join(lines)


def _worlds(asked: argparse.Namespace) -> Iterator[World]:
    yield World(20, 50, 400, asked.metrics, answered=True)
    yield World(asked.models, asked.tasks, 400, asked.metrics)


def _alone(runs: Path, out: Path) -> Made:
    """Timed in a process of its own, as a command is."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(timed, runs, out).result()


def _profiled(runs: Path, out: Path) -> Made:
    profile = cProfile.Profile(time.process_time)
    made = profile.runcall(timed, runs, out)
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and print; exit code 1 where the larger site took too long or has too large a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--metrics", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    parser.add_argument("--runs", type=Path, help="where the runs and sites go, and stay (default: a folder for now)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, and write no section")
    asked = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as passing:
        base = asked.runs or Path(passing)
        for world in _worlds(asked):
            runs = base / f"runs-{world.models}-{world.tasks}"
            if not runs.exists():
                make_runs(runs, world)
            out = base / f"site-{world.models}-{world.tasks}"
            found.append((world, _profiled(runs, out) if asked.profile else _alone(runs, out)))
    text = section(found)
    print(text)
    if not asked.profile:
        put(asked.out, "benchmarks.leaderboard", text)
    return int(found[-1][1].wall > MOST_SECONDS or max(m.largest for _, m in found) > MOST_BYTES)


if __name__ == "__main__":
    raise SystemExit(main())
