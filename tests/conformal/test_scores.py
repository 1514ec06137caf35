from __future__ import annotations

import numpy as np

from bench.conformal.scores import aps, lac, ranks, raps

PROBS = np.random.default_rng(0).dirichlet(np.ones(6), 200)
U = np.random.default_rng(1).random(200)


def test_adaptive_scores_by_loops() -> None:
    expected, penalised = np.empty(PROBS.shape), np.empty(PROBS.shape)
    for i, row in enumerate(PROBS):
        for c, p in enumerate(row):
            expected[i, c] = row[row > p].sum() + U[i] * p
            penalised[i, c] = expected[i, c] + 0.1 * max(0, (row > p).sum() + 1 - 2)
    np.testing.assert_allclose(aps(PROBS, U), expected, atol=1e-12)
    np.testing.assert_allclose(raps(PROBS, U, penalty=0.1, free=2), penalised, atol=1e-12)
    np.testing.assert_array_equal(ranks(PROBS), (PROBS[:, None] > PROBS[:, :, None]).sum(axis=2) + 1)


def test_scores_of_the_true_class_are_uniform() -> None:
    # Drawn from the predicted distribution itself, the randomised score is uniform (Romano et al. 2020).
    from scipy import stats

    rng = np.random.default_rng(2)
    probs = rng.dirichlet(np.ones(5), 5000)
    labels = (probs.cumsum(axis=1) > rng.random((5000, 1))).argmax(axis=1)
    values = aps(probs, rng.random(5000))[np.arange(5000), labels]
    assert stats.kstest(values, "uniform").pvalue > 1e-4


def test_ties_are_in_the_order_of_their_numbers() -> None:
    np.testing.assert_allclose(aps(np.full((1, 4), 0.25)), [[0.25, 0.5, 0.75, 1.0]])
    np.testing.assert_allclose(lac(np.array([[0.25, 0.75]])), [[0.75, 0.25]])
