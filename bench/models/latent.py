"""Latent-variable models: probabilistic PCA, whose marginal is known, a small VAE, and VAEs of the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.covariance import gaussian_log_density
from bench.errors import UsageError
from bench.estimators.latent import Bound, Latent, bound_of, estimate, proposed, signals
from bench.examples import Examples
from bench.models import importing
from bench.models.building import facts
from bench.models.densities import Continuous, training_rows
from bench.models.descent import descend
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

ELBO = "Auto-Encoding Variational Bayes"
IWAE = "Importance Weighted Autoencoders"
TIGHTER = "Tighter Variational Bounds are Not Necessarily Better"
VIS = "Forward χ^2 Divergence Based Variational Importance Sampling"
WIDTH, STEPS, BATCH, RATE = 128, 1500, 128, 2e-3
OBJECTIVES = ("elbo", "iwae", "miwae", "ciwae", "piwae")
GROUPS, DRAWS = 2, 4  # of the objectives that take more than one draw: eight in all
_RECIPE = 2  # raised when a change alters trained weights


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """x = W z + mean + noise of standard deviation `noise`; the proposal is the posterior, `spread` times as wide.

    loadings: W (d, q).
    """

    mean: Float64s
    loadings: Float64s
    noise: float
    spread: float = 1.0

    @property
    def latents(self) -> int:
        """Columns of W."""
        return self.loadings.shape[1]

    def rotated(self) -> LinearGaussian:
        """The same density with orthogonal columns of W, so that the posterior is diagonal."""
        left, sizes, _ = np.linalg.svd(self.loadings, full_matrices=False)
        return LinearGaussian(self.mean, left * sizes, self.noise, self.spread)

    def log_density(self, rows: Float64s) -> Float64s:
        """The exact marginal, (n,)."""
        covariance = self.loadings @ self.loadings.T + self.noise**2 * np.eye(len(self.mean))
        return gaussian_log_density(rows, self.mean, covariance)

    def proposal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean, and `spread` times the posterior standard deviation; W must have orthogonal columns."""
        import torch

        square = (self.loadings**2).sum(axis=0)
        shrunk = torch.as_tensor(self.loadings / (square + self.noise**2))
        std = self.noise / np.sqrt(square + self.noise**2) * self.spread
        mean = (x - torch.as_tensor(self.mean)) @ shrunk
        return mean, torch.as_tensor(std).expand(mean.shape)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Gaussian, (n, k)."""
        import torch

        # |x - Wz|^2 with orthogonal columns needs no vector of length d for each draw.
        w = torch.as_tensor(self.loadings)
        apart = x - torch.as_tensor(self.mean)
        cross = (z * (apart @ w)[:, None, :]).sum(dim=2)
        square = apart.square().sum(dim=1)[:, None] - 2 * cross + (z.square() * w.square().sum(dim=0)).sum(dim=2)
        return -0.5 * square / self.noise**2 - x.shape[1] * float(np.log(self.noise * np.sqrt(2 * np.pi)))


@dataclass
class Ppca(Continuous):
    """Probabilistic PCA by maximum likelihood, asked exactly or by a bound."""

    name = "ppca"
    latent: int = 8
    bound: Bound | None = None
    spread: float = 1.0
    held: LinearGaussian | None = None

    def learn(self, rows: Float64s) -> None:
        """Closed form: Tipping and Bishop 1999."""
        d = rows.shape[1]
        if not 1 <= self.latent < d:
            raise UsageError(
                f"ppca cannot have {self.latent} latents", cause=f"the data has {d} dimensions", fix=f"latent={d - 1}"
            )
        values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
        noise = max(float(values[: d - self.latent].mean()), 1e-9)
        top = np.maximum(values[::-1][: self.latent] - noise, 0.0)
        loadings = vectors[:, ::-1][:, : self.latent] * np.sqrt(top)
        self.held = LinearGaussian(rows.mean(axis=0), loadings, float(np.sqrt(noise)), self.spread)

    def density(self, inputs: AnyArray) -> LogDensity:
        """The exact marginal, or a bound; of discrete data always a bound."""
        assert self.held is not None  # noqa: S101 - fit comes first
        if self.bound is None or self.levels:
            return super().density(inputs)
        return estimate(self.held, flat(inputs), self.bound, self.seed)

    def log_density(self, rows: Float64s) -> Float64s:
        """Of rows (n, d), (n,)."""
        assert self.held is not None  # noqa: S101 - fit comes first
        return (
            self.held.log_density(rows)
            if self.bound is None
            else estimate(self.held, rows, self.bound, self.seed).log_prob
        )

    def signal(self, inputs: AnyArray) -> tuple[Float64s, Float64s]:
        """Signal-to-noise of the bound's gradients, of generator and proposal, (b,) each; see `signals`."""
        assert self.held is not None  # noqa: S101 - fit comes first
        return signals(self.held, flat(inputs), self.bound or Bound("elbo"), self.seed)

    def parameters(self) -> dict[str, Any]:
        """Latents, bound and proposal."""
        return {
            "latent": self.latent,
            "spread": self.spread,
            **(vars(self.bound) if self.bound else {"bound": "exact"}),
        }


