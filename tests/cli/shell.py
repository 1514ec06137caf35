"""Running `bench` as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cli import main
from bench.errors import ExitCode

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Told:
    """What came back."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def is_error(self, code: ExitCode, *words: str) -> None:
        """Nothing on stdout, three lines on stderr, and these words among them."""
        assert self.code == code, self.err
        assert self.out == ""
        lines = self.err.splitlines()
        assert [line.split(" ")[0] for line in lines[-3:]] == ["error:", "cause:", "fix:"], self.err
        assert len(lines) == 3, self.err
        assert all(len(line.split(" ", 1)[1].strip()) > 0 for line in lines)
        for word in words:
            assert word in self.err, self.err


def bench(capsys: Any, *words: str | Path) -> Told:
    """`bench WORDS...` in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return Told(code, told.out, told.err)


def process(*words: str, cwd: Path, environ: Mapping[str, str] | None = None, code: str = "") -> Told:
    """`python -m bench WORDS...`, or `python -c CODE`, in a process of its own."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "bench", *words])]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    return Told(done.returncode, done.stdout, done.stderr)
