"""A prior-data fitted network: a transformer that has seen many data sets of a prior, and forecasts in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Forecast
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.modules import load, seeded
from bench.models.scaling import flat
from bench.references import functions

if TYPE_CHECKING:
    from torch import Tensor

PFN = "Transformers Can Do Bayesian Inference"
CHECK = "uncertainty/prior-fitted"
WEIGHTS = Path(__file__).parents[1] / "zoo" / "checkpoints" / "prior-fitted" / "model.safetensors"
CONTEXT = 16  # the most values that it has been trained to see
WIDTH, HEADS, LAYERS, INNER, WAVES = 64, 4, 4, 128, 6
CENTRES, BAR = np.linspace(-5.0, 5.0, 101), 0.1
ROWS = 1024


def network() -> tuple[Any, ...]:
    """Its parts, of torch's generator: embedding of a point, layers, and the weights of the bars."""
    from torch import nn

    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    layers = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    return nn.Linear(2 * WAVES + 2, WIDTH), layers, nn.Linear(WIDTH, len(CENTRES))


def log_weights(parts: tuple[Any, ...], x: Tensor, y: Tensor, at: Tensor) -> Tensor:
    """Logarithms of the weights of the bars, (b, m, bars), for values at `at` (b, m) given y (b, n) at x (b, n).

    The points given see one another, each that is asked about sees those and itself; nothing tells their order.
    """
    import torch

    embed, layers, head = parts
    n, m = x.shape[1], at.shape[1]
    places = torch.cat([x, at], dim=1)
    known = torch.cat([torch.ones_like(x), torch.zeros_like(at)], dim=1)
    values = torch.cat([y, torch.zeros_like(at)], dim=1)
    angles = torch.pi * places[..., None] * torch.arange(1, WAVES + 1)
    points = torch.cat([angles.cos(), angles.sin(), values[..., None], known[..., None]], dim=-1)
    hidden = ~torch.eye(n + m, dtype=torch.bool)
    hidden[:, :n] = False
    return torch.log_softmax(head(layers(embed(points), mask=hidden)[:, n:]), dim=-1)


def log_density(logs: Tensor, y: Tensor) -> Tensor:
    """Log-density (b, m) of y (b, m) under bars of those log-weights (b, m, bars)."""
    import torch

    z = (y[..., None] - torch.as_tensor(CENTRES, dtype=y.dtype)) / BAR
    return torch.logsumexp(logs - 0.5 * z.square(), dim=-1) - float(np.log(BAR * np.sqrt(2 * np.pi)))


@cache
def loaded() -> tuple[Any, ...]:
    """The trained parts, from the file that is shipped."""
    from safetensors.numpy import load_file

    if not WEIGHTS.exists():
        raise UsageError("the network of pfn is missing", cause="it is not installed", fix="make zoo")
    with seeded(0):
        parts = network()
    for part in parts:
        part.eval()
    load(parts, load_file(WEIGHTS))
    return parts


@dataclass
class PriorFitted:
    """The network of `pfn`; rows are data sets of the prior of `bench.references.functions`, each with a question."""

    parts: tuple[Any, ...] = field(default_factory=loaded, repr=False)

    def fit(self, train: Examples, seed: int) -> None:
        """Nothing is learnt: it was trained on draws from the prior alone."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        """A mixture of the bars, (b, bars) each."""
        import torch

        rows = _suited(flat(inputs), CONTEXT)
        with torch.no_grad():
            logs = [self._logs(rows[i : i + ROWS]) for i in range(0, len(rows), ROWS)]
        found = torch.cat(logs).double().softmax(dim=-1).numpy() if logs else np.empty((0, len(CENTRES)))
        return Forecast(
            mixture_means=np.broadcast_to(CENTRES, found.shape).copy(),
            mixture_stds=np.full(found.shape, BAR),
            mixture_weights=found,
        )

    def _logs(self, rows: Float64s) -> Tensor:
        import torch

        x, y, at = (torch.as_tensor(part.astype(np.float32)) for part in functions.parted(rows))
        return log_weights(self.parts, x, y, at[:, None])[:, 0]

    def fingerprint(self) -> dict[str, Any]:
        """Weights and versions."""
        return facts("pfn", {"weights": sha256(WEIGHTS.read_bytes()).hexdigest()}, "numpy", "torch")


@dataclass(frozen=True)
class Exact:
    """The Gaussian process that the data is drawn from."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Exact mean and standard deviation, (b,) each."""
        mean, std = functions.exact(*functions.parted(_suited(flat(inputs))))
        return Forecast(mean=mean, std=std)

    def fingerprint(self) -> dict[str, Any]:
        """Versions."""
        return facts("function-oracle", {}, "numpy")


@model("pfn", gives="regressor", area="uncertainty", source="Müller et al. 2022", papers=(PFN,), check=CHECK)
def pfn() -> PriorFitted:
    """A transformer trained on data sets of the prior of `uncertainty/functions`: a forecast in one pass, unfitted.

    It sees up to 16 values and answers with weights of 101 bars from -5 to 5, each a Gaussian of deviation .1 where the
    paper's are flat: the density is smooth, and has tails.  Small, and trained for a quarter of an hour, it is .001,
    .004, .022 and .021 nats from the exact forecast at 0, 1, 4 and 16 values: of 16 it makes what the exact one makes
    of 14.
    """
    return PriorFitted()


@model("function-oracle", gives="regressor", area="uncertainty", source="Rasmussen and Williams 2006", check=CHECK)
def function_oracle() -> Exact:
    """The exact forecast of `uncertainty/functions`, by the Gaussian process that its functions are drawn from."""
    return Exact()


def _suited(rows: Float64s, most: int = 0) -> Float64s:
    """Rows as `functions.laid` gives them; `NotSuited` where they are none, or hold more than `most` values."""
    n, odd = divmod(rows.shape[1], 2)
    places = np.concatenate([rows[:, :n], rows[:, -1:]], axis=1)
    if not odd or (most and n > most) or ((places < 0) | (places > 1)).any():
        raise NotSuited(
            "the rows are no data sets of functions on [0, 1]",
            cause="a row is the places of n values, the values, and one place more"
            + (f"; n <= {most}" if most else ""),
            fix="ask it about uncertainty/functions",
        )
    return rows
