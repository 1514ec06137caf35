"""Every failure is told in three lines, with its exit code, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.cli import output
from bench.errors import BenchError, ExitCode
from tests.cli.shell import ROOT, bench, process
from tests.predictions.files import as_csv

USAGE = ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evla"], ["no such command: evla", "did you mean 'eval'?"]),
        (["eval", "--modle", "x"], ["no such option: --modle", "did you mean '--model'?"]),
        (["eval", "extra"], ["extra"]),
        (["eval", "--seed", "x"], ["'--seed'", "usage: bench eval"]),
        (["eval", "--seed"], ["--seed", "bench eval --help"]),
        (["eval", "--limit", "0"], ["'limit' cannot be 0", "flag --limit"]),
        (["eval", "--batch-size", "many"], ["'many'", "flag --batch-size"]),
        (["eval", "--suite", "quik"], ["unknown suite 'quik'", "did you mean 'quick'?"]),
        (["eval", "--suite", "none.yaml"], ["'none.yaml' not found"]),
        (["eval", "-m", "tinny", "-t", "calibration/signs"], ["unknown model 'tinny'", "did you mean 'tiny'?"]),
        (["eval", "-m", "tiny", "-t", "calibration/sign"], ["did you mean 'calibration/signs'?"]),
        (["eval", "-m", "tiny,mode=1", "-t", "calibration/signs"], ["no parameter 'mode'", "mood"]),
        (["eval", "-m", "tiny,", "-t", "calibration/signs"], ["is no parameter"]),
        (["eval", "-m", "", "-t", "calibration/signs"], ["names nothing"]),
        (["eval", "-m", "tiny,api_key=s3cr3t", "-t", "calibration/signs"], ["'api_key'", "environment"]),
        (["eval", "--predictions", "no.csv", "--as", "density"], ["'no.csv' not found"]),
        (["eval", "--predictions", "no.csv"], ["--as classification|"]),
        (["eval", "--predictions", "no.csv", "--as", "desnity"], ["did you mean 'density'?"]),
        (["eval", "--plugin", "no.py"], ["plugin 'no.py' not found"]),
        (["eval", "--resume", "nowhere"], ["'nowhere' is no run"]),
        (["list", "metrik"], ["unknown kind 'metrik'", "did you mean 'metrics'?"]),
        (["show"], ["missing argument", "bench show --help"]),
        (["show", "metric"], ["which metric?", "bench list metrics"]),
        (["show", "metric", "acuracy"], ["did you mean 'accuracy'?"]),
        (["show", "acuracy"], ["did you mean 'accuracy'?"]),
        (["show", "metrc", "accuracy"], ["did you mean 'metric'?"]),
        (["show", "record", "clasification"], ["did you mean 'classification'?", "bench show record"]),
        (["check", "likelyhood"], ["unknown area", "did you mean 'likelihood'?"]),
        (["check", "--name", "ads"], ["did you mean 'adds'?"]),
        (["check", "ood", "--name", "adds"], ["no check to run"]),
        (["config", "shwo"], ["did you mean 'show'?"]),
        (["report"], ["missing argument"]),
    ],
)
def test_usage(
    words: list[str], told: list[str], place: Path, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] in {"eval", "check"} and "--plugin" not in words:
        words = [*words, "--plugin", str(plugin)]
    bench(capsys, *words).is_error(USAGE, *told)
    assert list(place.iterdir()) == []


def test_a_refused_secret_is_in_no_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "s3cr3t" not in bench(capsys, "eval", "-m", "x,token=s3cr3t").err


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("bench.toml", "seed = \n", ["bench.toml", "line 1"]),
        ("bench.toml", "sede = 1\n", ["'sede'", "bench.toml:1", "did you mean 'seed'?"]),
        ("pyproject.toml", "[tool.bench]\nlimt = 1\n", ["pyproject.toml:2", "did you mean 'limit'?"]),
    ],
)
def test_settings(name: str, text: str, told: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / name).write_text(text)
    bench(capsys, "eval").is_error(USAGE, *told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\ncells: [", ["s.yaml", "line 2"]),
        ("name: x\ncells:\n  - modles: [a]\n", ["line 3", "did you mean 'models'?"]),
    ],
)
def test_suites(text: str, told: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "s.yaml").write_text(text)
    bench(capsys, "eval", "--suite", "s.yaml").is_error(USAGE, *told)


@pytest.mark.parametrize("text", ["import nonsense_that_is_not_there\n", "def (:\n", "raise RuntimeError('a\\nb')\n"])
def test_plugins(text: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "p.py").write_text(text)
    bench(capsys, "list", "models", "--plugin", "p.py").is_error(USAGE, "plugin 'p.py' failed to load")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"label": [0, 1], "prob_0": [0.5, "nan"], "prob_1": [0.5, 0.5]}, ["'prob_0', row 2 (id '2') is nan"]),
        ({"label": [0, 5], "prob_0": [0.5, 0.5], "prob_1": [0.5, 0.5]}, ["'label', row 2 (id '2') is 5"]),
        ({"label": [], "prob_0": [], "prob_1": []}, ["no rows"]),
        ({"lable": [0], "prob_0": [0.5], "prob_1": [0.5]}, ["rename 'lable'"]),
    ],
)
def test_predictions(columns: dict[str, Any], told: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    as_csv(place / "p.csv", columns)
    bench(capsys, "eval", "--predictions", "p.csv", "--as", "classification").is_error(USAGE, "p.csv", *told)
    assert [path.name for path in place.iterdir()] == ["p.csv"]


def test_runs_cannot_go_into_a_file(
    place: Path, plugin: Path, light_report: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out").write_text("")
    told = bench(capsys, "eval", "-m", "tiny", "-t", "calibration/signs", "--plugin", plugin, "--out", "out")
    told.is_error(USAGE, "out")
    assert [path.name for path in place.iterdir()] == ["out"]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("bench.diagnosis.findings", fail)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("broken\nin two"), ExitCode.FAILED, ["ValueError", "broken in two", "--debug"]),
        (ValueError(), ExitCode.FAILED, ["no message"]),
        (SystemError("\x1b[31mred"), ExitCode.FAILED, ["\\x1b[31mred"]),
        (MemoryError(), ExitCode.FAILED, ["out of memory", "--batch-size"]),
        (OSError(errno.ENOSPC, "No space left on device", "x"), ExitCode.FAILED, ["No space left", "--resume"]),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), ExitCode.FAILED, ["'/x'", "--out"]),
        (BenchError("what", cause="why", fix="how"), ExitCode.FAILED, ["error: what", "cause: why", "fix: how"]),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ["interrupted"]),
    ],
)
def test_crashes(
    error: BaseException, code: ExitCode, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    raising(monkeypatch, error)
    bench(capsys, "doctor").is_error(code, *words)


def test_a_traceback_comes_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    raising(monkeypatch, ValueError("broken"))
    for words in (["--debug", "doctor"], ["doctor", "--debug"]):
        told = bench(capsys, *words)
        assert told.code == ExitCode.FAILED
        assert "Traceback" in told.err
        assert told.err.splitlines()[-3].startswith("error: ")
    monkeypatch.setenv("BENCH_DEBUG", "1")
    assert "Traceback" in bench(capsys, "doctor").err


def test_a_reader_that_goes_away_is_no_failure_of_ours(place: Path) -> None:
    command = f"{sys.executable} -m bench list metrics --json | head -1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in {"0", "141"}


def on_a_terminal(words: list[str], place: Path, **environ: str) -> str:
    """What a command writes to stderr where that is a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ}
    subprocess.run([sys.executable, "-m", "bench", *words], cwd=place, env=env, stderr=theirs, check=False)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        return stream.read1().decode()


def test_colours_are_for_terminals(place: Path) -> None:
    words = ["list", "metrik"]
    assert "\x1b[" in on_a_terminal(words, place)
    assert "\x1b" not in on_a_terminal(words, place, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(words, place, TERM="dumb")
    assert "\x1b" not in process(*words, cwd=place).err


def test_control_characters_are_shown_not_obeyed() -> None:
    assert output.escaped("a\x1b[2J\u202eb\tü\n") == "a\\x1b[2J\\u202eb\tü\n"
    assert output.one_line("a\r\nb\x07") == "a b\\x07"
