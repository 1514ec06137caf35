"""Scores of changed inputs, densities and texts: gradients, and what does not apply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.capabilities import Differentiable, Machine
from bench.components import NotApplicable
from bench.examples import Examples
from bench.models.building import build
from bench.records import Contrasted, Density, Probed, ProbedDensity
from bench.scores import densities, probes, texts
from bench.specs import parse
from bench.tasks.ood.probing import Probing

DRAWS = np.random.default_rng(0)
ROWS = Examples(ids=np.arange(80).astype(str), inputs=DRAWS.random((80, 4, 4)), targets=np.arange(80) % 3, classes=3)


@pytest.mark.parametrize("text", ["mlp,epochs=3,depth=2,hidden=8", "logistic"])
def test_pullbacks_are_the_derivatives_of_the_logits(text: str) -> None:
    model: Any = build(parse(text), Machine())
    model.fit(ROWS, 0)
    assert isinstance(model, Differentiable)
    inputs, weights = np.asarray(ROWS.inputs)[:5], DRAWS.standard_normal((5, 3))
    found = model.pullback(inputs, weights)
    assert found.shape == inputs.shape
    for place in [(0, 0), (1, 2), (3, 3)]:
        step = np.zeros((4, 4))
        step[place] = 1e-6
        change = (model.classify(inputs + step).logits - model.classify(inputs - step).logits) / 2e-6
        np.testing.assert_allclose(found[:, place[0], place[1]], (change * weights).sum(axis=1), rtol=1e-4, atol=1e-6)


def test_a_torch_module_gives_its_head_and_gradients() -> None:
    import torch

    from bench.models.batching import Batches
    from bench.models.torch import ModuleClassifier

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = torch.nn.Linear(16, 6), torch.nn.Linear(6, 3)

        def features(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.body(x.flatten(1)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.features(x))

    torch.manual_seed(0)
    net = Net()
    model = ModuleClassifier(net, "cpu", torch.float32, Batches(0), {})
    answer = model.classify(np.asarray(ROWS.inputs))
    assert answer.head is not None
    np.testing.assert_allclose(answer.head[0], net.fc.weight.detach().numpy())
    record = Probing()(model, None, ROWS, 0, {"ids": ROWS.ids})
    assert record.nudged is not None
    assert record.slope is not None
    assert record.head
    # A step along the sign of the gradient makes the predicted class more probable.
    first = np.take_along_axis(record.log_probs, record.predicted[:, None], axis=1)
    after = record.nudged - np.logaddexp.reduce(record.nudged, axis=1)[:, None]
    assert (np.take_along_axis(after, record.predicted[:, None], axis=1) > first).mean() > 0.95


def test_probing_does_not_depend_on_the_batch() -> None:
    model: Any = build(parse("logistic"), Machine())
    model.fit(ROWS, 0)
    whole = Probing()(model, None, ROWS, 7, {"ids": ROWS.ids})
    some = ROWS.take(np.array([5, 3, 70]))
    part = Probing()(model, None, some, 7, {"ids": some.ids})
    for name in ("odin", "energy-slope", "plpd"):
        function = {"odin": probes.odin, "energy-slope": probes.energy_slope, "plpd": probes.plpd}[name]
        np.testing.assert_allclose(function(part), function(whole)[[5, 3, 70]], rtol=1e-9, atol=1e-12)


def test_what_the_model_does_not_give_does_not_apply() -> None:
    ids = np.array(["a", "b"])
    bare = Probed(ids=ids, labels=np.zeros(2, int), logits=np.zeros((2, 2)))
    for score in (probes.odin, probes.energy_slope, probes.plpd):
        with pytest.raises(NotApplicable):
            score(bare)
    plain = ProbedDensity(ids=ids, log_prob=np.zeros(2), dim=np.ones(2, int))
    for other in (densities.waic, densities.likelihood_ratio, densities.input_complexity, densities.minority,
                  densities.reconstruction):  # fmt: skip
        with pytest.raises(NotApplicable):
            other(plain)
    with pytest.raises(NotApplicable, match="no training rows"):
        densities.typicality(plain, Density(ids=ids[:0], log_prob=np.zeros(0), dim=np.zeros(0, int)))
    single = Contrasted(ids=ids, logprobs=Ragged.of([[-1.0], [-2.0]], np.float64), bytes=np.ones(2, int),
                        question=np.zeros(2, int))  # fmt: skip
    for ratio in (texts.lm_ratio, texts.lm_ratio_mean, texts.lm_ratio_answer, texts.lm_ratio_question):
        with pytest.raises(NotApplicable):
            ratio(single)
