"""Whatever is wrong is told in three lines, with the right exit code, and leaves no run that is half written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.errors import ExitCode
from tests.cli.conftest import _untouched  # noqa: F401 - components of one test stay out of the next
from tests.cli.shell import bench as inside
from tests.end_to_end.command import TOYS, runs
from tests.end_to_end.inside import is_error, told

USAGE, FAILED, INCOMPLETE, CHANGED = ExitCode.USAGE, ExitCode.FAILED, ExitCode.INCOMPLETE, ExitCode.NOT_COMPARABLE
PLUGINS = {
    "exits.py": "raise SystemExit(7)",
    "exits_with_words.py": "import sys\nsys.exit('bye')",
    "divides.py": "1 / 0",
    "syntax.py": "x = (",
    "nul.py": "\x00",
    "twice.py": """
from bench import Classification, metric, per_sample
@metric("accuracy", of=Classification, area="calibration", better="higher", source="x")
def accuracy(record):
    '''The same name as a built-in.'''
    return per_sample(record.correct)
""",
}
BROKEN = """
import numpy as np
from bench import Classification, Classified, Examples, metric, model, task

def examples(targets):
    return Examples(ids=np.array(["a", "b"]), inputs=np.zeros((2, 4)), targets=np.array(targets), classes=2)

@task("calibration/raises", needs="classifier", yields=Classification, source="x")
def raises(seed):
    '''Fails.'''
    raise RuntimeError("no data \\x1b[31m")

@task("calibration/nothing", needs="classifier", yields=Classification, source="x")
def nothing(seed):
    '''Gives nothing.'''

@task("calibration/bad-metric", needs="classifier", yields=Classification, source="x", metrics=["acuracy"])
def bad_metric(seed):
    '''Is measured by what is not there.'''
    return examples([0, 1])

@task("calibration/bad-score", needs="classifier", yields=Classification, source="x", scores=["mps"])
def bad_score(seed):
    '''Is scored by what is not there.'''
    return examples([0, 1])

class Model:
    def classify(self, inputs):
        return Classified(np.zeros((len(inputs), 3)))

@model("unmade", gives="classifier")
def unmade():
    '''Cannot be made.'''
    raise RuntimeError("not today")

@model("unnamed", gives="classifier")
class Unnamed(Model):
    '''Does not know who it is.'''
    def fingerprint(self):
        raise RuntimeError("who am I")

@model("exits", gives="classifier")
class Exits(Model):
    '''Ends the process.'''
    def classify(self, inputs):
        raise SystemExit(3)

@model("mute", gives="classifier")
class Mute(Model):
    '''Answers None.'''
    def classify(self, inputs):
        return None
"""
CRASHING_METRICS = """
from bench import Classification, metric, per_sample
import numpy as np

@metric("crashing", of=Classification, area="calibration", better="higher", source="x")
def crashing(record):
    '''Crashes.'''
    raise ZeroDivisionError("\\x1b[31mred")

@metric("crashing-set", of=Classification, area="calibration", better="higher", source="x")
def crashing_set(record, weights):
    '''Crashes with the weights of a bootstrap.'''
    if len(weights) > 1:
        raise ValueError("too many")
    return np.zeros(len(weights))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    for name, text in PLUGINS.items():
        (folder / name).write_text(text)
    (folder / "broken.py").write_text(BROKEN)
    (folder / "crashing.py").write_text(CRASHING_METRICS)
    monkeypatch.chdir(folder)
    return folder


