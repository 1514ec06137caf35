"""What reaches a terminal, a pipe and a script, and what never does."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from bench.components import KINDS
from bench.errors import ExitCode
from tests.end_to_end.command import TOYS, bench, environment, runs, words

COMPONENT = {"schema_version", "kind", "name", "area", "source", "better", "unit", "range"}
RESULT = {
    "schema_version", "model", "task", "area", "metric", "value", "low", "high", "n", "n_failed", "groups", "unit",
    "better", "biased", "method",
}  # fmt: skip
CHECK = {"schema_version", "name", "area", "truth", "estimate", "error", "tolerance", "passed"}
HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\u202e\x9b31m"
MARKUP = "[bold red]x[/bold red] <script>alert(1)</script> | `x`\n```\n"
PLUGIN = f"""
import numpy as np
from bench import Classification, Classified, Examples, model, task

HOSTILE = {HOSTILE + MARKUP!r}

@model("evil" + HOSTILE, gives="classifier")
class Evil:
    '''A model {HOSTILE!r} that answers.'''
    def classify(self, inputs):
        if (inputs[:, 0] > 30).any():
            raise ValueError(HOSTILE)
        return Classified(np.stack([inputs[:, 0], -inputs[:, 0]], axis=1) / 40)
    def fingerprint(self):
        return {{}}

@task("calibration/evil", needs="classifier", yields=Classification, source="x" + HOSTILE, scores=["msp"])
def evil(seed):
    '''A task {HOSTILE!r}.'''
    n = 40
    x = np.arange(n, dtype=float)[:, None]
    ids = np.array([f"{{HOSTILE}}{{i}}" for i in range(n)])
    dataset = np.array([f"{{HOSTILE}}{{i % 3}}" for i in range(n)])
    return Examples(ids=ids, inputs=x, targets=np.arange(n) % 2, classes=2, ood=np.arange(n) % 3 > 0, dataset=dataset)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "evil.py").write_text(PLUGIN)
    return tmp_path


