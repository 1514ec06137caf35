"""Losses foretold under a shift of the outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.arrays import AnyArray
from bench.capabilities import Classified, Forecast
from bench.errors import RecordError, UsageError
from bench.examples import Examples
from bench.metrics.reweighted import effective_share, shift_bias, shift_bias_unweighted, weight_error
from bench.records import Reweighted
from bench.references.digits import digits
from bench.tasks.ood.target_shift import ood_label_shift, ood_target_shift


class Mean:
    """Forecasts the mean of the first two inputs."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        return Forecast(mean=inputs[:, :2].mean(axis=1), std=np.ones(len(inputs)))


class Nearly:
    """Knows every digit, but takes eights for threes where their first rows are dark."""

    def __init__(self) -> None:
        parts = Examples.join({name: digits(name) for name in ("calibration", "test")})
        self.labels = {
            image.tobytes(): int(label)
            for image, label in zip(np.asarray(parts.inputs), np.asarray(parts.targets), strict=True)
        }

    def classify(self, inputs: AnyArray) -> Classified:
        found = np.array([self.labels[image.tobytes()] for image in inputs])
        wrong = (found == 8) & (inputs[:, :2].sum(axis=(1, 2)) > np.median(inputs[:, :2].sum(axis=(1, 2))))
        return Classified(np.where(np.eye(10)[np.where(wrong, 3, found)] > 0, 0.0, -9.0))


def record(examples: Examples, model: Any) -> Reweighted:
    test = examples.split("test")
    made = test.asker(model, None, test, 0, {"ids": test.ids})  # type: ignore[misc]
    assert isinstance(made, Reweighted)
    return made


def test_weights_foretell_what_the_source_alone_does_not() -> None:
    found = record(ood_target_shift(1), Mean())
    assert abs(shift_bias(found).values.mean()) < abs(shift_bias_unweighted(found).values.mean()) / 2
    error = weight_error(found)
    assert error.denominators is not None
    assert error.values.sum() < 0.2 * error.denominators.sum()
    assert 0.4 < effective_share(found).values.mean() < 0.9


def test_without_a_shift_weights_are_near_one() -> None:
    found = record(ood_target_shift(1, mean=0.0, std=1.0), Mean())
    assert found.flat == pytest.approx(0, abs=1e-12)
    assert found.error.mean() < 0.05


def test_classes_are_weighed_by_the_confusion_matrix() -> None:
    found = record(ood_label_shift(0), Nearly())
    error = weight_error(found)
    assert error.denominators is not None
    # The target's shares themselves are known from 300 draws alone.
    assert error.values.sum() < 0.1 * error.denominators.sum()
    assert abs(shift_bias(found).values.mean()) < 0.01


def test_a_world_is_its_number_whatever_else_is_asked() -> None:
    examples = ood_target_shift(0).split("test")
    part = examples.take(np.array([3]))
    alone = part.asker(Mean(), None, part, 0, {"ids": part.ids})  # type: ignore[misc]
    assert isinstance(alone, Reweighted)
    assert alone.foretold[0] == record(ood_target_shift(0), Mean()).foretold[3]
    with pytest.raises(UsageError, match="std is 2"):
        ood_target_shift(0, std=2.0)
    nothing = np.zeros(1)
    with pytest.raises(RecordError, match="at least 0"):
        Reweighted(ids=np.array(["a"]), foretold=nothing, unweighted=nothing, known=nothing, suffered=nothing,
                   error=nothing - 1, flat=nothing, effective=nothing)  # fmt: skip
