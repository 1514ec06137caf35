"""`bench eval`: what goes where, with which exit code, and how it goes on."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from bench.cli import progress as watching
from bench.errors import ExitCode
from tests.cli.shell import Told, bench
from tests.predictions.files import as_csv

pytestmark = pytest.mark.usefixtures("light_report")
TASK = "calibration/signs"


@pytest.fixture
def run(place: Path, plugin: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`bench eval` with the plugin, on the small task."""

    def evaluate(*words: str, model: str = "tiny") -> Told:
        return bench(capsys, "eval", "--plugin", plugin, "-m", model, "-t", TASK, *words)

    return evaluate


def folders(place: Path) -> list[Path]:
    return sorted((place / "runs").iterdir()) if (place / "runs").exists() else []


def test_the_table_goes_to_stdout_and_the_rest_to_stderr(run: Any, place: Path) -> None:
    told = run()
    assert told.code == ExitCode.OK
    assert told.out == f"tiny {TASK} accuracy 1.0\n"
    (folder,) = folders(place)
    lines = told.err.splitlines()
    assert lines[0] == "1 cell, 64 samples"
    assert lines[1].startswith(f"[1/1] tiny on {TASK}: 64 samples in ")
    name = folder.relative_to(place)
    assert lines[-1] == f"run: {name}   report: {name / 'report.html'}"
    assert (folder / "report.html").is_file()
    assert "\x1b" not in told.err + told.out


def test_json_is_one_result_a_line(run: Any, place: Path) -> None:
    told = run("--json")
    (result,) = told.lines
    assert result.items() >= {
        "schema_version": 1, "model": "tiny", "task": TASK, "area": "calibration", "metric": "accuracy",
        "value": 1.0, "n": 64, "n_failed": 0, "groups": 64, "better": "higher", "biased": False,
    }.items()  # fmt: skip
    assert 0.9 < result["low"] < result["high"] == 1.0
    assert result["method"]


def test_quiet_says_nothing_but_results(run: Any) -> None:
    told = run("--quiet")
    assert (told.code, told.err) == (ExitCode.OK, "")
    assert told.out.count("\n") == 1


def test_no_progress_leaves_the_last_line(run: Any) -> None:
    told = run("--no-progress")
    assert told.err.count("\n") == 1
    assert told.err.startswith("run: ")


def test_a_dry_run_prints_the_plan_and_leaves_nothing(run: Any, place: Path) -> None:
    told = run("--dry-run", "--limit", "10")
    assert told.code == ExitCode.OK
    assert told.out.splitlines()[1].split()[:5] == ["tiny", TASK, "-", "10", "-"]
    assert told.err.startswith("1 cell, 10 samples, 0 tokens")
    assert list(place.iterdir()) == []
    (row,) = run("--dry-run", "--json").lines
    assert row.items() >= {"schema_version": 1, "model": "tiny", "task": TASK, "n": 64, "tokens": 0}.items()


