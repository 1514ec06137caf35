"""Models trained by several seeds: from the plan over results and comparisons to the leaderboard, as one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.comparing.comparison import Choice, Row, compare
from bench.comparing.sides import run_side
from bench.config import resolve
from bench.errors import ExitCode, UsageError
from bench.gates.baseline import read, save
from bench.leaderboard.places import places
from bench.leaderboard.standings import boards
from bench.records import Classification, Record
from bench.registry import load_plugin
from bench.reports.build import build
from bench.results import Result
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.plan import load_examples, plan
from bench.runners.progress import Silent
from bench.seeds import derive
from bench.specs import parse
from bench.stats.design import design
from bench.stats.training_seeds import half_of, seeds_of

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name in ("toys.py", "trained.py"):
        load_plugin(HERE / name)
    load_examples.cache_clear()


def run(tmp_path: Path, *models: str, **flags: Any) -> RunFolder:
    given = {"models": models, "tasks": ["calibration/toy"], "out": tmp_path / "runs", **flags}
    config = resolve(given, cwd=tmp_path, environ={})
    return evaluate(config, plan(config), Silent())


def number(folder: RunFolder, metric: str, model: str = "toy-drawn", calibrator: str = "") -> Result:
    found = [r for r in folder.results() if (r.model, r.metric, r.calibrator) == (model, metric, calibrator)]
    assert len(found) == 1
    return found[0]


def nll(record: Record) -> Any:
    assert isinstance(record, Classification)
    return -record.log_probs[np.arange(len(record)), record.labels]


def test_seeds_are_cells_of_their_own_and_one_result(tmp_path: Path) -> None:
    folder = run(tmp_path, "toy-drawn", seeds=3)
    assert [c.model for c in folder.cells] == ["toy-drawn,seed=0", "toy-drawn,seed=1", "toy-drawn,seed=2"]
    assert {c.subject for c in folder.cells} == {"toy-drawn"}
    assert {r.model for r in folder.results()} == {"toy-drawn"}
    table = np.stack([nll(folder.record(c.name).split("test")) for c in folder.cells])
    found = number(folder, "nll")
    assert found.seeds == pytest.approx(tuple(table.mean(axis=1)))
    assert found.value == pytest.approx(table.mean())
    assert found.method == "t, over 3 seeds"
    assert len({round(v or 0, 9) for v in found.seeds}) == 3
    # Calibrated numbers are joined too.
    assert len(number(folder, "nll", calibrator="temperature").seeds) == 3


def test_the_first_seed_is_the_model_trained_once(tmp_path: Path) -> None:
    once, several = run(tmp_path, "toy-drawn"), run(tmp_path, "toy-drawn", seeds=2)
    assert number(several, "nll").seeds[0] == number(once, "nll").value
    assert not number(once, "nll").seeds
    second = run(tmp_path, "toy-drawn,seed=1")
    assert number(several, "nll").seeds[1] == number(second, "nll", "toy-drawn,seed=1").value
    other = run(tmp_path, "toy-drawn", seeds=2, seed=5)
    assert number(other, "nll").seeds != number(several, "nll").seeds


def test_files_of_a_seed_each(tmp_path: Path) -> None:
    folder = run(tmp_path, "toy-file:net-{seed}", seeds=3)
    assert [c.model for c in folder.cells] == [f"toy-file:net-{k}" for k in range(3)]
    assert len(number(folder, "nll", "toy-file:net-{seed}").seeds) == 3


def test_what_has_no_seed_is_asked_once_or_refused(tmp_path: Path) -> None:
    config = resolve(
        {"models": ["toy-drawn", "toy-mean"], "tasks": ["calibration/toy"], "seeds": 2}, cwd=tmp_path, environ={}
    )
    made = plan(config)
    assert [str(p.cell.model) for p in made.cells] == ["toy-drawn,seed=0", "toy-drawn,seed=1", "toy-mean"]
    assert made.notes == ("toy-mean: asked once, since no seed changes it",)
    for model in ("toy-mean", "toy-fixed"):
        with pytest.raises(UsageError, match=f"'{model}' cannot be run by 3 seeds"):
            run(tmp_path, model, seeds=3)
    with pytest.raises(UsageError, match="no parameter 'seed'"):
        run(tmp_path, "toy-fixed,seed=1")
    with pytest.raises(UsageError, match="cannot be 'x'"):
        run(tmp_path, "toy-drawn,seed=x")


def test_a_suite_says_how_many(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "name: s\ncells:\n  - {models: [toy-drawn], tasks: [calibration/toy], seeds: 3}\n", encoding="utf-8"
    )
    config = resolve({"suite": "s.yaml"}, cwd=tmp_path, environ={})
    assert len(plan(config).cells) == 3
    assert len(plan(config.model_copy(update={"seeds": 1})).cells) == 1
    assert len(plan(config.model_copy(update={"seeds": 5})).cells) == 5
    (tmp_path / "s.yaml").write_text(
        "name: s\ncells:\n  - {models: [toy-drawn], tasks: [calibration/toy], seeds: 3}\n"
        "  - {models: [toy-drawn], tasks: [calibration/toy]}\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="both by one seed and by several"):
        plan(config)


def test_resuming_gives_the_same_results(tmp_path: Path) -> None:
    folder = run(tmp_path, "toy-drawn", seeds=3)
    before = (folder.path / "results.json").read_bytes()
    again = resolve({"resume": folder.path}, cwd=tmp_path, environ={})
    assert (evaluate(again, plan(again), Silent()).path / "results.json").read_bytes() == before


def test_a_seed_that_failed_leaves_its_place_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS_AT", str(derive(0, "fit", "toy-drawn", 1)))
    folder = run(tmp_path, "toy-drawn", seeds=3)
    found = number(folder, "nll")
    assert [v is None for v in found.seeds] == [False, True, False]
    assert found.value == pytest.approx(np.mean([v for v in found.seeds if v is not None]))
    assert found.low is not None
    assert folder.exit_code == ExitCode.INCOMPLETE
    build(folder)
    assert "the training diverged" in (folder.path / "report.md").read_text(encoding="utf-8")


def _row(first: str, second: str, metric: str) -> Row:
    made = compare(run_side(first), [run_side(second)], Choice(metrics=(metric,)))[0]
    assert len(made.rows) == 1
    return made.rows[0]


def test_comparing_counts_the_seeds_of_both_sides(tmp_path: Path) -> None:
    one, other = (str(run(tmp_path, m, seeds=3).path) for m in ("toy-drawn", "toy-drawn,spread=1.5"))
    row = _row(one, other, "nll")
    tables = [
        np.stack([nll(f.record(c.name).split("test")) for c in f.cells])
        for f in map(RunFolder.open, map(Path, (one, other)))
    ]
    psi = [(t - t.mean(axis=1, keepdims=True)) / t.shape[1] for t in tables]
    d = design(50)
    seeds = [seeds_of(t.mean(axis=1), p, d) for t, p in zip(tables, psi, strict=True)]
    change = psi[1].mean(axis=0) - psi[0].mean(axis=0)
    error = float(np.sqrt(50 / 49 * (change**2).sum()))
    half = half_of(error, 50, seeds)
    gain = tables[0].mean() - tables[1].mean()
    assert row.contrast is not None
    assert row.contrast.gain == pytest.approx(gain)
    assert (row.contrast.low, row.contrast.high) == pytest.approx((gain - half, gain + half), rel=1e-6)
    naive = float(stats.t.ppf(0.975, 49)) * error
    assert half > 1.3 * naive
    assert row.n == 50  # not 150


def test_a_baseline_keeps_the_seeds(tmp_path: Path) -> None:
    folder = run(tmp_path, "toy-drawn", seeds=3)
    one = run_side(str(folder.path))
    save(one, tmp_path / "b.json", keep=lambda _, number: number.metric == "nll")
    kept = read(tmp_path / "b.json")
    first = next(n for n in one.cells[0].numbers if n.metric == "nll" and not n.calibrator)
    again = next(n for n in kept.cells[0].numbers if not n.calibrator)
    assert first.seeds is not None
    assert again.seeds == first.seeds
    assert kept.cells[0].trainings == one.cells[0].trainings == 3
    row = _row(str(folder.path), str(run(tmp_path, "toy-fixed").path), "nll")
    assert row.contrast is not None
    assert row.contrast.seeds == (first.seeds,)
    with pytest.raises(UsageError, match="max-t cannot correct"):
        compare(one, [run_side(str(run(tmp_path, "toy-fixed").path))], Choice(metrics=("nll",)), correction="max-t")


def test_a_leaderboard_has_the_model_once(tmp_path: Path) -> None:
    paths = [run(tmp_path, "toy-drawn", seeds=3).path, run(tmp_path, "toy-fixed").path]
    board = next(b for b in boards(paths))
    assert sorted(s.model for s in board.standings) == ["toy-drawn", "toy-fixed"]
    found = places(board, paired=True)
    assert found.totals is None
    assert "several seeds" in found.why


def test_a_report_shows_every_seed(tmp_path: Path) -> None:
    folder = run(tmp_path, "toy-drawn", seeds=3)
    build(folder)
    text = (folder.path / "report.md").read_text(encoding="utf-8")
    assert "| Seed 0 | Seed 1 | Seed 2 |" in text
    assert "3 seeds" in text
    assert "figures are drawn from toy-drawn,seed=0" in text
    page = (folder.path / "report.html").read_text(encoding="utf-8")
    assert "By seed" in page


def test_a_spec_with_a_seed_reads_back() -> None:
    spec = parse("toy-file:net-{seed},a=1")
    assert str(spec) == "toy-file:net-{seed},a=1"
