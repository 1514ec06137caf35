"""Gradient descent that stops where rows kept apart say so."""

from __future__ import annotations

import pytest
import torch

from bench.models.descent import descend


def test_the_mean_of_least_held_out_loss_is_returned() -> None:
    point = torch.zeros(1, requires_grad=True)
    seen: list[float] = []

    def held() -> float:
        seen.append(point.item())
        return (point.item() - 0.5) ** 2

    (found,) = descend([point], lambda: (point - 2.0).square().sum(), steps=200, rate=0.05, average=0.5, held=held)
    assert len(seen) == 20
    assert found.item() == min(seen, key=lambda at: (at - 0.5) ** 2)
    assert abs(found.item() - 0.5) < 0.3
    assert point.item() > 1.5  # training itself went on, past the best


def test_weight_decay_draws_parameters_to_zero() -> None:
    point = torch.ones(1, requires_grad=True)
    descend([point], lambda: 0.0 * point.sum(), steps=100, rate=0.01, decay=2.0)
    # The product of 1 - rate decay over a rate that falls linearly to 0.
    assert point.item() == pytest.approx(torch.prod(1 - 0.02 * (1 - torch.arange(100) / 100)).item(), rel=1e-4)
