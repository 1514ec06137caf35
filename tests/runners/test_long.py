"""Predictions too long for memory: measured in blocks, with the numbers that they have in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.config import RunConfig, resolve
from bench.errors import UsageError
from bench.predictions import lengths, read_predictions
from bench.records import long
from bench.records.long import Long
from bench.reports.build import build
from bench.results import Result
from bench.runners.execute import evaluate_predictions
from bench.runners.folder import RunFolder
from bench.runners.progress import Silent
from benchmarks import rows

N = 3000


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def classification(n: int, *, rich: bool) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    z = (2 * rng.normal(size=(n, 4))).astype(np.float32).round(1)  # ties among confidences too
    columns: dict[str, Any] = {f"logit_{i}": z[:, i] for i in range(4)}
    columns["label"] = (z / 1.3 + rng.gumbel(size=z.shape)).argmax(axis=1)
    if rich:
        columns["id"] = [f"sample {i}" for i in range(n)]
        columns["group"] = [f"patient {k}" for k in rng.integers(0, n // 5, n)]
        columns["weight"] = np.round(2 * rng.random(n), 1)
        columns["split"] = rng.choice(["train", "calibration", "test"], n, p=[0.1, 0.2, 0.7])
        columns["dataset"] = rng.choice(["in", "far", "near"], n)
        columns["ood"] = columns["dataset"] != "in"
        columns["failed"] = rng.random(n) < 0.01
        columns |= {f"feature_{i}": z[:, i] + rng.normal(size=n) for i in range(2)}
        columns |= {f"set_{i}": z[:, i] > 0 for i in range(4)}
    return columns


def regression(n: int, *, rich: bool) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    columns: dict[str, Any] = {"y": mean + 1.2 * std * rng.normal(size=n), "mean": mean, "std": std}
    if rich:
        columns |= {"group": rng.integers(0, n // 4, n), "weight": rng.random(n) + 0.1}
    return columns


def ood(n: int, *, rich: bool) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    out = rng.random(n) < 0.3
    columns: dict[str, Any] = {"ood": out, "score_a": rng.normal(size=n) + out, "score_b": rng.integers(0, 9, n) + out}
    if rich:
        columns |= {"group": rng.integers(0, n // 4, n), "weight": rng.random(n), "dataset": rng.choice(list("xyz"), n)}
    return columns


MAKERS = {"classification": classification, "regression": regression, "ood": ood}


def written(path: Path, columns: Mapping[str, Any], facts: Mapping[str, str] | None = None) -> Path:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    pq.write_table(table.replace_schema_metadata(dict(facts or {})), path, row_group_size=500)
    return path


def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "MOST", 1 << 16)
    monkeypatch.setattr(long, "BLOCK", 1 << 14)


def config(**flags: Any) -> RunConfig:
    return resolve({"models": ["none"], "out": Path("runs"), **flags}, cwd=Path.cwd(), environ={})


def by_name(results: list[Result]) -> dict[tuple[str, ...], Result]:
    return {(r.metric, r.model, r.calibrator, r.score, r.slice): r for r in results}


def evaluated(path: Path, kind: str, **flags: Any) -> tuple[RunFolder, dict[tuple[str, ...], Result]]:
    folder = evaluate_predictions(config(**flags), read_predictions(path, kind), Silent())
    return folder, by_name(folder.results())


ADDED = {
    "classification": [
        "mce",
        "ece-mass",
        "ks-calibration",
        "mcb-brier",
        "kce",
        "e-aurc",
        "spherical",
        "rps",
        "cox-slope",
        "spiegelhalter-p",
        "set-singletons",
        "worst-class-coverage",
        "worst-slab-coverage",
        "ace",
    ],
    "regression": ["all"],
    "ood": ["all"],
}
# What looks at all columns of all rows at once.
UNMEASURED = {"ace", "worst-slab-coverage"}


@pytest.mark.parametrize("rich", [False, True], ids=["plain", "rich"])
@pytest.mark.parametrize("kind", list(MAKERS))
def test_blocks_and_memory_give_the_same_numbers(kind: str, rich: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"level": "0.8"} if kind == "classification" else {}
    path = written(Path("p.parquet"), MAKERS[kind](N, rich=rich), facts)
    _, whole = evaluated(path, kind, metrics=ADDED[kind])
    in_blocks(monkeypatch)
    # What is fitted is fitted on rows in memory, where they fit.
    monkeypatch.setattr(long, "MOST", 1 << 17 if kind == "classification" and rich else 1 << 16)
    records = read_predictions(path, kind)
    assert all(isinstance(record, Long) for record in records.values())
    folder, blocks = evaluated(path, kind, metrics=ADDED[kind])
    assert isinstance(folder.long(folder.cells[0].name), Long)
    missing = {key[0] for key in whole.keys() - blocks.keys()}
    assert missing <= UNMEASURED
    assert not blocks.keys() - whole.keys()
    assert len(blocks) > 10
    for key, result in blocks.items():
        other = whole[key]
        assert (result.n, result.n_failed, result.groups, result.unit) == (
            other.n,
            other.n_failed,
            other.groups,
            other.unit,
        ), key
        if other.value is None:
            assert result.value is None, key
            continue
        assert result.value == pytest.approx(other.value, rel=1e-12, abs=1e-13), key
        assert (result.low is None) == (other.low is None), key
        if result.low is not None and result.high is not None and other.low is not None and other.high is not None:
            # Clusters may be numbered otherwise, and so be drawn otherwise.
            width = other.high - other.low
            room = 1e-9 * width if not rich else 0.25 * width
            assert abs(result.low - other.low) <= room, key
            assert abs(result.high - other.high) <= room, key


def test_a_calibrator_is_fitted_in_memory_and_applied_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(Path("p.parquet"), classification(N, rich=True), {"level": "0.8"})
    flags: dict[str, Any] = {"calibrators": ["isotonic", "conformal-aps"]}
    _, whole = evaluated(path, "classification", **flags)
    in_blocks(monkeypatch)
    monkeypatch.setattr(long, "MOST", 1 << 17)
    folder, blocks = evaluated(path, "classification", **flags)
    assert folder.cells[0].calibrations["temperature"]["temperature"] > 1
    for calibrator in ("temperature", "isotonic", "conformal-aps"):
        mine = {key: r for key, r in whole.items() if key[2] == calibrator}
        assert mine, calibrator
        for key, result in mine.items():
            other = blocks[key].value
            assert other == (None if result.value is None else pytest.approx(result.value, rel=1e-12)), key


def test_the_copy_is_a_part_like_any_other_and_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(Path("p.parquet"), classification(1000, rich=True))
    whole = read_predictions(path, "classification")["p"]
    in_blocks(monkeypatch)
    folder, found = evaluated(path, "classification")
    assert folder.long(folder.cells[0].name) is not None
    kept = folder.record(folder.cells[0].name)
    assert not isinstance(whole, Long)
    for name in whole.columns():
        value = getattr(whole, name)
        assert (value is None) == (getattr(kept, name) is None), name
        if value is not None:
            np.testing.assert_array_equal(getattr(kept, name), value)
    assert kept.n_failed == whole.n_failed
    again = evaluate_predictions(
        resolve({"resume": folder.path}, cwd=Path.cwd(), environ={}),
        read_predictions(path, "classification"),
        Silent(),
    )
    assert by_name(again.results()) == found
    assert not list(folder.path.rglob("*.tmp"))


def test_a_report_draws_from_a_sample_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.reports import material

    path = written(Path("p.parquet"), classification(N, rich=False))
    in_blocks(monkeypatch)
    monkeypatch.setattr(material, "SAMPLE", 500)
    folder, _ = evaluated(path, "classification")
    build(folder)
    assert "of its 3,000 rows, taken at random" in (folder.path / "report.html").read_text("utf-8")


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nan": ({"logit_2": (2100, math.nan)}, ["logit_2", "row 2101", "a number below infinity"]),
    "label": ({"label": (2500, 7)}, ["'label', row 2501", "is 7", "0 .. 3"]),
    "twice": ({"id": (2999, "sample 17")}, ["row 3000 is 'sample 17', as row 18 is"]),
    "weight": ({"weight": (1500, -1.0)}, ["'weight', row 1501", "at least 0"]),
    "split": ({"split": (1999, "testing")}, ["'split', row 2000", "train, calibration or test"]),
    "null": ({"ood": (2321, None)}, ["'ood', row 2322", "empty (null)"]),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_wrong_rows_are_refused_by_their_number_in_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, words = WRONG[name]
    columns = classification(N, rich=True)
    columns["failed"][:] = False
    for column, (row, value) in changes.items():
        values = columns[column].tolist() if isinstance(columns[column], np.ndarray) else columns[column]
        values[row] = value
        columns[column] = values
    path = written(Path("p.parquet"), columns)
    in_blocks(monkeypatch)
    with pytest.raises(UsageError) as caught:
        read_predictions(path, "classification")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("split", "train", "holds no test rows"),
        ("weight", 0.0, "is 0 in every row"),
        ("failed", True, "no predictions"),
    ],
)
def test_a_file_of_which_no_row_counts_is_refused(
    column: str, value: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {**classification(N, rich=True), column: [value] * N}
    in_blocks(monkeypatch)
    with pytest.raises(UsageError, match=words):
        read_predictions(written(Path("p.parquet"), columns), "classification")


def test_rows_of_another_width_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[0.0, 1.0]] * 2000 + [[0.0, 1.0, 2.0]] * 1000
    in_blocks(monkeypatch)
    with pytest.raises(UsageError, match=r"differ in length|as long as the first row"):
        read_predictions(written(Path("p.parquet"), {"logits": rows, "label": [0] * 3000}), "classification")


def test_keys_tell_names_apart_and_know_no_padding() -> None:
    names = np.array([f"g{k}" for k in range(200_000)] + ["", "g", "0", "00", "\x01"])
    assert len(np.unique(long.keys(names))) == len(names)
    assert (long.keys(names[:9].astype("U2")) == long.keys(names[:9].astype("U50"))).all()


def test_a_long_file_is_known_by_its_columns_and_not_by_its_compression() -> None:
    path = written(Path("p.parquet"), {"y": np.zeros(N), "mean": np.zeros(N), "std": np.ones(N)})
    assert path.stat().st_size < 8 * N
    assert not isinstance(read_predictions(path, "regression")["p"], Long)
    assert lengths.KINDS == ("classification", "regression", "ood")


@pytest.mark.slow
@pytest.mark.parametrize("kind", rows.KINDS)
def test_twenty_million_rows_take_two_gibibytes(kind: str, tmp_path: Path) -> None:
    big = rows.measured(kind, 20_000_000, tmp_path)
    assert big.peak <= 2 * rows.GIB
    expected = {"classification": "ece", "regression": "coverage-error", "ood": "auroc"}[kind]
    assert big.results[expected]["n"] == 20_000_000
    assert all(row["low"] is not None for row in big.results.values() if "estimates nothing" not in row["method"])
