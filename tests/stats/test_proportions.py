from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar

from bench.errors import UsageError
from bench.stats.design import design
from bench.stats.mcnemar import Discordance, discordance, mcnemar, p_values
from bench.stats.tango import ends, score, tango, tango_clustered
from tests.stats.simulated import answers, noise

Z = 1.959963984540054


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_by_enumeration(gains: int, losses: int) -> None:
    total = gains + losses
    chance = binom.pmf(np.arange(total + 1), total, 0.5)
    apart = np.abs(2 * np.arange(total + 1) - total)
    more, equal = chance[apart > abs(gains - losses)].sum(), chance[apart == abs(gains - losses)].sum()
    found = mcnemar(Discordance(gains=gains, losses=losses, n=200))
    assert found.exact == pytest.approx(more + equal)
    assert found.mid == pytest.approx(more + equal / 2 if total else 1.0)
    assert found.exact == pytest.approx(peer_mcnemar([[10, gains], [losses, 10]], exact=True).pvalue)


def test_sizes_by_enumeration() -> None:
    # Trinomial: n items, each discordant with chance .2, a toss-up which way.  Exact is valid; mid-p near nominal.
    n, share = 60, 0.2
    total = np.arange(n + 1)
    gains = np.arange(n + 1)[:, None]
    chance = binom.pmf(total, n, share) * binom.pmf(gains, total, 0.5)
    exact, mid = p_values(np.minimum(gains, total), np.maximum(total - gains, 0))
    sizes = (chance * (exact <= 0.05)).sum(), (chance * (mid <= 0.05)).sum()
    assert sizes[0] <= 0.05
    assert sizes[0] < sizes[1] < 0.055


def test_tables() -> None:
    table = discordance(np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 0], bool))
    assert (table.gains, table.losses, table.n, table.difference) == (2, 1, 5, 0.2)
    with pytest.raises(UsageError):
        discordance(np.zeros(2, bool), np.zeros(3, bool))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.floats(-0.95, 0.95))
@settings(max_examples=150, deadline=None)
def test_tango_uses_the_restricted_likelihood(gains: int, losses: int, rest: int, delta: float) -> None:
    n = gains + losses + rest
    # Likelihood of (gains, losses, rest) at shares (q + delta, q, 1 - 2 q - delta): a dense grid finds q.
    q = np.linspace(max(0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9, 200_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [
            np.where(k > 0, k * np.log(p), 0.0) for k, p in ((gains, q + delta), (losses, q), (rest, 1 - 2 * q - delta))
        ]
    best = q[np.argmax(sum(terms))]
    found = float(score(gains, losses, n, delta))
    variance = n * (2 * best + delta - delta**2)
    if variance > 1e-3:
        assert found == pytest.approx((gains - losses - n * delta) / np.sqrt(variance), rel=2e-3, abs=1e-6)


def test_tango_limits() -> None:
    assert score(15, 6, 100, 0.0) == pytest.approx(9 / np.sqrt(21))  # McNemar
    for n in (5, 44, 1000):
        share = Z**2 / (n + Z**2)
        assert np.ravel(ends(0, 0, n, Z)) == pytest.approx([-share, share])  # no discordance
        low, high = ends(n, 0, n, Z)
        assert (float(low), float(high)) == pytest.approx(((n - Z**2) / (n + Z**2), 1.0))  # nothing else


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_ends_invert_the_test(gains: int, losses: int, rest: int) -> None:
    n = gains + losses + rest
    if n == 0:
        return
    found = tango(Discordance(gains=gains, losses=losses, n=n), margin=0.05)
    turned = tango(Discordance(gains=losses, losses=gains, n=n), margin=0.05)
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low), abs=1e-12)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    for end, level in ((found.low, Z), (found.high, -Z)):
        if abs(end) < 1 - 1e-9:
            assert score(gains, losses, n, end) == pytest.approx(level, abs=1e-5)
    assert found.p_inferior + found.p_not_inferior == pytest.approx(1)
    if abs(found.low + 0.05) > 1e-9:
        assert (found.p_not_inferior < 0.025) == (found.low > -0.05)


def test_published_interval() -> None:
    # Airway hyper-responsiveness of 21 children before and after a transplant (Fagerland, Lydersen and Laake 2014).
    low, high = ends(1, 7, 21, Z)
    assert (float(low), float(high)) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_one_sided_size_at_the_margin() -> None:
    # Both errors at a margin of 2 points, by exact enumeration: p = .75 each, discordant .2 + the margin.
    n, margin, q = 164, 0.02, 0.1
    gains, losses = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    rest = n - gains - losses
    from scipy.special import gammaln

    with np.errstate(invalid="ignore"):
        log = gammaln(n + 1) - gammaln(gains + 1) - gammaln(losses + 1) - gammaln(rest + 1.0)
        log += gains * np.log(q) + losses * np.log(q + margin) + rest * np.log(1 - 2 * q - margin)
    chance = np.where(rest >= 0, np.exp(log), 0.0)
    assert chance.sum() == pytest.approx(1)
    t = score(gains, losses, n, -margin)
    for size in ((chance * (t < -Z)).sum(), (chance * (t > Z)).sum()):
        assert 0.02 < size < 0.03
    naive = (chance * ((gains - losses) / n < -margin)).sum()
    assert naive > 0.4  # the rule "it dropped by more than the margin", at the margin


def test_clustered_tango_holds_its_size() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    d = design(400, groups=groups)
    low = ignoring = 0
    for _ in range(400):
        a, b = answers(rng, 40, 10, 0.7, 0.5)
        low += tango_clustered(a, b, d).p_two_sided < 0.05
        ignoring += mcnemar(discordance(a, b)).mid < 0.05
    assert low / 400 == pytest.approx(0.05, abs=noise(0.05, 400))
    assert ignoring / 400 > 0.15  # what ignoring the clusters would cost


def test_clustered_tango_of_single_rows_is_tango() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 50)) < 0.6
    assert tango_clustered(a, b, design(50), margin=0.1) == tango(discordance(a, b), margin=0.1)
    doubled = tango_clustered(np.repeat(a, 2), np.repeat(b, 2), design(100, groups=np.repeat(np.arange(50), 2)))
    assert doubled.design_effect == pytest.approx(2 * 50 / 49 * 99 / 100)
    with pytest.raises(UsageError, match="one cluster"):
        tango_clustered(a, b, design(50, groups=np.zeros(50)))
    with pytest.raises(UsageError, match="margin"):
        tango(discordance(a, b), margin=1.0)
