"""A small evaluation through the store: a deterministic model whose answers depend on the company in the batch.

A sample that is asked again in another batch than the first time gets another answer, so that a journal that went on
in the middle of a batch would show in the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.records import Classification, Density, Generations, Record
from bench.results import Result
from bench.runners.cells import CellEntry, cell_name
from bench.runners.folder import RunFolder
from bench.runners.identity import Identity
from bench.seeds import generator

SEED = 7
KINDS = {"classification": (11, 4), "generations": (7, 3), "density": (3, 5)}
Notice = Callable[[str, int], None]


def plan() -> list[CellEntry]:
    """Three cells: one with a short last batch, one with failed samples and odd texts, one of a single batch."""
    cells = []
    for kind, (n, batch) in KINDS.items():
        identity = Identity({"model": "fake", "data": kind, "seed": str(SEED)})
        name = cell_name(f"fake/{kind}", "fake:model", identity.digest)
        cells.append(
            CellEntry(
                name=name,
                model="fake:model",
                task=f"fake/{kind}",
                area="calibration",
                record=kind,
                identity=identity.keys,
                digest=identity.digest,
                batch=batch,
                n=n,
            )
        )
    return cells


def ids_of(kind: str) -> Any:
    return np.array([f"{kind}-{i:03d}" for i in range(KINDS[kind][0])])


def answer(kind: str, rows: range) -> tuple[Record | None, dict[str, str]]:
    """The answers to the samples at those positions, and the failures: every fifth generation."""
    ids = ids_of(kind)[list(rows)]
    rng = generator(SEED, kind, *ids)
    n = len(ids)
    if kind == "classification":
        record: Record = Classification(
            ids=ids,
            labels=rng.integers(0, 3, n),
            logits=rng.normal(size=(n, 3)),
            features=rng.normal(size=(n, 2)).astype(np.float32),
            ood=rng.random(n) < 0.5,
        )
        return record, {}
    if kind == "density":
        return Density(ids=ids, log_prob=rng.normal(size=n), dim=np.full(n, 4), likelihood="lower", levels=17), {}
    pools = rng.integers(1, 4, n)
    texts = [[f"wörd {rng.integers(99)}\n\x00\ud83d!" for _ in range(k)] for k in pools]
    generations = Generations(
        ids=ids,
        answer=np.array([t[0] for t in texts], dtype=object),
        correct=rng.random(n) < 0.5,
        confidence=rng.random(n),
        text=Ragged.of(texts, object),
        logprob=Ragged.of([-rng.random(k) for k in pools], float),
        tokens=Ragged.of([rng.integers(1, 9, k) for k in pools], int),
    )
    failing = np.array([i % 5 == 4 for i in rows])
    failed = {str(i): f"timed out after {int(i[-3:])} s" for i in ids[failing]}
    return generations.where(~failing), failed


def measure(entry: CellEntry, record: Record) -> list[Result]:
    values = {name: getattr(record, name) for name in ("confidence", "log_prob") if hasattr(record, name)}
    return [
        Result(
            model=entry.model,
            task=entry.task,
            area=entry.area,
            metric=name,
            value=float(value.mean()),
            low=None,
            high=None,
            n=len(record),
            n_failed=record.n_failed,
            groups=len(record),
            unit="",
            better="none",
            biased=False,
            method="none",
        )
        for name, value in values.items()
    ]


def evaluate(path: Path, asked: Notice = lambda *_: None, kept: Notice = lambda *_: None) -> None:
    """Evaluate from the start, or go on where the folder stands.  `asked` and `kept` hear of each batch."""
    run = RunFolder.resume(path) if (path / "run.json").exists() else RunFolder.create(path, {"seed": SEED}, plan())
    with run:
        results: list[Result] = []
        for entry in run.cells:
            kind = entry.record
            if entry.status != "done":
                with run.journal(entry.name, ids_of(kind)) as journal:
                    for batch in journal.owed:
                        asked(entry.name, batch)
                        journal.append(batch, *answer(kind, journal.layout.rows(batch)))
                        kept(entry.name, batch)
                    entry = run.compact(replace(entry, seconds=1.5), journal)  # noqa: PLW2901
            results += measure(entry, run.record(entry.name))
        run.write_results(results)
        run.finish()


def snapshot(path: Path) -> dict[str, bytes]:
    """Every file and folder of the run with its bytes; of run.json, everything but its times."""
    tree = {str(p.relative_to(path)): p.read_bytes() if p.is_file() else b"<folder>" for p in sorted(path.rglob("*"))}
    manifest = json.loads(tree["run.json"])
    assert manifest.pop("finished")
    for name in ("created", "checksum"):
        del manifest[name]
    tree["run.json"] = json.dumps(manifest).encode()
    return tree
