"""The embedded densities of continuous data; discrete data reaches them dequantised, as a lower bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.covariance import gaussian_log_density, ledoit_wolf
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.dequantisation import dequantised, lower_bound
from bench.models.scaling import flat
from bench.references.mixtures import Mixture, source
from bench.seeds import derive

COMPONENTS = (1, 2, 4, 6, 8, 12, 16, 24, 32)
BANDWIDTHS = np.geomspace(0.05, 2.0, 24)
BLOCK = 512


@dataclass
class Continuous:
    """A density over real vectors: subclasses learn from rows and give the log-density of rows."""

    name: ClassVar[str] = ""
    levels: int = 0
    seed: int = 0

    def fit(self, train: Examples, seed: int) -> None:
        """Learn from the training rows, dequantised where the task's data is discrete."""
        rows = training_rows(train)
        self.levels, self.seed = train.levels, seed
        self.learn(dequantised(rows, seed) if self.levels else rows)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-density (b,); of discrete data a lower bound on the log-mass."""
        rows = flat(inputs)
        return lower_bound(self.log_density, rows, self.seed) if self.levels else LogDensity(self.log_density(rows))

    def learn(self, rows: Float64s) -> None:
        """Fit to rows (n, d)."""
        raise NotImplementedError

    def log_density(self, rows: Float64s) -> Float64s:
        """Log-density of rows (n, d), nats, (n,)."""
        raise NotImplementedError

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts(self.name, self.parameters(), "numpy", "scipy", "scikit-learn")

    def parameters(self) -> dict[str, Any]:
        """What the user may set."""
        return {}


@dataclass
class Gaussian(Continuous):
    """One Gaussian with a full covariance."""

    name: ClassVar[str] = "gaussian"
    mean: Float64s | None = None
    covariance: Float64s | None = None

    def learn(self, rows: Float64s) -> None:
        """Mean, and covariance shrunk after Ledoit and Wolf."""
        self.mean = rows.mean(axis=0)
        self.covariance, _ = ledoit_wolf(rows - self.mean)

    @property
    def noise_scale(self) -> float:
        """Root mean square deviation of a coordinate."""
        assert self.covariance is not None  # noqa: S101 - fit comes first
        return float(np.sqrt(np.trace(self.covariance) / len(self.covariance)))

    def denoise(self, rows: Float64s, noise: float) -> Float64s:
        """Mean of the data given rows (n, d) with Gaussian noise of that deviation added; closed form."""
        assert self.mean is not None and self.covariance is not None  # noqa: S101, PT018 - fit comes first
        return denoised(rows, noise, np.zeros(1), self.mean[None], self.covariance[None])

    def log_density(self, rows: Float64s) -> Float64s:
        """Closed form."""
        assert self.mean is not None and self.covariance is not None  # noqa: S101, PT018 - fit comes first
        return gaussian_log_density(rows, self.mean, self.covariance)


@dataclass
class GaussianMixture(Continuous):
    """A mixture of Gaussians, fitted by EM."""

    name: ClassVar[str] = "gaussian-mixture"
    components: int = 0
    covariance: str = "auto"
    fitted: Any = None

    def learn(self, rows: Float64s) -> None:
        """EM from k-means; where not given, the number and kind of components of least BIC on the training rows."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Peer

        counts = (self.components,) if self.components else tuple(k for k in COMPONENTS if 10 * k <= len(rows))
        kinds = ("full", "diag") if self.covariance == "auto" else (self.covariance,)
        state = derive(self.seed, "mixture") % 2**32
        best = np.inf
        for kind in kinds:
            last = np.inf
            for count in counts:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # 100 passes are the stated limit
                    candidate = Peer(count, covariance_type=kind, reg_covar=1e-4, random_state=state).fit(rows)
                bic = float(candidate.bic(rows))
                if bic < best:
                    best, self.fitted = bic, candidate
                if bic > last:  # BIC falls, then rises with the number of components
                    break
                last = bic

    @property
    def noise_scale(self) -> float:
        """Root mean square deviation of a coordinate, over all components."""
        weights, means, covariances = self._components()
        centre = weights @ means
        total = np.einsum("k,kii->", weights, covariances) + weights @ ((means - centre) ** 2).sum(axis=1)
        return float(np.sqrt(total / means.shape[1]))

    def denoise(self, rows: Float64s, noise: float) -> Float64s:
        """Mean of the data given rows (n, d) with Gaussian noise of that deviation added; closed form."""
        weights, means, covariances = self._components()
        return denoised(rows, noise, np.log(weights), means, covariances)

    def _components(self) -> tuple[Float64s, Float64s, Float64s]:
        shapes, (count, width) = self.fitted.covariances_, self.fitted.means_.shape
        kind = self.fitted.covariance_type
        unit = np.eye(width)
        if kind in {"diag", "spherical"}:
            shapes = np.asarray(shapes).reshape(count, -1)[:, :, None] * unit
        return self.fitted.weights_, self.fitted.means_, np.broadcast_to(shapes, (count, width, width))

    def log_density(self, rows: Float64s) -> Float64s:
        """Exact."""
        return np.asarray(self.fitted.score_samples(rows), dtype=np.float64)

    def parameters(self) -> dict[str, Any]:
        """Components and covariance."""
        return {"components": self.components, "covariance": self.covariance}


