"""Files of predictions that cannot be read, or of which nothing can be said, are told in three lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.errors import ExitCode
from tests.cli.conftest import _untouched  # noqa: F401 - components of one test stay out of the next
from tests.end_to_end.command import runs
from tests.end_to_end.inside import is_error, told

USAGE, INCOMPLETE, CHANGED = ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.NOT_COMPARABLE


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


CHOICE = "--as", "classification"
FILES: dict[str, tuple[str, str, list[str]]] = {
    "nan": ("classification", "label,prob_0,prob_1\n0,nan,0.1\n", ["'prob_0', row 1", "nan"]),
    "above": ("classification", "label,prob_0,prob_1\n0,1.9,-0.9\n", ["'prob_0', row 1", "1.9"]),
    "sum": ("classification", "label,prob_0,prob_1\n0,0.9,0.9\n", ["sum to 1"]),
    "label": ("classification", "label,prob_0,prob_1\n7,0.5,0.5\n", ["'label', row 1", "is 7"]),
    "no-rows": ("classification", "label,prob_0,prob_1\n", ["no rows"]),
    "no-bytes": ("classification", "", ["is empty"]),
    "one-class": ("classification", "label,prob_0\n0,1\n", ["one class"]),
    "infinite": ("classification", "label,logit_0,logit_1\n0,inf,0\n", ["'logit_0', row 1"]),
    "twins": ("classification", "id,label,prob_0,prob_1\na,0,0.5,0.5\na,1,0.5,0.5\n", ["row 2 is 'a', as row 1"]),
    "all-train": ("classification", "label,prob_0,prob_1,split\n0,0.5,0.5,train\n", ["no test rows"]),
    "weightless": ("classification", "label,prob_0,prob_1,weight\n0,0.5,0.5,0\n", ["is 0 in every row"]),
    "all-failed": ("classification", "label,prob_0,prob_1,failed\n0,0.5,0.5,1\n", ["marked as failed"]),
    "flat": ("regression", "y,mean,std\n1,1,0\n", ["'std', row 1"]),
    "level": ("regression", "y,q_0.05,q_1.5\n1,3,4\n", ["no level between 0 and 1"]),
    "no-dim": ("density", "log_prob\n-3\n", ["'dim' is missing"]),
    "no-list": ("choices", 'label,loglik\n0,"[-1,-2]"\n1,x\n', ["'loglik', row 2"]),
    "deep": ("choices", f"label,loglik\n0,{'[' * 20000}\n", ["'loglik', row 1"]),
    "positive": ("generations", "prompt_id,text,logprob,tokens,correct\np,a,0.5,2,1\n", ["'logprob', row 1"]),
}


@pytest.mark.parametrize("name", FILES)
def test_wrong_predictions(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, text, words = FILES[name]
    (place / f"{name}.csv").write_text(text)
    is_error(told(capsys, "--predictions", f"{name}.csv", "--as", kind), USAGE, f"{name}.csv", *words)
    assert runs(place / "runs") == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".", ["no file of predictions"]),
        ("folder.csv", ["it is a folder"]),
        ("suffixless", ["has no ending", ".parquet"]),
        ("noise.parquet", ["cannot be read"]),
        ("noise.npz", ["no npz archive"]),
        ("objects.npz", ["Python objects", "run code"]),
        ("noise.csv", ["noise.csv"]),
        ("absent.csv", ["not found"]),
    ],
)
def test_what_is_no_file_of_predictions(
    name: str, words: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    (place / "folder.csv").mkdir()
    (place / "suffixless").write_text("label,prob_0,prob_1\n0,0.5,0.5\n")
    for suffix in ("parquet", "npz", "csv"):
        (place / f"noise.{suffix}").write_bytes(bytes(range(256)))
    np.savez(place / "objects.npz", labels=np.array([0]), probs=np.array([{}], dtype=object))
    is_error(told(capsys, "--predictions", name, *CHOICE), USAGE, *words)
    assert runs(place / "runs") == []


@pytest.mark.parametrize("flag", [["--limit", "3"], ["-m", "mlp"], ["-t", "calibration/digits"], ["--suite", "quick"]])
def test_predictions_and_what_would_make_them(flag: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "p.csv").write_text("label,prob_0,prob_1\n0,0.5,0.5\n")
    is_error(told(capsys, "--predictions", "p.csv", *CHOICE, *flag), USAGE, "predictions are evaluated without")


def test_predictions_of_which_nothing_can_be_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "p.csv").write_text("ood,score_a\n0,1\n0,2\n")
    is_error(told(capsys, "--predictions", "p.csv", "--as", "ood"), INCOMPLETE, "nothing could be", "one class only")
    assert json.loads((runs(place / "runs")[0] / "results.json").read_text())["results"] == []


def test_predictions_can_be_resumed_and_not_changed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "p.csv").write_text("label,prob_0,prob_1\n0,0.5,0.5\n1,0.1,0.9\n")
    first = told(capsys, "--predictions", "p.csv", *CHOICE, "--json")
    (run,) = runs(place / "runs")
    assert told(capsys, "--resume", run, "--json").out == first.out
    (place / "p.csv").write_text("label,prob_0,prob_1\n0,0.5,0.5\n1,0.2,0.8\n")
    is_error(told(capsys, "--resume", run, "--json"), CHANGED, "data")
