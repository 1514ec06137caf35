"""A tuned language model beside its base, and densities beside their background."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.language import Draw, Generated, Scored
from bench.models.building import build
from bench.models.pair import Pair
from bench.models.probed import Surrounded
from bench.specs import parse
from bench.tasks.ood.texts import ask, ood_texts

MACHINE = Machine()


class Letters:
    """Every letter has the same log-probability."""

    def __init__(self, each: float) -> None:
        self.each = each

    def score(self, requests: Any) -> list[Scored]:
        return [Scored(np.full(len(text), self.each), greedy=False) for _, text in requests]

    def generate(self, _: list[Draw]) -> list[Generated]:
        return []


def test_a_pair_asks_both_and_keeps_questions_apart() -> None:
    model = Pair(Letters(-1.0), Letters(-3.0), "a", "b")
    texts = [("ab", "cde"), ("", "xyz")]
    batch = Examples(ids=np.array(["0", "1"]), inputs=texts)
    record = ask(model, None, batch, 0, {"ids": batch.ids})
    assert record.question.tolist() == [2, 0]
    assert record.base is not None
    assert record.logprobs.sums().tolist() == [-5.0, -3.0]
    assert record.base.sums().tolist() == [-15.0, -9.0]
    assert record.bytes.tolist() == [5, 3]
    alone = ask(model.tuned, None, batch, 0, {"ids": batch.ids})
    assert alone.base is None


def test_tuning_raises_the_likelihood_of_what_it_was_tuned_on() -> None:
    train = ood_texts(0).split("train")
    few = train.take(np.arange(16))
    models = [build(parse("tuned:lm-base,epochs=1"), MACHINE) for _ in range(2)]
    for model in models:
        model.fit(few, 0)
    record = ask(models[0], None, train.take(np.arange(100, 104)), 0, {"ids": train.ids[100:104]})
    assert record.base is not None
    assert (record.log_prob > record.base.sums()).all()
    again = ask(models[1], None, train.take(np.arange(100, 104)), 0, {"ids": train.ids[100:104]})
    np.testing.assert_array_equal(record.log_prob, again.log_prob)
    with pytest.raises(UsageError, match="no training texts"):
        models[0].fit(few.take(np.empty(0, dtype=np.int64)), 0)


REFUSED = (
    "tuned:mlp",
    "pair:lm-tuned,base=mlp",
    "tuned:lm-base,epochs=0",
    "probed:mlp",
    "probed:kde,members=1",
    "probed:kde,rate=0",
    "pca,components=0",
    "ape,noise=0",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_built_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        build(parse(text), MACHINE)


def test_a_background_has_its_cells_replaced_and_the_model_does_not() -> None:
    draws = np.random.default_rng(0)
    rows = np.repeat(draws.standard_normal((400, 1)), 2, axis=1) + 0.1 * draws.standard_normal((400, 2))
    model = build(parse("probed:gaussian,members=3,rate=0.5"), MACHINE)
    assert isinstance(model, Surrounded)
    model.fit(Examples(ids=np.arange(400).astype(str), inputs=rows), 0)
    assert len(model.members) == 3
    along, across = np.array([[1.0, 1.0]]), np.array([[1.0, -1.0]])
    gap = model.density(along).log_prob - model.background.density(along).log_prob
    other = model.density(across).log_prob - model.background.density(across).log_prob
    assert gap[0] > 0 > other[0]
    assert model.noise_scale == pytest.approx(1.0, rel=0.1)
    with pytest.raises(AttributeError):
        model.nothing  # noqa: B018


def test_events_that_are_none_are_refused() -> None:
    from bench.errors import EvaluationError

    ape = build(parse("ape,epochs=1"), MACHINE)
    with pytest.raises(EvaluationError, match="no events"):
        ape.fit(Examples(ids=np.array(["a"]), inputs=np.array([[0.5, 1.0]])), 0)
    ape.fit(Examples(ids=np.arange(4).astype(str), inputs=np.array([[0, 1], [1, 0], [0, 0], [1, 1]])), 0)
    with pytest.raises(EvaluationError, match="never seen"):
        ape.density(np.array([[0, 2]]))
    np.testing.assert_allclose(np.exp(ape.density(np.array([[0, 1], [1, 0], [0, 0], [1, 1]])).log_prob).sum(), 1)


def test_the_normaliser_of_many_events_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models import entities as events

    draws = np.random.default_rng(0)
    rows = Examples(ids=np.arange(300).astype(str), inputs=draws.integers(0, 4, (300, 3)))
    exact = build(parse("ape,epochs=2"), MACHINE)
    exact.fit(rows, 0)
    monkeypatch.setattr(events, "ENUMERATED", 10)
    drawn = build(parse("ape,epochs=2"), MACHINE)
    drawn.fit(rows, 0)
    answer = drawn.density(rows.inputs)
    assert answer.likelihood == "estimate"
    assert answer.mc_error is not None
    assert abs(drawn.log_normaliser - exact.log_normaliser) < 5 * answer.mc_error[0]
