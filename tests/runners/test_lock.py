from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ExitCode, NotComparableError, UsageError
from bench.runners.folder import RunFolder
from bench.runners.identity import Identity
from tests.runners.fake_run import evaluate


@pytest.fixture
def run(tmp_path: Path) -> Path:
    evaluate(tmp_path / "run")
    return tmp_path / "run"


def test_a_changed_identity_is_refused_by_its_keys(run: Path) -> None:
    entry = RunFolder.open(run).cells[0]
    entry.check_identity(Identity(dict(entry.identity)), fix="-")
    with pytest.raises(NotComparableError) as refused:
        entry.check_identity(Identity({**entry.identity, "seed": "8", "data": "new"}), fix="--out")
    assert "data, seed changed" in refused.value.what
    assert "seed: 7 then, 8 now" in refused.value.cause


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunFolder.create(path, {}):
        with pytest.raises(UsageError) as refused:
            RunFolder.resume(path)
        assert f"process {os.getpid()}" in refused.value.what
        assert refused.value.exit_code == ExitCode.USAGE
        RunFolder.open(path)
        code = "import sys, pathlib, bench.runners.folder as f; f.RunFolder.resume(pathlib.Path(sys.argv[1]))"
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert f"process {os.getpid()}" in other.stderr
    RunFolder.resume(path).close()
    assert not (path / "run.lock").exists()


HOLDER = """
import os, sys, time
from pathlib import Path
from bench.runners.folder import RunFolder
run = RunFolder.resume(Path(sys.argv[1]))
child = os.fork()
print(child or "", flush=True, end="\\n" if child else "")
time.sleep(60)
"""


def test_a_killed_writer_does_not_hold_the_run_nor_does_its_child(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.create(path, {}).close()
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(UsageError, match=f"process {holder.pid}"):
                RunFolder.resume(path)
            holder.kill()
            holder.wait()
            os.kill(child, 0)  # it outlives its parent
            deadline = time.monotonic() + 5
            while True:
                try:
                    RunFolder.resume(path).close()
                    break
                except UsageError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_cannot_release_the_lock(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", {}) as run:
        pid = os.fork()
        if pid == 0:
            run.close()
            os._exit(0)
        os.waitpid(pid, 0)
        with pytest.raises(UsageError, match="is being written"):
            RunFolder.resume(tmp_path / "run")


def test_a_folder_that_cannot_be_locked_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(UsageError, match="no run can be written"):
        RunFolder.create(tmp_path / "run", {})
    assert not (tmp_path / "run").exists()