@model(
    "ppca",
    gives="density",
    source="Tipping and Bishop 1999; bounds of Kingma and Welling 2014, Burda et al. 2016, Rainforth et al. 2018",
    papers=(IWAE, TIGHTER, VIS),
    check="likelihood/latent-bounds",
)
def ppca(
    latent: int = 8, bound: str = "exact", k: int = 50, groups: int = 1, beta: float = 0.5, spread: float = 1.0
) -> Ppca:
    """Probabilistic PCA: a linear VAE whose marginal is known, so that every bound can be held against it.

    latent: dimensions of z.  bound: exact, or elbo, iwae, miwae, ciwae, vis with k draws (miwae: `groups` times).
    spread: how many times wider than the posterior the proposal is; below .71 the weights have no variance.
    """
    if spread <= 0:
        raise UsageError(f"ppca cannot have spread={spread:g}", cause="it is a factor above 0", fix="spread=1.2")
    return Ppca(latent=latent, bound=None if bound == "exact" else Bound(bound, k, groups, beta), spread=spread)


@dataclass(frozen=True, eq=False)
class Networks:
    """An encoder and a decoder of one hidden layer; x is counted in 0..levels-1, or real where levels is 0.

    arrays: e0, e1 (weights), eb0, eb1 (biases), d0, d1, db0, db1, and `width` (d,), the log-scale of each pixel.
    """

    arrays: dict[str, Tensor]
    levels: int
    shift: Tensor
    scale: float

    @property
    def latents(self) -> int:
        """Dimensions of z."""
        return int(self.arrays["d0"].shape[0])

    def proposal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's Gaussian."""
        a = self.arrays
        hidden = ((x - self.shift) / self.scale @ a["e0"] + a["eb0"]).tanh()
        mean, log_std = (hidden @ a["e1"] + a["eb1"]).chunk(2, dim=1)
        return mean, log_std.clamp(-7, 3).exp()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Of a discretised logistic around the decoder's mean where x has levels, else of a Gaussian; (n, k)."""
        a = self.arrays
        hidden = (z @ a["d0"] + a["db0"]).tanh()
        middle = self.shift + self.scale * (hidden @ a["d1"] + a["db1"])
        width = self.scale * a["width"].exp()
        if self.levels:
            return discretised_logistic(x[:, None, :], middle, width, self.levels).sum(dim=2)
        apart = (x[:, None, :] - middle) / width
        return (-0.5 * apart.square() - width.log()).sum(dim=2) - 0.5 * x.shape[1] * float(np.log(2 * np.pi))


def discretised_logistic(x: Tensor, middle: Tensor, width: Tensor, levels: int) -> Tensor:
    """Log-mass of levels x in 0..levels-1 under a logistic rounded to them, the ends taking the tails."""
    import torch

    upper = torch.where(x >= levels - 1, torch.inf, (x + 0.5 - middle) / width)
    lower = torch.where(x <= 0, -torch.inf, (x - 0.5 - middle) / width)
    # log(F(b) - F(a)) = log F(b) + log(1 - F(a)) + log(1 - exp(a - b)) for the logistic F.
    logs = torch.nn.functional.logsigmoid(upper) + torch.nn.functional.logsigmoid(-lower)
    gap = torch.where(torch.isinf(upper) | torch.isinf(lower), torch.inf, 1 / width)
    return logs + torch.log1p(-torch.exp(-gap))


