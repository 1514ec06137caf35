"""Asking a classifier about its inputs, and about changed ones.

Both changes are fixed before anything is seen: ODIN's step and temperature are its authors', never tuned here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Strings
from bench.capabilities import Classified, Differentiable
from bench.examples import Examples
from bench.records import Probed, log_softmax
from bench.records.head import packed
from bench.seeds import uniforms

STEP = 0.0014
TEMPERATURE = 1000.0


@dataclass(frozen=True)
class Probing:
    """An asker of `Probed` records.

    step: of ODIN, in units of the inputs.  grid: images are cut into grid x grid patches, which are shuffled; 0: the
    inputs are no images, and nothing is shuffled.
    """

    step: float = STEP
    grid: int = 4

    def requests(self, _: Any, __: Examples) -> list[tuple[str, str]]:
        """None: no text is scored."""
        return []

    def __call__(self, model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> Probed:
        """Ask about each sample (b, ...), changed inputs included."""
        inputs = np.asarray(batch.inputs, dtype=np.float64)
        answer: Classified = model.classify(inputs)
        nudged, slope = None, None
        if isinstance(model, Differentiable):
            away = _leading(answer.logits) - np.exp(log_softmax(answer.logits / TEMPERATURE))
            nudged = model.classify(inputs + self.step * np.sign(model.pullback(inputs, away))).logits
            gradient = model.pullback(inputs, np.exp(log_softmax(answer.logits)))
            slope = np.linalg.norm(gradient.reshape(len(inputs), -1), axis=1)
        return Probed(
            **common,
            labels=np.asarray(batch.targets),
            logits=answer.logits,
            features=answer.features,
            members=answer.members,
            truth=batch.truth,
            head="" if answer.head is None else packed(*answer.head),
            nudged=nudged,
            shuffled=model.classify(shuffled(inputs, batch.ids, self.grid, seed)).logits if self.grid else None,
            slope=slope,
            step=self.step,
            temperature=TEMPERATURE,
        )


def shuffled(images: AnyArray, ids: Strings, grid: int, seed: int) -> AnyArray:
    """Images (n, h, w, ...) with their grid x grid patches in an order of each image's own, drawn from (seed, id).

    Sides that the grid doesn't divide keep their remainder, at the far end, where it was.
    """
    n, h, w, *rest = images.shape
    y, x = h // grid, w // grid
    draws = np.stack([uniforms(ids, seed, "patch", place) for place in range(grid * grid)], axis=1)
    inner = images[:, : y * grid, : x * grid].reshape(n, grid, y, grid, x, *rest).swapaxes(2, 3)
    patches = inner.reshape(n, grid * grid, y, x, *rest)
    moved = patches[np.arange(n)[:, None], draws.argsort(axis=1)]
    out = images.copy()
    out[:, : y * grid, : x * grid] = (
        moved.reshape(n, grid, grid, y, x, *rest).swapaxes(2, 3).reshape(n, y * grid, x * grid, *rest)
    )
    return out


def _leading(logits: Float64s) -> Float64s:
    return (np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, None]).astype(np.float64)
