"""The command as a user runs it: processes of their own, and what they leave on disk."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
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


# Forks for each command: a process with signals, locks and files of its own, without the seconds of importing torch.
FORKER = """
import json, os, sys
import pandas, pyarrow.parquet, sklearn.linear_model, torch, transformers
torch.set_num_threads(1)
from bench.cli import main
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(asked["environ"])
        os.chdir(asked["cwd"])
        for number, name in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        code = main(asked["words"])
        sys.stdout.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forker:
    """A process that runs commands in children; made when first needed, and ended with the tests."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKER],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)

    def run(
        self, cwd: Path, given: Sequence[str | Path], environ: Mapping[str, str], kill_after: float | None
    ) -> Ended:
        """One command to its end, or to its being killed."""
        assert self.process.stdin
        assert self.process.stdout
        out, err = Path(self.folder.name) / "out", Path(self.folder.name) / "err"
        asked = {"cwd": str(cwd), "words": [*map(str, given)], "environ": environ, "out": str(out), "err": str(err)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(child, signal.SIGKILL)
        return Ended(int(self.process.stdout.readline()), *(file.read_bytes().decode() for file in (out, err)))

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


@cache
def forker() -> Forker:
    """The one of this test run."""
    return Forker()


def bench(
    cwd: Path, *given: str | Path, kill_after: float | None = None, environ: Mapping[str, str] | None = None
) -> Ended:
    """`bench GIVEN...` in that folder, in a process of its own; killed after so many seconds, if it runs so long."""
    home = {"XDG_CONFIG_HOME": str(cwd / ".home"), "XDG_CACHE_HOME": str(cwd / ".home")}
    return forker().run(cwd, given, environment(**home, **(environ or {})), kill_after)


def runs(folder: Path) -> list[Path]:
    """The run folders in a folder of runs, oldest first."""
    return sorted(folder.iterdir()) if folder.exists() else []


def snapshot(run: Path) -> dict[str, bytes]:
    """Every file of a run with its bytes; of run.json, all but its times and what each cell cost.

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
    cells = [{k: v for k, v in cell.items() if k not in {"seconds", "cost"}} for cell in document["cells"]]
    return {**{k: v for k, v in document.items() if k not in VOLATILE}, "cells": cells}
