"""Means over data sets: of the numbers by data set, whatever their sizes; and where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.components import Metric, NotApplicable
from bench.records import Scores
from bench.records.detection import Several
from bench.registry import chosen
from bench.runners.measure import detect, slices
from bench.stats.intervals import interval


def scores(*, grouped: bool) -> Scores:
    draws = np.random.default_rng(0)
    sizes = {"inside": 60, "near/a": 15, "near/b": 90, "far/c": 30}
    names = np.repeat(list(sizes), list(sizes.values()))
    n = len(names)
    return Scores(
        ids=np.arange(n).astype(str),
        groups=np.char.add("g", (np.arange(n) % 40).astype(str)) if grouped else None,
        scores=draws.normal(size=n) + np.select([names == "near/a", names == "far/c"], [0.5, 2.0], 0.0),
        ood=names != "inside",
        dataset=names,
    )


def test_the_mean_is_that_of_the_numbers_by_data_set() -> None:
    record = scores(grouped=True)
    found = detect(record, record.scores)
    assert isinstance(found, Several)
    for name in ("auroc", "fpr95-ood", "fpr95-id", "aupr-in", "aupr-out"):
        each = {
            part: interval(chosen(Metric, name), detect(record, record.scores, rows), seed=0).value
            for part, rows in slices(record)
            if part
        }
        assert set(each) == {"near/a", "near/b", "far/c"}
        for among in ("", "near", "far"):
            wanted = [float(v or 0.0) for part, v in each.items() if part.startswith(among)]
            metric = chosen(Metric, f"{name}-macro" + (f",among={among}" if among else ""))
            estimate = interval(metric, found, seed=0)
            assert estimate.value == pytest.approx(np.mean(wanted), abs=1e-12)
            assert estimate.interval.low is not None
            assert estimate.interval.high is not None
            assert estimate.interval.low < np.mean(wanted) < estimate.interval.high


def test_one_data_set_has_no_mean() -> None:
    record = scores(grouped=False)
    one = record.where(np.isin(np.asarray(record.dataset), ["inside", "far/c"]))
    assert not isinstance(detect(one, one.scores), Several)
    whole = detect(record, record.scores)
    with pytest.raises(NotApplicable, match="'middle/"):
        interval(chosen(Metric, "auroc-macro,among=middle"), whole, seed=0)
