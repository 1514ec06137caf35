"""A real `bench eval` that is killed at any moment and resumed ends with the bytes of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
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
# Evaluates the command line given to it again and again, each time in a forked child: a real process with a journal,
# a lock and a signal of its own, without the seconds that it takes to import what a model needs.
FORKER = """
import os, sys
import sklearn.linear_model, torch, pyarrow.parquet, pandas
torch.set_num_threads(1)
from bench.cli import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        devnull = os.open(os.devnull, os.O_RDWR)
        os.dup2(devnull, 0)
        errors = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(errors, 2)
        os.dup2(devnull, 1)
        folder, *words = line.rstrip("\\n").split("\\t")
        os.makedirs(folder, exist_ok=True)
        os.chdir(folder)
        os._exit(main(words))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forker:
    """Runs command lines in forked children, which can be killed."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKER],
            cwd=cwd,
            env=environment(XDG_CACHE_HOME=str(cwd), XDG_CONFIG_HOME=str(cwd)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *given: str, kill_after: float | None = None) -> int:
        """The exit code, -9 where it was killed in time."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\t".join(given) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "kills.yaml").write_text(SUITE)
    return tmp_path


def kill_and_resume(place: Path, kills: int, seed: int) -> None:
    """Runs are killed at random moments until `kills` kills hit; each ends as the uninterrupted one."""
    draw = random.Random(seed)
    begin = ["eval", "--suite", str(place / "kills.yaml"), "--plugin", str(TOYS), "--batch-size", "4", "--limit", "36",
             "--device", "cpu", "--json"]  # fmt: skip
    forker = Forker(place)
    try:
        started = time.monotonic()
        assert forker.run("whole", *begin) == ExitCode.INCOMPLETE, (place / "stderr").read_text()  # toy-nan's samples
        length = time.monotonic() - started
        (whole,) = runs(place / "whole" / "runs")
        expected = snapshot(whole)
        assert len(expected) > 8
        hits = attempts = 0
        while hits < kills:
            attempts += 1
            assert attempts < 10 * kills
            name, command = f"killed-{attempts}", begin
            while forker.run(name, *command, kill_after=draw.uniform(0, length)) == -signal.SIGKILL:
                hits += 1
                # Before its manifest is written, a run has nothing to resume: it starts again, in a new folder.
                begun = [run for run in runs(place / name / "runs") if (run / "run.json").exists()]
                command = ["eval", "--resume", f"runs/{begun[0].name}", "--json"] if begun else begin
            (run,) = [run for run in runs(place / name / "runs") if (run / "run.json").exists()]
            code = forker.run(name, "eval", "--resume", f"runs/{run.name}", "--json")
            assert code == ExitCode.INCOMPLETE, (place / "stderr").read_text()
            found = snapshot(run)
            assert found.keys() == expected.keys()
            assert [file for file in expected if found[file] != expected[file]] == []
    finally:
        forker.close()


def test_kill_9_at_random_moments(place: Path) -> None:
    kill_and_resume(place, kills=12, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_more_kills(place: Path, seed: int) -> None:
    kill_and_resume(place, kills=60, seed=seed)


SLOW_MODEL = """
import time
import numpy as np
from bench import Classified, model

@model("slow", gives="classifier")
class Slow:
    '''A model that takes its time.'''
    def classify(self, inputs):
        time.sleep(0.05)
        return Classified(np.asarray(inputs)[:, :3])
    def fingerprint(self):
        return {}
"""


def start(place: Path, *given: str) -> subprocess.Popen[str]:
    """A run that takes seconds, once its folder is there."""
    (place / "slow.py").write_text(SLOW_MODEL)
    command = words("eval", "-m", "slow", "-t", "calibration/toy", "--plugin", "slow.py", "--plugin", TOYS,
                    "--batch-size", "1", *given)  # fmt: skip
    process = subprocess.Popen(
        command, cwd=place, env=environment(XDG_CACHE_HOME=str(place)), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not list(place.glob("runs/*/cells/*/journal*")) and time.monotonic() < limit:
        time.sleep(0.02)
    return process


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(place: Path) -> None:
    process = start(place, "--json")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
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
    _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.OK, err
    assert bench(place, "eval", "--resume", run, "--json").code == ExitCode.OK
    assert str(ROOT) not in (run / "results.json").read_text()
