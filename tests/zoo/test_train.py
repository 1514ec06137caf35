"""Training from a recipe: the same bytes twice, and weights that survive the rounding to float16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.zoo import tokenizer, train
from bench.zoo.recipes import RECIPES

TINY = replace(
    RECIPES["lm-base"],
    name="tiny",
    steps=3,
    hidden=16,
    layers=1,
    heads=2,
    inner=32,
    batch=2,
    length=64,
    warmup=1,
)
CHILD = replace(RECIPES["lm-tuned"], name="child", parent="tiny", steps=2, batch=2, length=64, warmup=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders in which the same two recipes were trained."""
    words = tokenizer.build()
    folders = [tmp_path_factory.mktemp("zoo") for _ in range(2)]
    for folder in folders:
        train.train(TINY, folder, words)
        train.train(CHILD, folder, words)
    return folders


def test_the_same_recipe_gives_the_same_bytes(trained: list[Path]) -> None:
    first, second = trained
    for name in ("tiny", "child"):
        assert train.digest_of(first / name) == train.digest_of(second / name)
        files = sorted(path.name for path in (first / name).iterdir())
        assert files == sorted(path.name for path in (second / name).iterdir())
        assert all((first / name / file).read_bytes() == (second / name / file).read_bytes() for file in files)


def test_a_child_starts_from_its_parent_and_moves_away(trained: list[Path]) -> None:
    assert train.digest_of(trained[0] / "tiny") != train.digest_of(trained[0] / "child")


def test_another_seed_gives_another_model(trained: list[Path], tmp_path: Path) -> None:
    other = train.train(replace(TINY, seed=9), tmp_path)
    assert train.digest_of(other) != train.digest_of(trained[0] / "tiny")


def test_weights_are_half_on_disk_and_float32_in_memory(trained: list[Path]) -> None:
    folder = trained[0] / "tiny"
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    size = (folder / "model.safetensors").stat().st_size
    assert size < 2.5 * sum(parameter.numel() for parameter in model.parameters()) + 5000


def test_a_token_looks_back_and_within_its_own_document_only() -> None:
    mask = train._mask(torch.tensor([[0, 0, 1, 1]]))[0, 0]
    assert mask.tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, True, True],
    ]


def test_the_learning_rate_rises_to_its_peak_and_falls_as_a_cosine() -> None:
    recipe = replace(TINY, steps=100, warmup=10)
    rates = [train.rate(recipe, step) for step in range(101)]
    assert rates[9] == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.51)
    assert rates[100] == pytest.approx(0.02)


def test_an_unknown_recipe_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        train.main(["lm-huge"])
    assert refusal.value.code == 2
    assert "lm-huge" in capsys.readouterr().err


def test_parents_are_trained_before_their_children() -> None:
    names = list(RECIPES)
    for recipe in RECIPES.values():
        assert recipe.parent is None or names.index(recipe.parent) < names.index(recipe.name)
