"""What workers add, and what the driver bears: python -m benchmarks.scale [--quick].

Prints, as Markdown, the tables of docs/scale.md: samples a second of a processor-bound cell on one and on two workers
of one thread each, measured in turns; the driver's time for a shard; and how fast answers are journaled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.capabilities import Classified
from bench.components import model
from bench.config import RunConfig, resolve
from bench.records import Choices, Classification, Generations, Record
from bench.runners.executor import Answered, Work
from bench.runners.executors import executor_of
from bench.runners.job import jobs_of
from bench.runners.journal import Journal, Layout
from bench.runners.plan import plan
from bench.runners.progress import Silent

BATCH = 64


@model("benchmark-instant", gives="classifier")
class Instant:
    """Answers without working, so that only the way to the worker and back is left."""

    def fingerprint(self) -> dict[str, Any]:
        """Nothing about it changes."""
        return {}

    def classify(self, inputs: Any) -> Classified:
        """The first columns as logits."""
        return Classified(np.asarray(inputs)[:, :10].astype(float))


@model("benchmark-busy", gives="classifier")
class Busy(Instant):
    """Does the same matrix products for every sample: a few milliseconds of one core."""

    def classify(self, inputs: Any) -> Classified:
        """The first columns as logits, after the work."""
        matrix = np.eye(256)
        for _ in range(5 * len(inputs)):
            matrix = matrix @ matrix
        return super().classify(inputs)


@dataclass(frozen=True)
class Stream:
    """What asking once took: answers, samples, seconds, and processor seconds of the driver and of each worker."""

    shards: int
    samples: int
    seconds: float
    driver: float
    workers: list[float]


def asked(workers: int, **flags: Any) -> Stream:
    """One cell asked on so many workers, its answers thrown away: once to load the models, then once more, timed."""
    config: RunConfig = resolve({"runner": "ray", "workers": workers, **flags}, cwd=Path("/"), environ={})
    planned = plan(config)
    with closing(executor_of(config, Silent())) as executor:
        prints = executor.fingerprints([cell.cell.model for cell in planned.cells])
        (job,) = jobs_of(planned, config, executor.machine, prints)
        layout = Layout(job.asked.ids, job.entry.batch)
        work = [Work(job, layout, tuple(range(layout.batches)))]
        list(executor.ask(work))
        before = worked()
        began, processor = time.perf_counter(), time.process_time()
        shards = sum(isinstance(event, Answered) for event in executor.ask(work))
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        spent = [after - before[worker] for worker, after in worked().items() if worker in before]
        return Stream(shards, len(job.asked), seconds, processor, spent)


def worked() -> dict[str, float]:
    """Processor seconds of each worker of this machine, by its process."""
    spent = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("cmdline").read_bytes().startswith(b"ray::Worker"):
                numbers = process.joinpath("stat").read_text().rpartition(")")[2].split()
                spent[process.name] = (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def scaling(turns: int, path: Path) -> None:
    """One worker against two, in turns."""
    cell = {"models": ["benchmark-busy"], "tasks": ["calibration/digits"], "limit": 100, "plugins": [path]}
    streams: dict[int, list[Stream]] = {1: [], 2: []}
    for _ in range(turns):
        for workers, found in streams.items():
            found.append(asked(workers, **cell, batch_size="4"))
    costs: dict[str, Callable[[Stream], float]] = {
        "second of the busiest worker's processor": lambda stream: max(stream.workers),
        "second of wall time": lambda stream: stream.seconds,
    }
    for name, cost in costs.items():
        print(f"| workers | samples a {name}, each turn | median | times one worker |")
        print("| ---: | --- | ---: | ---: |")
        rates = {workers: [s.samples / cost(s) for s in found] for workers, found in streams.items()}
        base = statistics.median(rates[1])
        for workers, each in rates.items():
            median = statistics.median(each)
            print(f"| {workers} | {', '.join(f'{rate:.1f}' for rate in each)} | {median:.1f} | {median / base:.2f} |")
        print()


def overhead(path: Path) -> None:
    """The driver's part of a shard, for shards that cost nothing."""
    stream = asked(2, models=["benchmark-instant"], tasks=["calibration/digits"], batch_size="1", plugins=[path])
    each = 1e3 / stream.shards
    print(f"{stream.shards} shards of one sample: {each * stream.driver:.2f} ms of the driver's processor a shard, "
          f"{each * stream.seconds:.2f} ms between answers.")  # fmt: skip


