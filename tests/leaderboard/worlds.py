"""Run folders whose numbers are chosen: models of known skill on boards that they may share or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.results import Result
from bench.runners.cells import CellEntry, cell_name
from bench.runners.folder import RunFolder
from bench.seeds import derive


def stored(path: Path, numbers: Mapping[tuple[str, str], Any], *, created: str = "", **changes: Any) -> RunFolder:
    """A run of (model, task) -> value, or a dictionary of what a `Result` or its cell has otherwise.

    The cells say that they are done and hold no records, so that nothing of them can be paired.
    """
    entries: list[CellEntry] = []
    results: list[Result] = []
    for (model, task), number in numbers.items():
        given: dict[str, Any] = {**changes, **(number if isinstance(number, dict) else {"value": number})}
        own = {k: given.pop(k) for k in ("seconds", "status", "error", "cost", "identity", "n_asked") if k in given}
        decoder = given.get("decoder", "")
        area = given.pop("area", task.partition("/")[0])
        n = own.pop("n_asked", 400)
        name = cell_name(task, model, f"{derive(0, model, task, decoder):016x}", decoder=decoder)
        identity = own.pop("identity", {"data": task, "task version": "1", "samples asked": "all"})
        status = own.pop("status", "done")
        entries.append(
            CellEntry(
                name=name, model=model, task=task, area=area, record="classification", decoder=decoder, status=status,
                n=n, identity=identity, **own,
            )
        )  # fmt: skip
        if status != "done":
            continue
        value = given.pop("value")
        half = given.pop("half", 0.02)
        base: dict[str, Any] = {
            "model": model, "task": task, "area": area, "metric": "accuracy", "value": value, "low": value - half,
            "high": value + half, "n": n, "n_failed": 0, "groups": n, "unit": "", "better": "higher", "biased": False,
            "method": "wilson", "range": (0.0, 1.0),
        }  # fmt: skip
        results.append(Result(**{**base, **given}))
    manifest: dict[str, Any] = {"suite": "made", "seed": 0}
    if created:
        manifest["created"] = created
    with RunFolder.create(path, manifest, entries) as run:
        run.write_results(results)
        run.finish()
    return RunFolder.open(path)
