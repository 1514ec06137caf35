"""`bench list`, `show`, `check`, `doctor`, `config show` and `report`: their words and their JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.components import KINDS
from bench.errors import ExitCode
from bench.predictions.conventions import CONVENTIONS
from bench.registry import components
from bench.suites import suites
from tests.cli.shell import bench

COMPONENT = {"schema_version", "kind", "name", "area", "source", "better", "unit", "range"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_is_listed(kind: str, capsys: Any) -> None:
    told = bench(capsys, "list", f"{kind}s", "--json")
    assert told.code == ExitCode.OK
    assert [line["name"] for line in told.lines] == list(components(kind))
    for line in told.lines:
        assert line.keys() >= COMPONENT
        assert line["kind"] == kind
        assert len(line["range"]) == 2
        assert line["summary"]
    assert bench(capsys, "list", kind, "--json").out == told.out
    table = bench(capsys, "list", f"{kind}s").out.splitlines()
    assert [row.split()[0] for row in table[1:]] == list(components(kind))


def test_a_metric_says_what_it_is(capsys: Any) -> None:
    (line,) = [line for line in bench(capsys, "list", "metrics", "--json").lines if line["name"] == "accuracy"]
    assert line.items() >= {"better": "higher", "range": [0, 1], "biased": False}.items()


def test_suites_are_listed(capsys: Any) -> None:
    lines = bench(capsys, "list", "suites", "--json").lines
    assert [line["name"] for line in lines] == list(suites())
    assert all(line.keys() >= COMPONENT and line["cells"] > 0 for line in lines)


def test_papers_name_what_hosts_them(plugin: Path, capsys: Any) -> None:
    lines = bench(capsys, "list", "papers", "--json", "--plugin", plugin).lines
    mine = [line for line in lines if line["paper"] == "On Adding"]
    assert mine == [
        {"schema_version": 1, "paper": "On Adding", "component": "adds", "kind": "check", "area": "likelihood",
         "check": "adds"}
    ]  # fmt: skip
    assert [line["paper"].casefold() for line in lines] == sorted(line["paper"].casefold() for line in lines)


def test_the_overview_counts(capsys: Any) -> None:
    lines = {line["kind"]: line["number"] for line in bench(capsys, "list", "--json").lines}
    assert lines["metrics"] == len(components("metric"))
    assert set(lines) == {f"{kind}s" for kind in (*KINDS, "suite", "paper")}


def test_a_plugin_is_listed(plugin: Path, capsys: Any) -> None:
    assert "tiny" in bench(capsys, "list", "models", "--plugin", plugin).out


def test_a_component_is_shown_whole(plugin: Path, capsys: Any) -> None:
    told = bench(capsys, "show", "model", "tiny", "--plugin", plugin)
    assert told.out.startswith("model tiny\n\n  A classifier that knows the answer.  It may fail.\n")
    assert "mood = well" in told.out
    (facts,) = bench(capsys, "show", "model", "tiny", "--plugin", plugin, "--json").lines
    assert facts["parameters"] == {"mood": "well"}
    assert facts["gives"] == ["classifier"]
    assert bench(capsys, "show", "tiny,mood=ill", "--plugin", plugin).out == told.out


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_can_be_shown(kind: str, capsys: Any) -> None:
    for name in components(kind):
        told = bench(capsys, "show", kind, name)
        assert told.code == ExitCode.OK
        assert told.out.startswith(f"{kind} {name}\n")


def test_a_suite_is_shown(capsys: Any) -> None:
    (facts,) = bench(capsys, "show", "suite", "quick", "--json").lines
    assert facts["cells"][0]["models"]
    assert bench(capsys, "show", "suite", "quick").out.startswith("suite quick\n")


@pytest.mark.parametrize("kind", CONVENTIONS)
def test_a_record_is_shown_with_its_conventions(kind: str, capsys: Any) -> None:
    told = bench(capsys, "show", "record", kind)
    for words in ("As parquet:", "As csv:", "As npz:", f"--as {kind}", "weight or weights"):
        assert words in told.out
    for field in CONVENTIONS[kind].fields:
        assert field.written in told.out
        assert field.doc in told.out
    (facts,) = bench(capsys, "show", "record", kind, "--json").lines
    assert set(facts["examples"]) == {"csv", "parquet", "npz"}


def test_records_are_listed(capsys: Any) -> None:
    told = bench(capsys, "show", "record")
    assert all(kind in told.out for kind in CONVENTIONS)


def test_checks_that_hold(plugin: Path, capsys: Any) -> None:
    told = bench(capsys, "check", "--name", "adds", "--plugin", plugin, "--json")
    assert told.code == ExitCode.OK
    assert told.lines == [
        {"schema_version": 1, "name": "adds", "area": "likelihood", "label": "", "truth": 2.0, "estimate": 2.0,
         "error": 0.0, "tolerance": 1e-12, "passed": True, "message": ""}
    ]  # fmt: skip
    assert told.err == "1 of 1 checks passed\n"
    assert bench(capsys, "check", "--name", "adds", "--plugin", plugin).out.startswith("ok    adds: truth 2")


@pytest.mark.parametrize(
    ("name", "passed", "message"),
    [("errs", [True, False], ""), ("crashes", [False], "RuntimeError: out of luck"), ("silent", [False], "nothing")],
)
def test_checks_that_fail(name: str, passed: list[bool], message: str, plugin: Path, capsys: Any) -> None:
    told = bench(capsys, "check", "--name", name, "--plugin", plugin, "--json")
    assert told.code == ExitCode.FAILED
    assert [line["passed"] for line in told.lines] == passed
    assert message in told.lines[-1]["message"]
    assert told.lines[-1]["estimate"] is None
    text = bench(capsys, "check", "--name", name, "--plugin", plugin).out.splitlines()[-1]
    assert text.startswith("FAIL")


def test_a_failing_check_stops_no_other(plugin: Path, capsys: Any) -> None:
    names = [word for name in ("crashes", "adds", "silent") for word in ("--name", name)]
    told = bench(capsys, "check", *names, "--plugin", plugin, "--json")
    assert [line["passed"] for line in told.lines] == [True, False, False]
    assert told.err == "1 of 3 checks passed\n"


def test_doctor_knows_this_machine(place: Path, capsys: Any) -> None:
    import torch

    told = bench(capsys, "doctor", "--json")
    found = {(line["topic"], line["name"]): line for line in told.lines}
    assert found["version", "torch"]["value"] == torch.__version__
    assert found["folder", "runs"]["ok"]
    assert ("suite", "quick") in found
    assert told.code == (ExitCode.OK if all(line["ok"] for line in told.lines) else ExitCode.FAILED)
    for line in told.lines:
        assert line["ok"] or line["fix"]


def test_doctor_finds_what_would_stop_a_run(place: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("BENCH_OUT", "file/runs")
    monkeypatch.setattr("bench.suites.FOLDER", place)
    (place / "mine.yaml").write_text("name: mine\ncells:\n  - {models: [nobody], tasks: [nothing]}\n")
    told = bench(capsys, "doctor")
    assert told.code == ExitCode.FAILED
    problems = [line.split() for line in told.out.splitlines() if line.startswith("PROBLEM")]
    assert [(words[1], words[2]) for words in problems] == [("folder", "runs"), ("suite", "mine")]


def test_doctor_names_the_line_that_installs_an_extra(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.diagnosis.EXTRAS", {"air": ("no-such-package",), "arrays": ("numpy",)})
    extras = {line["name"]: line for line in bench(capsys, "doctor", "--json").lines if line["topic"] == "extra"}
    assert extras["air"]["value"] == "not installed (no-such-package)"
    assert extras["air"]["fix"] == "pip install 'bench[air]'"
    assert extras["air"]["ok"]
    assert (extras["arrays"]["value"], extras["arrays"]["fix"]) == ("installed", "")


def test_settings_are_shown_with_their_origins(place: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SEED", "5")
    (place / "bench.toml").write_text("\nlimit = 3\n")
    rows = {line["key"]: line for line in bench(capsys, "config", "show", "--json").lines}
    assert (rows["seed"]["value"], rows["seed"]["origin"]) == (5, "BENCH_SEED")
    assert (rows["limit"]["value"], rows["limit"]["origin"]) == (3, f"{place / 'bench.toml'}:2")
    assert (rows["models"]["value"], rows["models"]["origin"]) == ([], "default")
    table = bench(capsys, "config", "show", "--origin").out
    assert [line.split() for line in table.splitlines() if line.startswith("seed ")] == [["seed", "5", "BENCH_SEED"]]
    assert "from which every random draw comes" in bench(capsys, "config", "show").out.lower()


@pytest.mark.usefixtures("light_report")
def test_a_report_is_made_again(place: Path, plugin: Path, capsys: Any) -> None:
    bench(capsys, "eval", "-m", "tiny", "-t", "calibration/signs", "--plugin", plugin)
    (run,) = (place / "runs").iterdir()
    (run / "report.html").unlink()
    told = bench(capsys, "report", run)
    assert told.code == ExitCode.OK
    assert told.out.splitlines() == [str(run / "report.html"), str(run / "report.md")]
    assert (run / "report.html").is_file()
    assert [json.loads(line)["path"] for line in bench(capsys, "report", run, "--json").out.splitlines()] == [
        str(run / "report.html"),
        str(run / "report.md"),
    ]


@pytest.mark.usefixtures("light_report")
def test_a_folder_that_is_no_run_has_no_report(place: Path, capsys: Any) -> None:
    bench(capsys, "report", place).is_error(ExitCode.USAGE, str(place))
    bench(capsys, "report", "nowhere").is_error(ExitCode.USAGE, "nowhere")
