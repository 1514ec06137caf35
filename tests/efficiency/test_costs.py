"""What work costs: operations, memory, energy, and the fastest matrix product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.efficiency.energy import EnergyMeter
from bench.efficiency.memory import most_held
from bench.efficiency.peak import matmul_peak
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.flops import weight_flops
from bench.usage import Usage
from tests.models import tiny
from tests.models.architectures import make


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_operations_are_those_that_torch_counts(kind: str) -> None:
    network = make(kind)
    token, look = weight_flops(network)
    ids = torch.full((1, 12), 5)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(input_ids=ids)
    attention = sum(
        flops for op, flops in counter.get_flop_counts()["Global"].items() if "bmm" in str(op) or "attention" in str(op)
    )
    assert counter.get_total_flops() - attention == 12 * (token + look)


def test_tokens_that_meet_some_experts_are_not_counted() -> None:
    network = make("gpt2")
    network.config.num_experts = 4
    assert weight_flops(network) == (0, 0)


def test_the_peak_is_no_less_than_another_product_reaches() -> None:
    peak = matmul_peak("cpu", torch.float32)
    assert peak == matmul_peak("cpu", torch.float32)
    assert 1e8 < peak < 1e14


def test_memory_counts_what_was_held() -> None:
    before = most_held("cpu")
    block = np.ones(1 << 26)  # 512 MiB, more than the tests hold otherwise
    block += 1
    assert most_held("cpu") >= max(before, block.nbytes)


def package(root: Path, name: str, microjoules: int, most: int) -> Path:
    """A counter as Linux shows it."""
    folder = root / name
    folder.mkdir()
    (folder / "name").write_text(f"package-{name[-1]}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_energy_adds_packages_and_wraps_round(tmp_path: Path) -> None:
    first = package(tmp_path, "intel-rapl:0", 1_000_000, 10_000_000)
    second = package(tmp_path, "intel-rapl:1", 9_000_000, 10_000_000)
    package(tmp_path, "intel-rapl:0:0", 5, 10)  # a part of the first package
    (tmp_path / "intel-rapl:2").mkdir()  # a domain that may not be read
    meter = EnergyMeter(rapl=tmp_path)
    assert meter.sources == ("package-0", "package-1")
    assert meter.joules() == 0
    first.write_text("3500000")
    second.write_text("500000")
    assert meter.joules() == pytest.approx(2.5 + 1.5)
    first.write_text("3600000")
    assert meter.joules() == pytest.approx(4.1)


def test_without_counters_there_is_no_energy(tmp_path: Path) -> None:
    meter = EnergyMeter(rapl=tmp_path / "none")
    assert (meter.sources, meter.joules()) == ((), 0)


def test_usage_adds_up_and_keeps_the_largest() -> None:
    first = Usage("tree", scored_tokens=3, forwards=1, flops=10.0, memory=7, peak=2.0)
    total = Usage("tree", scored_tokens=4, memory=9, peak=1.0)
    total.add(first)
    assert total == Usage("tree", scored_tokens=7, forwards=1, flops=10.0, memory=9, peak=2.0)
    assert total.since(first) == Usage("tree", scored_tokens=4, memory=9, peak=2.0)
    assert Usage.of({**total.counts(), "of another version": 1.0}) == Usage("", **total.counts())  # type: ignore[arg-type]


def test_a_model_counts_its_operations() -> None:
    made = tiny.loaded()
    model = HuggingFace(made)
    (scored,) = model.score([("a b", " c d")])
    usage = model.usage()
    token, look = weight_flops(made.model)
    assert usage.flops == token * usage.scored_tokens_run + look * usage.looks
    assert usage.looks == len(scored.logprobs)
    assert usage.peak > 0
    assert usage.memory > 0
