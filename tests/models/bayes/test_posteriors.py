from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct

from bench.errors import UsageError
from bench.examples import Examples
from bench.models.bayes.bottleneck import vib
from bench.models.bayes.networks import forward, outputs, started
from bench.models.bayes.posteriors import (
    hmc,
    laplace,
    laplace_linearised,
    martingale,
    mc_dropout,
    sghmc,
    sgld,
    swag,
)
from bench.models.bayes.processes import Posterior, arc_cosine, nngp, student_nngp

QUICK = {
    "mc-dropout": mc_dropout(hidden=8, epochs=25, draws=5),
    "swag": swag(hidden=8, epochs=25, draws=5),
    "sgld": sgld(hidden=8, epochs=25, draws=5),
    "laplace": laplace(hidden=8, epochs=25, draws=5),
    "hmc": hmc(hidden=4, draws=5, burn=20, leaps=4, thin=1),
    "martingale": martingale(hidden=8, epochs=12, draws=5),
    "sghmc": sghmc(hidden=8, epochs=25, draws=5),
    "laplace-linearised": laplace_linearised(hidden=8, epochs=25, draws=5),
}


def split(*, classes: bool, n: int = 90) -> Examples:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((n, 3))
    line = inputs[:, 0] - inputs[:, 1]
    targets = (line > 0).astype(np.int64) if classes else 10 + 5 * line + rng.standard_normal(n)
    return Examples(ids=np.arange(n).astype(str), inputs=inputs, targets=targets, classes=2 if classes else 0)


@pytest.mark.parametrize("name", QUICK)
def test_members_average_to_the_answer_and_a_seed_gives_the_same_again(name: str) -> None:
    model, data = QUICK[name], split(classes=True)
    model.fit(data, 3)
    answer = model.classify(np.asarray(data.inputs))
    assert answer.members is not None
    assert answer.members.shape == (90, 5, 2)
    np.testing.assert_allclose(np.exp(answer.members).mean(axis=1), np.exp(answer.logits), atol=1e-12)
    assert (np.exp(answer.logits).argmax(axis=1) == data.targets).mean() > 0.7
    model.fit(data, 3)
    np.testing.assert_array_equal(model.classify(np.asarray(data.inputs)).logits, answer.logits)


@pytest.mark.parametrize("name", QUICK)
def test_forecasts_split_their_variance(name: str) -> None:
    model, data = QUICK[name], split(classes=False)
    model.fit(data, 3)
    found = model.forecast(np.asarray(data.inputs))
    assert found.member_means is not None
    assert found.member_stds is not None
    assert found.std is not None
    assert found.mean is not None
    parts = found.member_means.var(axis=1) + (found.member_stds**2).mean(axis=1)
    np.testing.assert_allclose(found.std**2, parts, rtol=1e-12)
    assert found.member_means.std(axis=1).min() > 0
    assert 0 < found.mean.mean() < 20


def test_the_two_ways_through_a_network_agree() -> None:
    widths, rows = (3, 5, 4, 2), np.random.default_rng(0).standard_normal((7, 3))
    theta = started(widths, 1) + 0.1
    expected = forward(theta, widths, torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(outputs(theta.numpy()[None], widths, rows)[0], expected, atol=1e-12)


def test_a_process_without_hidden_layers_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    rows, y, points = rng.standard_normal((20, 3)), rng.standard_normal(20), rng.standard_normal((5, 3))
    kernel = ConstantKernel(2 / 3, "fixed") * DotProduct(0.0, "fixed") + ConstantKernel(0.1, "fixed")
    theirs = GaussianProcessRegressor(kernel, alpha=0.3, optimizer=None).fit(rows, y)
    ours = Posterior.of(arc_cosine(rows, rows, 0) + 0.3 * np.eye(20), y)
    mean, variance = ours.at(arc_cosine(points, rows, 0), np.diag(arc_cosine(points, points, 0)))
    known_mean, known_std = theirs.predict(points, return_std=True)
    np.testing.assert_allclose(mean, known_mean, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(variance), known_std, atol=1e-8)
    assert ours.evidence() == pytest.approx(theirs.log_marginal_likelihood_value_)


def test_processes_forecast_and_widen_away_from_the_data() -> None:
    data = split(classes=False)
    for model in (nngp(), student_nngp()):
        model.fit(data, 0)
        near, far = model.forecast(np.asarray(data.inputs)), model.forecast(20 * np.asarray(data.inputs))
        spread = [(f.std if f.std is not None else f.scale) for f in (near, far)]
        assert spread[0] is not None
        assert spread[1] is not None
        assert spread[1].mean() > 2 * spread[0].mean()
    with pytest.raises(UsageError, match="shape"):
        student_nngp(shape=-1.0)


def test_the_bottleneck_tells_less_at_a_higher_price() -> None:
    data = split(classes=True)
    rates = []
    for beta in (1e-3, 3.0):
        model = vib(hidden=8, code=2, beta=beta, draws=4, epochs=12)
        model.fit(data, 0)
        answer = model.classify(np.asarray(data.inputs))
        assert answer.features is not None
        assert answer.members is not None
        rates.append(answer.features[:, -1].mean())
        # Jensen: the mixture is never worse than its members are on average.
        mixed = -answer.logits[np.arange(90), data.targets].mean()
        assert mixed <= -answer.members[np.arange(90), :, data.targets].mean() + 1e-12
    assert rates[1] < 0.2 * rates[0]
