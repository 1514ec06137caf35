"""Our Laplace approximations against laplace-torch's, and the model that it serves."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.examples import Examples
from bench.models.bayes import laplace, linearised
from bench.models.bayes.laplace_torch import approximated, drawn, laplace_torch, places
from bench.models.bayes.networks import Problem, outputs


@pytest.fixture
def fitted() -> tuple[Problem, Any]:
    """Three classes, and weights that are near enough to an optimum: parity holds at any."""
    import torch

    rng = np.random.default_rng(0)
    rows, targets = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    problem = Problem(torch.from_numpy(rows), torch.from_numpy(targets), (4, 5, 3), classes=True, precision=0.7)
    return problem, torch.from_numpy(0.5 * rng.standard_normal(problem.size))


def test_without_the_package_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, fitted: tuple[Problem, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "laplace", None)
    with pytest.raises(UsageError, match="needs the package") as error:
        approximated(*fitted, structure="full", layers="all")
    assert "bench[laplace]" in error.value.fix
    with pytest.raises(UsageError, match="structure is 'round'"):
        laplace_torch(structure="round")


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["all", "last"])
def test_precision_and_predictive_variance_are_the_librarys(fitted: tuple[Problem, Any], layers: str) -> None:
    pytest.importorskip("laplace")
    import torch

    problem, theta = fitted
    found = approximated(problem, theta, structure="full", layers=layers)
    module = linearised if layers == "all" else laplace
    own = module.curvature(problem, theta.numpy())
    order = places(problem.widths)[-len(own) :] - (problem.size - len(own))
    # The library adds its matrices up in single precision, whatever the network's: 6e-8 of the largest entries.
    np.testing.assert_allclose(found.posterior_precision.numpy(), own[np.ix_(order, order)], rtol=1e-6, atol=2e-6)
    asked = torch.from_numpy(np.random.default_rng(1).standard_normal((7, 4)))
    mean, variance = found._glm_predictive_distribution(asked)
    slopes = linearised.jacobian(theta.numpy(), problem.widths, asked.numpy())[:, :, -len(own) :]
    np.testing.assert_allclose(
        variance.detach().numpy(), slopes @ np.linalg.inv(own) @ slopes.transpose(0, 2, 1), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(mean.detach().numpy(), outputs(theta.numpy()[None], problem.widths, asked.numpy())[0])


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["full", "kron", "diag"])
def test_draws_have_the_librarys_covariance(fitted: tuple[Problem, Any], structure: str) -> None:
    pytest.importorskip("laplace")
    problem, theta = fitted
    found = approximated(problem, theta, structure=structure, layers="all")
    draws = drawn(problem, theta, found, 20_000, 3)
    np.testing.assert_array_equal(draws[0], theta.numpy())
    steps = (draws[1:] - draws[0])[:, places(problem.widths)]
    if structure == "kron":
        precision = found.posterior_precision.to_matrix().detach().numpy()
    else:
        precision = found.posterior_precision.detach().numpy()
    known = np.linalg.inv(np.diag(precision) if precision.ndim == 1 else precision)
    error = np.sqrt((np.outer(np.diag(known), np.diag(known)) + known**2) / len(steps))
    assert np.abs((steps.T @ steps / len(steps) - known) / error).max() < 5  # of 1,600 pairs


@pytest.mark.slow
def test_it_classifies_and_equal_seeds_give_equal_answers() -> None:
    pytest.importorskip("laplace")
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((90, 3))
    targets = (inputs[:, 0] > inputs[:, 1]).astype(np.int64)
    data = Examples(ids=np.arange(90).astype(str), inputs=inputs, targets=targets, classes=2)
    model = laplace_torch(hidden=8, epochs=25, draws=5)
    model.fit(data, 3)
    answer = model.classify(inputs)
    assert (answer.logits.argmax(axis=1) == targets).mean() > 0.8
    assert answer.members is not None
    assert answer.members.shape == (90, 5, 2)
    np.testing.assert_allclose(model.classify(inputs[:7]).logits, answer.logits[:7], atol=1e-12)
    model.fit(data, 3)
    np.testing.assert_array_equal(model.classify(inputs).logits, answer.logits)
