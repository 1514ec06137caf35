"""Harness tasks on the command line, in processes of their own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench.errors import ExitCode
from bench.harness.loading import Options, load
from tests.cli.shell import Told, bench, process
from tests.harness.conftest import CHECKPOINT, ROOT, TASKS


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_DATASETS_CACHE": str(tmp_path / "datasets"),
        "HF_HOME": str(tmp_path / "hub"),
        "OMP_NUM_THREADS": "1",
    }


def test_data_that_are_not_here_are_named_offline(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "far.yaml").write_text(
        "task: far\ndataset_path: nobody/has-this\noutput_type: multiple_choice\ntest_split: test\n"
        "doc_to_text: q\ndoc_to_choice: a\ndoc_to_target: gold\n"
    )
    told = process(
        "eval", "-m", f"hf:{CHECKPOINT}", "-t", "lm-eval:far.yaml", "--offline", cwd=tmp_path, environ=environ
    )
    told.is_error(ExitCode.FAILED, "'lm-eval:far.yaml'", "offline", "without --offline")


def test_the_readme_run(tmp_path: Path, environ: dict[str, str]) -> None:
    told = process(
        "eval", "-m", f"hf:{CHECKPOINT}", "-t", "lm-eval:examples/harness/people.yaml,num_fewshot=2,limit=8",
        "-t", "lm-eval:people_inputs,limit=2", "--include-path", str(TASKS), "--out", str(tmp_path / "runs"),
        "--device", "cpu", "--json", cwd=ROOT, environ=environ,
    )  # fmt: skip
    assert told.code == ExitCode.OK, told.err
    rows = {row["metric"]: row for row in told.lines if "people.yaml" in row["task"]}
    assert {"lm-eval:acc", "lm-eval:acc_norm", "accuracy", "ece", "choice-nll"} <= rows.keys()
    assert rows["lm-eval:acc"]["value"] == rows["accuracy"]["value"]
    assert rows["lm-eval:acc"]["method"] == rows["accuracy"]["method"] == "wilson"
    assert "Traceback" not in told.err
    assert list((tmp_path / "runs").glob("*/report.html"))
    # The version of a task with functions of its own is the same in every process: no address is in it.
    (manifest,) = (tmp_path / "runs").glob("*/run.json")
    versions = {cell["task"]: cell["identity"]["task version"] for cell in json.loads(manifest.read_text())["cells"]}
    assert versions["lm-eval:people_inputs,limit=2"] == load("people_inputs", Options(limit=2)).version


@pytest.mark.slow
def test_the_harness_command_runs_on_bench(tmp_path: Path, environ: dict[str, str]) -> None:
    # Without its 14,000 tasks, whose indexing is the harness's own affair and takes it half a minute.
    code = (
        "import sys, lm_eval.tasks.manager as m; from functools import partialmethod;"
        "m.TaskManager.__init__ = partialmethod(m.TaskManager.__init__, include_defaults=False);"
        "from bench.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = (
        f"lm-eval run --model bench --model_args pretrained={CHECKPOINT},dtype=float32 --tasks people_words "
        f"--include_path {TASKS} --limit 8"
    )
    told = process(code=f"import sys; sys.argv[1:] = {words.split()!r}; {code}", cwd=ROOT, environ=environ)
    assert told.code == ExitCode.OK, told.err
    assert "|people_words|" in told.out
    assert "|acc_norm" in told.out


def test_listing_needs_the_index_alone(capsys: pytest.CaptureFixture[str]) -> None:
    told = bench(capsys, "list", "tasks", "lm-eval", "--json")
    rows = {row["name"]: row for row in told.lines}
    assert rows["lm-eval:people"]["kind"] == "group"
    assert rows["lm-eval:people_tag"]["where"] == "2 tasks"
    assert rows["lm-eval:sums"]["where"] == "tests/harness/tasks/texts/sums.yaml"
    started = time.process_time()
    assert bench(capsys, "list", "tasks", "lm-eval").out.count("\n") == len(rows) + 1
    assert time.process_time() - started < 0.5
    bench(capsys, "list", "metrics", "lm-eval").is_error(ExitCode.USAGE, "bench list tasks lm-eval")
    bench(capsys, "list", "tasks", "lmeval").is_error(ExitCode.USAGE, "bench list tasks lm-eval")


def told_of(capsys: pytest.CaptureFixture[str], name: str) -> Told:
    return bench(capsys, "show", "task", f"lm-eval:{name}", "--json")


def test_showing_reads_the_file_alone(capsys: pytest.CaptureFixture[str]) -> None:
    (task,) = told_of(capsys, "sums").lines
    assert (task["kind"], task["version"], task["output_type"]) == ("task", "1", "generate_until")
    assert (task["metrics"], task["filters"]) == (["exact_match"], ["strict", "flexible"])
    assert task["parameters"]["fewshot_seed"] == 1234
    (group,) = told_of(capsys, "people").lines
    assert group["kind"] == "task group"
    assert group["tasks"] == ["lm-eval:people_words", "lm-eval:people_letters", "lm-eval:people::people_few",
                              "lm-eval:people_several"]  # fmt: skip
    assert group["aggregates"][0] == "acc over people, by size"
    (inline,) = told_of(capsys, "people::people_few").lines
    assert inline["num_fewshot"] == 1
    assert bench(capsys, "show", "lm-eval:sums").code == ExitCode.OK
    told_of(capsys, "smus").is_error(ExitCode.USAGE, "lm-eval", "sums")
