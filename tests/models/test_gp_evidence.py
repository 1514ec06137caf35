"""Evidence of Gaussian processes by several methods, against what quadrature along the process gives."""

from __future__ import annotations

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.estimators.gaussian_process import expectation_propagation, exponential, markov_evidence
from bench.models.building import NotSuited, build
from bench.specs import parse
from bench.tasks.likelihood.gp_evidence import likelihood_gp_evidence


def test_methods_keep_their_order_and_their_kind() -> None:
    part = likelihood_gp_evidence(0).take(np.arange(8))
    inputs = np.asarray(part.inputs)
    assert part.truth is not None
    gaps, kinds, below = {}, {}, {}
    for method in ("exact", "ep", "hybrid", "vi", "laplace"):
        found = build(parse(f"gp-classifier,method={method}"), Machine()).density(inputs)
        gaps[method], kinds[method] = (part.truth - found.log_prob).mean(), found.likelihood
        below[method] = bool((found.log_prob < part.truth).all())
    assert gaps["exact"] == 0.0
    assert abs(gaps["ep"]) < abs(gaps["hybrid"]) < gaps["vi"] < gaps["laplace"]
    assert kinds == {"exact": "exact", "ep": "estimate", "hybrid": "estimate", "vi": "lower", "laplace": "estimate"}
    assert below["vi"]


def test_a_process_is_answered_alone_as_among_others() -> None:
    inputs = np.asarray(likelihood_gp_evidence(0).take(np.arange(3)).inputs)
    for method in ("ep", "vi", "laplace"):
        model = build(parse(f"gp-classifier,method={method}"), Machine())
        np.testing.assert_array_equal(model.density(inputs).log_prob[1:2], model.density(inputs[1:2]).log_prob)


def test_evidence_of_all_labels_sums_to_one() -> None:
    places = np.array([0.0, 0.3, 0.9, 1.4])
    every = (2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1) - 1).astype(np.float64)
    logs = markov_evidence(np.tile(places, (16, 1)), every, 9.0)
    assert np.exp(logs).sum() == pytest.approx(1.0, abs=1e-9)
    by_moments = expectation_propagation(exponential(np.tile(places, (16, 1)), 9.0), every)
    np.testing.assert_allclose(by_moments.log_z, logs, atol=0.02)


def test_other_data_and_parameters_are_refused() -> None:
    with pytest.raises(NotSuited, match="places and labels"):
        build(parse("gp-classifier"), Machine()).density(np.zeros((3, 4)))
    with pytest.raises(UsageError, match="method=x"):
        build(parse("gp-classifier,method=x"), Machine())
    with pytest.raises(UsageError, match="variance"):
        likelihood_gp_evidence(0, variance=0.0)