def test_options_that_are_repeated_may_be_written_in_the_plural(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    asked = ("eval", "--tasks", "reasoning/arithmetic", "--models", "lm-small", "--dry-run", "--budget", "512")
    one, other = (bench(capsys, *asked, word, "rpc") for word in ("--decoder", "--decoders"))
    assert (one.code, one.out) == (ExitCode.OK, other.out)
    assert "rpc,budget=512" in other.out
    assert "--decoders" not in bench(capsys, "eval", "--help").out


def test_settings_reach_the_run(run: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SEED", "11")
    (place / "bench.toml").write_text("limit = 16\nout = 'kept'\n")
    assert run("--limit", "8").code == ExitCode.OK
    (folder,) = (place / "kept").iterdir()
    stored = json.loads((folder / "run.json").read_text())["config"]
    assert stored["seed"] == {"value": 11, "origin": "BENCH_SEED"}
    assert stored["limit"] == {"value": 8, "origin": "flag --limit"}
    assert stored["out"] == {"value": "kept", "origin": f"{place / 'bench.toml'}:2"}
    assert stored["device"] == {"value": "auto", "origin": "default"}


def test_failed_samples_are_incomplete(run: Any, place: Path) -> None:
    told = run("--batch-size", "4", "--json", model="tiny,mood=shy")
    assert told.code == ExitCode.INCOMPLETE
    (result,) = told.lines
    assert result["n_failed"] == 20
    assert "incomplete: 20 of the samples gave no answer" in told.err
    assert len(folders(place)) == 1


def test_a_failed_cell_is_incomplete_and_named(run: Any) -> None:
    told = run("-m", "tiny,mood=ill")
    assert told.code == ExitCode.INCOMPLETE
    assert told.out == f"tiny {TASK} accuracy 1.0\n"
    assert f"1 of 2 cells failed (tiny,mood=ill on {TASK})" in told.err
    assert "\\x1b[31mill" in told.err
    assert "\x1b" not in told.err


def test_nothing_but_failures_is_a_failure(run: Any) -> None:
    told = run(model="tiny,mood=ill")
    assert told.code == ExitCode.FAILED
    assert told.out == ""
    assert [line.split(" ")[0] for line in told.err.splitlines()[-3:]] == ["error:", "cause:", "fix:"]


def test_an_interrupt_says_how_to_go_on(
    run: Any, place: Path, plugin: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALT", "1")
    halted = run("--batch-size", "4", "--seed", "3", model="tiny,mood=halted")
    assert halted.code == ExitCode.INTERRUPTED
    (folder,) = folders(place)
    command = f"bench eval --resume {folder.relative_to(place)}"
    assert halted.err.splitlines()[-1] == f"fix: {command}"
    monkeypatch.delenv("HALT")
    resumed = bench(capsys, *command.split()[1:], "--json")
    assert resumed.code == ExitCode.OK, resumed.err
    whole = run("--batch-size", "4", "--seed", "3", "--json", model="tiny,mood=halted")
    assert resumed.out == whole.out
    assert len(folders(place)) == 2


def test_a_changed_setting_is_not_resumed(run: Any, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run().code == ExitCode.OK
    told = bench(capsys, "eval", "--resume", folders(place)[0], "--seed", "9", "--limit", "8")
    told.is_error(ExitCode.NOT_COMPARABLE)


def test_predictions_are_measured(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"label": [0, 1, 1, 0], "prob_0": [0.9, 0.2, 0.7, 0.6], "prob_1": [0.1, 0.8, 0.3, 0.4]}
    as_csv(place / "p.csv", columns)
    told = bench(capsys, "eval", "--predictions", "p.csv", "--as", "classification", "--json")
    assert told.code == ExitCode.OK, told.err
    found = {row["metric"]: row for row in told.lines if not row["score"]}
    assert found["accuracy"]["value"] == 0.75
    assert found["accuracy"]["n"] == 4
    assert {row["model"] for row in told.lines} == {"p"}


def test_a_single_prediction_has_no_interval(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    as_csv(place / "p.csv", {"y": [1.0], "mean": [0.5], "std": [1.0]})
    told = bench(capsys, "eval", "--predictions", "p.csv", "--as", "regression", "--json")
    assert told.code == ExitCode.OK, told.err
    assert told.lines
    assert all(row["low"] is None and row["high"] is None for row in told.lines)


def test_failed_predictions_are_incomplete(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    as_csv(place / "p.csv", {"y": [1.0, 2.0], "mean": [0.5, ""], "std": [1.0, ""], "failed": [False, True]})
    told = bench(capsys, "eval", "--predictions", "p.csv", "--as", "regression", "--json")
    assert told.code == ExitCode.INCOMPLETE
    assert {row["n_failed"] for row in told.lines} == {1}


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_predictions_can_be_looked_at_first(json_: list[str], place: Path, capsys: Any) -> None:
    as_csv(place / "p.csv", {"ood": [0, 1], "score_a": [1.0, 2.0], "score_b": [1.0, 2.0]})
    told = bench(capsys, "eval", "--predictions", "p.csv", "--as", "ood", "--dry-run", *json_)
    assert told.code == ExitCode.OK
    assert "p:a" in told.out
    assert "p:b" in told.out
    assert [path.name for path in place.iterdir()] == ["p.csv"]


class Plan:
    """Two cells, as a watcher sees them."""

    class Cell:
        n = 10
        seconds = 2.0
        tokens = 0
        guessed = False

    class Guess(Cell):
        tokens = 4096
        guessed = True

    def __init__(self, *, guessed: bool = False) -> None:
        self.cells = (self.Cell(), self.Guess() if guessed else self.Cell())


def play(watcher: watching.Watcher) -> None:
    watcher.start(Plan())
    watcher.folder(Path("runs/x"))
    for name in ("a\x1b[31m", "b"):
        watcher.cell(name, 10)
        watcher.advance(name, 5, "accuracy 0.80 [0.40, 0.95]")
        watcher.note("batch halved")
        watcher.advance(name, 10, "accuracy 0.90 [0.60, 0.98]")
        watcher.done(name)
    watcher.finish()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_guessed_time_says_that_it_is_one() -> None:
    said = watching.amount(Plan(guessed=True))
    assert said == "2 cells, 20 samples, at most 4,096 tokens, about 4.0 s (1 cell guessed from tokens)"


def test_lines_tell_each_cell_once() -> None:
    stream = io.StringIO()
    play(watching.progress(quiet=False, shown=True, stream=stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "2 cells, 20 samples, about 4.0 s"
    assert lines[1] == lines[3] == "note: batch halved"
    assert lines[2].startswith("[1/2] a\\x1b[31m: 10 samples in ")
    assert lines[4].startswith("[2/2] b: 10 samples in ")
    assert all(line.endswith("accuracy 0.90 [0.60, 0.98]") for line in (lines[2], lines[4]))
    assert "\x1b" not in stream.getvalue()


def test_lines_tell_of_a_long_cell_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching.Lines, "every", 0.0)
    stream = io.StringIO()
    watcher = watching.Lines(stream)
    watcher.start(Plan())
    watcher.cell("a", 10)
    watcher.advance("a", 5, "accuracy 0.80")
    assert "[1/2] a: 5/10, " in stream.getvalue()
    assert "left, accuracy 0.80" in stream.getvalue()


def test_the_live_view_shows_what_is_done_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    watcher = watching.progress(quiet=False, shown=True, stream=stream)
    assert isinstance(watcher, watching.Live)
    play(watcher)
    shown = stream.getvalue()
    for words in ("note: batch halved", "done  b: 10 samples", "2 of 2 cells", "accuracy 0.90 [0.60, 0.98]"):
        assert words in shown
    assert "\x1b[31m:" not in shown
    assert watcher.path == Path("runs/x")


@pytest.mark.parametrize(("environ", "kind"), [({"NO_COLOR": "1"}, watching.Lines), ({"TERM": "dumb"}, watching.Lines)])
def test_a_plain_terminal_gets_lines(environ: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert type(watching.progress(quiet=False, shown=True, stream=Terminal())) is kind


def test_silence() -> None:
    stream = io.StringIO()
    play(watching.progress(quiet=True, shown=True, stream=stream))
    assert stream.getvalue() == ""
    play(watching.progress(quiet=False, shown=False, stream=stream))
    assert stream.getvalue() == "note: batch halved\n" * 2


@pytest.mark.parametrize(("done", "rate"), [(1, "1/s"), (99, "99/s"), (12345, "12,345/s")])
def test_rates(done: int, rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = watching._Cell(20_000, done, began=0.0)
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    assert cell.rate == rate


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert watching.duration(seconds) == text
