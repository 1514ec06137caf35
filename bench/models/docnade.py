"""DocNADE: an autoregressive topic model, whose documents have exact probabilities; on request with an LSTM's context.

Source: Larochelle and Lauly 2012; Gupta, Chaudhary, Buettner and Schuetze 2019, textTOvec, arXiv:1810.03947.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import facts
from bench.models.densities import training_rows
from bench.models.discrete import levels_of
from bench.models.modules import load, seeded, train
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

DOCNADE = (
    "textTOvec: Deep Contextualized Neural Autoregressive Topic Models of Language with Distributed Compositional Prior"
)
STEPS, BATCH, RATE = 800, 128, 1e-2
ROWS = 512
_RECIPE = 1  # raised when a change alters trained weights


def network(words: int, topics: int, mixing: float) -> Any:
    """The modules of DocNADE over a vocabulary of `words`, in float64, from torch's generator.

    topics: W as an embedding (V, H); words: U and b as a linear map; offset: c, the bias of the hidden layer, as a
    map without inputs.  With `mixing` above 0 also an embedding and an LSTM, whose state is the context.
    """
    from torch import nn

    held = nn.ModuleDict(
        {
            "topics": nn.Embedding(words, topics),
            "offset": nn.Linear(1, topics, bias=False),
            "words": nn.Linear(topics, words),
        }
    )
    nn.init.normal_(held["topics"].weight, std=0.1)  # type: ignore[arg-type]
    if mixing:
        held["seen"] = nn.Embedding(words, topics)
        held["context"] = nn.LSTM(topics, topics, batch_first=True)
    return held.double()


def log_probs(held: Any, documents: Tensor, mixing: float) -> Tensor:
    """Log p(v_i | v_<i) of every word of documents (B, L), (B, L): in one pass, the sums over words run along.

    h_i = sigmoid(c + Σ_{k<i} W_{v_k} + mixing * context_i), p(v_i | v_<i) = softmax(b + U h_i).
    """
    import torch

    summed = held["topics"](documents).cumsum(dim=1)
    before = torch.cat([torch.zeros_like(summed[:, :1]), summed[:, :-1]], dim=1)
    hidden = before + held["offset"].weight[:, 0]
    if mixing and documents.shape[1] > 1:  # the first word has no context, and an LSTM no empty sequence
        states, _ = held["context"](held["seen"](documents[:, :-1]))
        hidden = hidden + mixing * torch.cat([torch.zeros_like(before[:, :1]), states], dim=1)
    logits = held["words"](hidden.sigmoid())
    return logits.log_softmax(dim=2).gather(2, documents[:, :, None])[:, :, 0]


@dataclass
class DocNade:
    """DocNADE over rows of word numbers, all of one length."""

    topics: int
    mixing: float
    levels: int = 0
    held: Any = field(default=None, repr=False)

    def fit(self, train_split: Examples, seed: int) -> None:
        """Train by maximum likelihood, or take from the shelf."""
        import torch

        rows = levels_of(training_rows(train_split), train_split.levels)
        self.levels = train_split.levels
        key = {
            "data": digest_of(rows), "levels": self.levels, "topics": self.topics, "mixing": self.mixing,
            "seed": seed, "recipe": _RECIPE, "steps": STEPS, "torch": torch.__version__,
        }  # fmt: skip
        with seeded(derive(seed, "docnade")):
            self.held = network(self.levels, self.topics, self.mixing)
        load([self.held], kept("docnade", key, lambda: self._trained(rows, seed)))

    def _trained(self, rows: Ints, seed: int) -> Arrays:
        import torch

        data = torch.as_tensor(rows)
        draws = torch.Generator().manual_seed(derive(seed, "docnade", "batch") % 2**63)

        def loss() -> Tensor:
            chosen = torch.randint(len(data), (BATCH,), generator=draws)
            return -log_probs(self.held, data[chosen], self.mixing).mean()

        return train([self.held], loss, steps=STEPS, rate=RATE)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass of each document, nats, (b,)."""
        import torch

        documents = torch.as_tensor(levels_of(flat(inputs), self.levels))
        with torch.no_grad():
            parts = [log_probs(self.held, documents[i : i + ROWS], self.mixing) for i in range(0, len(documents), ROWS)]
        return LogDensity(np.concatenate([p.sum(dim=1).numpy() for p in parts]) if parts else np.empty(0))

    def topic_words(self, many: int = 10) -> Ints:
        """The words of greatest weight in each topic, (topics, many)."""
        weights: Float64s = self.held["topics"].weight.detach().numpy()
        return np.argsort(-weights, axis=0)[:many].T

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("docnade", {"topics": self.topics, "mixing": self.mixing}, "numpy", "torch")


@model(
    "docnade",
    gives="density",
    source="Gupta et al. 2019, arXiv:1810.03947",
    papers=(DOCNADE,),
    check="likelihood/docnade",
)
def docnade(topics: int = 32, mixing: float = 0.0) -> DocNade:
    """An autoregressive topic model of sequences of words (or of any discrete data), exact; bits/dim are bits a word.

    topics: width of the hidden layer.  mixing: how much of an LSTM's state joins it (ctx-DocNADE); 0: none, DocNADE.
    """
    if topics < 1 or mixing < 0:
        raise UsageError(
            f"docnade cannot have topics={topics},mixing={mixing:g}",
            cause="there is at least one topic, and mixing is 0 or more",
            fix="bench show model docnade",
        )
    return DocNade(topics, mixing)
