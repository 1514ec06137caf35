"""Baselines: what a later run is paired with, as one small JSON file that lives in git beside the code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import __version__
from bench.comparing.evidence import CellEvidence, Digests, Evidence, Side
from bench.errors import BenchError, NotComparableError, UsageError
from bench.gates.packing import pack_digests, pack_values, unpack
from bench.runners.atomic import write_bytes, write_error
from bench.runners.sealed import encode, read_sealed
from bench.stats.training_seeds import Seeds

BASELINE_SCHEMA = 1
KIND = "bench-baseline"
KINDS = frozenset({"share", "mean", "influence", "folds"})
ROUNDING = 1e-3  # of the spread of a mean: what half floats may move it by
FIX = "save it again: bench baseline save RUN -o FILE"
_ABOUT = ("model", "task", "decoder", "area", "record", "questions", "answers", "error", "unmeasured")
_OWN = ("calibrator", "score", "slice", "metric", "better", "unit", "biased", "likelihood", "kind", "value")


def save(one: Side, path: Path, *, keep: Callable[[CellEvidence, Evidence], bool]) -> int:
    """Write the numbers for which `keep` is true, and what they rest on.  Returns the size in bytes.

    Raises `UsageError` where there is nothing to keep, and `EvaluationError` where the file cannot be written.
    """
    kept = [replace(c, numbers=tuple(e for e in c.numbers if e.value is not None and keep(c, e))) for c in one.cells]
    if not any(c.numbers for c in kept):
        barred = next((c.barred for c in one.cells if c.barred), "")
        raise UsageError(
            f"'{one.name}' has no such number",
            cause=barred or "a baseline without numbers gates nothing",
            fix="keep the baseline of a run on fewer rows" if barred else "keep more",
        )
    document = {
        "schema_version": BASELINE_SCHEMA,
        "kind": KIND,
        "bench_version": __version__,
        "facts": dict(one.facts),
        "cells": [_cell(c) for c in kept if c.numbers],
    }
    # One cell a line: a diff in git shows which cells changed.
    sealed = json.loads(encode(document))
    cells = ",\n".join(json.dumps(c, separators=(",", ":")) for c in sealed.pop("cells"))
    head = json.dumps({k: v for k, v in sealed.items() if k != "checksum"}, indent=1)[:-2]
    text = f'{head},\n "cells": [\n{cells}\n ],\n "checksum": {json.dumps(sealed["checksum"])}\n}}\n'
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise write_error(error, path, resumable=False) from error
    return len(text.encode())


def _cell(c: CellEvidence) -> dict[str, Any]:
    entry: dict[str, Any] = {k: getattr(c, k) for k in _ABOUT if getattr(c, k)}
    entry |= {"identity": dict(c.identity), "ids": pack_digests(c.ids, increasing=True), "n_failed": c.n_failed}
    if c.groups is not None:
        entry["groups"] = pack_digests(c.groups)
    if c.weights is not None:
        entry["weights"] = pack_values(c.weights)
    if len(c.failed):
        entry["failed"] = pack_digests(c.failed, increasing=True)
    entry["numbers"] = [_number(e) for e in c.numbers]
    return entry


def _number(e: Evidence) -> dict[str, Any]:
    own = {k: getattr(e, k) for k in _OWN if getattr(e, k) != ""}
    if e.seeds is not None:
        own["seeds"] = asdict(e.seeds)
    return {**own, "range": list(e.range), "shown": list(e.shown), "values": pack_values(e.values)}


def read(path: Path) -> Side:
    """A stored baseline.  Raises `NotComparableError` where it is missing, damaged, or of a newer bench."""
    if not path.is_file():
        raise NotComparableError(
            f"there is no baseline '{path}'", cause="there is no such file", fix="bench baseline save RUN -o FILE"
        )
    try:
        document = read_sealed(path, version=BASELINE_SCHEMA, fix=FIX)
    except BenchError as error:
        raise NotComparableError(error.what, cause=error.cause, fix=error.fix) from error
    try:
        cells = _read_cells(document)
        facts = {str(k): str(v) for k, v in document["facts"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise NotComparableError(f"'{path}' is no baseline that can be used", cause=cause, fix=FIX) from error
    return Side(name=path.name, facts=facts, cells=cells)


def rounded(one: Side) -> Side:
    """The side with its values rounded as a baseline rounds them, so that equal answers stay equal."""

    def _kept(e: Evidence) -> Evidence:
        values = np.asarray(unpack(pack_values(e.values)), dtype=np.float64)
        return replace(e, values=values)

    def _again(c: CellEvidence) -> CellEvidence:
        numbers = (
            replace(e, values=_exact(_kept(e).values, e.value, c.weights, e.metric))
            if e.kind in {"share", "mean"} and e.value is not None
            else _kept(e)
            for e in c.numbers
        )
        return replace(c, numbers=tuple(numbers))

    return replace(one, cells=tuple(_again(c) for c in one.cells))


def _read_cells(document: Mapping[str, Any]) -> tuple[CellEvidence, ...]:
    if document.get("kind") != KIND:
        raise ValueError("it is another kind of file")
    return tuple(_read_cell(entry) for entry in document["cells"])


def _read_cell(entry: Mapping[str, Any]) -> CellEvidence:
    ids = unpack(entry["ids"])
    groups = unpack(entry["groups"]) if "groups" in entry else None
    weights = unpack(entry["weights"]) if "weights" in entry else None
    for name, column in (("groups", groups), ("weights", weights)):
        if column is not None and len(column) != len(ids):
            raise ValueError(f"{name} of {len(column)} samples for {len(ids)}")
    if len(ids) > 1 and not (ids[1:] > ids[:-1]).all():
        raise ValueError("its sample ids are out of order")
    return CellEvidence(
        **{k: str(entry.get(k, "")) for k in _ABOUT},
        identity={str(k): str(v) for k, v in entry["identity"].items()},
        ids=ids,
        groups=groups,
        weights=weights,
        failed=unpack(entry["failed"]) if "failed" in entry else np.empty(0, dtype=np.uint64),
        n_failed=int(entry["n_failed"]),
        numbers=tuple(_read_number(number, ids, weights) for number in entry["numbers"]),
        trainings=max((int(n["seeds"]["count"]) for n in entry["numbers"] if "seeds" in n), default=1),
    )


def _read_number(entry: Mapping[str, Any], ids: Digests, weights: Any) -> Evidence:
    values = np.asarray(unpack(entry["values"]), dtype=np.float64)
    kind = entry["kind"]
    if kind not in KINDS or (kind != "folds" and len(values) != len(ids)):
        raise ValueError(f"{entry['metric']}: {len(values)} values of kind '{kind}' for {len(ids)} samples")
    value = float(entry["value"])
    if kind in {"share", "mean"}:
        values = _exact(values, value, weights, str(entry["metric"]))
    low, high = entry["range"]
    shown = entry["shown"]
    return Evidence(
        **{k: str(entry.get(k, "")) for k in _OWN if k not in {"biased", "kind", "value"}},
        biased=bool(entry["biased"]),
        kind=kind,
        value=value,
        values=values,
        range=(low, high),
        shown=(shown[0], shown[1], shown[2]),
        seeds=_read_seeds(entry["seeds"]) if "seeds" in entry else None,
    )


def _read_seeds(entry: Mapping[str, Any]) -> Seeds:
    found = Seeds(between=float(entry["between"]), within=float(entry["within"]), count=int(entry["count"]))
    if not (found.between >= 0 and found.within >= 0 and found.count > 1):
        raise ValueError(f"seeds that cannot be: {dict(entry)}")
    return found


def _exact(values: Any, value: float, weights: Any, metric: str) -> Any:
    """The values, moved so that their mean is the stored one: half floats rounded each by itself.

    A mean that is farther off than rounding can move it says that the file was changed.
    """
    held = ~np.isnan(values)
    w = np.ones(len(values)) if weights is None else weights
    off = value - float(w[held] @ values[held] / w[held].sum())
    size = float(np.abs(values[held]).max(initial=0.0))
    if not math.isfinite(off) or abs(off) > ROUNDING * size:
        raise ValueError(f"{metric} is {value}, and its samples say {value - off}")
    return values + off
