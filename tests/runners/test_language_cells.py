"""Cells of questions with one prefix: it is run once for all batches, and a stopped run goes on to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import Choices
from bench.config import RunConfig, resolve
from bench.models.hf.checkpoint import Loaded
from bench.registry import load_plugin
from bench.reports.material import Material
from bench.reports.sections.cost import section
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.plan import load_examples, plan
from bench.runners.progress import Silent
from tests.models import tiny

N = 60
SHOTS = "The quick fox sees a seed near its hill. The owl wants that nest.\n" * 2
TASK = '''
import numpy as np
from bench import Choices, Examples, task
from bench.examples import Question


@task("calibration/toy-shots", needs="language", yields=Choices, source="made here")
def shots(seed: int) -> Examples:
    """Questions on one prefix."""
    rng = np.random.default_rng(seed)
    sums = rng.integers(9, 99, (%d, 2))
    asked = [Question(%r + f"Q: {a} + {b} = ?\\nA:", (f" {a + b}.", f" {a}.", " no.")) for a, b in sums]
    ids = np.array([f"q-{k}" for k in range(%d)])
    return Examples(ids=ids, inputs=asked, targets=np.zeros(%d, dtype=np.int64))
''' % (N, SHOTS, N, N)  # noqa: UP031 - braces are the text's own


class Stopped(Silent):
    """A watcher that stops the run after some batches."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, name: str, n_done: int, running: str) -> None:  # noqa: ARG002 - the protocol's
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots.py").write_text(TASK)
    load_plugin(tmp_path / "shots.py")
    load_examples.cache_clear()
    tokenizer = tiny.byte_tokenizer()
    return tiny.save(tmp_path / "model", Loaded(tiny.llama(len(tokenizer), length=256), tokenizer))


def config(folder: Path, checkpoint: Path, **flags: Any) -> RunConfig:
    given = {"models": [f"hf:{checkpoint},dtype=float32"], "tasks": ["calibration/toy-shots"], "out": folder / "runs",
             "batch_size": 8, **flags}  # fmt: skip
    return resolve(given, cwd=folder, environ={})


def run(asked: RunConfig, watcher: Silent | None = None) -> RunFolder:
    return evaluate(asked, plan(asked), watcher or Silent())


def content(folder: RunFolder) -> dict[str, bytes]:
    files = [folder.path / "results.json", *sorted(folder.path.glob("cells/*/*"))]
    return {str(f.relative_to(folder.path)): f.read_bytes() for f in files}


@pytest.mark.parametrize("after", [1, 4])
def test_a_stopped_cell_goes_on_to_the_same_bytes(tmp_path: Path, checkpoint: Path, after: int) -> None:
    whole = run(config(tmp_path, checkpoint))
    with pytest.raises(KeyboardInterrupt):
        run(config(tmp_path, checkpoint, out=tmp_path / "stopped"), Stopped(after))
    (path,) = (tmp_path / "stopped").iterdir()
    resumed = run(resolve({"resume": path}, cwd=tmp_path, environ={}))
    assert content(resumed) == content(whole)
    (one,), (other,) = whole.cells, resumed.cells
    assert one.engine == other.engine == "tree"


def test_the_prefix_runs_once_and_the_cost_is_kept(tmp_path: Path, checkpoint: Path) -> None:
    tree = run(config(tmp_path, checkpoint))
    (entry,) = tree.cells
    prefix = len(tiny.byte_tokenizer().encode(SHOTS))
    assert entry.cost["scored_tokens"] > N * 3 * prefix
    assert prefix < entry.cost["scored_tokens_run"] < entry.cost["scored_tokens"] / 8 - 2 * prefix
    assert entry.cost["forwards"] < 3 * -(-N // 8)
    assert entry.cost["seconds"] > 0
    facts = json.loads((tree.path / "run.json").read_text())
    assert facts["cells"][0]["engine"] == "tree"
    plain = run(config(tmp_path, checkpoint, engine="plain", out=tmp_path / "plain"))
    assert plain.cells[0].engine == "plain"
    assert plain.cells[0].cost["scored_tokens_run"] > 3 * entry.cost["scored_tokens_run"]
    ours, theirs = (folder.record(folder.cells[0].name) for folder in (tree, plain))
    assert isinstance(ours, Choices)
    assert isinstance(theirs, Choices)
    np.testing.assert_allclose(ours.loglik.values, theirs.loglik.values, rtol=0, atol=1e-4)


def test_the_report_tells_what_it_cost(tmp_path: Path, checkpoint: Path) -> None:
    folder = run(config(tmp_path, checkpoint))
    (entry,) = folder.cells
    found = section(Material.gather(folder))
    assert found is not None
    (row,) = found.grid.rows
    told = dict(zip((head.title for head in found.grid.heads), (item.sort for item in row.items), strict=True))
    asked, ran = entry.cost["scored_tokens"], entry.cost["scored_tokens_run"]
    assert (told["Asked"], told["Run"], told["Saved"]) == (asked, ran, asked / ran)
    assert told["Of peak"] == pytest.approx(entry.cost["flops"] / entry.cost["seconds"] / entry.cost["peak"])
    assert told["Memory"] == entry.cost["memory"]
