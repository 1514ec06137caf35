"""Flows through zuko."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import zuko

from bench.capabilities import LogDensity, Machine
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import normalising_flows
from bench.models.building import build
from bench.models.normalising_flows import TrainedFlow
from bench.specs import parse


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def examples(rows: np.ndarray, levels: int = 0) -> Examples:
    return Examples(ids=np.arange(len(rows)).astype(str), inputs=rows, levels=levels)


def grey(n: int) -> np.ndarray:
    draws = np.random.default_rng(0)
    return np.clip(np.rint(4 + 2 * draws.standard_normal((n, 1)) + draws.standard_normal((n, 3))), 0, 8)


def fitted(dequantisation: str, steps: int = 15) -> TrainedFlow:
    model = TrainedFlow("maf", dequantisation, 3, steps=steps)
    model.fit(examples(grey(200), 9), 0)
    return model


@pytest.mark.parametrize("dequantisation", ["uniform", "importance", "variational", "variational-importance"])
def test_discrete_data_gets_a_bound_that_no_batch_changes(dequantisation: str) -> None:
    model = fitted(dequantisation)
    rows = grey(20)
    whole, alone = model.density(rows), model.density(rows[7:8])
    np.testing.assert_allclose(whole.log_prob[7], alone.log_prob[0], rtol=1e-9)
    assert (whole.likelihood, whole.dequantisation) == ("lower", dequantisation.partition("-")[0])
    assert (whole.log_prob < 0).all()


def test_it_is_trained_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fitted("variational").density(grey(5)).log_prob
    monkeypatch.setattr(normalising_flows, "_trained", lambda *_: pytest.fail("it was trained again"))
    np.testing.assert_array_equal(fitted("variational").density(grey(5)).log_prob, first)
    with pytest.raises(pytest.fail.Exception):
        fitted("uniform")  # noise that is not learnt has another flow


def test_training_leaves_torch_s_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fitted("uniform", steps=2)
    assert torch.equal(torch.rand(1), expected)


def test_a_flow_of_the_user_s(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import torch, zuko\n\ndef flow():\n    torch.manual_seed(0)\n    return zuko.flows.NSF(3).double()\n"
        "\ndef nothing():\n    return 3\n"
    )
    rows = grey(6)

    def asked(more: str) -> LogDensity:
        found: LogDensity = build(parse(f"zuko:{path}:flow{more}"), Machine()).density(rows)
        return found

    torch.manual_seed(0)
    theirs = zuko.flows.NSF(3).double()
    with torch.no_grad():
        expected = theirs().log_prob(torch.as_tensor(rows)).numpy()
    found = asked("")
    np.testing.assert_allclose(found.log_prob, expected)
    assert found.likelihood == "exact"
    bound, tight = asked(",levels=9,draws=16"), asked(",levels=9,draws=16,dequantisation=importance")
    assert (bound.likelihood, bound.dequantisation, tight.dequantisation) == ("lower", "uniform", "importance")
    assert (tight.log_prob >= bound.log_prob).all()
    with pytest.raises(UsageError, match="gave no flow"):
        build(parse(f"zuko:{path}:nothing"), Machine())


def test_wrong_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="flow cannot have"):
        build(parse("flow,kind=glow"), Machine())
    path = tmp_path / "mine.py"
    path.write_text("import zuko\n\ndef flow():\n    return zuko.flows.NSF(3)\n")
    with pytest.raises(UsageError, match="is wrong"):
        build(parse(f"zuko:{path}:flow,levels=9,dequantisation=variational"), Machine())
