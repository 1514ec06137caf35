"""One writer on a run: a lock that the system releases when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import weakref
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError, UsageError

_HELD: weakref.WeakSet[RunLock] = weakref.WeakSet()


class RunLock:
    """An exclusive lock on a file, which names its holder.

    `flock` belongs to the open file, so that it refuses a second writer in the same process too, and ends with the
    process.  A forked child (a data loader's worker) would keep it alive after its parent's death, and therefore
    closes its copy at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._owner = os.getpid()

    def acquire(self) -> None:
        """Take the lock.  Raises `UsageError` naming the holder where there is one, `OSError` where none can be."""
        while self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not self._is_current(descriptor):  # its holder deleted it between our open and our lock
                    os.close(descriptor)
                    continue
                with suppress(OSError):  # on a full disk the lock holds all the same, without a name
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())
            except BlockingIOError:
                error = self._refusal(descriptor)
                os.close(descriptor)
                raise error from None
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor
        _HELD.add(self)

    def release(self) -> None:
        """Give the lock back and delete its file; nothing happens where it isn't held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if os.getpid() == self._owner:
            with suppress(OSError):
                self.path.unlink()
        os.close(descriptor)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _refusal(self, descriptor: int) -> BenchError:
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0))
            who = f"process {int(holder['pid'])} on {holder['host']}"
        except (ValueError, KeyError, TypeError):
            who = "another process"
        return UsageError(
            f"'{self.path.parent}' is being written by {who}",
            cause="a run has one writer at a time",
            fix="wait until that one ends or stop it, or write elsewhere with --out",
        )

    def _forget(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _after_fork() -> None:
    for lock in list(_HELD):
        lock._forget()  # noqa: SLF001 - the class's own clean-up in a forked child


os.register_at_fork(after_in_child=_after_fork)
