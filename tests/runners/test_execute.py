"""The whole way of the data, from a configuration to results, on toys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.config import RunConfig, resolve
from bench.errors import EvaluationError, ExitCode, NotComparableError, UsageError
from bench.registry import load_plugin
from bench.results import Result
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.plan import load_examples, plan
from bench.runners.progress import Silent

TOYS = Path(__file__).with_name("toys.py")


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    load_plugin(TOYS)
    load_examples.cache_clear()


def config(tmp_path: Path, **flags: Any) -> RunConfig:
    given = {"models": ["toy-fixed"], "tasks": ["calibration/toy"], "out": tmp_path / "runs", **flags}
    return resolve(given, cwd=tmp_path, environ={})


def run(config: RunConfig) -> RunFolder:
    return evaluate(config, plan(config), Silent())


def resumed(tmp_path: Path, path: Path, **flags: Any) -> RunFolder:
    return run(resolve({"resume": path, **flags}, cwd=tmp_path, environ={}))


def tree(folder: RunFolder) -> dict[str, bytes]:
    files = [folder.path / "results.json", *sorted(folder.path.glob("cells/*/*"))]
    return {str(f.relative_to(folder.path)): f.read_bytes() for f in files}


def value(results: list[Result], metric: str, **where: str) -> Result:
    keys = {"calibrator": "", "score": "", "slice": "", **where}
    found = [r for r in results if r.metric == metric and all(getattr(r, k) == v for k, v in keys.items())]
    assert len(found) == 1, f"{metric} {where}: {len(found)} results"
    return found[0]


def test_accuracy_is_that_of_the_test_split(tmp_path: Path) -> None:
    folder = run(config(tmp_path))
    examples = load_examples(plan(config(tmp_path)).cells[0].cell.task, seed=0, limit=None).split("test")
    total = np.asarray(examples.inputs).sum(axis=1)
    predicted = (-((total[:, None] - 4 * np.arange(3)) ** 2)).argmax(axis=1)
    result = value(folder.results(), "accuracy")
    assert result.value == pytest.approx((predicted == examples.targets).mean(), abs=1e-15)
    assert (result.n, result.groups, result.n_failed, result.method) == (50, 50, 0, "wilson")
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high
    assert folder.exit_code == ExitCode.OK


def test_temperature_is_fitted_on_the_calibration_split_and_stored(tmp_path: Path) -> None:
    folder = run(config(tmp_path))
    raw, warm = value(folder.results(), "nll"), value(folder.results(), "nll", calibrator="temperature")
    assert raw.value != warm.value
    cell = RunFolder.open(folder.path).cells[0]
    assert cell.calibrations["temperature"]["temperature"] > 0
    assert (
        value(folder.results(), "accuracy", calibrator="temperature").value == value(folder.results(), "accuracy").value
    )


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    assert tree(run(config(tmp_path))) == tree(run(config(tmp_path)))


def test_another_seed_gives_other_data(tmp_path: Path) -> None:
    assert tree(run(config(tmp_path))) != tree(run(config(tmp_path, seed=1)))


def test_batches_of_one_and_of_sixty_four_agree(tmp_path: Path) -> None:
    one, many = run(config(tmp_path, batch_size="1")).results(), run(config(tmp_path, batch_size="64")).results()
    for a, b in zip(one, many, strict=True):
        assert a.key == b.key
        for end in ("value", "low", "high"):
            x, y = getattr(a, end), getattr(b, end)
            assert (x is None) == (y is None)
            assert x is None or x == pytest.approx(y, abs=1e-6)


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(config(tmp_path, batch_size="8"))
    for stop in (1, 3, 7):
        out = tmp_path / f"stopped-{stop}"
        monkeypatch.setenv("TOY_STOPS_AFTER", str(stop))
        with pytest.raises(KeyboardInterrupt):
            run(config(tmp_path, batch_size="8", out=out))
        monkeypatch.delenv("TOY_STOPS_AFTER")
        (path,) = out.iterdir()
        assert tree(resumed(tmp_path, path)) == tree(whole)


def test_a_changed_model_is_refused_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(config(tmp_path))
    before = tree(folder)
    monkeypatch.setenv("TOY_WEIGHTS", "second")
    with pytest.raises(NotComparableError, match="model fingerprint"):
        resumed(tmp_path, folder.path)
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("flags", "key"), [({"seed": 5}, "seed"), ({"limit": 10}, "data"), ({"dtype": "float64"}, "dtype")]
)
def test_a_changed_parameter_is_refused_and_named(tmp_path: Path, flags: dict[str, Any], key: str) -> None:
    folder = run(config(tmp_path))
    with pytest.raises(NotComparableError, match=key):
        resumed(tmp_path, folder.path, **flags)


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    folder = run(config(tmp_path))
    before = tree(folder)
    assert tree(resumed(tmp_path, folder.path)) == before


def test_failed_samples_stay_in_the_denominator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = value(run(config(tmp_path)).results(), "accuracy")
    monkeypatch.setenv("TOY_FAILS", "some")
    folder = run(config(tmp_path))
    result = value(folder.results(), "accuracy")
    test = load_examples(plan(config(tmp_path)).cells[0].cell.task, seed=0, limit=None).split("test")
    expected = int((np.abs(np.asarray(test.inputs)[:, 0]) > 2.2).sum())
    assert expected > 0
    assert result.n_failed == expected
    assert result.n + result.n_failed == clean.n
    assert clean.value is not None
    assert result.low is not None
    assert result.high is not None
    assert result.low <= clean.value <= result.high
    assert "attrition" in result.method
    assert value(folder.results(), "nll").low is None
    assert folder.exit_code == ExitCode.INCOMPLETE
    assert "too large for the toy" in " ".join(folder.failures(folder.cells[0].name).values())


def test_samples_that_failed_are_asked_again_on_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(config(tmp_path, batch_size="8"))
    monkeypatch.setenv("TOY_FAILS", "some")
    broken = run(config(tmp_path, batch_size="8"))
    still = resumed(tmp_path, broken.path)
    assert tree(still) == tree(broken)
    monkeypatch.delenv("TOY_FAILS")
    healed = resumed(tmp_path, broken.path)
    assert healed.exit_code == ExitCode.OK
    assert tree(healed) == tree(whole)


def test_nan_answers_fail_their_samples_alone(tmp_path: Path) -> None:
    folder = run(config(tmp_path, models=["toy-nan"]))
    assert 0 < folder.cells[0].n_failed < folder.cells[0].n
    assert "logits" in next(iter(folder.failures(folder.cells[0].name).values()))


def test_a_broken_model_fails_its_cell_and_not_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "all")
    folder = run(config(tmp_path, models=["toy-fixed", "toy-mean"]))
    assert {c.model: c.status for c in folder.cells} == {"toy-fixed": "failed", "toy-mean": "done"}
    assert "the toy is broken" in folder.cells[0].error
    assert {r.model for r in folder.results()} == {"toy-mean"}
    assert folder.exit_code == ExitCode.INCOMPLETE
    monkeypatch.delenv("TOY_FAILS")
    again = resumed(tmp_path, folder.path)
    assert {c.status for c in again.cells} == {"done"}
    assert again.exit_code == ExitCode.OK


def test_when_every_cell_fails_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "all")
    with pytest.raises(EvaluationError, match="every cell"):
        run(config(tmp_path))


def test_a_model_learns_once_for_one_training_split(tmp_path: Path) -> None:
    from bench.components import Model
    from bench.registry import find

    learner: Any = find(Model, "toy-mean").function
    before = learner.fits
    run(config(tmp_path, models=["toy-mean"], batch_size="8"))
    assert learner.fits == before + 1


def test_nothing_to_learn_from_fails_the_cell(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nothing to learn from"):
        run(config(tmp_path, models=["toy-mean"], tasks=["calibration/toy-other"]))


def test_a_limit_takes_test_samples_only(tmp_path: Path) -> None:
    folder = run(config(tmp_path, limit=7))
    record = folder.record(folder.cells[0].name)
    assert len(record.split("test")) == 7
    assert len(record.split("calibration")) == 50


def test_one_sample_has_no_interval(tmp_path: Path) -> None:
    result = value(run(config(tmp_path, limit=1)).results(), "accuracy")
    assert (result.n, result.low, result.high) == (1, None, None)


def test_results_hold_no_times_and_no_hosts(tmp_path: Path) -> None:
    rows = json.loads((run(config(tmp_path)).path / "results.json").read_text())["results"]
    wanted = [
        "model",
        "task",
        "area",
        "metric",
        "value",
        "low",
        "high",
        "n",
        "n_failed",
        "groups",
        "unit",
        "better",
        "biased",
        "method",
    ]
    assert all(set(wanted) <= set(row) for row in rows)
    assert not {key for row in rows for key in row} & {"created", "host", "seconds", "time"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"models": ["toy-fxed"]}, "did you mean 'toy-fixed'"),
        ({"tasks": ["calibration/toi"]}, "did you mean 'calibration/toy'"),
        ({"models": ["toy-fixed,scael=2"]}, "no parameter 'scael'"),
        ({"tasks": ["calibration/toy,m=2"]}, "no parameter 'm'"),
        ({"models": ["toy-regressor"]}, "needs a classifier"),
        ({"tasks": ["calibration/toy,n=0"]}, "cannot be 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, flags: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(config(tmp_path, **flags))
    assert words in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_an_infinite_value_is_told_in_words(tmp_path: Path) -> None:
    from bench.records import Classification
    from bench.runners.execute import evaluate_predictions

    record = Classification(
        ids=np.array(["a", "b"]), labels=np.array([0, 1]), logits=np.array([[0.0, -np.inf], [0.0, -np.inf]])
    )
    folder = evaluate_predictions(config(tmp_path), {"bold": record}, Silent())
    result = value(folder.results(), "nll")
    assert result.value is None
    assert "inf" in result.method


def test_the_user_adds_metrics_scores_and_calibrators(tmp_path: Path) -> None:
    added = {"metrics": ["mce"], "scores": ["entropy"], "calibrators": ["vector"]}
    results = run(config(tmp_path, **added)).results()
    assert value(results, "mce").value is not None
    assert value(results, "nll", calibrator="vector").value is not None
    assert value(results, "auroc", score="entropy").n == 50
    with pytest.raises(UsageError, match="did you mean 'mce'"):
        run(config(tmp_path, metrics=["mcee"]))
    with pytest.raises(UsageError, match="fits none of the tasks"):
        run(config(tmp_path, calibrators=["quantile-sort"]))


def test_adding_a_calibrator_to_a_run_that_has_no_rows_for_it_is_refused(tmp_path: Path) -> None:
    folder = run(config(tmp_path, tasks=["calibration/toy-uncalibrated"]))
    with pytest.raises(NotComparableError, match="samples asked"):
        resumed(tmp_path, folder.path, calibrators=["temperature"])
