"""The recipe of each checkpoint: everything its weights hang on, but for the library versions."""

from __future__ import annotations

from dataclasses import dataclass

from bench.zoo.corpus import EVERYTHING, QUESTIONS, Mix


@dataclass(frozen=True)
class Recipe:
    """How a model is made.  It sees ``steps * batch * length`` tokens; the learning rate falls as a cosine."""

    name: str
    mix: Mix
    steps: int
    learning_rate: float
    seed: int
    hidden: int = 160
    layers: int = 4
    heads: int = 5
    inner: int = 432
    batch: int = 8
    length: int = 256
    warmup: int = 100
    weight_decay: float = 0.1
    parent: str | None = None


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("lm-base", EVERYTHING, steps=3000, learning_rate=3e-3, seed=1),
        Recipe("lm-tuned", QUESTIONS, steps=500, learning_rate=1e-3, seed=2, parent="lm-base"),
        Recipe(
            "lm-small",
            EVERYTHING,
            steps=3000,
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
