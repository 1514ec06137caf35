"""Asking a density about its inputs, and for what its OOD scores are held against."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.examples import Examples
from bench.models.scaling import flat
from bench.records import ProbedDensity
from bench.seeds import generator

DRAWS = 16
DENSITIES = (
    "density-nll", "typicality", "waic", "likelihood-ratio", "input-complexity", "minority", "reconstruction",
)  # fmt: skip


@dataclass(frozen=True)
class Weighing:
    """An asker of `ProbedDensity` records."""

    def requests(self, _: Any, __: Examples) -> list[tuple[str, str]]:
        """None: no text is scored."""
        return []

    def __call__(self, model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> ProbedDensity:
        """Ask about each sample, and for what there is beside."""
        inputs = np.asarray(batch.inputs)
        answer, rows = model.density(inputs), flat(inputs)
        members = getattr(model, "members", None)
        background = getattr(model, "background", None)
        denoise, reconstruct = getattr(model, "denoise", None), getattr(model, "reconstruct", None)
        if batch.levels:
            denoise = None  # a denoiser of continuous data says nothing of grey levels
        return ProbedDensity(
            **common,
            log_prob=answer.log_prob,
            dim=np.full(len(batch), rows.shape[1]),
            mc_error=answer.mc_error,
            ess=answer.ess,
            truth=batch.truth,
            likelihood=answer.likelihood,
            levels=batch.levels,
            dequantisation=answer.dequantisation,
            members=np.stack([m.density(inputs).log_prob for m in members], axis=1) if members else None,
            background=background.density(inputs).log_prob if background is not None else None,
            complexity=compressed(inputs) if 0 < batch.levels <= 256 else None,
            minority=None if denoise is None else discrepancy(denoise, rows, model.noise_scale, seed),
            reconstruction=None if reconstruct is None else ((rows - reconstruct(rows)) ** 2).sum(axis=1),
        )


weigh = Weighing()


def compressed(levels: AnyArray) -> Float64s:
    """Length of each row of grey levels (b, ...) after DEFLATE at its best, nats, (b,)."""
    raw = np.asarray(levels, dtype=np.uint8).reshape(len(levels), -1)
    return np.array([len(zlib.compress(row.tobytes(), 9, wbits=-15)) for row in raw]) * 8 * np.log(2)


def discrepancy(
    denoise: Callable[[Float64s, float], Float64s], rows: Float64s, noise: float, seed: int, draws: int = DRAWS
) -> Float64s:
    """Mean over noise e of |x - E[x0 | x + noise e]|^2, (n,).  rows: (n, d).

    denoise: (noised rows, noise) -> posterior means, Tweedie's formula where it comes of a score.  Draws come in pairs
    e, -e, the same for all rows, so that odd terms cancel and a row's score is its own.
    """
    total = np.zeros(len(rows))
    for draw in range(draws // 2):
        step = noise * generator(seed, "minority", draw).standard_normal(rows.shape[1])
        for sign in (1.0, -1.0):
            total += ((rows - denoise(rows + sign * step, noise)) ** 2).sum(axis=1)
    return total / (2 * (draws // 2))
