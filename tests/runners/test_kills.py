"""A run that was ended at any moment and resumed is byte for byte the run that was not."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.errors import IncompleteError
from bench.runners.folder import RunFolder
from tests.runners.fake_run import evaluate, snapshot

ROOT = Path(__file__).parents[2]
POINTS = 100  # the fake evaluation makes a few more durable operations than that


def ended(mode: str, a: int, b: int) -> dict[str, Any]:
    # In memory where there is such a place: these tests wait for thousands of fsyncs, and kill no machine.
    memory = Path("/dev/shm")  # noqa: S108 - only where to put a temporary folder
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        command = [sys.executable, "-m", "tests.runners.kills", folder, mode, str(a), str(b)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize("mode", ["torn", "power"])
def test_a_run_ended_at_every_third_operation_goes_on_to_the_same_bytes(mode: str) -> None:
    answer = ended(mode, 1, 3)
    assert answer["problems"] == {}
    assert answer["points"] > POINTS / 3


def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing() -> None:
    answer = ended("full", 1, 5)
    assert answer["problems"] == {}
    assert answer["points"] > POINTS / 5


def test_sigkill_at_random_times_goes_on_to_the_same_bytes() -> None:
    answer = ended("sigkill", 1, 20)
    assert answer["problems"] == {}
    assert answer["points"] >= 20


def test_resumed_runs_that_are_killed_again_go_on_to_the_same_bytes() -> None:
    assert ended("twice", 2, 20)["problems"] == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "a", "b"),
    [("kill", 1, 1), ("full", 1, 1), ("torn", 1, 1), ("power", 1, 1), ("sigkill", 3, 400), ("twice", 4, 1000)],
)
def test_many_more_ends(mode: str, a: int, b: int) -> None:
    answer = ended(mode, a, b)
    assert answer["problems"] == {}
    assert answer["points"] > POINTS


def test_a_small_file_system_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    try:
        evaluate(tmp_path / "whole")
        _fill_and_free(disk)
        assert snapshot(disk / "run") == snapshot(tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill_and_free(disk: Path) -> None:
    """Evaluate with ever more room, from none on, until it fits; every attempt but the last must say why it ended."""
    filler = disk / "filler"
    filler.write_bytes(b"x" * 96 * 1024)
    refused: list[IncompleteError] = []
    for room in range(0, 96, 4):
        os.truncate(filler, (96 - room) * 1024)
        try:
            evaluate(disk / "run")
            break
        except IncompleteError as full:
            refused.append(full)
            assert (disk / "run" / "run.json").exists() or not (disk / "run").exists()
    assert len(refused) >= 3
    assert {("the disk is full" in full.what, "free space" in full.fix) for full in refused} == {(True, True)}
    assert RunFolder.open(disk / "run").finished


def test_a_limit_on_file_size_is_a_full_disk_too(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, hard))
        with pytest.raises(IncompleteError, match="the disk is full") as full:
            evaluate(tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert f"bench eval --resume {tmp_path / 'run'}" in full.value.fix
    evaluate(tmp_path / "run")
    evaluate(tmp_path / "whole")
    assert snapshot(tmp_path / "run") == snapshot(tmp_path / "whole")
