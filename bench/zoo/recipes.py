"""The recipe of each checkpoint: everything its weights hang on, but for the library versions."""

from __future__ import annotations

from dataclasses import dataclass

from bench.zoo.corpus import EVERYTHING, QUESTIONS, Mix


@dataclass(frozen=True)
class Recipe:
    """How a model is made: from ``steps * batch * length`` tokens, at a rate that falls as a cosine."""

    name: str
    mix: Mix
    steps: int
    learning_rate: float
    seed: int
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 352
    batch: int = 4
    length: int = 256
    warmup: int = 200
    weight_decay: float = 0.1
    parent: str | None = None


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("lm-base", EVERYTHING, steps=5000, learning_rate=3e-3, seed=1),
        Recipe("lm-tuned", QUESTIONS, steps=1900, learning_rate=2e-3, seed=2, parent="lm-base"),
        Recipe(
            "lm-small",
            EVERYTHING,
            steps=4000,
            learning_rate=4e-3,
            seed=3,
            hidden=96,
            layers=3,
            heads=3,
            inner=256,
        ),
    )
}
"""Parents stand before their children."""
