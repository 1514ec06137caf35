"""Small networks as flat vectors of weights, and many of them as one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified, Forecast
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import facts
from bench.models.labels import classes_of, labels_of
from bench.models.regressors import NARROWEST
from bench.models.scaling import Scale, flat
from bench.models.sklearn import targets_of
from bench.records import log_softmax
from bench.scores.uncertainty import mixture

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be learnt: rows (n, d) and targets (n,) as tensors, and the net's widths, inputs to outputs.

    Outputs are logits of classes, or a mean and a width through softplus.  precision: of the Gaussian prior, with mean
    0, in units of half a weight's fan-in (He's initial variance is 1 in these), and of 1 for biases.
    """

    rows: Tensor
    targets: Tensor
    widths: tuple[int, ...]
    classes: bool
    precision: float
    weights: Tensor | None = None

    @property
    def size(self) -> int:
        """Numbers in a vector of weights."""
        return sum((a + 1) * b for a, b in pairwise(self.widths))

    def losses(self, theta: Tensor, rows: Any = slice(None)) -> Tensor:
        """Negative log-likelihood of each row, nats."""
        return self.loss_of(forward(theta, self.widths, self.rows[rows]), rows)

    def loss_of(self, outputs: Tensor, rows: Any = slice(None)) -> Tensor:
        """Negative log-likelihood of each row under the outputs (n, out)."""
        import torch
        from torch.nn.functional import cross_entropy, softplus

        targets = self.targets[rows]
        if self.classes:
            each = cross_entropy(outputs, targets, reduction="none")
        else:
            std = softplus(outputs[:, 1]) + NARROWEST
            each = torch.log(std) + 0.5 * ((targets - outputs[:, 0]) / std) ** 2
        return each if self.weights is None else each * self.weights[rows]

    @cached_property
    def precisions(self) -> Tensor:
        """Prior precision of each weight, (size,)."""
        import torch

        parts = []
        for a, b in pairwise(self.widths):
            parts += [np.full(a * b, self.precision * a / 2), np.full(b, self.precision)]
        return torch.from_numpy(np.concatenate(parts))

    def penalty(self, theta: Tensor) -> Tensor:
        """Negative log-density of the prior, up to a constant."""
        return 0.5 * (self.precisions * theta**2).sum()

    def energy(self, theta: Tensor) -> Tensor:
        """Negative log-posterior of a vector of weights, up to a constant."""
        return self.losses(theta).sum() + self.penalty(theta)


def layers(theta: Any, widths: Sequence[int]) -> list[tuple[Any, Any]]:
    """Weights (..., in, out) and biases (..., out) of each layer, as views of vectors (..., size)."""
    out, at = [], 0
    for a, b in pairwise(widths):
        weight = theta[..., at : at + a * b].reshape(*theta.shape[:-1], a, b)
        out.append((weight, theta[..., at + a * b : at + (a + 1) * b]))
        at += (a + 1) * b
    return out


def forward(theta: Tensor, widths: Sequence[int], rows: Tensor) -> Tensor:
    """Outputs (n, out) for rows (n, d), ReLU between layers."""
    x = rows
    stack = layers(theta, widths)
    for weight, bias in stack[:-1]:
        x = (x @ weight + bias).relu()
    return x @ stack[-1][0] + stack[-1][1]


def outputs(samples: Float64s, widths: Sequence[int], rows: Float64s) -> Float64s:
    """Outputs (S, n, out) of S vectors of weights (S, size)."""
    x: Float64s = rows[None]
    stack = layers(samples, widths)
    for weight, bias in stack[:-1]:
        x = np.maximum(x @ weight + bias[:, None], 0.0)
    return np.asarray(x @ stack[-1][0] + stack[-1][1][:, None])


def started(widths: Sequence[int], seed: int) -> Tensor:
    """He's initial weights as one vector in float64; biases and the last layer are 0: no answer is preferred."""
    import torch

    from bench.seeds import generator

    draws = generator(seed, "weights")
    parts = []
    for a, b in pairwise(widths):
        parts += [draws.standard_normal(a * b) * np.sqrt(2 / a), np.zeros(b)]
    parts[-2] = np.zeros_like(parts[-2])
    return torch.from_numpy(np.concatenate(parts))


Sampler = Callable[[Problem, int], Float64s]


@dataclass
class Posterior:
    """Samples of a network's weights from an approximate posterior; classifies or forecasts as its data asks.

    sampler: (problem, seed) -> (S, size).  Whole targets are classes, others are forecast.
    """

    name: str
    parameters: dict[str, Any]
    hidden: int
    depth: int
    precision: float
    sampler: Sampler
    scale: Scale | None = None
    target: Scale | None = None
    samples: Float64s | None = None
    widths: tuple[int, ...] = ()

    def fit(self, train: Examples, seed: int) -> None:
        """Draw the samples, on one thread in float64; equal arguments give equal samples."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            self.samples = self.sampler(self._problem(train), seed)
        finally:
            torch.set_num_threads(threads)
        if not np.isfinite(self.samples).all():
            raise UsageError(
                f"{self.name} diverged", cause="some weights are not finite", fix="set a smaller rate= or step="
            )

    def _problem(self, train: Examples) -> Problem:
        import torch

        classes = train.targets is not None and np.issubdtype(np.asarray(train.targets).dtype, np.integer)
        self.scale = Scale.of(train.inputs)
        rows = torch.from_numpy(self.scale.apply(flat(train.inputs)))
        if classes:
            targets, out = torch.from_numpy(labels_of(train)), classes_of(train)
        else:
            y = targets_of(train)
            self.target = Scale.of(y[:, None])
            targets, out = torch.from_numpy(self.target.apply(y[:, None])[:, 0]), 2
        self.widths = (rows.shape[1], *(self.hidden,) * self.depth, out)
        return Problem(rows, targets, self.widths, bool(classes), self.precision)

    def each(self, rows: Float64s) -> Float64s:
        """Outputs (S, n, out) of the members for standardised rows (n, d)."""
        assert self.samples is not None  # noqa: S101 - fit comes first
        return outputs(self.samples, self.widths, rows)

    def _asked(self, inputs: AnyArray) -> Float64s:
        assert self.scale is not None  # noqa: S101 - fit comes first
        return self.each(self.scale.apply(flat(inputs)))

    def classify(self, inputs: AnyArray) -> Classified:
        """Log of the mean probability (b, C), and the members' log-probabilities (b, S, C)."""
        members = log_softmax(self._asked(inputs)).transpose(1, 0, 2)
        return Classified(mixture(members), members=members)

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean and standard deviation of the mixture (b,), and of each member (b, S), in the targets' unit."""
        assert self.target is not None  # noqa: S101 - fit comes first
        each = self._asked(inputs)
        width = self.target.width[0]
        means = (self.target.mean[0] + width * each[:, :, 0]).T
        stds = (width * (np.logaddexp(0.0, each[:, :, 1]) + NARROWEST)).T
        std = np.sqrt((stds**2).mean(axis=1) + means.var(axis=1))
        return Forecast(mean=means.mean(axis=1), std=std, member_means=means, member_stds=stds)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts(self.name, self.parameters, "numpy", "torch")