@dataclass
class Vae:
    """A small VAE, trained on the task's rows by the ELBO, asked by a bound."""

    latent: int
    bound: Bound
    objective: str
    seed: int = 0
    held: Latent | None = field(default=None, repr=False)

    def fit(self, train: Examples, seed: int) -> None:
        """Train, or take from the shelf."""
        import torch

        rows = training_rows(train)
        self.seed = seed
        key = {
            "data": digest_of(rows), "levels": train.levels, "latent": self.latent, "objective": self.objective,
            "seed": seed, "recipe": _RECIPE, "torch": torch.__version__,
        }  # fmt: skip
        shift, scale = torch.as_tensor(rows.mean(axis=0)), float(rows.std()) or 1.0
        arrays = kept("vae", key, lambda: _train_vae(rows, train.levels, self.latent, self.objective, seed))
        tensors = {k: torch.as_tensor(v.astype(np.float64)) for k, v in arrays.items()}
        self.held = Networks(tensors, train.levels, shift, scale)

    def density(self, inputs: AnyArray) -> LogDensity:
        """A lower bound of the log-mass (or, of real data, log-density), (b,)."""
        assert self.held is not None  # noqa: S101 - fit comes first
        return estimate(self.held, flat(inputs), self.bound, self.seed)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        said = {"latent": self.latent, "objective": self.objective, **vars(self.bound)}
        return facts("vae", said, "numpy", "torch")


@model(
    "vae",
    gives="density",
    source="Kingma and Welling 2014, arXiv:1312.6114; Salimans et al. 2017 for the discretised logistic",
    papers=(ELBO,),
    check="likelihood/vae-elbo",
)
def vae(
    latent: int = 8, objective: str = "elbo", bound: str = "iwae", k: int = 50, groups: int = 1, beta: float = 0.5
) -> Vae:
    """A small variational autoencoder, asked by a bound; grey levels have exact masses (discretised logistic).

    latent: dimensions of z.  objective: trained by elbo, or, of 8 draws, by iwae, miwae (2 groups of 4), ciwae (beta
    .5), or piwae, whose generator follows iwae and whose encoder follows miwae.  bound: elbo, iwae, miwae, ciwae or vis
    (which first fits each sample's proposal), of k draws.  It trains in half a minute and is kept for the next run.
    """
    if objective not in OBJECTIVES or latent < 1:
        raise UsageError(
            f"vae cannot have objective={objective},latent={latent}",
            cause=f"objective is one of {', '.join(OBJECTIVES)}, and there is at least one latent",
            fix="bench show model vae",
        )
    return Vae(latent, Bound(bound, k, groups, beta), objective)


def _train_vae(rows: Float64s, levels: int, latent: int, objective: str, seed: int) -> Arrays:
    import torch

    draws = torch.Generator().manual_seed(derive(seed, "vae") % 2**63)
    d = rows.shape[1]
    data = torch.as_tensor(rows, dtype=torch.float32)
    shift, scale = data.mean(dim=0), float(rows.std()) or 1.0
    sizes = {"e0": (d, WIDTH), "e1": (WIDTH, 2 * latent), "d0": (latent, WIDTH), "d1": (WIDTH, d)}
    arrays = {k: torch.randn(a, b, generator=draws) * a**-0.5 for k, (a, b) in sizes.items()}
    arrays |= {f"{k[0]}b{k[1]}": torch.zeros(b) for k, (_, b) in sizes.items()} | {"width": torch.full((d,), -1.0)}
    for p in arrays.values():
        p.requires_grad_()
    held = Networks(arrays, levels, shift, scale)

    def loss() -> Tensor:
        x = data[torch.randint(len(data), (BATCH,), generator=draws)]
        shape = (BATCH, 1 if objective == "elbo" else GROUPS * DRAWS, latent)
        return -raised(held, objective, x, torch.randn(shape, generator=draws)).mean()

    names, steps = list(arrays), STEPS if objective == "elbo" else STEPS // 2  # a step of eight draws costs as many
    found = descend([arrays[k] for k in names], loss, steps=steps, rate=RATE, average=0.99, clip=1000.0)
    return {k: p.numpy() for k, p in zip(names, found, strict=True)}


