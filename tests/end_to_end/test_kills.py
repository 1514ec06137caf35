"""A real `bench eval` that is killed at any moment and resumed ends with the bytes of one that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.errors import ExitCode
from tests.end_to_end.command import ROOT, TOYS, bench, environment, runs, snapshot, words

SUITE = """
name: kills
cells:
  - models: [toy-fixed, toy-mean, toy-nan]
    tasks: ["calibration/toy,n=40"]
  - models: [logistic, "mlp,hidden=8,epochs=2"]
    tasks: [calibration/links-linear]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "kills.yaml").write_text(SUITE)
    return tmp_path


def kill_and_resume(place: Path, kills: int, seed: int) -> None:
    """Runs are killed at random moments until `kills` kills hit; each ends as the uninterrupted one."""
    draw = random.Random(seed)
    begin = ["eval", "--suite", str(place / "kills.yaml"), "--plugin", str(TOYS), "--batch-size", "4", "--limit", "36",
             "--device", "cpu", "--json"]  # fmt: skip
    home = place / "whole"
    home.mkdir()
    started = time.monotonic()
    assert bench(home, *begin).code == ExitCode.INCOMPLETE  # some of toy-nan's samples have no answer
    length = time.monotonic() - started
    (whole,) = runs(home / "runs")
    expected = snapshot(whole)
    assert len(expected) > 8
    hits = attempts = 0
    while hits < kills:
        attempts += 1
        assert attempts < 10 * kills
        home, command = place / f"killed-{attempts}", begin
        home.mkdir()
        while bench(home, *command, kill_after=draw.uniform(0, length)).code == -signal.SIGKILL:
            hits += 1
            # Before its manifest is written, a run has nothing to resume: it starts again, in a new folder.
            command = ["eval", "--resume", f"runs/{begun(home)[0].name}", "--json"] if begun(home) else begin
        (run,) = begun(home)
        resumed = bench(home, "eval", "--resume", f"runs/{run.name}", "--json")
        assert resumed.code == ExitCode.INCOMPLETE, resumed.err
        found = snapshot(run)
        assert found.keys() == expected.keys()
        assert [file for file in expected if found[file] != expected[file]] == []


def begun(home: Path) -> list[Path]:
    """The runs that have a manifest."""
    return [run for run in runs(home / "runs") if (run / "run.json").exists()]


def test_kill_9_at_random_moments(place: Path) -> None:
    kill_and_resume(place, kills=1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_more_kills(place: Path, seed: int) -> None:
    kill_and_resume(place, kills=30, seed=seed)


SLOW_MODEL = """
import time
from pathlib import Path
import numpy as np
from bench import Classified, model

@model("slow", gives="classifier")
class Slow:
    '''A model that answers three times, and then only while there is a file named `go`.'''
    answers = 0
    def classify(self, inputs):
        while self.answers == 3 and not Path("go").exists():
            time.sleep(0.02)
        self.answers += 1
        return Classified(np.asarray(inputs)[:, :3])
    def fingerprint(self):
        return {}
"""


def start(place: Path, *given: str) -> subprocess.Popen[str]:
    """A run in the middle, which ends once there is a file named `go`."""
    (place / "slow.py").write_text(SLOW_MODEL)
    command = words("eval", "-m", "slow", "-t", "calibration/toy", "--plugin", "slow.py", "--plugin", TOYS,
                    "--batch-size", "1", *given)  # fmt: skip
    process = subprocess.Popen(
        command, cwd=place, env=environment(XDG_CACHE_HOME=str(place)), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        # Where the tests themselves run in the background, a shell has them ignore it, and their children after them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread holds a lock here
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not list(place.glob("runs/*/cells/*/journal*")) and time.monotonic() < limit:
        time.sleep(0.02)
    return process


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(place: Path) -> None:
    process = start(place, "--json")
    process.send_signal(signal.SIGINT)
    (place / "go").touch()  # the batch under way is finished
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert out == ""
    assert "Traceback" not in err
    (run,) = runs(place / "runs")
    assert err.splitlines()[-1] == f"fix: bench eval --resume {run.relative_to(place)}"
    resumed = bench(place, "eval", "--resume", run.relative_to(place), "--json")
    assert resumed.code == ExitCode.OK, resumed.err
    whole = bench(place, "eval", "-m", "slow", "-t", "calibration/toy", "--plugin", "slow.py", "--plugin", TOYS,
                  "--batch-size", "1", "--json")  # fmt: skip
    assert resumed.out == whole.out
    assert snapshot(run) == snapshot(runs(place / "runs")[1])


def test_a_second_writer_is_refused_and_disturbs_nothing(place: Path) -> None:
    process = start(place, "--json")
    (run,) = runs(place / "runs")
    second = bench(place, "eval", "--resume", run, "--json")
    second.told(ExitCode.USAGE, "is being written by process", str(process.pid), "one writer")
    (place / "go").touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.OK, err
    assert bench(place, "eval", "--resume", run, "--json").code == ExitCode.OK
    assert str(ROOT) not in (run / "results.json").read_text()
