"""A cell of a run as run.json lists it: a model on a task, what it is made of, how far it is, and its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bench.runners.identity import Identity
from bench.runners.parts import Part

Status = Literal["planned", "done", "failed"]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
FILE = re.compile(r"part-\d{5}\.parquet|failed\.jsonl")


@dataclass(frozen=True, kw_only=True, slots=True)
class CellEntry:
    """What run.json holds of one cell.

    record: the kind of record that the answers make.  identity and digest: what the answers depend on.  batch:
    samples asked at a time, the same in every session.  n: samples asked; n_failed: those among them without an
    answer.  parts: the files of a finished cell.  seconds: time spent on it in all sessions.  error: why it failed.
    unmeasured: which metrics crashed on its answers, and how.  engine: what scored its texts.  cost: the numbers
    of `Usage`, in all sessions; empty where the model doesn't count.
    """

    name: str
    model: str
    task: str
    area: str
    record: str
    decoder: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    status: Status = "planned"
    batch: int = 0
    n: int = 0
    n_failed: int = 0
    parts: tuple[Part, ...] = ()
    calibrations: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    engine: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    unmeasured: str = ""

    def check_identity(self, now: Identity, *, fix: str) -> None:
        """Raise `NotComparableError` naming the keys that differ, where `now` is not what this cell was made of."""
        Identity(self.identity).refuse(now, what=f"cell '{self.name}'", fix=fix)

    def as_json(self) -> dict[str, Any]:
        """The entry as run.json holds it."""
        return asdict(self)


def entries_from_json(values: Sequence[Mapping[str, Any]]) -> list[CellEntry]:
    """The entries that `as_json` gave; keys of a newer bench are passed over.

    Names become paths, so they are held to the alphabet in which they are made: nothing reaches out of the run.
    Raises `ValueError` for what no bench can have written.
    """
    import msgspec

    try:
        entries = msgspec.convert(values, list[CellEntry])
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    for entry in entries:
        if not NAME.fullmatch(entry.name):
            raise ValueError(f"a cell cannot be named '{entry.name}'")
        for part in entry.parts:
            if not FILE.fullmatch(part.file):
                raise ValueError(f"cell '{entry.name}' lists the file '{part.file}', which is no part")
    return entries


def cell_name(task: str, model: str, digest: str, *, decoder: str = "") -> str:
    """The name of a cell and of its folder: `<task>--<model>[--<decoder>]--<digest[:8]>` in [a-z0-9._-]."""
    return "--".join([*(_slug(part) for part in (task, model, decoder) if part), digest[:8].lower()])


def _slug(text: str) -> str:
    # Two texts of one slug are told apart by the digest behind them; 255 bytes is what a file system takes.
    slug = re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9._-]", "-", text.lower()))
    return slug.strip("-.")[:64].strip("-.") or "x"
