"""DocNADE as a model of discrete data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.topics import npmi_coherence
from bench.models import docnade as module
from bench.models.building import build
from bench.models.docnade import DocNade
from bench.specs import parse


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def documents(n: int = 600) -> Examples:
    """Six words of one of two topics each, of three words: a document is one topic's throughout."""
    draws = np.random.default_rng(0)
    rows = draws.integers(0, 3, (n, 6)) + 3 * draws.integers(0, 2, (n, 1))
    return Examples(ids=np.arange(n).astype(str), inputs=rows.astype(float), levels=6)


@pytest.mark.parametrize("mixing", [0.0, 0.5])
def test_it_comes_near_the_entropy_of_two_topics(monkeypatch: pytest.MonkeyPatch, mixing: float) -> None:
    monkeypatch.setattr(module, "STEPS", 250)
    examples = documents()
    model = DocNade(8, mixing)
    model.fit(examples, 0)
    found = model.density(np.asarray(examples.inputs))
    entropy = np.log(2) + 6 * np.log(3)
    assert found.likelihood == "exact"
    assert (
        entropy - 0.1 < -found.log_prob.mean() < entropy + 0.25
    )  # six independent words would take 10.75 nats, two topics 7.28
    one = model.density(np.asarray(examples.inputs)[4:5]).log_prob[0]
    assert one == pytest.approx(found.log_prob[4], rel=1e-9)
    assert model.topic_words(3).shape == (8, 3)
    again = DocNade(8, mixing)
    monkeypatch.setattr(DocNade, "_trained", lambda *_: pytest.fail("it was trained again"))
    again.fit(examples, 0)
    np.testing.assert_array_equal(again.density(np.asarray(examples.inputs)).log_prob, found.log_prob)


def test_coherence_tells_topics_from_mixtures() -> None:
    rows = np.asarray(documents().inputs).astype(int)
    held = Ragged.of(list(rows), np.int64)
    whole, mixed = npmi_coherence(np.array([[0, 1, 2], [0, 1, 3]]), held, 6)
    assert whole > 0.5 > mixed


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="docnade cannot have"):
        build(parse("docnade,topics=0"), None)  # type: ignore[arg-type]
