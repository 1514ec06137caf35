"""Whole runs over HTTP: the numbers of a local model, kills, budgets, keys, refusals, and a model that changed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ExitCode
from tests.end_to_end.command import Ended, bench, runs, snapshot
from tests.models.api.brain import CHECKPOINT
from tests.models.api.server import Body, Habits, Served, serving

SECRET = "sk-hush-0123456789"
LIMIT = ["--limit", "8", "--batch-size", "2", "--decoder"]
ASKED = ["-t", "calibration/facts", "-t", "reasoning/logic", *LIMIT, "self-consistency,n=2"]
SCORED = ["-t", "calibration/facts", "--limit", "8", "--batch-size", "2"]


def evaluate(home: Path, model: str, *more: str, **environ: str) -> Ended:
    home.mkdir(exist_ok=True)
    # Reports are made from the folder alone, whoever was asked.
    return bench(home, "eval", "-m", model, *(more or ASKED), "--device", "cpu", "--json", environ=environ)


def values(ended: Ended) -> dict[tuple[str, ...], float | None]:
    return {(row["task"], row["decoder"], row["metric"]): row["value"] for row in ended.lines}


def test_a_run_gives_the_numbers_of_the_local_model(served: Served, tmp_path: Path) -> None:
    over = evaluate(
        tmp_path / "over", served.spec, "-t", "calibration/facts", "-t", "reasoning/logic", *LIMIT, "greedy"
    )
    local = evaluate(
        tmp_path / "local",
        f"hf:{CHECKPOINT},dtype=float64",
        "-t",
        "calibration/facts",
        "-t",
        "reasoning/logic",
        *LIMIT,
        "greedy",
    )
    assert over.code == local.code == ExitCode.OK, over.err + local.err
    ours, theirs = values(over), values(local)
    assert len(ours) > 20
    assert ours == pytest.approx(theirs, rel=0, abs=1e-6)


def test_kill_9_and_resume_give_the_bytes_of_a_run_that_was_not(tmp_path: Path) -> None:
    slow = Habits()
    with serving(slow) as served:
        whole = evaluate(tmp_path / "whole", served.spec)
        assert whole.code == ExitCode.OK, whole.err
        expected = snapshot(runs(tmp_path / "whole" / "runs")[0])
        home, hits, command = tmp_path / "killed", 0, ["eval", "-m", served.spec, *ASKED, "--device", "cpu", "--json"]
        home.mkdir()
        # Each answer takes a moment now, so that the kills come in the middle.
        slow.faults = lambda _body, _times: "pause"
        for _ in range(3):
            hits += bench(home, *command, kill_after=1.5).code == -signal.SIGKILL
            begun = [run for run in runs(home / "runs") if (run / "run.json").exists()]
            command = ["eval", "--resume", f"runs/{begun[0].name}", "--json"] if begun else command
        assert hits
        slow.faults = lambda _body, _times: ""
        resumed = bench(home, *command)
        assert resumed.code == ExitCode.OK, resumed.err
        found = snapshot(next(run for run in runs(home / "runs") if (run / "run.json").exists()))
    assert found.keys() == expected.keys()
    assert [file for file in expected if found[file] != expected[file]] == []


@pytest.mark.slow
def test_a_budget_stops_the_run_and_resuming_ends_it(served: Served, tmp_path: Path) -> None:
    free = evaluate(tmp_path / "free", served.spec)
    spec, home = f"{served.spec},budget=900", tmp_path / "poor"
    ended = evaluate(home, spec)
    ended.told(ExitCode.INCOMPLETE, "the budget of 900 tokens is spent", "--resume")
    (run,) = runs(home / "runs")
    for _ in range(9):
        ended = bench(home, "eval", "--resume", f"runs/{run.name}", "--json")
        if ended.code != ExitCode.INCOMPLETE:
            break
    assert ended.code == ExitCode.OK, ended.err
    assert values(ended) == values(free)
    tiny = evaluate(tmp_path / "tiny", f"{served.spec},budget=10")
    tiny.told(ExitCode.USAGE, "the budget is 10", "--batch-size")


def test_the_key_is_nowhere_in_the_run(tmp_path: Path) -> None:
    def faults(body: Body, times: int) -> str:
        return "echo-key" if times == 0 or "16" in str(body.get("prompt")) else ""

    with serving(Habits(key=SECRET, faults=faults)) as served:
        home = tmp_path / "home"
        ended = evaluate(home, f"{served.spec},deadline=3", *SCORED, BENCH_API_KEY=SECRET)
        refused = evaluate(home, served.spec, *SCORED, BENCH_API_KEY="of-another")
    assert ended.code in {ExitCode.OK, ExitCode.INCOMPLETE}, ended.err
    refused.told(ExitCode.USAGE, "without the right key")
    texts = [ended.out, ended.err, refused.out, refused.err]
    files = [path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not any(SECRET in text or "of-another" in text for text in texts + files)


def test_samples_that_get_lies_are_attrition(tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def faults(body: Body, _times: int) -> str:
        prompt = str(body.get("prompt", ""))
        if not body.get("echo") or "one two" in prompt:
            return ""
        asked.setdefault("first", prompt.rpartition(" ")[0])
        return "nan" if prompt.startswith(asked["first"]) else ""

    with serving(Habits(faults=faults)) as served:
        ended = evaluate(tmp_path / "home", served.spec, *SCORED)
    (run,) = runs(tmp_path / "home" / "runs")
    (cell,) = json.loads((run / "run.json").read_text())["cells"]
    assert (cell["n"], cell["status"]) == (8, "done")
    assert 1 <= cell["n_failed"] < 8
    assert "log-probability" in next(run.rglob("failed.jsonl")).read_text()
    assert ended.code == ExitCode.INCOMPLETE


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_no_probabilities_of_given_texts_is_a_refusal(endpoint: str, tmp_path: Path) -> None:
    with serving(Habits(echo=False)) as served:
        ended = evaluate(tmp_path / "home", f"{served.spec},endpoint={endpoint}", *SCORED)
    ended.told(ExitCode.USAGE, "gives no log-probabilities of given texts")


def test_a_model_that_changed_is_not_continued(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving() as served:
        ended = evaluate(home, f"{served.spec},budget=900")
        assert ended.code == ExitCode.INCOMPLETE, ended.err
        served.habits.fingerprint = "fp-2"
        (run,) = runs(home / "runs")
        again = bench(home, "eval", "--resume", f"runs/{run.name}", "--json")
    again.told(ExitCode.NOT_COMPARABLE, "model fingerprint")


def test_no_server_is_told_in_three_lines(tmp_path: Path) -> None:
    with serving() as served:
        pass
    evaluate(tmp_path / "home", f"{served.spec},deadline=0.5").told(
        ExitCode.FAILED, "no answer from", "start the server"
    )