def classification(n: int) -> Record:
    """Images with ten classes."""
    rng = np.random.default_rng(0)
    return Classification(ids=names(n), labels=rng.integers(0, 10, n), logits=rng.normal(size=(n, 10)))


def choices(n: int) -> Record:
    """Questions with four choices."""
    rng = np.random.default_rng(0)
    counts = Ragged.of([[8, 9, 10, 11]] * n, np.int64)
    loglik = Ragged.of(list(rng.normal(size=(n, 4)) - 20), np.float64)
    return Choices(ids=names(n), labels=rng.integers(0, 4, n), loglik=loglik, bytes=counts, tokens=counts)


def generations(n: int, draws: int = 1, tokens: int = 256) -> Record:
    """Answers of 256 tokens each, with the log-probability of every one."""
    rng = np.random.default_rng(0)
    text = "x" * 4 * tokens
    return Generations(
        ids=names(n),
        answer=np.full(n, "42", dtype=object),
        correct=rng.random(n) < 0.5,
        confidence=rng.random(n),
        text=Ragged.of([[text] * draws] * n, object),
        logprob=Ragged.of(list(rng.normal(size=(n, draws))), np.float64),
        tokens=Ragged.of([[tokens] * draws] * n, np.int64),
        answers=Ragged.of([["42"] * draws] * n, object),
        corrects=Ragged.of([[True] * draws] * n, np.bool_),
        token_logprobs=Ragged.of(list(rng.normal(size=(n, draws * tokens))), np.float64),
        target=np.full(n, "42", dtype=object),
    )


def names(n: int) -> Any:
    """Ids."""
    return np.array([f"sample-{i:07d}" for i in range(n)])


def journaled(record: Record, seconds: float) -> tuple[float, float, float]:
    """(samples a second, milliseconds a batch, processor milliseconds a batch) of appending batches, synced to disk."""
    n = len(record)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "run" / "cells" / "cell"
        layout = Layout(names(n), n)
        done, began, processor = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            with Journal(place, type(record), layout, f"{done}") as journal:
                journal.append(0, record)
            done += 1
        wall, processor = time.perf_counter() - began, time.process_time() - processor
    return n * done / wall, 1e3 * wall / done, 1e3 * processor / done


def driver(seconds: float) -> None:
    """How many answers a second one process writes down for good."""
    kinds: dict[str, Callable[[], Record]] = {
        "classification, 10 classes, 1,024 a batch": lambda: classification(1024),
        f"four choices, {BATCH} a batch": lambda: choices(BATCH),
        f"one answer of 256 tokens, {BATCH} a batch": lambda: generations(BATCH),
        f"eight answers of 256 tokens, {BATCH} a batch": lambda: generations(BATCH, 8),
    }
    print("| answers | samples/s | ms a batch | processor ms a batch |")
    print("| --- | ---: | ---: | ---: |")
    for name, make in kinds.items():
        rate, wall, processor = journaled(make(), seconds)
        print(f"| {name} | {rate:,.0f} | {wall:.1f} | {processor:.1f} |")


def main() -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, and noisier numbers")
    quick = parser.parse_args().quick
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import logging

    import ray

    driver(1.0 if quick else 5.0)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        print(f"\nLoad of the machine before: {os.getloadavg()[0]:.1f}.\n")
        overhead(Path(__file__))
        print()
        scaling(2 if quick else 5, Path(__file__))
        print(f"\nLoad of the machine after: {os.getloadavg()[0]:.1f}.")
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
