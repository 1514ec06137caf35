"""Probabilistic PCA: a linear Gaussian model with an exact density, which also reconstructs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.components import model
from bench.errors import UsageError
from bench.models.densities import Gaussian


@dataclass
class PrincipalComponents(Gaussian):
    """A Gaussian whose covariance is of rank k plus a multiple of the identity."""

    name: ClassVar[str] = "pca"
    components: int = 8
    axes: Float64s | None = None

    def learn(self, rows: Float64s) -> None:
        """Maximum likelihood: the first k principal axes, and the mean variance of the others as noise."""
        width = rows.shape[1]
        if not self.components < min(width, len(rows)):
            raise UsageError(
                f"pca cannot have {self.components} components",
                cause=f"there are {width} columns and {len(rows)} training rows",
                fix="give fewer: pca,components=2",
            )
        self.mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False, ddof=1))  # ascending
        noise = max(float(values[: width - self.components].mean()), 1e-12)
        self.axes = vectors[:, width - self.components :]
        lead = np.maximum(values[width - self.components :] - noise, 0.0)
        self.covariance = (self.axes * lead) @ self.axes.T + noise * np.eye(width)

    def reconstruct(self, rows: Float64s) -> Float64s:
        """The nearest point of the principal subspace to each row (n, d)."""
        assert self.mean is not None and self.axes is not None  # noqa: S101, PT018 - fit comes first
        return np.asarray(self.mean + (rows - self.mean) @ self.axes @ self.axes.T, dtype=np.float64)

    def parameters(self) -> dict[str, Any]:
        """The number of components."""
        return {"components": self.components}


@model("pca", gives="density", source="Tipping and Bishop 1999", check="ood/reconstruction")
def pca(components: int = 8) -> PrincipalComponents:
    """Probabilistic PCA, fitted in closed form; what a linear variational autoencoder reaches at its best.

    components: number of principal axes kept.
    """
    if components < 1:
        raise UsageError("pca has no component", cause="it needs one", fix="write pca,components=8")
    return PrincipalComponents(components=components)
