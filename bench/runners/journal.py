"""The journal of a cell: one checksummed line a sample, so that a kill loses at most the batch under way.

The samples of a cell are asked in fixed consecutive batches.  A batch counts when all its lines and its closing line
are there, in order and whole; otherwise it is owed again *as a whole*, because what a model answers may depend, in
the last bits, on what else is in the batch.  Each session writes a file of its own and never touches an older one:

    {"crc":"…","journal":1,"record":"classification","key":"…"}           first line: whose journal this is
    {"crc":"…","batch":0,"at":0,"row":{"ids":"a",…}}                      a sample's answer
    {"crc":"…","batch":0,"at":1,"id":"b","failed":"timed out"}            a failure is data: it keeps its reason
    {"crc":"…","batch":0,"rows":1,"attributes":{…},"shapes":{…}}          the batch is complete

The checksum is the CRC-32 of everything behind it on the line.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.arrays import Ragged, Strings
from bench.errors import RecordError
from bench.records import Record
from bench.runners.atomic import make_folder, remove, sync_folder, write_all, writing
from bench.runners.identity import fingerprint
from bench.runners.parts import DamageError

JOURNAL_VERSION = 1
PREFIX = b'{"crc":"'
BODY = len(PREFIX) + 8 + len(b'",')


@dataclass(frozen=True)
class Layout:
    """The samples of a cell in their order, ids (n,), asked `batch` at a time; the last batch may be shorter."""

    ids: Strings
    batch: int

    @property
    def batches(self) -> int:
        """Number of batches."""
        return -(-len(self.ids) // self.batch)

    def rows(self, batch: int) -> range:
        """Positions of the samples of a batch."""
        return range(batch * self.batch, min((batch + 1) * self.batch, len(self.ids)))


@dataclass(frozen=True)
class Batch:
    """What a complete batch holds: the answers' rows, reasons of failure by id, and the record's attributes."""

    rows: tuple[dict[str, Any], ...]
    failed: dict[str, str]
    attributes: dict[str, Any]
    shapes: dict[str, Any]


@dataclass(frozen=True)
class _Span:
    """Where a complete batch stands: bytes start to end of a journal file."""

    path: Path
    start: int
    end: int


@dataclass
class _Reading:
    """A batch whose lines are being read."""

    batch: int
    start: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows) + len(self.failed)


class Journal:
    """The journal files of one cell; `open` reads what is there, `append` adds a batch."""

    def __init__(self, folder: Path, cls: type[Record], layout: Layout, key: str) -> None:
        self.folder = folder
        self.layout = layout
        self.record_type = cls
        self.key = fingerprint([key, cls.kind, layout.batch, layout.ids])
        self.damage: list[str] = []
        self._spans: dict[int, _Span] = {}
        self._shapes: dict[str, Any] | None = None
        self._attributes: dict[str, Any] = {}
        self._path: Path | None = None
        self._descriptor: int | None = None
        self._size = 0

    @classmethod
    def open(
        cls, folder: Path, record: type[Record], layout: Layout, *, key: str = "", retry_failed: bool = False
    ) -> Self:
        """The journal of the cell in `folder`, with every complete batch that earlier sessions left there.

        key: what the answers depend on (the cell's digest); files with another key, other samples or another batch
        size are not read.  retry_failed: batches with a failed sample are owed again.  Damage is never an error
        here: what is damaged is owed again, and `damage` names it.
        """
        journal = cls(folder, record, layout, key)
        for path in journal_files(folder):
            try:
                journal._load(path, retry_failed=retry_failed)
            except OSError as error:
                journal.damage.append(
                    f"{path.name}: it cannot be read ({error.strerror}); what is missing is asked again"
                )
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def done(self) -> frozenset[int]:
        """Numbers of the complete batches."""
        return frozenset(self._spans)

    @property
    def owed(self) -> list[int]:
        """Numbers of the batches still to be asked, increasing."""
        return [k for k in range(self.layout.batches) if k not in self._spans]

    def append(self, batch: int, record: Record | None, failed: Mapping[str, str] | None = None) -> None:
        """Add a complete batch: the answers in sample order, and the reason for each sample that has none, by id.

        Durable when it returns.  Raises `RecordError` where answers and failures are not exactly the samples of the
        batch, or where the record has other columns or attributes than that of earlier batches; `IncompleteError`
        where the disk is full (what was there before stays valid); `ValueError` for a batch that is already there.
        """
        if batch not in range(self.layout.batches) or batch in self._spans:
            raise ValueError(f"batch {batch} is not owed")
        failed = dict(failed or {})
        shapes = _shapes(record)
        self._check(batch, record, failed, shapes)
        lines = self._lines(batch, record, failed, shapes)
        with writing(self.folder.parent.parent):
            start = self._write(b"".join(lines))
        self._remember(batch, _Span(self._file, start, self._size), _attributes(record), shapes)

    def read(self, batch: int) -> Batch:
        """A complete batch, read back from disk and checked again.  Raises `DamageError` where it is not whole."""
        span = self._spans[batch]
        try:
            with span.path.open("rb") as file:
                file.seek(span.start)
                data = file.read(span.end - span.start)
        except OSError as error:
            raise DamageError(span.path, f"batch {batch} cannot be read back: {error.strerror}") from error
        for found, content, _ in _batches(io.BytesIO(data), self.layout, []):
            if found == batch:
                return content
        raise DamageError(span.path, f"batch {batch} is no longer what was written")

    def close(self) -> None:
        """Close this session's file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _check(self, batch: int, record: Record | None, failed: dict[str, str], shapes: dict[str, Any]) -> None:
        expected = [str(self.layout.ids[i]) for i in self.layout.rows(batch)]
        answered = [] if record is None else [str(i) for i in record.ids]
        unanswered = [i for i in expected if i not in failed]
        if answered != unanswered or len(unanswered) + len(failed) != len(expected) or (record and record.n_failed):
            raise RecordError(
                f"batch {batch} was answered with other samples than it holds",
                cause=f"{len(answered)} answers and {len(failed)} failures for {len(expected)} samples, "
                "which must be the same ids in the same order",
                fix="return one answer a sample, in order, or its failure",
            )
        if record is None or len(record) == 0:
            return
        for name, spec in record.columns().items():
            values = getattr(record, name)
            texts = values.values if isinstance(values, Ragged) else values
            if spec.dtype == "text" and texts is not None and not all(isinstance(text, str) for text in texts):
                raise RecordError(
                    f"{record.kind}: column '{name}' holds something that is no text",
                    cause=f"it came with batch {batch}",
                    fix="give strings; an empty one where there is none",
                )
        if self._shapes is not None and (shapes != self._shapes or _attributes(record) != self._attributes):
            raise RecordError(
                f"{record.kind}: batch {batch} disagrees with the batches before it",
                cause=f"columns {shapes} and attributes {_attributes(record)}; "
                f"before, {self._shapes} and {self._attributes}",
                fix="let the model answer every batch in the same form",
            )

    def _lines(
        self, batch: int, record: Record | None, failed: dict[str, str], shapes: dict[str, Any]
    ) -> Iterator[bytes]:
        rows = iter(()) if record is None else record.rows()
        for at in self.layout.rows(batch):
            name = str(self.layout.ids[at])
            if name in failed:
                yield _line({"batch": batch, "at": at, "id": name, "failed": failed[name]})
            else:
                yield _line({"batch": batch, "at": at, "row": next(rows)})
        count = 0 if record is None else len(record)
        yield _line({"batch": batch, "rows": count, "attributes": _attributes(record), "shapes": shapes})

    @property
    def _file(self) -> Path:
        if self._path is None:
            numbers = [int(path.stem.partition("-")[2]) for path in journal_files(self.folder)]
            self._path = self.folder / f"journal-{max(numbers, default=-1) + 1}.jsonl"
        return self._path

    def _write(self, data: bytes) -> int:
        """Append and sync; returns where the data starts.  A write that fails leaves the file as it was."""
        if self._descriptor is None:
            make_folder(self.folder)
            self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            self._size = os.fstat(self._descriptor).st_size
        fresh = self._size == 0
        header = {"journal": JOURNAL_VERSION, "record": self.record_type.kind, "key": self.key}
        head = _line(header) if fresh else b""
        try:
            write_all(self._descriptor, head + data)
            os.fsync(self._descriptor)
            if fresh:
                sync_folder(self.folder)
        except BaseException:
            self._undo()
            raise
        start = self._size + len(head)
        self._size = start + len(data)
        return start

    def _undo(self) -> None:
        """Cut off what a failed write left; where even that fails, leave the file behind and start another."""
        try:
            if self._descriptor is not None:
                os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.close()
            self._path = None

    def _load(self, path: Path, *, retry_failed: bool) -> None:
        with path.open("rb") as file:
            first = file.readline()
            header = _read_line(first)
            if header is None or header.get("journal") != JOURNAL_VERSION or header.get("key") != self.key:
                if first.endswith(b"\n"):  # otherwise the first write was cut short, and nothing is lost
                    why = "its first line is damaged" if header is None else "it belongs to another cell"
                    self.damage.append(f"{path.name}: {why}; nothing of it is used")
                return
            notes: list[str] = []
            for batch, content, (start, end) in _batches(file, self.layout, notes):
                self._spans.pop(batch, None)  # a later session's batch stands in for an earlier one's
                if not (retry_failed and content.failed):
                    span = _Span(path, len(first) + start, len(first) + end)
                    self._remember(batch, span, content.attributes, content.shapes)
            self.damage.extend(f"{path.name}: {note}" for note in notes)

    def _remember(self, batch: int, span: _Span, attributes: dict[str, Any], shapes: dict[str, Any]) -> None:
        self._spans[batch] = span
        if shapes and self._shapes is None:
            self._shapes, self._attributes = shapes, attributes


def journal_files(folder: Path) -> list[Path]:
    """The journal files of a cell's folder, oldest session first."""
    named = [p for p in folder.glob("journal-*.jsonl") if p.stem.partition("-")[2].isdecimal()]
    return sorted(named, key=lambda path: int(path.stem.partition("-")[2]))


def remove_journals(folder: Path) -> None:
    """Delete a cell's journal files, durably.  Raises `OSError`."""
    removed = [remove(path) for path in reversed(journal_files(folder))]
    if any(removed):
        sync_folder(folder)


def _batches(lines: Iterable[bytes], layout: Layout, notes: list[str]) -> Iterator[tuple[int, Batch, tuple[int, int]]]:
    """Complete batches among the lines, with the bytes where each starts and ends; what is damaged goes to `notes`.

    A batch is its samples' lines in order, then its closing line, with nothing between them.
    """
    offset = 0
    reading: _Reading | None = None
    for number, raw in enumerate(lines, start=2):
        start, offset = offset, offset + len(raw)
        line = _read_line(raw)
        if line is None:
            if raw.endswith(b"\n"):  # a last line without its end is a write that was cut short: no damage
                notes.append(f"line {number} is damaged; its batch is asked again")
            reading = None
        elif "at" in line:
            reading = _next(reading, line, layout, start)
        elif reading is not None and _closes(reading, line, layout):
            batch = Batch(tuple(reading.rows), reading.failed, line["attributes"], line["shapes"])
            yield reading.batch, batch, (reading.start, offset)
            reading = None
        else:
            reading = None


def _next(reading: _Reading | None, line: dict[str, Any], layout: Layout, start: int) -> _Reading | None:
    """The batch with one more sample; `None` where the sample is not the next one of that batch."""
    batch, at = line["batch"], line["at"]
    rows = layout.rows(batch)
    if at == rows.start:
        reading = _Reading(batch, start)
    if reading is None or reading.batch != batch or at not in rows or at != rows.start + len(reading):
        return None
    name = line["id"] if "failed" in line else line["row"]["ids"]
    if name != str(layout.ids[at]):
        return None
    if "failed" in line:
        reading.failed[name] = line["failed"]
    else:
        reading.rows.append(line["row"])
    return reading


def _closes(reading: _Reading, line: dict[str, Any], layout: Layout) -> bool:
    whole = len(reading) == len(layout.rows(reading.batch)) and line.get("rows") == len(reading.rows)
    return whole and line.get("batch") == reading.batch


def _line(content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content, separators=(",", ":")).encode()[1:]
    return b'%s%08x",%s\n' % (PREFIX, zlib.crc32(body), body)


def _read_line(raw: bytes) -> dict[str, Any] | None:
    """What `_line` wrote, or `None` for anything else."""
    if not (raw.startswith(PREFIX) and raw.endswith(b"\n")):
        return None
    body = raw[BODY:-1]
    if raw[len(PREFIX) : BODY] != b'%08x",' % zlib.crc32(body):
        return None
    try:
        content: dict[str, Any] = json.loads(b"{" + body)
    except ValueError:
        return None
    return content


def _attributes(record: Record | None) -> dict[str, Any]:
    if record is None or len(record) == 0:
        return {}
    return {k: v for k, v in record.attribute_values().items() if k != "n_failed"}


def _shapes(record: Record | None) -> dict[str, Any]:
    """Columns that are present, with the shape of one row; `None` for ragged ones."""
    if record is None or len(record) == 0:
        return {}
    present = {name: getattr(record, name) for name in record.columns() if getattr(record, name) is not None}
    return {k: None if isinstance(v, Ragged) else list(np.shape(v)[1:]) for k, v in present.items()}
