"""Event sequences in the format of EasyTPP: times since the start, and the type of each event."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.field.reading import Hub, Row, converted, hub_table, parts, rows_of
from bench.references.events import Sequences, gathered

PATTERNS = {"train": ("*train*",), "calibration": ("*dev*", "*valid*"), "test": ("*test*",)}
_SPLITS = {"train": "train", "calibration": "validation", "test": "test"}


def sequences(name: str, path: str) -> tuple[Sequences, dict[str, int]]:
    """All sequences of all splits together, in the splits' order, and how many are in each split.

    The first event of a sequence is at time 0 and opens it; the last one is its horizon: so EasyTPP counts likelihood.
    """
    if path:
        found = {split: rows_of(files) for split, files in parts(path, PATTERNS).items()}
    else:
        found = {ours: [dict(r) for r in hub_table(Hub(f"easytpp/{name}", theirs))] for ours, theirs in _SPLITS.items()}
    held = {split: converted(part, sequence, "EasyTPP's sequences") for split, part in found.items()}
    every = [one for part in held.values() for one in part]
    lengths = [len(times) for times, _ in every]
    together = gathered(
        len(every),
        np.repeat(np.arange(len(every)), lengths),
        np.concatenate([times for times, _ in every]),
        np.concatenate([marks for _, marks in every]),
        np.array([times[-1] for times, _ in every]),
    )
    return together, {split: len(part) for split, part in held.items()}


def sequence(row: Row, _: int) -> tuple[Float64s, Ints]:
    """Times from the first event on, and types, of `time_since_start` and `type_event`."""
    times = np.asarray(row["time_since_start"], dtype=np.float64)
    marks = np.asarray(row["type_event"], dtype=np.int64)
    if times.ndim != 1 or times.shape != marks.shape or len(times) < 2:
        raise ValueError("it needs as many times as types, and two at least")
    if (np.diff(times) < 0).any() or (marks < 0).any():
        raise ValueError("times must not fall, and types are 0 or more")
    return times - times[0], marks
