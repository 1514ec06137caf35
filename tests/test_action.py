"""The GitHub Action's own step, as the runner would start it, with a `bench` that says what it was given."""

from __future__ import annotations

import os
import subprocess
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


def started(action: dict[str, Any], place: Path, **inputs: str) -> tuple[int, list[str]]:
    shim = place / "bench"
    shim.write_text(SHIM)
    shim.chmod(0o755)
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "gate")
    values = {name: str(about.get("default", "")) for name, about in action["inputs"].items()} | inputs
    env = {k: values[v.removeprefix("${{ inputs.").removesuffix(" }}")] for k, v in step["env"].items()}
    script = place / "step.sh"
    script.write_text(step["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        env={"PATH": f"{place}:{os.environ['PATH']}", **env}, cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def test_the_step_passes_its_inputs_and_the_exit_code(action: dict[str, Any], tmp_path: Path) -> None:
    code, words = started(
        action, tmp_path, baseline="b.json", model="hf:./x", task="a/b\nc/d,n=2\n", **{"self-check": "true"}
    )
    assert code == 3
    assert words == [
        "gate", "--baseline", "b.json", "--policy", "gate.yaml", "--out", "gate", "--model", "hf:./x",
        "--task", "a/b", "--task", "c/d,n=2", "--self-check",
    ]  # fmt: skip


def test_hostile_inputs_stay_words(action: dict[str, Any], tmp_path: Path) -> None:
    hostile = "$(touch owned) `touch owned`; touch owned \"' --x"
    code, words = started(action, tmp_path, baseline=hostile, candidate=hostile)
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
