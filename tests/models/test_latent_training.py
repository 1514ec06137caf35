"""Training by several bounds, and the signal in their gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.capabilities import Machine
from bench.errors import EvaluationError
from bench.estimators.latent import BOUNDS, Bound, bound_of, of_weights
from bench.models import latent
from bench.models.building import build
from bench.records import Signals
from bench.specs import parse
from bench.tasks.likelihood.gradient_signal import ask, likelihood_gradient_signal


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def networks() -> latent.Networks:
    draws = torch.Generator().manual_seed(0)
    sizes = {"e0": (5, 7), "e1": (7, 4), "d0": (2, 7), "d1": (7, 5)}
    arrays = {k: torch.randn(a, b, generator=draws).double() for k, (a, b) in sizes.items()}
    arrays |= {f"{k[0]}b{k[1]}": torch.zeros(b).double() for k, (_, b) in sizes.items()}
    arrays["width"] = torch.zeros(5).double()
    return latent.Networks({k: p.requires_grad_() for k, p in arrays.items()}, 0, torch.zeros(5).double(), 1.0)


@pytest.mark.parametrize("name", [name for name in BOUNDS if name != "vis"])
def test_a_differentiable_bound_is_the_bound(name: str) -> None:
    logs = np.random.default_rng(0).standard_normal((6, 3, 4))
    how = Bound(name, 4, 3, 0.3)
    np.testing.assert_allclose(bound_of(torch.as_tensor(logs), how).numpy(), of_weights(logs, how), rtol=1e-12)


def test_piwae_trains_each_half_by_its_own_bound() -> None:
    held = networks()
    draws = torch.Generator().manual_seed(1)
    x, noise = torch.randn(9, 5, generator=draws).double(), torch.randn(9, 8, 2, generator=draws).double()

    def gradients(name: str) -> dict[str, torch.Tensor]:
        found = torch.autograd.grad(latent.raised(held, name, x, noise).mean(), list(held.arrays.values()))
        return dict(zip(held.arrays, found, strict=True))

    both, tight, grouped = (gradients(name) for name in ("piwae", "iwae", "miwae"))
    for name, found in both.items():
        expected = grouped[name] if name[0] == "e" else tight[name]
        torch.testing.assert_close(found, expected)
    assert not torch.allclose(tight["e0"], grouped["e0"])


@pytest.mark.parametrize("objective", ["miwae", "ciwae", "piwae"])
def test_vaes_learn_by_every_objective(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "STEPS", 60)
    rows = np.random.default_rng(0).standard_normal((200, 1)) + 0.1 * np.random.default_rng(1).standard_normal((200, 4))
    from bench.examples import Examples

    train = Examples(ids=np.arange(200).astype(str), inputs=rows)
    model = build(parse(f"vae,latent=1,objective={objective},k=20"), Machine())
    model.fit(train, 0)
    # Independent unit Gaussians of four numbers that are nearly one: 5.7 nats.
    assert -model.density(rows).log_prob.mean() < 5.0


def test_a_tighter_bound_loses_the_proposals_signal() -> None:
    """With 64 draws in place of 4 the generator's ratio is 4 times as large, the proposal's a quarter."""
    task = likelihood_gradient_signal(0)
    batch = task.split("test").take(np.arange(40))
    found = {}
    for k in (4, 64):
        model = build(parse(f"ppca,latent=4,bound=iwae,k={k},spread=1.5"), Machine())
        model.fit(task.split("train"), 0)
        record = ask(model, None, batch, 0, {"ids": batch.ids})
        assert isinstance(record, Signals)
        found[k] = record.generator.mean(), record.inference.mean()
    assert found[64][0] / found[4][0] == pytest.approx(4.0, rel=0.25)
    assert found[64][1] / found[4][1] == pytest.approx(0.25, rel=0.3)
    with pytest.raises(EvaluationError, match="gradients"):
        ask(object(), None, batch, 0, {"ids": batch.ids})