@dataclass
class Kernels(Continuous):
    """A kernel density estimate with round Gaussian kernels."""

    name: ClassVar[str] = "kde"
    bandwidth: float = 0.0
    width: float = 0.0
    bank: Float64s | None = None

    def learn(self, rows: Float64s) -> None:
        """Keep the rows; where not given, take the width of highest leave-one-out likelihood."""
        if len(rows) < 2:
            raise UsageError("kde cannot be fitted", cause="there are fewer than two training rows", fix="give more")
        self.bank = rows
        self.width = self.bandwidth or self._chosen(rows)

    def _chosen(self, rows: Float64s) -> float:
        squares = _squares(rows, rows)
        np.fill_diagonal(squares, np.inf)
        unit = float(np.sqrt(rows.var(axis=0).mean()))
        widths = unit * BANDWIDTHS
        scores = [_kernel_mean(squares, w, rows.shape[1], len(rows) - 1).mean() for w in widths]
        return float(widths[int(np.argmax(scores))])

    def log_density(self, rows: Float64s) -> Float64s:
        """Exact; in blocks that bound the memory."""
        assert self.bank is not None  # noqa: S101 - fit comes first
        bank = self.bank
        parts = [
            _kernel_mean(_squares(rows[i : i + BLOCK], bank), self.width, bank.shape[1], len(bank))
            for i in range(0, len(rows), BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def parameters(self) -> dict[str, Any]:
        """The bandwidth as set."""
        return {"bandwidth": self.bandwidth}


@dataclass
class TrueMixture(Continuous):
    """The source of the task itself, a known mixture."""

    name: ClassVar[str] = "true-mixture"
    source: Mixture | None = None

    def learn(self, rows: Float64s) -> None:
        """Nothing is learnt; data that cannot be of a known source is refused."""
        self.source = None if self.levels else source(rows.shape[1])
        if self.source is None:
            raise NotSuited(
                "true-mixture is not the source of this data",
                cause="its data is continuous in 2 or 32 dimensions, this has "
                + (f"{self.levels} levels" if self.levels else f"{rows.shape[1]} dimensions"),
                fix="ask it about likelihood/gaussian-mixture or likelihood/gaussian-mixture-32",
            )

    def log_density(self, rows: Float64s) -> Float64s:
        """Exact."""
        assert self.source is not None  # noqa: S101 - fit comes first
        return self.source.log_prob(rows)


@model("gaussian", gives="density", source="Ledoit and Wolf 2004", check="likelihood/dequantisation-bound")
def gaussian() -> Gaussian:
    """One Gaussian; its full covariance is shrunk towards a multiple of the identity."""
    return Gaussian()


@model("gaussian-mixture", gives="density", source="Dempster, Laird and Rubin 1977; Schwarz 1978; scikit-learn")
def gaussian_mixture(components: int = 0, covariance: str = "auto") -> GaussianMixture:
    """A mixture of Gaussians by EM.

    components: their number; 0 takes the one of 1, 2, 4, 6, 8, 12, 16, 24, 32 with the least BIC, going up until it
    rises.  covariance: full, diag, tied, spherical, or auto (full or diag, by BIC).
    """
    kinds = ("auto", "full", "diag", "tied", "spherical")
    if covariance not in kinds or components < 0:
        raise UsageError(
            f"gaussian-mixture cannot have components={components},covariance={covariance}",
            cause="components is at least 0, and covariance one of " + ", ".join(kinds),
            fix="bench show model gaussian-mixture",
        )
    return GaussianMixture(components=components, covariance=covariance)


@model("kde", gives="density", source="Rosenblatt 1956; Duin 1976 for the leave-one-out choice")
def kde(bandwidth: float = 0.0) -> Kernels:
    """A Gaussian kernel density.

    bandwidth: of the kernels, in the data's unit; 0 takes the one of 24 (.05 to 2 root mean square deviations) with
    the highest leave-one-out likelihood.
    """
    if bandwidth < 0:
        raise UsageError("kde: bandwidth is below 0", cause="it is a length", fix="bench show model kde")
    return Kernels(bandwidth=bandwidth)


@model("true-mixture", gives="density", source="closed form", check="likelihood/ring-entropy")
def true_mixture() -> TrueMixture:
    """The exact density that a task of Gaussian mixtures is drawn from: no model can do better on average."""
    return TrueMixture()


def denoised(rows: Float64s, noise: float, log_weights: Float64s, means: Float64s, covariances: Float64s) -> Float64s:
    """Mean of a Gaussian mixture's draw given it with noise added, (n, d).

    means: (K, d); covariances: (K, d, d).  Each component's posterior mean, weighed by its share of the noised density.
    """
    unit = np.eye(means.shape[1])
    shares = np.empty((len(means), len(rows)))
    each = np.empty((len(means), *rows.shape))
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        wide = covariance + noise**2 * unit
        shares[k] = log_weights[k] + gaussian_log_density(rows, mean, wide)
        each[k] = mean + (rows - mean) @ np.linalg.solve(wide, covariance)
    shares = np.exp(shares - shares.max(axis=0))
    return np.asarray(np.einsum("kn,knd->nd", shares / shares.sum(axis=0), each), dtype=np.float64)


def training_rows(train: Examples) -> Float64s:
    """The training rows, (n, d); `UsageError` where there are none."""
    if len(train) == 0:
        raise UsageError(
            "a density cannot be fitted",
            cause="the task has no training rows",
            fix="choose a task with a training split, or a model that is fitted already",
        )
    return flat(train.inputs)


def _squares(a: Float64s, b: Float64s) -> Float64s:
    origin = b.mean(axis=0)  # centring first keeps the expanded square from cancelling
    a, b = a - origin, b - origin
    return np.maximum((a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1), 0.0)


def _kernel_mean(squares: Float64s, width: float, dim: int, count: int) -> Float64s:
    # log of (1 / count) * sum over kernels, each row for itself.
    powers = squares / (-2 * width**2)
    top = powers.max(axis=1)
    total = top + np.log(np.exp(powers - top[:, None]).sum(axis=1))
    return total - np.log(count) - dim * np.log(width * np.sqrt(2 * np.pi))
