"""Comparisons of stored runs of every kind of record, held against scipy and against the known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.comparing.changes import changes
from bench.comparing.comparison import Choice, Row, compare
from bench.comparing.evidence import Side, digests, folds_of
from bench.comparing.gathering import side
from bench.errors import EvaluationError, NotComparableError
from bench.records import Classification, Generations
from bench.reports.decisions import comparison as pages
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE, Stored

WANTED = Wanted("calibration", ("accuracy", "nll", "brier", "ece"), (), ("temperature",))


def run(path: Path, *stored: Stored) -> RunFolder:
    return synthetic.make(path, list(stored))


def sharper(record: Classification, by: float) -> Classification:
    rng = np.random.default_rng(0)
    return replace(record, logits=record.logits * by + 0.3 * rng.normal(size=record.logits.shape))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    place = tmp_path_factory.mktemp("compared")
    record = synthetic.classification(1)
    far = synthetic.outliers(2)
    found = Wanted("ood", ("auroc", "fpr95-ood"), scores=("energy", "msp"))
    first = run(
        place / "a",
        ("one", "calibration/x", "", record, WANTED),
        ("one", "calibration/y", "", synthetic.classification(3), WANTED),
        ("one", "ood/far", "", far, found),
    )
    second = run(
        place / "b",
        ("two", "calibration/x", "", sharper(record, 1.8), WANTED),
        ("two", "calibration/y", "", sharper(synthetic.classification(3), 1.8), WANTED),
        ("two", "ood/far", "", replace(far, logits=far.logits * 0.5 + 1.0 * (far.labels < 0)[:, None]), found),
    )
    return side(first, "a"), side(second, "b")


def rows(sides: tuple[Side, Side], **names: str) -> list[Row]:
    made = compare(sides[0], [sides[1]], Choice(everything=True))[0]
    return [r for r in made.rows if all(getattr(r, k) == v for k, v in names.items())]


def only(sides: tuple[Side, Side], **names: str) -> Row:
    found = rows(sides, **{"calibrator": "", "score": "", "slice": "", **names})
    assert len(found) == 1
    return found[0]


def test_a_mean_is_scipys_paired_t_test(sides: tuple[Side, Side]) -> None:
    row = only(sides, task="calibration/x", metric="nll")
    one, other = (s.cells[0].number(("", "", "", "nll")) for s in sides)
    assert one is not None
    assert other is not None
    assert row.contrast is not None
    known = stats.ttest_rel(one.values, other.values)  # lower is better, so first less second
    interval = known.confidence_interval(0.95)
    assert row.contrast.gain == pytest.approx(float((one.values - other.values).mean()))
    assert row.contrast.p_value == pytest.approx(float(known.pvalue), rel=1e-9)
    assert (row.contrast.low, row.contrast.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_the_numbers_are_those_of_results_json(sides: tuple[Side, Side]) -> None:
    for one in sides:
        for cell in one.cells:
            for number in cell.numbers:
                if number.kind in {"share", "mean"} and number.shown[0] is not None:
                    held = ~np.isnan(number.values)
                    assert number.values[held].mean() == pytest.approx(number.shown[0], abs=1e-9)


def test_p_values_are_corrected_over_the_table(sides: tuple[Side, Side]) -> None:
    def p_values(correction: str) -> dict[tuple[str, ...], float]:
        made = compare(sides[0], [sides[1]], Choice(), correction=correction)[0].rows
        return {(r.task, r.metric, r.score, r.slice): r.adjusted for r in made if r.adjusted is not None}

    plain = p_values("none")
    known = stats.false_discovery_control(list(plain.values()))
    np.testing.assert_allclose(list(p_values("bh").values()), known, rtol=1e-9)
    for correction in ("holm", "bonferroni"):
        assert all(p_values(correction)[k] >= p for k, p in plain.items())
    # max-T has its own studentised test; it is no stricter than Holm by much, and never as lenient as none.
    by_t = {k: p for k, p in p_values("max-t").items() if k[1] != "accuracy"}
    assert all(p <= p_values("holm")[k] + 0.05 for k, p in by_t.items())
    assert sum(by_t.values()) > sum(plain[k] for k in by_t)


def test_overall_is_the_mean_of_the_tasks(sides: tuple[Side, Side]) -> None:
    row = only(sides, task="", metric="nll")
    tasks = [r for r in rows(sides, metric="nll", calibrator="", slice="") if r.level == "task"]
    assert {"calibration/x", "calibration/y"} <= {r.task for r in tasks}
    assert row.contrast is not None
    assert row.contrast.gain == pytest.approx(np.mean([t.contrast.gain for t in tasks if t.contrast]))
    assert row.level == "overall"
    assert row.contrast.groups > 100


def test_slices_and_calibrators_are_compared_too(sides: tuple[Side, Side]) -> None:
    assert {r.slice for r in rows(sides, task="ood/far", metric="auroc", score="energy")} == {"", "digits", "noise"}
    assert rows(sides, calibrator="temperature", metric="nll")


def test_what_changed_is_shown_both_ways(sides: tuple[Side, Side]) -> None:
    made = compare(sides[0], [sides[1]], Choice())[0]
    changed = changes(made, most=5)[0]
    row = only(sides, task="calibration/x", metric="accuracy")
    assert row.contrast is not None
    assert (changed.gained, changed.lost) == (row.contrast.gains, row.contrast.losses)
    for sample in changed.shown:
        assert sample.reference.startswith(f"{sample.target} at") is not sample.gained
        assert sample.candidate.startswith(f"{sample.target} at") is sample.gained


def test_other_samples_and_other_truths_are_refused(tmp_path: Path) -> None:
    record = synthetic.classification(1)
    stored = ("m", "calibration/x", "", record, WANTED)
    one = side(run(tmp_path / "a", stored), "a")
    fewer = side(run(tmp_path / "b", (*stored[:3], record.take(np.arange(400)), WANTED)), "b")
    with pytest.raises(NotComparableError, match="nothing can be compared") as caught:
        compare(one, [fewer], Choice())
    assert "80 samples of a are not in b" in caught.value.cause
    other = side(run(tmp_path / "c", (*stored[:3], replace(record, labels=(record.labels + 1) % 4), WANTED)), "c")
    with pytest.raises(NotComparableError) as caught:
        compare(one, [other], Choice())
    assert "other questions, truths" in caught.value.cause
    shuffled = np.random.default_rng(0).permutation(len(record))
    same = side(run(tmp_path / "d", (*stored[:3], record.take(shuffled), WANTED)), "d")
    found = compare(one, [same], Choice(metrics=("accuracy", "nll")))[0].rows
    assert all(r.contrast is not None and r.contrast.gain == pytest.approx(0, abs=1e-12) for r in found)
    assert same.cells[0].answers == one.cells[0].answers != ""


def test_results_that_the_records_deny_are_refused(tmp_path: Path) -> None:
    wrong = synthetic.result(model="m", task="calibration/x", area="calibration", metric="accuracy", value=0.123)
    made = synthetic.make(
        tmp_path / "a", [("m", "calibration/x", "", synthetic.classification(1), Wanted("calibration", ("nll",)))],
        extra=[wrong],
    )  # fmt: skip
    with pytest.raises(EvaluationError, match="disagree on accuracy"):
        side(made, "a")


def test_a_bound_is_not_ranked_against_an_exact_likelihood_unasked(tmp_path: Path) -> None:
    record = synthetic.density(1)
    bound = replace(record, log_prob=record.log_prob - 0.1, likelihood="lower")
    wanted = Wanted("likelihood", ("nll-nats",))
    one = side(run(tmp_path / "a", ("m", "likelihood/x", "", replace(record, likelihood="exact"), wanted)), "a")
    two = side(run(tmp_path / "b", ("m", "likelihood/x", "", bound, wanted)), "b")
    with pytest.raises(NotComparableError, match="exact on one side and a lower bound on the other"):
        compare(one, [two], Choice())
    made = compare(one, [two], Choice(across_kinds=True))[0]
    assert made.rows
    assert "a lower bound" in made.noted[0]
    assert "Likelihoods of different kinds" in pages.page([made], [changes(made)])
    assert not compare(two, [two], Choice())[0].noted


def test_every_kind_of_record_is_compared(tmp_path: Path) -> None:
    one = side(synthetic.make(tmp_path / "a"), "a")
    made = compare(one, [one], Choice(everything=True))[0]
    assert not made.refused
    assert {r.area for r in made.rows if r.level == "task"} == {
        "likelihood", "calibration", "ood", "uncertainty", "reasoning",
    }  # fmt: skip
    assert all(r.contrast is None or r.contrast.gain == 0 for r in made.rows)


def test_hostile_answers_are_shown_harmlessly(tmp_path: Path) -> None:
    wanted = Wanted("reasoning", ("accuracy",))
    texts = (*HOSTILE, "x" * 1_000_000)
    record: Generations = synthetic.generations(1, n=40, texts=texts)
    other = replace(record, correct=~record.correct)
    one = side(run(tmp_path / "a", (HOSTILE[0], "reasoning/x", "", record, wanted)), HOSTILE[1])
    two = side(run(tmp_path / "b", (HOSTILE[1], "reasoning/x", "", other, wanted)), HOSTILE[2])
    made = compare(one, [two], Choice())
    changed = [changes(c, most=40) for c in made]
    page = pages.page(made, changed)
    assert page.count("<script") == 2
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert len(page) < 500_000
    shown = pages.as_markdown(made, changed)
    assert "<script" not in shown
    assert "](javascript" not in shown


def test_digests_depend_on_the_text_alone() -> None:
    names = np.array([f"sample {i}" for i in range(20_000)])
    found = digests(names, "ids")
    assert len(np.unique(found)) == len(names)
    assert (digests(names[::-1], "ids") == found[::-1]).all()
    assert (digests(names[:5].astype("<U99"), "ids") == found[:5]).all()
    folds = folds_of(found)
    assert (np.bincount(folds) > 50).all()
    assert folds.max() == 199
    assert folds_of(found[:150]).max() == 149
