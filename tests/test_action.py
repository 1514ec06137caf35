"""The GitHub Action's own step, as the runner would start it, with a `bench` that says what it was given."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SHIM = '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\nexit 3\n'


@pytest.fixture
def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return document


def started(
    action: dict[str, Any],
    place: Path,
    inputs: Mapping[str, str],
    *,
    command: str = SHIM,
    around: Mapping[str, str] | None = None,
) -> tuple[int, list[str]]:
    shim = place / "bench"
    shim.write_text(command)
    shim.chmod(0o755)
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "gate")
    values = {name: str(about.get("default", "")) for name, about in action["inputs"].items()} | dict(inputs)
    env = {k: values[v.removeprefix("${{ inputs.").removesuffix(" }}")] for k, v in step["env"].items()}
    script = place / "step.sh"
    script.write_text(step["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        env={"PATH": f"{place}:{os.environ['PATH']}", **(around or {}), **env},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_the_step_passes_its_inputs_and_the_exit_code(action: dict[str, Any], tmp_path: Path) -> None:
    code, words = started(
        action, tmp_path, {"baseline": "b.json", "model": "hf:./x", "task": "a/b\nc/d,n=2\n", "self-check": "true"}
    )
    assert code == 3
    assert words == [
        "gate", "--baseline", "b.json", "--policy", "gate.yaml", "--out", "gate", "--model", "hf:./x",
        "--task", "a/b", "--task", "c/d,n=2", "--self-check",
    ]  # fmt: skip


def test_hostile_inputs_stay_words(action: dict[str, Any], tmp_path: Path) -> None:
    hostile = "$(touch owned) `touch owned`; touch owned \"' --x"
    code, words = started(action, tmp_path, {"baseline": hostile, "candidate": hostile})
    assert (code, words.count(hostile)) == (3, 2)
    assert not (tmp_path / "owned").exists()


def test_no_input_becomes_part_of_a_script(action: dict[str, Any]) -> None:
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_outputs_are_those_that_the_gate_writes(action: dict[str, Any], tmp_path: Path) -> None:
    from bench.gates.document import Gate, SideFacts
    from bench.reports.decisions.github import write_outputs

    facts = SideFacts(name="x", facts={})
    gate = Gate(
        created="now", name="g", correction="holm", verdict="pass", exit_code=0, baseline=facts, candidate=facts,
        counts=dict.fromkeys(("error", "invalid", "missing", "fail", "inconclusive", "pass", "improved"), 0), checks=(),
    )  # fmt: skip
    write_outputs(gate, Path("out"), tmp_path / "outputs")
    written = {line.partition("<<")[0] for line in (tmp_path / "outputs").read_text().splitlines() if "<<" in line}
    assert set(action["outputs"]) <= written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "code", "verdict"), [("mlp", 0, "pass"), ("sklearn:dummy.DummyClassifier", 1, "fail")]
)
def test_the_step_gates_in_a_clean_shell(
    action: dict[str, Any], tmp_path: Path, model: str, code: int, verdict: str
) -> None:
    """The real command with nothing around it but what GitHub sets: exit code, files, summary, outputs, annotations."""
    bench = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bench "$@"\n'
    files = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    around = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "CI": "true", "GITHUB_ACTIONS": "true", **files}

    def run(*words: str) -> None:
        made = [sys.executable, "-m", "bench", *words]
        subprocess.run(made, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=300)

    run("eval", "-q", "-m", "mlp", "-t", "calibration/digits", "--out", "base")
    (base,) = map(str, (tmp_path / "base").iterdir())
    run("gate", "init", base, "-o", "gate.yaml")
    run("baseline", "save", base, "-o", "baseline.json")
    found, lines = started(
        action,
        tmp_path,
        {"baseline": "baseline.json", "model": model, "task": "calibration/digits"},
        command=bench,
        around=around,
    )
    assert found == code, lines
    told = {p.name for p in (tmp_path / "gate").iterdir()}
    assert told == {"gate.json", "gate.md", "gate.html", "junit.xml"}
    assert any(verdict in line for line in lines)
    assert (tmp_path / "summary").read_text()
    outputs = (tmp_path / "output").read_text().splitlines()
    assert outputs[1] == verdict
    assert str(code) in outputs