TOY = ["--plugin", str(TOYS), "-m", "toy-fixed", "-t", "calibration/toy"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--limit", "-3"], ["'limit' cannot be -3"]),
        (["--limit", "1.5"], ["--limit", "integer"]),
        (["--seed", "-1"], ["'seed' cannot be -1"]),
        (["--batch-size", "0"], ["'batch_size' cannot be '0'"]),
        (["--device", "nonsense", *TOY], ["no device 'nonsense'", "--device cpu"]),
        (["--device", "cuda:99", *TOY], ["no device 'cuda:99'"]),
        (["--device", "meta", *TOY], ["no device 'meta'"]),
        (["--dtype", "nonsense"], ["'dtype' cannot be 'nonsense'", "float16"]),
        ([*TOY, "--decoder", "greedy"], ["no task here has answers for decoder 'greedy'"]),
        ([*TOY, "--decoder", "greddy"], ["unknown decoder 'greddy'", "did you mean 'greedy'?"]),
        (["-m", "mlp", "-t", "ood"], ["unknown task 'ood'", "did you mean 'ood/"]),
        (["-m", "kde", "-t", "calibration/digits"], ["'kde' cannot answer", "models that can"]),
        (["-m", "mlp:x", "-t", "calibration/digits"], ["takes no target"]),
        (["-m", "mlp,hidden=x", "-t", "calibration/digits"], ["'hidden' of 'mlp' cannot be 'x'", "whole number"]),
        (["-m", "mlp,hidden=1.5", "-t", "calibration/digits"], ["'hidden' of 'mlp' cannot be '1.5'"]),
        (["-m", "mlp,rate=NaN", "-t", "calibration/digits"], ["'rate' of 'mlp' cannot be 'NaN'"]),
        (["-m", "mlp,depth=1,depth=2", "-t", "calibration/digits"], ["sets 'depth' twice"]),
        (["-m", "ensemble:nothing", "-t", "calibration/digits"], ["unknown model 'nothing'"]),
        (["-m", "ensemble:mlp,size=x", "-t", "calibration/digits"], ["'size' of 'ensemble' cannot be 'x'"]),
        (["-m", "sklearn:os.system", "-t", "calibration/digits"], ["cannot be imported"]),
        (["-m", "torch:x.py:thing", "-t", "calibration/digits"], ["'x.py' not found"]),
        (["-m", "hf:./nothing", "-t", "likelihood/prose"], ["no checkpoint at './nothing'"]),
        (["-m", "hf:.", "-t", "likelihood/prose"], ["'.' is no checkpoint", "config.json"]),
        (["-m", "lm-base", "-t", "reasoning/logic", "--decoder", "self-consistency,n=x"], ["'n' of", "whole number"]),
        (["--plugin", str(TOYS), "-m", "toy-fixed", "-t", "calibration/toy,n=x"], ["'n' of 'calibration/toy'"]),
        (["--plugin", str(TOYS), "-m", "toy-fixed", "-t", "calibration/toy,n=0"], ["'n' of", "cannot be 0"]),
        (["--resume", "."], ["'.' is no run", "run.json"]),
        (["--resume", "", *TOY], ["is no run"]),
        *[([*TOY, "--plugin", name], [f"plugin '{name}' failed to load"]) for name in PLUGINS if name != "twice.py"],
        ([*TOY, "--plugin", "twice.py"], ["two metrics are called 'accuracy'", "rename"]),
        ([*TOY, "--plugin", "."], ["plugin '.' not found"]),
        ([*TOY[:4], "-t", "calibration/bad-metric", "--plugin", "broken.py"], ["unknown metric", "'accuracy'?"]),
        ([*TOY[:4], "-t", "calibration/bad-score", "--plugin", "broken.py"], ["unknown score 'mps'", "'msp'?"]),
    ],
)
def test_what_is_wrong_before_a_run_leaves_none(
    given: list[str], words: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(p.name for p in place.iterdir() if p.name != "__pycache__")
    is_error(told(capsys, *given), USAGE, *words)
    assert sorted(p.name for p in place.iterdir() if p.name != "__pycache__") == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["-m", "toy-fixed", "-t", "calibration/raises"], ["could not give its samples", "no data \\x1b[31m"]),
        (["-m", "toy-fixed", "-t", "calibration/nothing"], ["gave no samples", "NoneType"]),
        (["-m", "unmade", "-t", "calibration/toy"], ["'unmade' could not be made", "not today"]),
        (["-m", "unnamed", "-t", "calibration/toy"], ["'unnamed' does not say what it is", "who am I"]),
    ],
)
def test_a_users_code_that_fails_before_a_run_leaves_none(
    given: list[str], words: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_error(told(capsys, *given, "--plugin", str(TOYS), "--plugin", "broken.py"), FAILED, *words)
    assert runs(place / "runs") == []


@pytest.mark.parametrize(("name", "words"), [("exits", "SystemExit: 3"), ("mute", "NoneType")])
def test_a_model_that_fails_leaves_a_run_to_resume(
    name: str, words: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = told(capsys, "-m", name, "-t", "calibration/toy", "--plugin", str(TOYS), "--plugin", "broken.py")
    (run,) = runs(place / "runs")
    is_error(answer, FAILED, words, f"bench eval --resume {run.relative_to(place)}")
    again = told(capsys, "--resume", run)
    is_error(again, FAILED, words)


def test_a_metric_that_crashes_loses_no_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = told(capsys, *TOY, "--json")
    broken = told(capsys, *TOY, "--plugin", "crashing.py", "--json")
    assert broken.code == INCOMPLETE
    assert broken.lines == whole.lines
    last = broken.err.splitlines()[-2]
    assert last.startswith("incomplete: ")
    assert "crashing on toy-fixed on calibration/toy failed: ZeroDivisionError: \\x1b[31mred" in last
    assert "crashing-set on toy-fixed" in last
    assert "\x1b" not in broken.err


SUITES = {
    "tab": ("name: x\ncells:\n- models: [a]\n\ttasks: [b]\n", ["not valid YAML, line 4"]),
    "tag": ('!!python/object/apply:os.system ["touch pwned"]\n', ["could not determine a constructor"]),
    "itself": ("a: &a [*a]\n", ["unknown key 'a'"]),
    "nested": ("[" * 5000, ["cannot be read"]),
    "bytes": ("\udcff", ["cannot be read"]),
    "no-tasks": ("name: x\ncells: [{models: [mlp], tasks: []}]\n", ["line 2", "tasks"]),
    "bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{y}: &{y} [{', '.join([f'*{x}'] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)),
        ["unknown key"],
    ),
}


@pytest.mark.parametrize("name", SUITES)
def test_wrong_suites(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, words = SUITES[name]
    (place / "s.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    is_error(told(capsys, "--suite", "s.yaml"), USAGE, "s.yaml", *words)
    assert not (place / "pwned").exists()
    assert runs(place / "runs") == []


@pytest.mark.parametrize("out", ["a-file", "a-file/below", "x" * 300])
def test_folders_that_cannot_be(out: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "a-file").write_text("")
    is_error(told(capsys, *TOY, "--out", out), USAGE, "--out")
    assert runs(place / "runs") == []


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run of a small task."""
    assert told(capsys, *TOY, "--json").code == ExitCode.OK
    return runs(place / "runs")[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--seed", "4"], ["seed: 0 then, 4 now"]),
        (["--limit", "4"], ["data, samples asked changed"]),
        (["--dtype", "float64"], ["dtype: auto then, float64 now"]),
        (["-m", "toy-mean"], ["toy-mean on calibration/toy", "no such cell"]),
        (["-t", "calibration/toy-other"], ["no such cell"]),
    ],
)
def test_a_run_is_not_continued_as_another(
    given: list[str], words: list[str], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    is_error(told(capsys, "--resume", run, *given), CHANGED, *words)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    "text",
    ["{}", "[1", "[]", '{"config": {"limit": {"value": "\\u001b[31m", "origin": "\\u001b[31m"}}}',
     '{"config": {"nonsense": {"value": 1, "origin": "x"}}}', '{"config": 3}', "[" * 100000],
)  # fmt: skip
def test_a_folder_of_somebody_elses(text: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "theirs").mkdir()
    (place / "theirs" / "run.json").write_text(text)
    is_error(told(capsys, "--resume", "theirs"), USAGE, "theirs/run.json")
    assert [p.name for p in (place / "theirs").iterdir()] == ["run.json"]
    assert (place / "theirs" / "run.json").read_text() == text
    assert inside(capsys, "report", "theirs").code in {USAGE, FAILED}


def test_a_part_that_is_damaged_is_asked_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = (run / "results.json").read_bytes()
    part = next(run.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-7])
    report = inside(capsys, "report", str(run))
    assert report.code == FAILED
    assert "cannot be read" in report.err
    answer = told(capsys, "--resume", run, "--json")
    assert answer.code == ExitCode.OK
    assert "is damaged" in answer.err
    assert (run / "results.json").read_bytes() == results


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for very little."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    disk: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = told(capsys, *TOY, "--json")
    filler = disk / "filler"
    filler.write_bytes(b"x" * 24 * 1024)
    answer = told(capsys, *TOY, "--out", disk, "--json")
    assert answer.code == INCOMPLETE, answer.err
    lines = answer.err.splitlines()[-3:]
    assert "the disk is full" in lines[0]
    assert "free space" in lines[2]
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    (run,) = [path for path in disk.iterdir() if path.is_dir()]
    assert f"bench eval --resume {run}" in lines[2]
    assert told(capsys, "--resume", run, "--json").out == whole.out


def test_a_folder_that_one_may_not_write_to(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (place / "closed").mkdir(mode=0o555)
    is_error(told(capsys, *TOY, "--out", "closed"), USAGE, "--out", "Permission denied")


def test_a_file_system_that_is_read_only(disk: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    is_error(told(capsys, *TOY, "--out", disk), USAGE, "--out", "Read-only file system")
