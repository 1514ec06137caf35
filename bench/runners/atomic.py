"""Writing files so that a reader, or a machine that lost its power, finds the old content or the new, never a part.

Pattern: write a temporary file in the same folder, fsync it, `os.replace` it over the name, fsync the folder.
Trade-off: two waits for the disk a file, and room for both contents.  Scope: whole files of one writer; what grows
line by line is a journal (`bench.runners.journal`).
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import BenchError, EvaluationError, IncompleteError

TEMPORARY = ".tmp"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Put `data` under the name `path`, all of it or, on any error, nothing.  Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8; what has no UTF-8 form (a lone surrogate) becomes a question mark."""
    write_bytes(path, text.encode("utf-8", errors="replace"))


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """`os.write` until everything is written; a disk that fills up takes a part first and fails then."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: files created, renamed or deleted there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # some network file systems sync no folders
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> list[Path]:
    """Create a folder and its missing parents, durably; returns those created, outermost first.

    On an error those created so far are removed again.
    """
    missing = [p for p in (path, *path.parents) if not p.exists()][::-1]
    made: list[Path] = []
    try:
        for folder in missing:
            with suppress(FileExistsError):  # another process was quicker: its folder, not ours to remove
                folder.mkdir()
                made.append(folder)
                sync_folder(folder.parent)
    except BaseException:
        remove_folders(made)
        raise
    return made


def remove_folders(made: list[Path]) -> None:
    """Remove folders that `make_folder` created, as far as they are empty."""
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()


def remove(path: Path) -> bool:
    """Delete a file if it is there; whether it was.  The caller syncs the folder."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Turn an `OSError` of what is written inside into an error that says how to go on with the run folder `run`."""
    try:
        yield
    except OSError as error:
        raise write_error(error, run) from error


def write_error(error: OSError, run: Path, *, resumable: bool = True) -> BenchError:
    """The error for a failed write below `run`: a full disk is `IncompleteError`, the rest `EvaluationError`."""
    cause = f"{error.strerror or error} ({errno.errorcode.get(error.errno or 0, 'OSError')})"
    again = f"bench eval --resume {shlex.quote(str(run))}" if resumable else "run the command again"
    if error.errno in FULL:
        return IncompleteError(f"the disk is full: '{run}' cannot grow", cause=cause, fix=f"free space, then {again}")
    where = error.filename or run
    return EvaluationError(f"'{where}' cannot be written", cause=cause, fix=f"make it writable, then {again}")
