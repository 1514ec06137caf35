"""Ways for a process to end at its k-th durable operation.

kill: the process is gone before the operation; the system keeps what it was given.
torn: as kill, but half of a write had reached the file.
power: as kill, and the machine with it: content that was never fsynced and names whose folder was never fsynced
    are as they were before.
full: from this operation on the disk takes nothing more, half of the first write apart.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODES = ("kill", "torn", "power", "full")
KILLED = 9
OPERATIONS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "rmdir", "ftruncate")
REAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in OPERATIONS}


class Faults:
    """Counts the durable operations of this process and ends it at number `at` in the way `mode`."""

    def __init__(self, mode: str, at: int) -> None:
        self.mode = mode
        self.at = at
        self.count = 0
        self.files: dict[int, Path] = {}
        self.synced: dict[Path, int] = {}
        self.undo: list[tuple[Path, Callable[[], Any]]] = []

    def install(self) -> None:
        """Put this in front of the functions of `os`, for the rest of the process."""
        for name in OPERATIONS:
            setattr(os, name, self._wrapped(name))

    def _wrapped(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.mode == "full":
                if self.count >= self.at and self._needs_room(name, args):
                    if name == "write" and self.count == self.at:
                        return REAL["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            elif self.count == self.at:
                self._die(name, args)
            note: Callable[..., None] | None = getattr(self, f"_before_{name}", None)
            if note is not None and self.mode == "power":
                note(*args)
            result = REAL[name](*args, **options)
            if name == "open" and self.mode == "power":
                self.files[result] = Path(args[0])
            return result

        return call

    @staticmethod
    def _needs_room(name: str, args: tuple[Any, ...]) -> bool:
        creates = name == "open" and args[1] & os.O_CREAT and not Path(args[0]).exists()
        return bool(name in {"write", "fsync", "mkdir"} or creates)

    def _die(self, name: str, args: tuple[Any, ...]) -> None:
        if self.mode == "torn" and name == "write":
            REAL["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
        if self.mode == "power":
            for path, size in self.synced.items():
                if path.is_file() and path.stat().st_size > size:
                    os.truncate(path, size)
            for _, undo in reversed(self.undo):
                undo()
        os._exit(KILLED)

    def _before_open(self, path: Any, flags: int, *_: Any) -> None:
        path = Path(path)
        if flags & os.O_CREAT:
            new = not path.exists()
            self.synced[path] = 0 if new or flags & os.O_TRUNC else self.synced.get(path, path.stat().st_size)
            if new:
                self.undo.append((path.parent, lambda: path.unlink(missing_ok=True)))

    def _before_fsync(self, descriptor: int) -> None:
        path = self.files[descriptor]
        if path.is_dir():
            self.undo = [(folder, undo) for folder, undo in self.undo if folder != path]
        else:
            self.synced[path] = os.fstat(descriptor).st_size

    def _before_replace(self, source: Any, target: Any) -> None:
        source, target = Path(source), Path(target)
        old = target.read_bytes() if target.exists() else None
        self.synced[target] = self.synced.pop(source)

        def undo() -> None:
            source.write_bytes(target.read_bytes())
            target.unlink()
            if old is not None:
                target.write_bytes(old)

        self.undo.append((target.parent, undo))

    def _before_unlink(self, path: Any) -> None:
        path = Path(path)
        if path.exists():
            content = path.read_bytes()
            self.undo.append((path.parent, lambda: path.write_bytes(content)))

    def _before_mkdir(self, path: Any, *_: Any) -> None:
        path = Path(path)
        self.undo.append((path.parent, lambda: shutil.rmtree(path, ignore_errors=True)))
