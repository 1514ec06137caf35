"""Writing small files of predictions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Columns = Mapping[str, Any]


def as_csv(path: Path, columns: Columns) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([json.dumps(v) if isinstance(v, list) else v for v in row])
    return path


def as_parquet(path: Path, columns: Columns) -> Path:
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def as_npz(path: Path, columns: Columns) -> Path:
    arrays: dict[str, Any] = {name: np.asarray(values) for name, values in columns.items()}
    np.savez(path, **arrays)
    return path


WRITERS: dict[str, Callable[[Path, Columns], Path]] = {"csv": as_csv, "parquet": as_parquet, "npz": as_npz}


def write(folder: Path, suffix: str, columns: Columns) -> Path:
    return WRITERS[suffix](folder / f"preds.{suffix}", columns)