def raised(held: Networks, name: str, x: Tensor, noise: Tensor) -> Tensor:
    """What training raises for rows x (n, d), by noise (n, k, q), (n,): a bound, but for `piwae`, which has two.

    For that one only the gradient has a meaning: the decoder's is that of iwae, the encoder's that of miwae.
    """
    mean, std = held.proposal(x)
    if name == "elbo":
        z = mean[:, None, :] + std[:, None, :] * noise
        return held.log_likelihood(x, z)[:, 0] - gaussian_kl(mean, std)
    if name == "piwae":
        own = {k: v.detach() if k[0] == "d" or k == "width" else v for k, v in held.arrays.items()}
        fixed = Networks(own, held.levels, held.shift, held.scale)
        decoding = bound_of(_grouped(proposed(held, x, mean.detach(), std.detach(), noise)), Bound("iwae"))
        encoding = bound_of(_grouped(proposed(fixed, x, mean, std, noise)), Bound("miwae"))
        return decoding + encoding
    return bound_of(_grouped(proposed(held, x, mean, std, noise)), Bound(name))


def _grouped(logs: Tensor) -> Tensor:
    return logs.reshape(len(logs), GROUPS, -1)


def gaussian_kl(mean: Tensor, std: Tensor) -> Tensor:
    """KL of Gaussians with those means and standard deviations (n, q) from the standard normal, (n,)."""
    return (0.5 * (mean.square() + std.square() - 1) - std.log()).sum(dim=1)


@dataclass
class Coded:
    """A user's `encode` and `decode`, as a latent-variable model."""

    code: Any
    latents: int
    shape: tuple[int, ...]

    def proposal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What `encode` gives."""
        mean, std = self.code.encode(x.reshape(len(x), *self.shape))
        return mean.double(), std.double()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log_prob of what `decode` gives, summed over all that belongs to a sample."""
        import torch

        n, k, q = z.shape
        shaped = x.reshape(n, 1, *self.shape).expand(n, k, *self.shape).reshape(n * k, *self.shape)
        said = self.code.decode(z.reshape(n * k, q))
        found = said.log_prob(shaped).double()
        return torch.as_tensor(found).reshape(n, k, -1).sum(dim=2)


@dataclass
class UserLatent:
    """A trained VAE of the user's, asked by a bound."""

    code: Any
    bound: Bound
    identity: dict[str, Any]
    seed: int = 0

    def density(self, inputs: AnyArray) -> LogDensity:
        """A lower bound of what `decode`'s distribution measures: log-density or log-mass."""
        import torch

        images = np.asarray(inputs, dtype=np.float64)
        with torch.no_grad():
            first = self.code.encode(torch.as_tensor(images[:1]))[0]
        held = Coded(self.code, int(first.shape[1]), images.shape[1:])
        return estimate(held, flat(images), self.bound, self.seed)

    def fingerprint(self) -> dict[str, Any]:
        """Target, parameters and versions."""
        return self.identity


@model(
    "latent",
    gives="density",
    source="Kingma and Welling 2014; Burda et al. 2016",
    papers=(ELBO, IWAE),
    check="likelihood/latent-bounds",
)
def latent_model(target: str, bound: str = "iwae", k: int = 50, groups: int = 1, beta: float = 0.5) -> UserLatent:
    """A trained VAE: an object with `encode(x)` -> (mean, std) (b, q), and `decode(z)` -> a torch distribution of x.

    target: `module:factory` or `file.py:factory`.  The prior is standard normal; x comes in float64, as the task has
    it.  bound: elbo, iwae, miwae, ciwae or vis, of k draws.
    """
    code = importing.call(importing.load_callable(target), target, {})
    if not callable(getattr(code, "encode", None)) or not callable(getattr(code, "decode", None)):
        raise UsageError(
            f"'{target}' gave no VAE",
            cause=f"{type(code).__name__} lacks encode or decode",
            fix="give it encode(x) -> (mean, std) and decode(z) -> a torch distribution",
        )
    how = Bound(bound, k, groups, beta)
    said = {"target": target, "source": importing.source_digest(target), **vars(how)}
    return UserLatent(code, how, facts("latent", said, "torch"))
