"""The run folder: everything that a run measured, written so that it survives whatever ends the run.

run.json is written first and is the only place where something becomes true: a cell is done when run.json, replaced
atomically, lists its parts with their checksums.  Whatever a kill leaves besides (temporary files, a part that is not
listed yet, journals of a cell that is done) is swept away when the run is resumed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import bench
from bench.errors import BenchError, ExitCode, IncompleteError, UsageError
from bench.records import Record
from bench.records.long import Long
from bench.results import Result
from bench.runners import compaction, parts
from bench.runners.atomic import (
    TEMPORARY,
    make_folder,
    remove,
    remove_folders,
    sync_folder,
    write_error,
    writing,
)
from bench.runners.cells import FILE, CellEntry, entries_from_json
from bench.runners.journal import Journal, Layout, journal_files, remove_journals
from bench.runners.lengths import read_long
from bench.runners.lock import RunLock
from bench.runners.parts import DamageError
from bench.runners.results import Head, read_results, write_results
from bench.runners.sealed import damaged, write_sealed
from bench.runners.site import (
    LOCK,
    MANIFEST,
    RUN_SCHEMA,
    creation_error,
    half_made,
    manifest_fix,
    read_manifest,
    refuse_occupied,
    refuse_stranger,
)

RESULTS = "results.json"


class RunFolder:
    """One run on disk.  `create` and `resume` hold the lock and write; `open` only reads."""

    def __init__(self, path: Path, document: dict[str, Any], lock: RunLock | None) -> None:
        self.path = path
        self.repaired: tuple[str, ...] = ()
        self._lock = lock
        self._manifest = {k: v for k, v in document.items() if k != "cells"}
        try:
            self._cells = {entry.name: entry for entry in entries_from_json(document.get("cells", []))}
        except ValueError as error:
            raise damaged(path / MANIFEST, f"its list of cells cannot be read: {error}", manifest_fix()) from error

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any], cells: Sequence[CellEntry] = ()) -> Self:
        """A new run in a folder that does not exist or is empty; its manifest is on disk when this returns.

        Raises `UsageError` for a folder that holds anything, or that cannot be written, and `IncompleteError` for a
        full disk; then nothing is left behind.
        """
        path = Path(path)
        refuse_occupied(path)
        made: list[Path] = []
        lock = RunLock(path / LOCK)
        try:
            made = make_folder(path)
            lock.acquire()
            refuse_occupied(path)
            for stray in half_made(path):
                remove(stray)
            document = {
                "schema_version": RUN_SCHEMA,
                "bench_version": bench.__version__,
                "created": _now(),
                "finished": None,
                **manifest,
                "cells": [entry.as_json() for entry in cells],
            }
            run = cls(path, document, lock)
            run._save()
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError) and path in made:
                with suppress(OSError):  # a lock file that could be made but not locked, in a folder of our own
                    remove(path / LOCK)
            remove_folders(made)
            if isinstance(error, OSError):
                raise creation_error(error, path) from error
            raise
        return run

    @classmethod
    def resume(cls, path: Path) -> Self:
        """The run to go on with: locked, swept, its parts verified.

        A finished cell whose part is damaged becomes planned again; `repaired` names each such file.
        """
        path = Path(path)
        refuse_stranger(path)
        lock = RunLock(path / LOCK)
        try:
            lock.acquire()
            run = cls(path, read_manifest(path), lock)
            with writing(path):
                run._repair()
                run._sweep()
        except OSError as error:
            lock.release()
            raise write_error(error, path) from error
        except BaseException:
            lock.release()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run to read from, whether it is finished or being written.  Changes nothing."""
        path = Path(path)
        refuse_stranger(path)
        return cls(path, read_manifest(path), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.release()

    @property
    def manifest(self) -> dict[str, Any]:
        """What run.json says of the run, without its cells: a copy."""
        copy: dict[str, Any] = json.loads(json.dumps(self._manifest))
        return copy

    @property
    def cells(self) -> tuple[CellEntry, ...]:
        """The cells in the order of the plan."""
        return tuple(self._cells.values())

    @property
    def finished(self) -> bool:
        """Whether the run was brought to its end."""
        return bool(self._manifest.get("finished"))

    @property
    def exit_code(self) -> ExitCode:
        """What the process says of the run: `INCOMPLETE` where a cell or a metric failed, or a sample has no answer."""
        whole = all(entry.status == "done" and entry.n_failed == 0 and not entry.unmeasured for entry in self.cells)
        return ExitCode.OK if whole else ExitCode.INCOMPLETE

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run."""
        config = self._manifest.get("config")
        trust = config.get("trust_remote_code") if isinstance(config, dict) else None
        trusted = isinstance(trust, dict) and trust.get("value") is True
        return f"bench eval --resume {shlex.quote(str(self.path))}" + (" --trust-remote-code" if trusted else "")

    def cell(self, name: str) -> CellEntry:
        """The cell of that name; `UsageError` if there is none."""
        if name not in self._cells:
            raise UsageError(
                f"'{self.path}' has no cell '{name}'", cause=f"it has {len(self._cells)} others", fix="see its run.json"
            )
        return self._cells[name]

    def cell_path(self, name: str) -> Path:
        """The folder of a cell."""
        return self.path / "cells" / self.cell(name).name

    def update(self, **values: Any) -> None:
        """Set entries of the manifest, durably."""
        self._commit({**self._manifest, **values}, self._cells)

    def update_cell(self, entry: CellEntry) -> None:
        """Replace a cell's entry, or add one, durably."""
        entries_from_json([entry.as_json()])
        self._commit(self._manifest, {**self._cells, entry.name: entry})

    def finish(self) -> None:
        """Note that the run came to its end."""
        self.update(finished=_now())

    def journal(self, name: str, ids: Any, *, retry_failed: bool = False) -> Journal:
        """The journal of a cell whose samples are `ids` (n,), asked `batch` at a time (see `CellEntry`)."""
        entry = self.cell(name)
        self._must_write()
        if entry.batch < 1:
            raise UsageError(
                f"cell '{name}' has no batch size", cause="its batches must be the same in every session", fix="set it"
            )
        layout = Layout(ids, entry.batch)
        return Journal.open(
            self.cell_path(name), self._record_type(entry), layout, key=entry.digest, retry_failed=retry_failed
        )

    def compact(self, entry: CellEntry, journal: Journal) -> CellEntry:
        """Turn a complete journal into parts, list them in run.json as `entry`, done, and delete the journal.

        Returns the entry as it is now.  Raises `IncompleteError` where batches are owed, or where the disk is full.
        """
        self._must_write()
        if journal.owed:
            raise IncompleteError(
                f"cell '{entry.name}' is not complete",
                cause=f"{len(journal.owed)} of {journal.layout.batches} batches are owed",
                fix=self.resume_command,
            )
        journal.close()
        folder = self.cell_path(entry.name)
        try:
            table, failures = compaction.gather(journal)
        except DamageError as error:
            raise self._damaged(error) from error
        with writing(self.path):
            files = compaction.write(folder, table, failures)
        done = replace(entry, status="done", n=len(journal.layout.ids), n_failed=len(failures), parts=files, error="")
        self.update_cell(done)
        with writing(self.path):
            remove_journals(folder)
        return done

    def store(self, entry: CellEntry, record: Record | Long) -> CellEntry:
        """Write a record that is there already as the parts of a cell, done, without a journal."""
        self._must_write()
        entries_from_json([entry.as_json()])  # its name becomes a path
        with writing(self.path):
            files = compaction.write(self.path / "cells" / entry.name, record, [])
        done = replace(
            entry, status="done", n=len(record) + record.n_failed, n_failed=record.n_failed, parts=files, error=""
        )
        self.update_cell(done)
        return done

    def record(self, name: str) -> Record:
        """What the model answered in a finished cell, read back from its parts after their checksums.

        Raises `IncompleteError` for a cell that is not done and `EvaluationError` naming the file that is damaged.
        """
        entry = self._done(name)
        folder = self.cell_path(name)
        files = [part for part in entry.parts if part.file.endswith("parquet")]
        try:
            tables = [parts.read_part(folder / part.file, part) for part in files]
        except DamageError as error:
            raise self._damaged(error) from error
        return parts.from_table(self._record_type(entry), tables[0] if len(tables) == 1 else parts.join(tables))

    def long(self, name: str) -> Long | None:
        """As `record`, in blocks, where it is too long for memory; else `None`."""
        entry, part = self._done(name), self._done(name).parts[0]  # beside it stands only what failed
        try:
            return read_long(self._record_type(entry), self.cell_path(name) / part.file, part)
        except DamageError as error:
            raise self._damaged(error) from error

    def failures(self, name: str) -> dict[str, str]:
        """Why each sample of a finished cell that has no answer has none, by id."""
        entry = self._done(name)
        try:
            return compaction.read_failures(self.cell_path(name), entry.parts)
        except DamageError as error:
            raise self._damaged(error) from error

    def reopen(self, name: str, ids: Any) -> Journal:
        """The journal of a finished cell again, with the batches that hold a failed sample owed.

        For asking again what failed once for a passing reason.  The cell is planned from here on.
        """
        self._must_write()
        entry, record, failures = self.cell(name), self.record(name), self.failures(name)
        folder = self.cell_path(name)
        with writing(self.path):
            remove_journals(folder)
        planned = replace(entry, status="planned", parts=(), n_failed=0, calibrations={})
        journal = self.journal(name, ids)
        compaction.refill(journal, record, failures)
        self.update_cell(planned)
        with writing(self.path):
            self._sweep_cell(planned)
        return journal

    def write_results(self, results: Sequence[Result]) -> None:
        """Write results.json: the same bytes for the same results, in whatever order they come.

        Raises `EvaluationError` for a result that is NaN or infinite (one that is unknown must be `None`).
        """
        self._must_write()
        with writing(self.path):
            write_results(self.path / RESULTS, results)

    def results(self, keep: Callable[[Head], bool] | None = None) -> list[Result]:
        """The results as `write_results` stored them, or those whose row in results.json is to be kept.

        Raises `IncompleteError` where there are none yet, and `EvaluationError` where the file is damaged.
        """
        path = self.path / RESULTS
        if not path.exists():
            raise IncompleteError(
                f"'{self.path}' has no results yet", cause="the run was not finished", fix=self.resume_command
            )
        return read_results(path, fix=self.resume_command, keep=keep)

    def verify(self) -> list[DamageError]:
        """Every file of a finished cell that is not what was written; empty where all is well."""
        found: list[DamageError] = []
        for entry in self.cells:
            for part in entry.parts if entry.status == "done" else ():
                try:
                    parts.check(self.path / "cells" / entry.name / part.file, part)
                except DamageError as error:
                    found.append(error)
        return found

    def _done(self, name: str) -> CellEntry:
        entry = self.cell(name)
        if entry.status != "done":
            raise IncompleteError(
                f"cell '{name}' has no record", cause=entry.error or "it is not finished", fix=self.resume_command
            )
        return entry

    def _record_type(self, entry: CellEntry) -> type[Record]:
        cls = parts.record_type(entry.record)
        if cls is None:
            raise UsageError(
                f"cell '{entry.name}' holds records of kind '{entry.record}'",
                cause="no record of that kind is known here",
                fix="load the plugin that declares it with --plugin",
            )
        return cls

    def _damaged(self, error: DamageError) -> BenchError:
        return damaged(error.path, f"{error.reason}; nothing of it is used", self.resume_command)

    def _must_write(self) -> None:
        if self._lock is None or not self._lock.held:
            raise UsageError(
                f"'{self.path}' is open for reading only", cause="only its one writer may change it", fix="resume it"
            )

    def _commit(self, manifest: dict[str, Any], cells: dict[str, CellEntry]) -> None:
        # Memory follows the disk: after an error, both still say what was true before.
        self._must_write()
        before = self._manifest, self._cells
        self._manifest, self._cells = manifest, cells
        try:
            with writing(self.path):
                self._save()
        except BaseException:
            self._manifest, self._cells = before
            raise

    def _save(self) -> None:
        cells = [entry.as_json() for entry in self._cells.values()]
        write_sealed(self.path / MANIFEST, {**self._manifest, "cells": cells})

    def _repair(self) -> None:
        found = self.verify()
        self.repaired = tuple(f"'{e.path}' is damaged: {e.reason}; its cell is asked again" for e in found)
        for name in dict.fromkeys(e.path.parent.name for e in found):
            self.update_cell(replace(self.cell(name), status="planned", parts=(), n_failed=0, calibrations={}))

    def _sweep(self) -> None:
        for path in self.path.glob(f".*{TEMPORARY}"):
            remove(path)
        for entry in self.cells:
            self._sweep_cell(entry)

    def _sweep_cell(self, entry: CellEntry) -> None:
        folder = self.cell_path(entry.name)
        listed = {part.file for part in entry.parts}
        journals = journal_files(folder) if entry.status == "done" else []
        strays = [p for p in folder.glob("*") if FILE.fullmatch(p.name) and p.name not in listed]
        removed = [remove(path) for path in (*folder.glob(f".*{TEMPORARY}"), *strays, *journals[::-1])]
        if any(removed):
            sync_folder(folder)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