def on_a_terminal(place: Path, *given: str | Path, **values: str) -> tuple[str, Any, Any]:
    """All that a command writes on a terminal, and the terminal's modes before and after."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        words(*given), cwd=place, env=environment(TERM="xterm-256color", COLUMNS="120", LINES="40", **values),
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    text, limit = b"", time.monotonic() + 120
    while time.monotonic() < limit:
        if select.select([ours], [], [], 0.1)[0]:
            text += os.read(ours, 65536)
        elif process.poll() is not None:
            break
    after = termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    assert process.wait() in {0, 3}, text.decode()
    return text.decode(), before, after


def test_a_terminal_sees_progress_and_is_left_as_it_was(place: Path) -> None:
    toy: list[str | Path] = ["eval", "-m", "toy-fixed", "-t", "calibration/toy", "--plugin", TOYS, "--batch-size", "2"]
    text, before, after = on_a_terminal(place, *toy)
    assert "\x1b[?25l" in text  # the cursor is hidden while bars move
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "of 1 cells" in text
    assert re.search(r"accuracy 0\.\d+", text)
    assert before == after
    plain, _, _ = on_a_terminal(place, *toy, NO_COLOR="1")
    assert "\x1b" not in plain


def test_pipes_see_no_control_codes(place: Path) -> None:
    for extra in ([], ["--json"]):
        done = bench(
            place,
            "eval",
            "-m",
            "toy-fixed",
            "-t",
            "calibration/toy",
            "--plugin",
            TOYS,
            *extra,
            environ={"FORCE_COLOR": "1"},
        )
        assert done.code == ExitCode.OK, done.err
        assert "\x1b" not in done.out + done.err
        assert "\r" not in done.out + done.err


def controls(text: str) -> set[str]:
    """Characters that a terminal would obey, or that turn the direction of text."""
    return {c for c in text if not c.isprintable() and c not in "\n\t"}


def test_hostile_names_and_answers_reach_nothing_raw(place: Path) -> None:
    name = "evil" + HOSTILE + MARKUP
    given = ["-m", name, "-t", "calibration/evil", "--plugin", "evil.py"]
    done = bench(place, "eval", *given)
    assert done.code == ExitCode.INCOMPLETE, done.err
    (run,) = runs(place / "runs")
    spoken = [done.out, done.err]
    own = ["--plugin", "evil.py"]
    for command in (["list", "models", *own], ["list", "tasks", *own], ["show", "model", name, *own],
                    ["eval", *given, "--dry-run"], ["eval", "--resume", run, "--seed", "3"]):  # fmt: skip
        told = bench(place, *command)
        spoken += [told.out, told.err]
    for text in spoken:
        assert controls(text) == set()
        assert "Traceback" not in text
    for report in ("report.md", "report.html"):
        text = (run / report).read_text()
        assert controls(text) == set(), report
        outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)  # code is shown as it is
        assert "<script>alert" not in (text if report == "report.html" else outside)
    for path in run.rglob("*"):
        assert path.name.isprintable()
        assert path.resolve().is_relative_to(run.resolve())


def test_hostile_predictions_reach_nothing_raw(place: Path) -> None:
    cell = HOSTILE.replace("\r", "") + "=cmd|'/c calc'!A1"
    rows = [f'"{cell}{i}","{cell}",{i % 2},{i % 2},{i}.5' for i in range(6)]
    (place / "p.csv").write_text("\n".join(["id,dataset,ood,label_unused,score_a", *rows]) + "\n")
    done = bench(place, "eval", "--predictions", "p.csv", "--as", "ood")
    assert done.code == ExitCode.OK, done.err
    (run,) = runs(place / "runs")
    for text in (done.out, done.err, (run / "report.html").read_text(), (run / "report.md").read_text()):
        assert controls(text) == set()
    (place / "q.csv").write_text(f'id,label,prob_0,prob_1\n"{cell}",7,0.5,0.5\n')
    refused = bench(place, "eval", "--predictions", "q.csv", "--as", "classification")
    refused.told(ExitCode.USAGE, "\\x1b[2J")
    assert controls(refused.err) == set()


def test_json_lines_keep_their_promise(place: Path) -> None:
    for kind in KINDS:
        for line in bench(place, "list", f"{kind}s", "--json").lines:
            assert line.keys() >= COMPONENT
            assert line["schema_version"] == 1
            assert len(line["range"]) == 2
    for line in bench(place, "list", "papers", "--json").lines:
        assert line.keys() >= {"schema_version", "paper", "component", "kind", "check"}
    done = bench(place, "eval", "-m", "toy-fixed", "-t", "calibration/toy", "--plugin", TOYS, "--json")
    stored = json.loads((runs(place / "runs")[0] / "results.json").read_text())["results"]
    assert done.lines == sorted(stored, key=done.lines.index)
    assert all(line.keys() >= RESULT for line in done.lines)
    for command in (["config", "show", "--json"], ["doctor", "--json"]):
        lines = bench(place, *command).lines
        assert lines
        assert {line["schema_version"] for line in lines} == {1}


def test_checks_as_json(place: Path) -> None:
    name = bench(place, "list", "checks", "--json").lines[0]["name"]
    done = bench(place, "check", "--name", name, "--json")
    assert done.code == ExitCode.OK, done.err
    assert done.lines
    assert all(line.keys() >= CHECK and line["passed"] for line in done.lines)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str, place: Path) -> None:
    given = {"COMP_WORDS": "bench ", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "bench "}
    asked = {**given, "_BENCH_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = bench(place, environ=asked)
    assert done.code == ExitCode.OK, done.err
    assert "eval" in done.out
    source = bench(place, environ={"_BENCH_COMPLETE": f"source_{shell}"})
    assert "_BENCH_COMPLETE" in source.out


def test_no_secret_is_kept(place: Path) -> None:
    secret = "hf_s3cr3ts3cr3t"
    keys = {"HF_TOKEN": secret, "OPENAI_API_KEY": secret, "AWS_SECRET_ACCESS_KEY": secret}
    toy: list[str | Path] = ["eval", "-m", "toy-fixed", "-t", "calibration/toy", "--plugin", TOYS, "--debug"]
    done = bench(place, *toy, environ=keys)
    assert done.code == ExitCode.OK, done.err
    (run,) = runs(place / "runs")
    for path in run.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    assert secret not in done.out + done.err + bench(place, "doctor", environ=keys).out
    for spec in (f"toy-fixed,token={secret}", f"toy-fixed,api_key={secret}", f"hf:https://me:{secret}@hub.example/x"):
        refused = bench(place, "eval", "-m", spec, "-t", "calibration/toy", "--plugin", TOYS)
        assert refused.code == ExitCode.USAGE
        assert secret not in refused.err + refused.out
    assert len(runs(place / "runs")) == 1
