from __future__ import annotations

import numpy as np
import pytest

from bench.checks.copulas import CASES
from bench.errors import UsageError
from bench.estimators.copulas import Copula, ranked
from bench.models.building import NotSuited
from bench.models.copulas import copula
from bench.tasks.likelihood.copulas import likelihood_copula
from bench.tasks.likelihood.gaussian_mixture import likelihood_gaussian_mixture


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.family)
def test_densities_are_those_of_statsmodels(case: Copula) -> None:
    from statsmodels.distributions.copula import api

    peers = {
        "clayton": lambda: api.ClaytonCopula(theta=case.theta),
        "gumbel": lambda: api.GumbelCopula(theta=case.theta),
        "frank": lambda: api.FrankCopula(theta=case.theta),
        "gaussian": lambda: api.GaussianCopula(corr=case.theta),
        "student": lambda: api.StudentTCopula(corr=case.theta, df=4),
    }
    pairs = np.random.default_rng(0).uniform(0.02, 0.98, (50, 2))
    np.testing.assert_allclose(case.log_density(pairs), np.log(peers[case.family]().pdf(pairs)), rtol=1e-6, atol=1e-8)


def test_the_right_family_wins() -> None:
    examples = likelihood_copula(0)
    test = examples.split("test")
    means = {}
    for family in ("clayton", "gumbel"):
        model = copula(family)
        model.fit(examples.split("train"), 0)
        found = model.density(np.asarray(test.inputs)).log_prob
        means[family] = (np.asarray(test.truth) - found).mean()
    assert abs(means["clayton"]) < 0.02 < means["gumbel"]


def test_ranks_keep_order_and_stay_inside() -> None:
    values = np.array([[3.0, -1.0], [10.0, 5.0], [4.0, 0.0]])
    np.testing.assert_allclose(ranked(values), [[0.25, 0.25], [0.75, 0.75], [0.5, 0.5]])


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="no copula 'joe'"):
        copula("joe")
    with pytest.raises(UsageError, match=r"theta=0\.5"):
        Copula("gumbel", 0.5)
    with pytest.raises(NotSuited):
        copula().fit(likelihood_gaussian_mixture(0).split("train"), 0)
