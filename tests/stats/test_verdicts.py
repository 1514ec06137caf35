from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from bench.errors import UsageError
from bench.stats.design import design
from bench.stats.influence import of_mean
from bench.stats.verdicts import Circumstances, OneSided, Verdict, equivalent, family, one_sided, overall, verdict


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (-0.05, -0.03, 0.02, "fail"),
        (-0.05, -0.02, 0.02, "inconclusive"),
        (-0.01, 0.03, 0.02, "pass"),
        (-0.02, 0.03, 0.02, "inconclusive"),
        (0.001, 0.03, 0.02, "improved"),
        (0.0, 0.0, 0.0, "inconclusive"),
        (-0.019, -0.001, 0.02, "pass"),
        (None, None, 0.02, "inconclusive"),
    ],
)
def test_verdicts(low: float | None, high: float | None, margin: float, expected: str) -> None:
    assert verdict(low, high, margin=margin) == expected


def test_failing_is_corrected_passing_is_not() -> None:
    assert verdict(-0.05, -0.03, margin=0.02, corrected_high=-0.01) is Verdict.INCONCLUSIVE
    assert verdict(-0.01, 0.01, margin=0.02, corrected_high=0.03) is Verdict.PASS
    with pytest.raises(UsageError):
        verdict(0, 1, margin=-0.1)


def test_circumstances_come_first() -> None:
    held = {"low": 0.1, "high": 0.2, "margin": 0.0}
    gravest = [
        (Circumstances(evaluated=False, identical=False, matched=False), "error"),
        (Circumstances(identical=False, present=False), "invalid"),
        (Circumstances(present=False), "missing"),
        (Circumstances(matched=False), "missing"),
        (Circumstances(), "improved"),
    ]
    for circumstances, expected in gravest:
        assert verdict(**held, circumstances=circumstances) == expected
    assert overall([]) is Verdict.ERROR
    assert overall([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.IMPROVED]) is Verdict.FAIL
    assert overall([Verdict.PASS, Verdict.IMPROVED]) is Verdict.PASS


def test_one_sided_tests_against_peers() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30)) * 0.1
    d = design(30)
    difference = of_mean(a - b, d)
    found = one_sided(difference.value, difference.error(d), 29, margin=0.05)
    p, (_, above, _), (_, below, _) = ttost_paired(a, b, -0.05, 0.05)
    assert found.equivalent == pytest.approx(p)
    assert found.not_worse == pytest.approx(above)
    assert max(above, below) == pytest.approx(p)
    assert found.better == pytest.approx(stats.ttest_1samp(a - b, 0, alternative="greater").pvalue)
    assert found.worse == pytest.approx(stats.ttest_1samp(a - b, -0.05, alternative="less").pvalue)
    ends = stats.ttest_rel(a, b).confidence_interval(0.9)
    assert (found.equivalent < 0.05) == equivalent(ends.low, ends.high, margin=0.05)
    limit = one_sided(0.3, 0.2, float("inf"), margin=0.1)
    assert limit.not_worse == pytest.approx(stats.norm.sf(2.0))
    with pytest.raises(UsageError):
        one_sided(0.3, 0.0, 5, margin=0.1)


def test_families() -> None:
    def worse(p: float) -> OneSided:
        return OneSided(worse=p, not_worse=1 - p, better=1.0, equivalent=1.0)

    alone, many = family([worse(0.01)]), family([worse(0.01)] * 5)
    assert alone == [Verdict.FAIL]
    assert many == [Verdict.INCONCLUSIVE] * 5
    passing = OneSided(worse=0.999, not_worse=0.001, better=0.5, equivalent=0.5)
    improved = OneSided(worse=1, not_worse=0, better=0.001, equivalent=1)
    assert family([worse(0.001), passing, improved]) == [Verdict.FAIL, Verdict.PASS, Verdict.IMPROVED]
