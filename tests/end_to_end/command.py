"""The command as a user runs it: processes of their own, and what they leave on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import ExitCode

ROOT = Path(__file__).parents[2]
TOYS = ROOT / "tests" / "runners" / "toys.py"
# What a run says of when, where and how it was made: all else must be the same for the same work.
VOLATILE = ("created", "finished", "checksum", "hardware", "git", "versions")


@dataclass(frozen=True)
class Ended:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def told(self, code: ExitCode, *words: str) -> None:
        """The exit code, three lines at the end of stderr, these words among them, no traceback and no control code."""
        assert self.code == code, (self.code, self.err)
        last = self.err.splitlines()[-3:]
        assert [line.partition(": ")[0] for line in last] == ["error", "cause", "fix"], self.err
        assert all(line.partition(": ")[2].strip() for line in last), self.err
        assert "Traceback" not in self.err, self.err
        assert "\x1b" not in self.err + self.out
        for word in words:
            assert word in "\n".join(last), self.err


def environment(**values: str) -> dict[str, str]:
    """The environment of a process: this checkout, one thread, no network for the hub, nobody's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BENCH_")}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **values}


def words(*given: str | Path) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "bench", *map(str, given)]


def bench(cwd: Path, *given: str | Path, timeout: float = 300, environ: Mapping[str, str] | None = None) -> Ended:
    """`python -m bench GIVEN...` in that folder, to its end."""
    home = {"XDG_CONFIG_HOME": str(cwd / ".home"), "XDG_CACHE_HOME": str(cwd / ".home")}
    done = subprocess.run(
        words(*given),
        cwd=cwd,
        env=environment(**home, **(environ or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def runs(folder: Path) -> list[Path]:
    """The run folders in a folder of runs, oldest first."""
    return sorted(folder.iterdir()) if folder.exists() else []


def snapshot(run: Path) -> dict[str, bytes]:
    """Every file of a run with its bytes; of run.json, all but its times and the seconds that each cell took.

    The reports name the run's folder and the time when it began: these, and nothing else, are taken out of them.
    """
    files = {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
    began: str = json.loads(files["run.json"])["created"]
    for name in ("report.md", "report.html"):
        for own in (f"{run.parent.name}/{run.name}", began, began.replace("T", " ").replace("+00:00", " UTC")):
            files[name] = files[name].replace(own.encode(), b"THIS")
    files["run.json"] = json.dumps(manifest(run), sort_keys=True).encode()
    return files


def manifest(run: Path) -> dict[str, Any]:
    """run.json without what may differ between two runs of the same work."""
    document: Mapping[str, Any] = json.loads((run / "run.json").read_text())
    cells = [{k: v for k, v in cell.items() if k != "seconds"} for cell in document["cells"]]
    return {**{k: v for k, v in document.items() if k not in VOLATILE}, "cells": cells}
