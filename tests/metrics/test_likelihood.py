from __future__ import annotations

import math

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.components import NotApplicable
from bench.records import Density, Tokens
from tests.metrics.cases import ids, point, tokens


def test_bits_per_dim_weigh_samples_by_their_dimensions() -> None:
    record = Density(ids=ids(2), log_prob=-np.log([2.0, 2.0**30]), dim=np.array([1, 9]))
    assert point("bits-per-dim", record) == pytest.approx(31 / 10)
    assert point("nll-nats", record) == pytest.approx(31 / 2 * math.log(2))


def test_dequantised_density_and_mass_cost_the_same() -> None:
    # Levels 0 .. 16 with the probabilities of a histogram: the density of x + u on unit steps is the mass itself.
    rng = np.random.default_rng(0)
    mass = rng.dirichlet(np.ones(17))
    x = rng.choice(17, 50, p=mass)
    discrete = Density(ids=ids(50), log_prob=np.log(mass[x]), dim=np.ones(50, dtype=np.int64), levels=17)
    y = x + rng.random(50)
    dense = Density(
        ids=ids(50),
        log_prob=np.log(mass[np.floor(y).astype(int)]),
        dim=np.ones(50, dtype=np.int64),
        levels=17,
        dequantisation="uniform",
    )
    assert point("bits-per-dim", discrete) == pytest.approx(point("bits-per-dim", dense), rel=1e-12)
    assert point("bits-per-dim", discrete) < math.log2(17) + 1


def test_impossible_samples_cost_everything() -> None:
    record = Density(ids=ids(2), log_prob=np.array([-1, -np.inf]), dim=np.ones(2, dtype=np.int64))
    assert point("nll-nats", record) == np.inf


def test_token_metrics_are_ratios_of_sums() -> None:
    record = tokens(30)
    nats, counts = -record.logprobs.sums(), record.logprobs.lengths
    assert point("perplexity", record) == pytest.approx(math.exp(nats.sum() / counts.sum()))
    assert point("bits-per-byte", record) == pytest.approx(nats.sum() / math.log(2) / record.bytes.sum())
    assert point("bits-per-byte", record) != pytest.approx((nats / record.bytes).mean() / math.log(2), rel=1e-3)


def test_what_is_missing_does_not_apply() -> None:
    record = Tokens(ids=ids(1), logprobs=Ragged.of([[]], np.float64), bytes=np.array([3]))
    for name in ("perplexity", "word-perplexity", "excess-bits-per-byte"):
        with pytest.raises(NotApplicable):
            point(name, record)
    assert point("bits-per-byte", record) == 0
    with pytest.raises(NotApplicable):
        point("kl-to-truth", Density(ids=ids(1), log_prob=np.zeros(1), dim=np.ones(1, dtype=np.int64)))
