"""Predictions too long for memory: python -m benchmarks.rows [--rows 20000000] [KIND ...].

Writes a parquet file of a kind, runs `bench eval --predictions` on it in a process of its own, and tells its time and
the most memory that it held.  Adds a section to docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.processor import processor
from benchmarks.sections import put

KINDS = ("classification", "regression", "ood")
CLASSES = 10
STEP = 500_000  # rows written at once
GIB = 1 << 30
GB = 1e9


@dataclass(frozen=True)
class Measured:
    """A command that ended: bytes of its file, CPU and wall seconds, the most bytes that it held, what it printed."""

    kind: str
    rows: int
    file: int
    cpu: float
    wall: float
    peak: int
    results: dict[str, dict[str, Any]]


def write(path: Path, kind: str, rows: int) -> None:
    """A file of predictions: logits or forecasts that are too sure by a quarter, or scores 1.5 higher for OOD."""
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, STEP):
        table = pa.table(_columns(kind, rng, min(STEP, rows - start)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _columns(kind: str, rng: np.random.Generator, n: int) -> dict[str, Any]:
    if kind == "classification":
        z = 2 * rng.standard_normal((n, CLASSES), dtype=np.float32)
        label = (z / 1.25 + rng.gumbel(size=z.shape)).argmax(axis=1)
        return {**{f"logit_{k}": z[:, k] for k in range(CLASSES)}, "label": label}
    if kind == "regression":
        mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
        return {"y": mean + 1.25 * std * rng.normal(size=n), "mean": mean, "std": std}
    ood = rng.random(n) < 0.5
    return {"ood": ood, "score": rng.normal(size=n) + 1.5 * ood}


def measured(kind: str, rows: int, folder: Path) -> Measured:
    """`bench eval --predictions` on a file of its own, which is gone afterwards."""
    path = folder / f"{kind}.parquet"
    # A process of its own, for what this one holds would count as the most that the command held.
    writer = (
        f"from pathlib import Path; from benchmarks.rows import write; write(Path({str(path)!r}), {kind!r}, {rows})"
    )
    subprocess.run([sys.executable, "-c", writer], check=True)  # noqa: S603
    words = ["bench", "eval", "--predictions", str(path), "--as", kind, "--json", "--out", str(folder / "runs")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "out").open("w+", encoding="utf-8") as out:
        started = time.perf_counter()
        command = subprocess.Popen([sys.executable, "-m", *words], stdout=out, env=environment)  # noqa: S603
        _, status, usage = os.wait4(command.pid, 0)
        wall = time.perf_counter() - started
        command.returncode = os.waitstatus_to_exitcode(status)
        if command.returncode:
            raise subprocess.CalledProcessError(command.returncode, words)
        out.seek(0)
        results = {row["metric"]: row for row in map(json.loads, out)}
    size = path.stat().st_size
    path.unlink()
    return Measured(kind, rows, size, usage.ru_utime + usage.ru_stime, wall, 1024 * usage.ru_maxrss, results)


def section(found: Sequence[Measured]) -> str:
    """The section of the page."""
    lines = [
        f"| {one.kind} | {one.rows:,} | {one.file / GB:.2f} | {len(one.results)} | {one.cpu:.0f} | {one.wall:.0f} "
        f"| {one.peak / GIB:.2f} |"
        for one in found
    ]
    return "\n".join([
        "# How long may a file of predictions be?",
        "",
        (f"Made by `python -m benchmarks.rows` on one core ({processor()}): `bench eval --predictions` on a parquet "
        "file, from its start to its report, and the most memory that the process held. A file that does not fit is "
        "measured in blocks, with the numbers that it would have in memory."),
        "",
        "| kind | rows | file, GB | metrics | CPU seconds | wall seconds | most memory, GiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *lines,
    ])  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as name:
        for kind in asked.kinds:
            found.append(measured(kind, asked.rows, Path(name)))
            print(section(found[-1:]).splitlines()[-1], flush=True)
    put(asked.out, "benchmarks.rows", section(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
