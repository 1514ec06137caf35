"""The variational information bottleneck: a classifier that sees its input through a noisy code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified
from bench.components import model
from bench.examples import Examples
from bench.models.bayes.networks import forward, outputs, started
from bench.models.bayes.samplers import BETAS, batches, slope
from bench.models.building import facts
from bench.models.labels import classes_of, labels_of
from bench.models.scaling import Scale, flat
from bench.records import log_softmax
from bench.scores.uncertainty import mixture
from bench.seeds import derive, generator

if TYPE_CHECKING:
    from torch import Tensor


def rate(mean: Any, log_std: Any) -> Any:
    """KL(N(mean, exp(log_std)^2) || N(0, 1)) summed over the last axis, nats: numpy or torch."""
    square = (2 * log_std).exp() if hasattr(log_std, "exp") else np.exp(2 * log_std)
    return 0.5 * (square + mean**2 - 1 - 2 * log_std).sum(-1)


@dataclass
class Bottleneck:
    """Encoder N(mean, std) of `code` numbers by a network, decoder linear, marginal N(0, 1)."""

    hidden: int
    code: int
    beta: float
    draws: int
    epochs: int
    scale: Scale | None = None
    theta: Float64s | None = None
    widths: tuple[int, ...] = ()
    classes: int = 0
    seed: int = 0

    def fit(self, train: Examples, seed: int) -> None:
        """Least E[-log q(y | z)] + beta KL(e(z | x) || m(z)) by Adam, one noise draw a row and step."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            self.scale = Scale.of(train.inputs)
            rows = torch.from_numpy(self.scale.apply(flat(train.inputs)))
            labels = torch.from_numpy(labels_of(train))
            self.classes, self.seed = classes_of(train), seed
            self.widths = (rows.shape[1], self.hidden, 2 * self.code)
            self.theta = self._descended(rows, labels, seed).numpy()
        finally:
            torch.set_num_threads(threads)

    def _descended(self, rows: Tensor, labels: Tensor, seed: int) -> Tensor:
        import torch

        theta = torch.cat([started(self.widths, seed), started((self.code, self.classes), derive(seed, "decoder"))])
        first, second = torch.zeros_like(theta), torch.zeros_like(theta)
        noise = torch.Generator().manual_seed(derive(seed, "code") % 2**63)
        n = len(rows)
        steps = self.epochs * -(-n // 64)
        for step, chosen in enumerate(batches(n, self.epochs, seed)):

            def loss(at: Tensor, chosen: Tensor = chosen) -> Tensor:
                mean, log_std = self._code(at, rows[chosen])
                z = mean + log_std.exp() * torch.randn(mean.shape, generator=noise, dtype=mean.dtype)
                missed = torch.nn.functional.cross_entropy(self._decoded(at, z), labels[chosen])
                total: Tensor = missed + self.beta * rate(mean, log_std).mean()
                return total

            _, g = slope(loss, theta)
            first.lerp_(g, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            size = 5e-3 * (1 - step / steps) / (1 - BETAS[0] ** (step + 1))
            theta -= size * first / ((second / (1 - BETAS[1] ** (step + 1))).sqrt() + 1e-8)
        return theta

    def _code(self, theta: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        out = forward(theta[: self._encoder], self.widths, rows)
        return out[:, : self.code], out[:, self.code :].clamp(-7, 3)

    def _decoded(self, theta: Tensor, z: Tensor) -> Tensor:
        return forward(theta[self._encoder :], (self.code, self.classes), z)

    @property
    def _encoder(self) -> int:
        return sum((a + 1) * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True))

    def encode(self, inputs: AnyArray) -> tuple[Float64s, Float64s]:
        """Mean and standard deviation of the code of each input, (b, code) each."""
        assert self.theta is not None and self.scale is not None  # noqa: S101, PT018 - fit comes first
        out = outputs(self.theta[None, : self._encoder], self.widths, self.scale.apply(flat(inputs)))[0]
        return out[:, : self.code], np.exp(np.clip(out[:, self.code :], -7, 3))

    def classify(self, inputs: AnyArray) -> Classified:
        """Log of the mean probability over codes drawn (b, C), each draw's (b, S, C), and the codes' means.

        The features are mean, and the rate KL(e(z | x) || m(z)) in nats as the last number.
        """
        assert self.theta is not None  # noqa: S101 - fit comes first
        mean, std = self.encode(inputs)
        # The same noise for each input, so that an answer does not hang on its batch.
        noise = generator(self.seed, "codes").standard_normal((self.draws, 1, self.code))
        z = mean + std * noise
        weight, bias = (
            self.theta[self._encoder :][: self.code * self.classes].reshape(self.code, self.classes),
            self.theta[-self.classes :],
        )
        members = log_softmax(z @ weight + bias).transpose(1, 0, 2)
        rates = rate(mean, np.log(std))
        return Classified(mixture(members), features=np.column_stack([mean, rates]), members=members)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        names = ("hidden", "code", "beta", "draws", "epochs")
        return facts("vib", {name: getattr(self, name) for name in names}, "numpy", "torch")


@model(
    "vib",
    gives="classifier",
    area="uncertainty",
    source="Alemi et al. 2017, arXiv:1612.00410; Alemi et al. 2020, arXiv:2011.08711",
    papers=("VIB is Half Bayes",),
    check="uncertainty/bottleneck",
)
def vib(hidden: int = 64, code: int = 8, beta: float = 0.01, draws: int = 30, epochs: int = 60) -> Bottleneck:
    """A classifier through a noisy code of few numbers; beta: the price of a nat that the code tells of its input.

    The answer is the mean over `draws` codes, which are its members; the rate of each input is its last feature.
    beta = 1 is the member of the family that is Bayesian in the labels (Alemi et al. 2020).
    """
    return Bottleneck(hidden, code, beta, draws, epochs)
