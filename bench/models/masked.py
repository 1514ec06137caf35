"""Masked-diffusion models of sequences: one that knows its source, and one that is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.estimators.masked import Denoiser, Form, bound, form_of
from bench.estimators.residual import ChainCorrected
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.discrete import levels_of
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.references.chains import Chain
from bench.seeds import derive, generator
from bench.tasks.likelihood.sequences import SYMBOLS, source

if TYPE_CHECKING:
    from torch import Tensor, nn

RADD = "Your Absorbing Discrete Diffusion Secretly Models the Conditional Distributions of Clean Data"
SMDM = "Scaling up Masked Diffusion Models on Text"
EDLM = "Energy-Based Diffusion Language Models for Text Generation"
BATCH, RATE = 64, 3e-3
_RECIPE = 1  # raised when a change alters trained weights


@dataclass
class MaskedOracle:
    """The exact conditionals of `likelihood/chain`, asked as a masked-diffusion model is."""

    form: Form
    draws: int
    seed: int = 0
    known: Chain | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Nothing is learnt; data of another source is refused."""
        if train.levels != SYMBOLS or flat(train.inputs).shape[1] < 2:
            raise NotSuited(
                "masked-oracle does not know this data",
                cause=f"its source has {SYMBOLS} symbols in a chain",
                fix="ask it about likelihood/chain",
            )
        self.known, self.seed = source(), seed

    def density(self, inputs: AnyArray) -> LogDensity:
        """A lower bound on the log-mass, (b,), which is tight but for its Monte-Carlo error."""
        assert self.known is not None  # noqa: S101 - fit comes first
        rows = levels_of(flat(inputs), SYMBOLS)
        return bound(self.known.conditionals, rows, self.form, self.draws, self.seed)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("masked-oracle", {"form": self.form, "draws": self.draws}, "numpy")


@dataclass
class MaskedDiffusion:
    """A small transformer that fills in hidden symbols, trained on one core in under a minute."""

    form: Form
    draws: int
    steps: int
    width: int
    energy: float
    seed: int = 0
    levels: int = 0
    network: nn.Module | None = None
    denoiser: Denoiser | None = field(default=None)

    def fit(self, train: Examples, seed: int) -> None:
        """Train on rows of symbols; the chain behind the energy is counted from the same rows."""
        rows = levels_of(training_rows(train), train.levels)
        self.levels, self.seed = train.levels, seed
        self.network = _trained(rows, train.levels, self.width, self.steps, seed)
        self.denoiser = (
            self.fill if self.energy == 0 else ChainCorrected(self.fill, counted(rows, self.levels), self.energy)
        )

    def density(self, inputs: AnyArray) -> LogDensity:
        """A lower bound on the log-mass, (b,), with its Monte-Carlo error."""
        assert self.denoiser is not None  # noqa: S101 - fit comes first
        return bound(self.denoiser, levels_of(flat(inputs), self.levels), self.form, self.draws, self.seed)

    def fill(self, rows: Ints, hidden: Bools) -> Float64s:
        """The network's log-probabilities of what stands at each place, (n, L, V)."""
        import torch

        assert self.network is not None  # noqa: S101 - fit comes first
        with torch.inference_mode():
            symbols = torch.from_numpy(np.where(hidden, self.levels, rows))
            logs = self.network(symbols).double().log_softmax(-1)
        return logs.numpy()

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        own = {k: getattr(self, k) for k in ("form", "draws", "steps", "width", "energy")}
        return facts("masked-diffusion", own, "numpy", "torch")


@model(
    "masked-oracle",
    gives="density",
    source="Ou et al. 2024; closed form",
    papers=(RADD,),
    check="likelihood/masked-forms",
)
def masked_oracle(form: str = "count", draws: int = 32) -> MaskedOracle:
    """The masked-diffusion model whose conditionals are those of the source of `likelihood/chain`.

    form: orders, count, rate or time, four estimates of one bound.  draws: masks a sequence.
    """
    return MaskedOracle(form_of(form), draws)


@model(
    "masked-diffusion",
    gives="density",
    source="Ou et al. 2024; Nie et al. 2024; Xu et al. 2024 for the energy",
    papers=(RADD, SMDM, EDLM),
    check="likelihood/masked-energy",
)
def masked_diffusion(
    form: str = "count", draws: int = 32, steps: int = 800, width: int = 64, energy: float = 0.0
) -> MaskedDiffusion:
    """A masked-diffusion transformer of two layers, trained on the task's sequences; a lower bound on their log-mass.

    form: orders, count, rate or time, four estimates of one bound.  draws: masks a sequence.  steps: of training, 64
    sequences each.  width: of the network.  energy: how far its joint is pulled towards a Markov chain counted from
    the training data: 0 leaves it, 1 replaces it.
    """
    return MaskedDiffusion(form_of(form), draws, steps, width, energy)


def counted(rows: Ints, levels: int, smoothing: float = 0.1) -> Chain:
    """The Markov chain of greatest likelihood, each count raised by the smoothing."""
    start = np.bincount(rows[:, 0], minlength=levels) + smoothing
    pairs = np.bincount((rows[:, :-1] * levels + rows[:, 1:]).ravel(), minlength=levels**2).reshape(levels, levels)
    step = pairs + smoothing
    return Chain(start / start.sum(), step / step.sum(axis=1, keepdims=True))


def _trained(rows: Ints, levels: int, width: int, steps: int, seed: int) -> nn.Module:
    """Trained, or taken from the shelf."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "masked-diffusion") % 2**63)
        network = _network(levels, rows.shape[1], width)

    def train() -> Arrays:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            _descend(network, torch.from_numpy(rows), levels, steps, seed)
        finally:
            torch.set_num_threads(threads)
        return {name: value.numpy() for name, value in network.state_dict().items()}

    key = {
        "data": digest_of(rows), "levels": levels, "width": width, "steps": steps, "seed": seed, "recipe": _RECIPE,
        "torch": torch.__version__,
    }  # fmt: skip
    arrays = kept("masked-diffusion", key, train)
    network.load_state_dict({name: torch.as_tensor(value) for name, value in arrays.items()})
    return network.eval()


def _network(levels: int, length: int, width: int) -> nn.Module:
    import torch
    from torch import nn

    class Filler(nn.Module):
        """Symbols (b, L), `levels` for a hidden one, to logits (b, L, V)."""

        def __init__(self) -> None:
            super().__init__()
            self.symbol = nn.Embedding(levels + 1, width)
            self.place = nn.Parameter(torch.randn(length, width) * 0.1)
            layer = nn.TransformerEncoderLayer(
                width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            self.body = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False)
            self.head = nn.Linear(width, levels)

        def forward(self, symbols: Tensor) -> Tensor:
            logits: Tensor = self.head(self.body(self.symbol(symbols) + self.place))
            return logits

    return Filler()


def _descend(network: nn.Module, rows: Tensor, levels: int, steps: int, seed: int) -> None:
    """Adam on the bound itself, with the number of hidden symbols spread evenly over the batch."""
    import torch

    draws, length = generator(seed, "masked-diffusion", "batches"), rows.shape[1]
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        batch = rows[torch.from_numpy(draws.integers(len(rows), size=BATCH))]
        count = 1 + np.floor(length * (np.arange(BATCH) + draws.random(BATCH)) / BATCH).astype(np.int64)
        rank = draws.random((BATCH, length)).argsort(axis=1).argsort(axis=1)
        hidden = torch.from_numpy(rank < count[:, None])
        logits = network(torch.where(hidden, levels, batch))
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch, reduction="none") * hidden
        loss = (losses.sum(dim=1) / torch.from_numpy(count).float()).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
