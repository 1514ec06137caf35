from __future__ import annotations

import numpy as np
import pytest

from bench.capabilities import Machine, Regressor
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import build
from bench.records import Regression
from bench.specs import parse
from tests.metrics.cases import ids


def examples(seed: int, n: int, missing: float = 0.0) -> Examples:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = x @ [1.0, -1.0, 2.0] + rng.normal(size=n)
    return Examples(ids=ids(n), inputs=np.where(rng.random((n, 3)) < missing, np.nan, x), targets=y)


def answered(spec: str, train: Examples, test: Examples, seed: int = 0) -> Regression:
    one = build(parse(spec), Machine())
    one.fit(train, seed)
    assert isinstance(one, Regressor)
    forecast = one.forecast(np.asarray(test.inputs))
    assert test.targets is not None
    return Regression(ids=test.ids, y=test.targets, **vars(forecast))


def coverage(record: Regression) -> float:
    return float(((record.lower <= record.y) & (record.y <= record.upper)).mean())  # type: ignore[operator]


@pytest.mark.parametrize("spec", ["cv-plus:bayes-ridge,folds=5", "jackknife-plus:bayes-ridge"])
def test_intervals_from_folds_cover(spec: str) -> None:
    shares = [coverage(answered(spec, examples(2 * s, 40), examples(2 * s + 1, 150))) for s in range(12)]
    # A stable model: near 0.9, and by the theorem never below 0.8 in the mean.
    assert 0.86 < np.mean(shares) < 0.95


def test_quantile_forecasts_are_conformalised_across_folds() -> None:
    record = answered("cv-plus:gradient-quantile,folds=3,trees=5", examples(0, 90), examples(1, 300))
    assert record.level == 0.9
    assert coverage(record) > 0.8


def test_rows_of_one_group_are_left_out_together() -> None:
    from dataclasses import replace

    train = replace(examples(0, 40), groups=np.repeat(np.arange(10), 4).astype(str))
    one = build(parse("jackknife-plus:bayes-ridge"), Machine())
    one.fit(train, 0)
    assert len(one.models) == 10
    assert all(len(np.unique(one.of_row[i : i + 4])) == 1 for i in range(0, 40, 4))


@pytest.mark.parametrize("method", ["exact", "nested"])
def test_missing_values_are_covered_in_every_pattern(method: str) -> None:
    held: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    for s in range(6):
        test = examples(100 + s, 200, 0.3)
        spec = f"cp-mda:bayes-ridge,method={method}"
        record = answered(spec, examples(s, 300, 0.3), test)
        inside = (record.lower <= record.y) & (record.y <= record.upper)  # type: ignore[operator]
        for row, hit in zip(np.isnan(np.asarray(test.inputs)).sum(axis=1), inside, strict=True):
            if row in held:
                held[int(row)].append(bool(hit))
    for hits in held.values():
        assert np.mean(hits) > 0.9 - 4.5 * np.sqrt(0.09 / len(hits)) - 0.01


def test_the_same_seed_gives_the_same_intervals() -> None:
    for spec in ("cv-plus:bayes-ridge", "cp-mda:bayes-ridge"):
        a, b = (answered(spec, examples(0, 60), examples(1, 20), 3) for _ in range(2))
        np.testing.assert_array_equal(a.lower, b.lower)
        prints = build(parse(spec), Machine()).fingerprint()
        assert prints["inner"]["adapter"] == "bayes-ridge"
        assert prints != build(parse(spec + ",alpha=0.2"), Machine()).fingerprint()


@pytest.mark.parametrize(
    "spec",
    ["cv-plus:mlp", "cv-plus:bayes-ridge,folds=1", "cp-mda:bayes-ridge,method=all", "cp-mda:bayes-ridge,share=1"],
)
def test_what_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        build(parse(spec), Machine())
