"""`bench compare`, `bench baseline` and `bench gate` as a user runs them, on real runs of small models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.errors import ExitCode
from tests.cli.shell import Told, bench

pytestmark = pytest.mark.xdist_group("gate")  # one process holds the runs that the tests share

COIN = '''
"""A model that guesses, one that answers as the logistic does but for some, and one that is ill."""
import numpy as np

from bench import Classified, model


class Guess:
    def classify(self, inputs):
        scale = np.abs(np.asarray(inputs).reshape(len(inputs), -1)).sum(axis=1)
        return Classified(np.stack([np.sin(scale * (k + 1)) for k in range(10)], axis=1))

    def fingerprint(self):
        return {"guess": 1}


@model("coin", gives="classifier")
def coin():
    """Guesses."""
    return Guess()


class Ill(Guess):
    def classify(self, inputs):
        raise ValueError("ill")


@model("ill", gives="classifier")
def ill():
    """Fails."""
    return Ill()
'''
TASK = "calibration/digits"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of real models: the logistic and the network with two seeds, and a guesser; and a policy."""
    from bench.cli import main

    place = tmp_path_factory.mktemp("gates")
    (place / "coin.py").write_text(COIN)
    plugin = ["--plugin", str(place / "coin.py")]
    for name, words in {
        "logistic": ["-m", "logistic"],
        "mlp": ["-m", "mlp"],
        "mlp-again": ["-m", "mlp", "--seed", "1"],
        "coin": ["-m", "coin", *plugin],
        "few": ["-m", "logistic", "--limit", "50"],
    }.items():
        assert main(["eval", *words, "-t", TASK, "--out", str(place / "out"), "-q"]) == 0
        run = max((place / "out").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        run.rename(place / name)
    (place / "gate.yaml").write_text(f"checks:\n  - {{task: {TASK}, metric: accuracy, margin: 0.03}}\n")
    return place


def gate(capsys: Any, world: Path, here: str, there: str, *more: str) -> Told:
    files = ("--policy", str(world / "gate.yaml"), "--out", str(world / "report"))
    return bench(capsys, "gate", "--baseline", str(world / here), "--candidate", str(world / there), *files, *more)


def verdicts(world: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((world / "report" / "gate.json").read_text())
    return document


@pytest.mark.parametrize(
    ("here", "there", "code", "verdict"),
    [
        ("logistic", "coin", ExitCode.GATE_FAILED, "fail"),
        ("coin", "logistic", ExitCode.OK, "improved"),
        ("logistic", "logistic", ExitCode.OK, "pass"),
        ("few", "logistic", ExitCode.NOT_COMPARABLE, "invalid"),
    ],
)
def test_the_exit_code_is_the_verdicts(
    capsys: Any, world: Path, here: str, there: str, code: ExitCode, verdict: str
) -> None:
    told = gate(capsys, world, here, there)
    assert told.code == code, told.err
    assert told.out.splitlines()[-1].endswith(verdict)
    made = verdicts(world)
    assert (made["verdict"], made["exit_code"]) == (verdict, int(code))
    suite = ET.parse(world / "report" / "junit.xml").getroot()  # noqa: S314 - our own file
    assert suite.get("tests") == "1"
    assert suite.get("failures") == ("1" if verdict == "fail" else "0")
    assert suite.get("errors") == ("1" if verdict == "invalid" else "0")
    for name in ("gate.md", "gate.html"):
        assert verdict in (world / "report" / name).read_text()


def test_too_small_a_margin_is_inconclusive(capsys: Any, world: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text(f'[[checks]]\ntask = "{TASK}"\nmetric = "nll"\nmargin = 0.0001\n')
    told = gate(capsys, world, "mlp", "mlp-again", "--policy", str(policy))
    assert told.code == ExitCode.INCOMPLETE
    assert "smallest detectable difference" in told.out


def test_a_baseline_file_stands_for_its_run(capsys: Any, world: Path) -> None:
    path = world / "base.json"
    told = bench(capsys, "baseline", "save", world / "logistic", "-o", path, "--policy", world / "gate.yaml")
    assert told.code == 0
    assert path.stat().st_size < 20_000
    shown = bench(capsys, "baseline", "show", path, "--json").lines
    assert [(row["metric"], row["n"]) for row in shown] == [("accuracy", 600)]
    moved = world / "logistic"
    aside = moved.rename(world / "aside")
    try:
        assert gate(capsys, world, "base.json", "coin").code == ExitCode.GATE_FAILED
        assert gate(capsys, world, "base.json", "aside").code == ExitCode.OK
        assert "bit for bit" in verdicts(world)["checks"][0]["reason"]
    finally:
        aside.rename(moved)


def test_a_truncated_baseline_is_exit_4(capsys: Any, world: Path, tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    bench(capsys, "baseline", "save", world / "logistic", "-o", path)
    path.write_bytes(path.read_bytes()[:-100])
    gate(capsys, world, str(path), "coin").is_error(ExitCode.NOT_COMPARABLE, "damaged")
    gate(capsys, world, "nowhere.json", "coin").is_error(ExitCode.NOT_COMPARABLE, "no baseline")
    gate(capsys, world, "nowhere", "coin").is_error(ExitCode.NOT_COMPARABLE, "no baseline")


def test_a_damaged_run_and_a_crash_are_never_0_or_1(capsys: Any, world: Path, monkeypatch: Any) -> None:
    broken = world / "broken"
    shutil.copytree(world / "coin", broken)
    part = next(broken.rglob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    gate(capsys, world, "logistic", "broken").is_error(ExitCode.FAILED, "damaged")
    from bench.gates import judging

    def crash(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(judging, "trials", crash)
    assert gate(capsys, world, "logistic", "coin").code == ExitCode.FAILED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs a baseline"),
        (["--baseline", "x"], "needs one candidate"),
        (["--baseline", "x", "--candidate", "y", "-m", "mlp"], "needs one candidate"),
        (["--baseline", "x", "--candidate", "y", "--stop-early"], "nothing to stop early"),
        (["--baseline", "x", "--candidate", "y", "--policy", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_mistakes_are_told(capsys: Any, words: list[str], said: str) -> None:
    bench(capsys, "gate", *words).is_error(ExitCode.USAGE, said)


def test_what_cannot_be_evaluated_is_an_error_not_a_fail(capsys: Any, world: Path) -> None:
    more = ("--plugin", world / "coin.py", "-m", "ill", "-t", TASK, "--runs", world / "ills", "-q")
    told = bench(capsys, "gate", "--baseline", world / "logistic", "--policy", world / "gate.yaml", *more)
    told.is_error(ExitCode.FAILED, "failed")


def test_evaluation_stops_once_it_is_surely_worse(capsys: Any, world: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENCH_BATCH_SIZE", "64")
    more = ("--plugin", world / "coin.py", "-m", "coin", "-t", TASK, "--runs", world / "early", "--out", world / "e")
    told = bench(
        capsys, "gate", "--baseline", world / "logistic", "--policy", world / "gate.yaml", "--stop-early", *more
    )
    assert told.code == ExitCode.GATE_FAILED, told.err
    made = json.loads((world / "e" / "gate.json").read_text())
    assert made["stopped"]["samples"] < 600
    run = next((world / "early").iterdir())
    assert not (run / "results.json").exists()  # and it may be gone on with
    assert any(run.rglob("journal-*.jsonl"))


def test_evaluation_that_is_no_worse_runs_to_its_end(capsys: Any, world: Path) -> None:
    more = ("-m", "logistic", "-t", TASK, "--runs", world / "late", "--out", world / "l", "-q")
    told = bench(
        capsys, "gate", "--baseline", world / "logistic", "--policy", world / "gate.yaml", "--stop-early", *more
    )
    assert told.code == ExitCode.OK, told.err


def test_github_is_told_within_its_limits(capsys: Any, world: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for variable, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "output.txt"),
    }.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "summary.md").write_text("before\n")
    told = gate(capsys, world, "logistic", "coin", "--sarif")
    assert told.code == 1
    assert [line for line in told.err.splitlines() if line.startswith("::error title=fail")]
    assert not [line for line in told.out.splitlines() if line.startswith("::")]
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n")
    assert "FAIL" in summary
    lines = (tmp_path / "output.txt").read_text().splitlines()
    assert lines[1] == "fail"
    assert lines[0].partition("<<")[2] == lines[2]
    sarif = json.loads((world / "report" / "gate.sarif").read_text())
    assert [r["ruleId"] for r in sarif["runs"][0]["results"]] == ["fail"]


def test_init_writes_a_policy_that_runs(capsys: Any, world: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    words = ("gate", "init", world / "mlp", world / "mlp-again", "-o", path)
    assert bench(capsys, *words).code == 0
    assert "acknowledged" in path.read_text()
    bench(capsys, *words).is_error(ExitCode.USAGE, "there already")
    told = gate(capsys, world, "mlp", "mlp-again", "--policy", str(path), "--self-check", "--json")
    assert told.code in {ExitCode.OK, ExitCode.INCOMPLETE}
    made = told.lines[0]
    assert made["self_check"]["permutations"] == 200
    assert made["self_check"]["sound"]
    assert {c["metric"] for c in made["checks"]} == {"ece", "accuracy"}


def test_compare_prints_pairs_and_what_changed(capsys: Any, world: Path, tmp_path: Path) -> None:
    told = bench(capsys, "compare", world / "logistic", world / "coin", "--metric", "accuracy", "--out", tmp_path)
    assert told.code == 0
    assert "▼ worse" in told.out
    assert "digit-" in told.out
    lines = bench(capsys, "compare", world / "logistic", world / "coin", world / "mlp", "--json").lines
    assert [line["kind"] for line in lines] == ["bench-comparison"] * 2
    row = next(r for r in lines[0]["rows"] if r["metric"] == "accuracy")
    assert row["gain"] == pytest.approx(row["candidate"] - row["reference"])
    assert row["gains"] - row["losses"] == pytest.approx(600 * row["gain"])
    assert row["low"] < row["gain"] < row["high"]
    changes = lines[0]["changes"][0]
    assert (changes["gained"], changes["lost"]) == (row["gains"], row["losses"])
    for name in ("comparison.json", "comparison.md", "comparison.html"):
        assert (tmp_path / name).stat().st_size > 500


def test_compare_refuses_other_samples(capsys: Any, world: Path) -> None:
    told = bench(capsys, "compare", world / "few", world / "logistic")
    told.is_error(ExitCode.NOT_COMPARABLE, "data")
    bench(capsys, "compare", world / "mlp").is_error(ExitCode.USAGE, "one model")
    bench(capsys, "compare", f"{world / 'mlp'}@mpl", world / "mlp").is_error(ExitCode.USAGE, "did you mean 'mlp'")
