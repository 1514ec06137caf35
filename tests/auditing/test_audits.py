"""Audits of runs whose truth is planted: they find it, and say nothing where there is nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.auditing.audits import AUDITS, audited
from bench.auditing.findings import Finding
from bench.auditing.subjects import subjects
from bench.errors import UsageError
from bench.records import Classification
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.reports import synthetic

WANTED = Wanted("calibration", ("accuracy",))
BLIND = np.array([3.0, -3.0])  # where the planted model errs


def planted(seed: int, n: int = 500, *, share: float = 0.12, confident: float = 3.0) -> Classification:
    """Two features; right everywhere but in a ball around `BLIND`, where it is wrong and no less confident."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    ball = rng.random(n) < share
    x[ball] = BLIND + 0.3 * rng.normal(size=(int(ball.sum()), 2))
    labels = (x[:, 0] > 0).astype(int)
    answer = np.where(ball, 1 - labels, labels)
    logits = np.zeros((n, 2))
    logits[np.arange(n), answer] = confident + np.abs(x[:, 0])
    return Classification(ids=synthetic.ids(n), labels=labels, logits=logits, features=x.astype(np.float32))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("audited") / "run"
    made = [(f"m{k}", "calibration/x", "", planted(0, confident=c), WANTED) for k, c in enumerate((1.0, 2.0, 3.0))]
    return synthetic.make(path, [*made, ("m0", "calibration/y", "", planted(1, share=0.4, confident=1.0), WANTED)])


def found(run: RunFolder, name: str, task: str = "calibration/x") -> list[Finding]:
    return [f for f in audited(run, [name]) if f.task == task and f.model in {"m0", "3 models"}]


def test_every_audit_has_a_check_that_exists() -> None:
    from bench.checking import select

    for audit in AUDITS.values():
        assert len(list(select([], [audit.check]))) == 1


def test_a_planted_pattern_is_found_with_fewer_labels_than_chance(run: RunFolder) -> None:
    errors, *patterns = found(run, "failures")
    assert errors.value is not None
    assert errors.value > 2 * 0.12 * errors.n
    assert patterns[0].value is not None
    assert patterns[0].value > 0.8
    assert patterns[0].low is not None
    assert patterns[0].warning


@pytest.mark.parametrize("name", ["subset", "crowd", "groups"])
def test_samples_estimate_the_whole(run: RunFolder, name: str) -> None:
    """Of 12 draws, 95 % of intervals should hold what all samples say; 8 or fewer have a chance of 2e-4."""
    held, several = 0, [[f for f in audited(run, [name], seed=seed) if f.model == "m0"] for seed in range(12)]
    for rows in several:
        f = rows[0]
        whole = float(f.says.split(":")[1].split(";")[0])
        assert f.low is not None
        assert f.high is not None
        held += f.low <= whole <= f.high
    assert held > 8


def test_likelihood_does_not_order_equally_accurate_models(run: RunFolder) -> None:
    assert found(run, "proxy") == []  # accuracies are equal: there is nothing to correlate
    assert [len(s) for s in subjects(run)] == [500, 500, 500, 500]


def test_what_confidence_depends_on_is_the_first_feature(run: RunFolder) -> None:
    only = found(run, "dependence")[0]
    assert only.value is not None
    assert only.value >= 1
    assert only.says.startswith("component 1 first")


def test_a_change_of_error_rate_is_shared_out_and_sums_up(run: RunFolder) -> None:
    rows = [f for f in audited(run, ["shifts"]) if f.model == "m0"]
    values = [f.value for f in rows]
    assert None not in values
    rates = [s.wrong.mean() for s in subjects(run) if s.model == "m0"]
    assert sum(v for v in values if v is not None) == pytest.approx(rates[1] - rates[0])


def test_the_worst_group_is_the_one_that_errs(run: RunFolder) -> None:
    f = found(run, "regret")[0]
    assert "'1'" in f.what  # the ball lies where the first feature is above 0
    assert f.value is not None
    assert f.value > 0


def test_wrong_names_and_runs_without_verdicts_are_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown audit 'proxi'"):
        list(audited(run, ["proxi"]))
    dense = synthetic.make(tmp_path / "d", [("f", "likelihood/r", "", synthetic.density(1), Wanted("likelihood"))])
    with pytest.raises(UsageError, match="nothing to audit"):
        list(audited(dense, []))
