from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.records import log_softmax
from bench.records.top import log_prob_of, squared_error_of, top


@pytest.mark.parametrize("classes", [1, 2, 10, 100])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_are_the_whole(classes: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    logits: Any = np.round(rng.normal(0, 2, (203, classes)), 0).astype(dtype)  # many ties
    logits[0, 1:] = -np.inf
    logits[1] = -800 + logits[1]
    logits[2] = 800 + logits[2]
    labels = rng.integers(-1, classes, 203)
    monkeypatch.setattr("bench.records.top.BLOCK", 17 * classes)
    confidence, correct = top(logits, labels)
    np.testing.assert_allclose(confidence, np.exp(log_softmax(logits)).max(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(correct, logits.argmax(axis=1) == labels)
    labels = np.maximum(labels, 0)
    each = np.arange(203), labels
    np.testing.assert_allclose(log_prob_of(logits, labels), log_softmax(logits)[each], rtol=1e-13)
    error = np.exp(log_softmax(logits))
    error[each] -= 1
    np.testing.assert_allclose(squared_error_of(logits, labels), (error**2).sum(axis=1), rtol=1e-12)


def test_no_rows() -> None:
    confidence, correct = top(np.empty((0, 4)), np.empty(0, dtype=np.int64))
    assert confidence.shape == correct.shape == (0,)
