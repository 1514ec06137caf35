"""A Gaussian process on a network's features, kept from learning its training rows by heart.

The evidence of all rows is no guard against so many parameters: it is raised by making every row its own neighbour, and
the forecast comes out too sure (Ober, Rasmussen and van der Wilk 2021, arXiv:2102.12108).  What helps is theirs and
plain: each step sees the evidence of a few rows only, which no feature can raise by heart, and rows held out say when
to stop and how much noise there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Forecast
from bench.components import model
from bench.examples import Examples
from bench.models.bayes.kernels import LEAST, rbf, surprise
from bench.models.bayes.networks import Problem, forward, layers, started
from bench.models.bayes.posteriors import PRECISION, STUDY
from bench.models.bayes.processes import Posterior, split
from bench.models.building import facts
from bench.models.scaling import Scale, flat
from bench.models.sklearn import targets_of
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

BATCH, FOLDS, LOOKS = 25, 4, 8
# At the start: the features' spread, small so that near rows are alike, and the kernel's variance and noise.
SPREAD, START = 0.3, (1.0, 0.5)
FASTER = 5  # variance and noise are two numbers, and must not lag behind the features
Held = tuple[
    Float64s, Float64s, Float64s, Float64s
]  # kernels of kept rows (n, n) and to held ones (m, n); both targets


@dataclass
class DeepKernel:
    """Features by evidence of batches; when to stop, variance and noise by the likelihood of rows held out in turn."""

    hidden: int
    depth: int
    features: int
    precision: float
    steps: int
    rate: float
    scale: Scale | None = None
    target: Scale | None = None
    theta: Float64s | None = None
    widths: tuple[int, ...] = ()
    variance: float = 1.0
    noise: float = 0.0
    places: Float64s | None = None
    posterior: Posterior | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Learn the features once for each fold held out, then of all rows; on one thread in float64."""
        import torch

        y = targets_of(train)
        self.scale, self.target = Scale.of(flat(train.inputs)), Scale.of(y[:, None])
        rows = torch.from_numpy(self.scale.apply(flat(train.inputs)))
        values = torch.from_numpy(self.target.apply(y[:, None])[:, 0])
        self.widths = (rows.shape[1], *(self.hidden,) * self.depth, self.features)
        problem = Problem(rows, values, self.widths, classes=False, precision=self.precision)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            stop, (self.variance, self.noise) = _chosen(self._held(problem, seed))
            self.theta = [theta for _, theta in self._path(problem, seed, stop)][-1]
        finally:
            torch.set_num_threads(threads)
        self.places = self._features(rows)
        kernel = self.variance * rbf(self.places, self.places)
        self.posterior = Posterior.of(kernel + self.noise * np.eye(len(y)), values.numpy())

    def _held(self, problem: Problem, seed: int) -> dict[int, list[Held]]:
        """By the number of steps, what each fold's features say of the rows that they were not learnt on."""
        n = len(problem.targets)
        fold = generator(seed, "folds").permutation(n) % min(FOLDS, n)
        found: dict[int, list[Held]] = {}
        for k in range(min(FOLDS, n) if n > 1 else 0):
            out, kept = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            y = problem.targets.numpy()
            part = Problem(
                problem.rows[kept], problem.targets[kept], problem.widths, classes=False, precision=problem.precision
            )
            for step, theta in self._path(part, seed, self.steps):
                self.theta = theta
                places = self._features(problem.rows)
                found.setdefault(step, []).append(
                    (rbf(places[kept], places[kept]), rbf(places[out], places[kept]), y[kept], y[out])
                )
        return found

    def _path(self, problem: Problem, seed: int, steps: int) -> Iterator[tuple[int, Float64s]]:
        """Weights after 0 steps of Adam and now and then until `steps`, which are always the last."""
        import torch

        theta = started(self.widths, seed).requires_grad_()
        with torch.no_grad():
            last, _ = layers(theta, self.widths)[-1]
            draws = generator(seed, "features").standard_normal(last.shape)
            last += SPREAD * theta.new_tensor(draws) / np.sqrt(self.hidden)
        logs = theta.new_tensor(np.log(START)).requires_grad_()
        groups: list[dict[str, Any]] = [{"params": [theta]}, {"params": [logs], "lr": FASTER * self.rate}]
        optimiser, batches, n = torch.optim.Adam(groups, self.rate), generator(seed, "batches"), len(problem.targets)
        yield 0, theta.detach().numpy().copy()
        for step in range(1, steps + 1):
            few = torch.from_numpy(batches.permutation(n)[:BATCH])
            optimiser.zero_grad()
            evidence = surprise(forward(theta, self.widths, problem.rows[few]), problem.targets[few], logs)
            (evidence / len(few) + problem.penalty(theta) / n).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if step % max(1, self.steps // LOOKS) == 0 or step == steps:
                yield step, theta.detach().numpy().copy()

    def _features(self, rows: Tensor) -> Float64s:
        import torch

        with torch.no_grad():
            return np.asarray(forward(torch.from_numpy(self.theta), self.widths, rows).numpy())

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean, std and their split into what the function is unsure of and the noise, (b,) each."""
        import torch

        assert self.scale is not None and self.places is not None  # noqa: S101, PT018 - fit comes first
        assert self.posterior is not None and self.target is not None  # noqa: S101, PT018
        places = self._features(torch.from_numpy(self.scale.apply(flat(inputs))))
        cross = self.variance * rbf(places, self.places)
        mean, variance = self.posterior.at(cross, np.full(len(places), self.variance))
        return split(mean, variance, self.noise, self.target)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        names = ("hidden", "depth", "features", "precision", "steps", "rate")
        return facts("deep-kernel", {name: getattr(self, name) for name in names}, "numpy", "torch")


def _chosen(held: dict[int, list[Held]]) -> tuple[int, tuple[float, float]]:
    """The number of steps, and variance and noise, by which held-out rows were least surprising."""
    from scipy.optimize import minimize

    best = 0, np.log(START), np.inf
    for step, parts in held.items():
        found = minimize(
            _surprise_held, best[1], args=(parts,), method="L-BFGS-B", bounds=[(np.log(LEAST), np.log(1e3))] * 2
        )
        if found.fun < best[2]:
            best = step, found.x, found.fun
    return best[0], (float(np.exp(best[1][0])), float(np.exp(best[1][1])))


def _surprise_held(logs: Float64s, parts: list[Held]) -> float:
    """Negative log-likelihood of held-out rows, each by itself, nats; logs: of variance and noise."""
    variance, noise = np.exp(logs)
    total = 0.0
    for own, cross, kept, out in parts:
        posterior = Posterior.of(variance * own + noise * np.eye(len(kept)), kept)
        mean, left = posterior.at(variance * cross, np.full(len(out), variance))
        total += float((0.5 * np.log(2 * np.pi * (left + noise)) + 0.5 * (out - mean) ** 2 / (left + noise)).sum())
    return total


@model(
    "deep-kernel",
    gives="regressor",
    area="uncertainty",
    source="Wilson et al. 2016, arXiv:1511.02222; trained as Ober et al. 2021, arXiv:2102.12108",
    papers=(STUDY,),
    check="uncertainty/process-evidence",
)
def deep_kernel(
    hidden: int = 32, depth: int = 1, features: int = 2, precision: float = PRECISION, steps: int = 160,
    rate: float = 1e-2,
) -> DeepKernel:  # fmt: skip
    """A Gaussian process on what a small network makes of its inputs, fitted by the evidence of batches.

    features: outputs of the network, on which the kernel is a squared exponential.  steps: at most so many, of 25 rows
    each; rows held out in turn (four folds) say how many, and with which variance and noise.
    """
    return DeepKernel(hidden, depth, features, precision, steps, rate)
