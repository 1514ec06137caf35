"""Baselines: small, exact where it matters, and never believed when they are not what was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bench.comparing.contrast import contrast
from bench.comparing.evidence import Side
from bench.comparing.pairing import match, pair
from bench.errors import ExitCode, NotComparableError, UsageError
from bench.gates import baseline
from bench.gates.packing import pack_digests, pack_values, unpack
from bench.runners.sealed import _digest
from tests.gates.worlds import cell, number, paired, side


def everything(*_: Any) -> bool:
    return True


def ten_checks(seed: int, n: int = 1319) -> Side:
    """Ten tasks of n samples: five shares, and five means with values of their own."""
    rng = np.random.default_rng(seed)
    cells = []
    for k in range(10):
        values = rng.random(n) < 0.7 if k < 5 else rng.gamma(2.0, size=n)
        e = number(values, metric="accuracy" if k < 5 else "nll", better="higher" if k < 5 else "lower")
        cells.append(cell([e if k < 5 else replace(e, range=(0.0, None), kind="mean")], n=n, task=f"t{k}"))
    return side(*cells, name=f"run-{seed}")


def test_ten_checks_of_1319_samples_are_small(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    size = baseline.save(ten_checks(0), path, keep=everything)
    assert size == path.stat().st_size < 130_000


def test_what_is_read_gives_the_same_verdicts(tmp_path: Path) -> None:
    before, after = ten_checks(0), ten_checks(1)
    path = tmp_path / "base.json"
    baseline.save(before, path, keep=everything)
    stored = baseline.read(path)
    for one, kept, other in zip(before.cells, stored.cells, after.cells, strict=True):
        assert (kept.ids == one.ids).all()
        assert kept.numbers[0].value == one.numbers[0].value
        direct, through = (contrast(_pair(base, other)) for base in (one, kept))
        assert through.gain == pytest.approx(direct.gain, abs=1e-12)
        for end in ("low", "high", "p_value"):
            assert getattr(through, end) == pytest.approx(getattr(direct, end), rel=2e-3, abs=1e-9)


def _pair(one: Any, other: Any) -> Any:
    found = pair((one, other), (one.numbers[0], other.numbers[0]), match(one, other))
    assert not isinstance(found, str)
    return found


def test_equal_answers_stay_equal_after_rounding(tmp_path: Path) -> None:
    before = ten_checks(0)
    path = tmp_path / "base.json"
    baseline.save(before, path, keep=everything)
    for kept, own in zip(baseline.read(path).cells, baseline.rounded(before).cells, strict=True):
        assert (kept.numbers[0].values == own.numbers[0].values).all()


def test_groups_weights_failures_and_slices_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    first, _ = paired(rng, 90, 0.7)
    partly = np.where(rng.random(90) < 0.5, np.nan, rng.random(90))
    rest = replace(
        number(np.nan_to_num(partly)), slice="x", kind="mean", values=partly, value=float(np.nanmean(partly))
    )
    one = cell([number(first), rest], n=90, groups=[f"g{i % 9}" for i in range(90)])
    one = replace(one, failed=np.array([5, 9], dtype=np.uint64), n_failed=1, weights=np.full(90, 2.0), answers="abc")
    path = tmp_path / "base.json"
    baseline.save(side(one), path, keep=everything)
    kept = baseline.read(path).cells[0]
    assert kept.groups is not None
    assert one.groups is not None
    assert (kept.groups == one.groups).all()
    assert (kept.failed == one.failed).all()
    assert (kept.n_failed, kept.answers) == (1, "abc")
    assert (np.isnan(kept.numbers[1].values) == np.isnan(one.numbers[1].values)).all()
    np.testing.assert_allclose(kept.numbers[1].values, one.numbers[1].values, rtol=2e-3, atol=1e-4)


def saved(place: Path) -> Path:
    path = place / "base.json"
    baseline.save(ten_checks(0, n=60), path, keep=everything)
    return path


def refused(path: Path, *words: str) -> None:
    with pytest.raises(NotComparableError) as caught:
        baseline.read(path)
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path, "damaged")


def test_any_changed_character_of_the_data_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    text = path.read_text()
    at = [i for i, c in enumerate(text) if c.isalnum()]
    rng = np.random.default_rng(0)
    for i in rng.choice(at, 60, replace=False):
        other = "0" if text[i] != "0" else "1"
        path.write_text(text[:i] + other + text[i + 1 :])
        refused(path)


def resealed(path: Path, change: Any) -> None:
    """Changed by someone who also mends the checksum."""
    document = json.loads(path.read_text())
    document.pop("checksum")
    change(document)
    path.write_text(json.dumps({**document, "checksum": _digest(document)}))


def test_a_value_that_its_samples_deny_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    resealed(path, lambda d: d["cells"][0]["numbers"][0].update(value=0.99))
    refused(path, "its samples say")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("cells"),
        lambda d: d.update(kind="other"),
        lambda d: d.update(cells=3),
        lambda d: d["cells"][0].pop("ids"),
        lambda d: d["cells"][0]["ids"].update(data="????"),
        lambda d: d["cells"][0]["ids"].update({"as": "pickle"}),
        lambda d: d["cells"][0]["numbers"][0]["values"].update(data=pack_values(np.ones(3))["data"], n=3),
        lambda d: d["cells"][0]["numbers"][0].update(kind="magic"),
        lambda d: d["cells"][0].update(ids=pack_digests(np.array([5, 5], dtype=np.uint64))),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: Any) -> None:
    path = saved(tmp_path)
    resealed(path, change)
    refused(path, "bench baseline save")


def test_missing_and_newer_baselines_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.json", "no baseline")
    path = saved(tmp_path)
    resealed(path, lambda d: d.update(schema_version=99))
    refused(path, "newer bench")


def test_a_bomb_does_not_unfold() -> None:
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(b"\0" * (1 << 29), 9)).decode()
    with pytest.raises(ValueError, match="cut short"):
        unpack({"as": "u8", "data": bomb})


def test_nothing_to_keep_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such number"):
        baseline.save(ten_checks(0, n=10), tmp_path / "b.json", keep=lambda *_: False)


@given(arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
def test_values_come_back_within_half_floats(values: Any) -> None:
    back = unpack(pack_values(values))
    assert (np.isnan(back) == np.isnan(values)).all()
    held = ~np.isnan(values)
    top = float(np.abs(values[held]).max(initial=0.0))
    assert (np.abs(back[held] - values[held]) <= 2.0**-10 * np.abs(values[held]) + 2.0**-38 * top + 2.0**-1024).all()


@given(st.lists(st.integers(0, 2**48 - 1), max_size=40, unique=True))
def test_digests_come_back(values: list[int]) -> None:
    sorted_ = np.array(sorted(values), dtype=np.uint64)
    assert (unpack(pack_digests(sorted_, increasing=True)) == sorted_).all()
    assert (unpack(pack_digests(sorted_[::-1])) == sorted_[::-1]).all()
