"""Simulators of the SBI benchmark, none of which needs a download, with posteriors in closed form or by quadrature.

Source: Lueckmann, Boelts, Greenberg, Goncalves and Macke 2021, Benchmarking Simulation-Based Inference,
arXiv:2101.04653; each simulator's priors and constants are those of the package sbibm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from bench.arrays import Bools, Float64s
from bench.references.simulators import entropy

Draws = np.random.Generator


class Simulator(Protocol):
    """Parameters from a prior, observations from them, and the exact posterior."""

    @property
    def parameters(self) -> int:
        """Number P of parameters."""
        ...

    @property
    def prior_entropy(self) -> float:
        """Entropy of the prior, nats."""
        ...

    def prior(self, n: int, draws: Draws) -> Float64s:
        """Parameters drawn from the prior, (n, P)."""
        ...

    def simulate(self, parameters: Float64s, draws: Draws) -> Float64s:
        """An observation (n, d) of each of parameters (n, P)."""
        ...

    def log_posterior(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """Log-density of parameters (n, S, P) given observed (n, d), (n, S)."""
        ...

    def posterior(self, observed: Float64s, count: int, draws: Draws) -> Float64s:
        """`count` draws from the posterior of one observation (d,), (count, P)."""
        ...


@dataclass(frozen=True)
class GaussianLinear:
    """x ~ N(theta, .1), theta ~ N(0, .1), ten of each: "gaussian-linear"."""

    parameters: int = 10
    variance: float = 0.1

    @property
    def prior_entropy(self) -> float:
        """Of a Gaussian."""
        return entropy(self.variance * np.eye(self.parameters))

    def prior(self, n: int, draws: Draws) -> Float64s:
        """Gaussian."""
        return self.variance**0.5 * draws.standard_normal((n, self.parameters))

    def simulate(self, parameters: Float64s, draws: Draws) -> Float64s:
        """Gaussian noise."""
        return parameters + self.variance**0.5 * draws.standard_normal(parameters.shape)

    def log_posterior(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """Gaussian around half the observation, half as wide in variance."""
        apart = parameters - observed[:, None] / 2
        return -(apart**2).sum(axis=2) / self.variance - self.parameters / 2 * float(np.log(np.pi * self.variance))

    def posterior(self, observed: Float64s, count: int, draws: Draws) -> Float64s:
        """Exact."""
        return observed / 2 + (self.variance / 2) ** 0.5 * draws.standard_normal((count, self.parameters))


@dataclass(frozen=True)
class Boxed:
    """x ~ an even mixture of N(theta, spread^2), theta uniform in a box: "gaussian-linear-uniform", "gaussian-mixture".

    The posterior is a mixture of normals cut off at the box, coordinate by coordinate.
    """

    parameters: int
    bound: float
    spreads: tuple[float, ...]

    @property
    def prior_entropy(self) -> float:
        """Logarithm of the box's volume."""
        return self.parameters * float(np.log(2 * self.bound))

    def prior(self, n: int, draws: Draws) -> Float64s:
        """Uniform."""
        return draws.uniform(-self.bound, self.bound, (n, self.parameters))

    def simulate(self, parameters: Float64s, draws: Draws) -> Float64s:
        """One of the spreads for each observation."""
        chosen = draws.choice(self.spreads, size=len(parameters))
        return parameters + chosen[:, None] * draws.standard_normal(parameters.shape)

    def _masses(self, observed: Float64s) -> Float64s:
        """Of each component within the box, for each coordinate, (K, n, P)."""
        from scipy.special import ndtr

        spread = np.array(self.spreads)[:, None, None]
        return ndtr((self.bound - observed) / spread) - ndtr((-self.bound - observed) / spread)

    def log_posterior(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """A mixture, over its mass within the box."""
        squares = ((parameters - observed[:, None]) ** 2).sum(axis=2)
        logs = [-squares / 2 / s**2 - self.parameters * np.log(s * np.sqrt(2 * np.pi)) for s in self.spreads]
        total = np.log(self._masses(observed).prod(axis=2).sum(axis=0))
        inside = (np.abs(parameters) <= self.bound).all(axis=2)
        return np.where(inside, np.logaddexp.reduce(np.stack(logs), axis=0) - total[:, None], -np.inf)

    def posterior(self, observed: Float64s, count: int, draws: Draws) -> Float64s:
        """A component by its mass within the box, then each coordinate by its cut-off normal's inverse."""
        from scipy.special import ndtr, ndtri

        mass = self._masses(observed[None])[:, 0].prod(axis=1)
        spread = draws.choice(self.spreads, size=count, p=mass / mass.sum())[:, None]
        # From the nearer tail, in which a chance near 0 keeps its digits.
        sign = np.where(observed > 0, -1.0, 1.0)
        low, high = (ndtr((end - sign * observed) / spread) for end in (-self.bound, self.bound))
        chance = low + (high - low) * draws.random((count, self.parameters))
        found = sign * (sign * observed + spread * ndtri(chance))
        return np.asarray(np.clip(found, -self.bound, self.bound), dtype=np.float64)


@dataclass(frozen=True)
class TwoMoons:
    """A crescent, moved by two parameters in [-1, 1]; two parameters give the same: "two-moons".

    z = ((t1 + t2), (t2 - t1)) / sqrt 2, x = crescent + (-|z1|, z2).  The crescent: r (cos a, sin a) + (1/4, 0), a
    uniform in half a turn, r ~ N(.1, .01^2).
    """

    parameters: int = 2
    radius: float = 0.1
    spread: float = 0.01
    offset: float = 0.25

    @property
    def prior_entropy(self) -> float:
        """Logarithm of the square's area."""
        return float(np.log(4.0))

    def prior(self, n: int, draws: Draws) -> Float64s:
        """Uniform."""
        return draws.uniform(-1, 1, (n, 2))

    def crescent(self, n: int, draws: Draws) -> Float64s:
        """Points of the crescent at rest, (n, 2)."""
        angle = draws.uniform(-np.pi / 2, np.pi / 2, n)
        radius = self.radius + self.spread * draws.standard_normal(n)
        return np.stack([radius * np.cos(angle) + self.offset, radius * np.sin(angle)], axis=1)

    def simulate(self, parameters: Float64s, draws: Draws) -> Float64s:
        """The crescent, moved."""
        return self.crescent(len(parameters), draws) + _moved(parameters)

    def log_likelihood(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """Of parameters (n, S, 2), (n, S): N(r) / (pi r), the crescent's density in the plane."""
        at = observed[:, None] - _moved(parameters) - np.array([self.offset, 0.0])
        r = np.sqrt((at**2).sum(axis=2))
        with np.errstate(divide="ignore"):
            logs = -0.5 * ((r - self.radius) / self.spread) ** 2 - np.log(
                self.spread * np.sqrt(2 * np.pi) * np.pi * np.maximum(r, 1e-300)
            )
        return np.where(at[..., 0] >= 0, logs, -np.inf)

    @cached_property
    def _nodes(self) -> tuple[Float64s, Float64s]:
        radii, shares = np.polynomial.hermite_e.hermegauss(16)
        angle = (np.arange(2048) + 0.5) / 2048 * np.pi - np.pi / 2
        r = (self.radius + self.spread * radii)[:, None]
        points = np.stack([r * np.cos(angle) + self.offset, r * np.sin(angle)], axis=2)
        weights = np.broadcast_to((shares / shares.sum())[:, None] / len(angle), points.shape[:2])
        return points.reshape(-1, 2), weights.ravel()

    def evidence(self, observed: Float64s) -> Float64s:
        """Integral of the likelihood over the square, (n,): twice the chance that the crescent fits, by symmetry."""
        points, weights = self._nodes
        return np.array([2 * float(weights[_inside(_parameters(x, points), points, x)].sum()) for x in observed])

    def log_posterior(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """The likelihood over its integral, within the square."""
        inside = (np.abs(parameters) <= 1).all(axis=2)
        logs = self.log_likelihood(observed, parameters) - np.log(self.evidence(observed))[:, None]
        return np.where(inside, logs, -np.inf)

    def posterior(self, observed: Float64s, count: int, draws: Draws) -> Float64s:
        """Crescents that lead to the observation, those outside the square refused."""
        found = np.empty((0, 2))
        while len(found) < count:
            points = self.crescent(4 * count, draws)
            theirs = _parameters(observed, points)
            mirrored = np.where(draws.random(len(points))[:, None] < 0.5, theirs, -theirs[:, ::-1])
            found = np.concatenate([found, mirrored[_inside(theirs, points, observed)]])
        return found[:count]


def _moved(parameters: Float64s) -> Float64s:
    first, second = parameters[..., 0], parameters[..., 1]
    return np.stack([-np.abs(first + second), second - first], axis=-1) / np.sqrt(2)


def _parameters(observed: Float64s, points: Float64s) -> Float64s:
    """The parameters, of the two with z1 >= 0, that move a point of the crescent to the observation."""
    z = (points - observed) * np.array([1.0, -1.0])
    return np.stack([z[:, 0] - z[:, 1], z[:, 0] + z[:, 1]], axis=1) / np.sqrt(2)


def _inside(parameters: Float64s, points: Float64s, observed: Float64s) -> Bools:
    return (np.abs(parameters) <= 1).all(axis=1) & (points[:, 0] >= observed[0])


@dataclass(frozen=True)
class Slcp:
    """Four points of a Gaussian in the plane, its five parameters uniform in [-3, 3]: "slcp".

    Mean (t1, t2), deviations t3^2 and t4^2, correlation tanh t5.  The mean is integrated out in closed form, and the
    rest by Gauss-Legendre over (log |t3|, log |t4|, t5).  `jitter`: added to both variances.
    """

    parameters: int = 5
    bound: float = 3.0
    jitter: float = 1e-6
    points: int = 4
    nodes: tuple[int, int] = (64, 28)
    least: float = field(default=float(np.log(0.01)))

    @property
    def prior_entropy(self) -> float:
        """Logarithm of the box's volume."""
        return self.parameters * float(np.log(2 * self.bound))

    def prior(self, n: int, draws: Draws) -> Float64s:
        """Uniform."""
        return draws.uniform(-self.bound, self.bound, (n, self.parameters))

    def simulate(self, parameters: Float64s, draws: Draws) -> Float64s:
        """Four points, one after the other, (n, 8)."""
        factors = np.linalg.cholesky(self._covariances(parameters[:, 2:]))
        noise = draws.standard_normal((len(parameters), self.points, 2))
        found = parameters[:, None, :2] + np.einsum("nij,nkj->nki", factors, noise)
        return found.reshape(len(parameters), -1)

    def _covariances(self, rest: Float64s) -> Float64s:
        first, second, slope = rest[..., 0] ** 2, rest[..., 1] ** 2, np.tanh(rest[..., 2])
        cross = slope * first * second
        rows = [first**2 + self.jitter, cross, cross, second**2 + self.jitter]
        return np.stack(rows, axis=-1).reshape(*rest.shape[:-1], 2, 2)

    def log_likelihood(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """Of parameters (n, S, 5), (n, S)."""
        apart = observed.reshape(-1, 1, self.points, 2) - parameters[:, :, None, :2]
        precision, log_det = _inverted(self._covariances(parameters[..., 2:]))
        squares = np.einsum("nsa,nsa->ns", _moments(apart), precision)
        return -0.5 * squares - self.points * (np.log(2 * np.pi) + 0.5 * log_det)

    @cached_property
    def _grid(self) -> tuple[Float64s, Float64s, Float64s]:
        """Nodes (G, 3) in (log |t3|, log |t4|, t5), the width of each one's cell (G, 3), and t3, t4, t5 there."""
        logs, log_widths = _legendre(self.nodes[0], self.least, float(np.log(self.bound)))
        slopes, slope_widths = _legendre(self.nodes[1], -self.bound, self.bound)
        at = np.stack(np.meshgrid(logs, logs, slopes, indexing="ij"), axis=-1).reshape(-1, 3)
        widths = np.stack(np.meshgrid(log_widths, log_widths, slope_widths, indexing="ij"), axis=-1).reshape(-1, 3)
        return at, widths, self._rest(at)

    def _rest(self, at: Float64s) -> Float64s:
        return np.concatenate([np.exp(at[..., :2]), at[..., 2:]], axis=-1)

    @cached_property
    def _known(self) -> tuple[Float64s, Float64s]:
        return self._base(self._grid[0])

    def _base(self, at: Float64s) -> tuple[Float64s, Float64s]:
        """At (G, 3) of the grid: precisions (G, 3), and all of the profile that doesn't hang on the data, (G,)."""
        precision, log_det = _inverted(self._covariances(self._rest(at)))
        logs = -(self.points - 1) * (np.log(2 * np.pi) + 0.5 * log_det) - np.log(self.points) + at[:, 0] + at[:, 1]
        return precision, logs

    def _profile(self, observed: Float64s, base: tuple[Float64s, Float64s]) -> Float64s:
        """Log of the likelihood of one observation (8,), its mean integrated over the plane, times |t3 t4|, (G,)."""
        data = observed.reshape(self.points, 2)
        return base[1] - 0.5 * base[0] @ _moments(data - data.mean(axis=0))

    def log_evidence(self, observed: Float64s) -> Float64s:
        """Log of the integral of the likelihood over the box, (n,)."""
        _, widths, rest = self._grid
        covariance = self._covariances(rest) / self.points
        found = []
        for row in observed:
            logs = self._profile(row, self._known) + np.log(widths).sum(axis=1)
            near = logs > logs.max() - 25
            mass = _box(row.reshape(self.points, 2).mean(axis=0), covariance[near], self.bound)
            with np.errstate(divide="ignore"):
                found.append(np.log(4.0) + np.logaddexp.reduce(logs[near] + np.log(mass)))
        return np.array(found)

    def log_posterior(self, observed: Float64s, parameters: Float64s) -> Float64s:
        """The likelihood over its integral, within the box."""
        inside = (np.abs(parameters) <= self.bound).all(axis=2)
        logs = self.log_likelihood(observed, parameters) - self.log_evidence(observed)[:, None]
        return np.where(inside, logs, -np.inf)

    def posterior(self, observed: Float64s, count: int, draws: Draws) -> Float64s:
        """Spreads from the cells of the grid, held to their own density by rejection, then means, within the box.

        The bound of the rejection is the largest ratio among the candidates.
        """
        widths = self._grid[1]
        logs = self._profile(observed, self._known)
        shares = np.exp(logs - logs.max()) * widths.prod(axis=1)
        centre = observed.reshape(self.points, 2).mean(axis=0)
        found = np.empty((0, 5))
        while len(found) < count:
            chosen = draws.choice(len(shares), size=16 * count, p=shares / shares.sum())
            # A cell of Gauss and Legendre's holds its node, and is as wide as its weight.
            moved = self._cells[chosen] + widths[chosen] * draws.random((len(chosen), 3))
            ratio = self._profile(observed, self._base(moved)) - logs[chosen]
            kept = moved[np.log(draws.random(len(moved))) < ratio - ratio.max()]
            rest = self._rest(kept)
            factors = np.linalg.cholesky(self._covariances(rest) / self.points)
            means = centre + np.einsum("nij,nj->ni", factors, draws.standard_normal((len(rest), 2)))
            rest[:, :2] *= draws.choice([-1.0, 1.0], size=(len(rest), 2))
            inside = (np.abs(means) <= self.bound).all(axis=1)
            found = np.concatenate([found, np.hstack([means, rest])[inside]])
        return found[:count]

    @cached_property
    def _cells(self) -> Float64s:
        """The lower ends of the cells, (G, 3)."""
        reach = (self.nodes[0], self.least, float(np.log(self.bound))), (self.nodes[1], -self.bound, self.bound)
        ends = []
        for many, low, high in reach:
            widths = _legendre(many, low, high)[1]
            ends.append(low + np.concatenate([[0.0], widths.cumsum()[:-1]]))
        return np.stack(np.meshgrid(ends[0], ends[0], ends[1], indexing="ij"), axis=-1).reshape(-1, 3)


def _moments(apart: Float64s) -> Float64s:
    """Sums over points (..., J, 2) of their first square, twice their product, and their second square, (..., 3)."""
    first, second = apart[..., 0], apart[..., 1]
    return np.stack([first**2, 2 * first * second, second**2], axis=-1).sum(axis=-2)


def _inverted(covariance: Float64s) -> tuple[Float64s, Float64s]:
    """First, mixed and second entry of the inverses of (..., 2, 2), (..., 3), and their log-determinants."""
    first, cross, second = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    det = first * second - cross**2
    return np.stack([second / det, -cross / det, first / det], axis=-1), np.log(det)


def _legendre(many: int, low: float, high: float) -> tuple[Float64s, Float64s]:
    nodes, weights = np.polynomial.legendre.leggauss(many)
    return low + (high - low) * (nodes + 1) / 2, weights * (high - low) / 2


def _box(mean: Float64s, covariance: Float64s, bound: float) -> Float64s:
    """Mass of Gaussians in the plane, of one mean (2,) and covariances (G, 2, 2), within [-bound, bound]^2, (G,)."""
    from scipy.special import ndtr

    spread = np.sqrt(covariance[:, 0, 0])
    low = np.maximum(-bound, mean[0] - 8 * spread)
    high = np.minimum(bound, mean[0] + 8 * spread)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    at = low[:, None] + np.maximum(high - low, 0.0)[:, None] * (nodes + 1) / 2
    z = (at - mean[0]) / spread[:, None]
    slope = covariance[:, 0, 1] / spread
    left = np.sqrt(np.maximum(covariance[:, 1, 1] - slope**2, 1e-300))[:, None]
    centre = mean[1] + slope[:, None] * z
    inner = ndtr((bound - centre) / left) - ndtr((-bound - centre) / left)
    density = np.exp(-0.5 * z**2) / (spread * np.sqrt(2 * np.pi))[:, None]
    return (density * inner) @ weights * np.maximum(high - low, 0.0) / 2


SIMULATORS: dict[str, Simulator] = {
    "gaussian-linear": GaussianLinear(),
    "gaussian-linear-uniform": Boxed(10, 1.0, (0.1**0.5,)),
    "gaussian-mixture": Boxed(2, 10.0, (1.0, 0.1)),
    "two-moons": TwoMoons(),
    "slcp": Slcp(),
}
