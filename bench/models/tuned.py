"""A language model fine-tuned on a task's training texts, beside what it was before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bench import specs
from bench.capabilities import Machine
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import build, facts
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Checkpoint, Loaded, load
from bench.models.pair import Pair
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tuning:
    """How a model is tuned: passes over the texts, texts a step, and the first step size, which falls to 0."""

    epochs: int = 3
    batch: int = 8
    rate: float = 1e-3


@dataclass
class Tuned(Pair):
    """A pair whose tuned model is made of the base when it is fitted."""

    how: Tuning = field(default_factory=Tuning)

    def fit(self, train: Examples, seed: int) -> None:
        """Tune a copy of the base on the training texts; inputs are texts or (question, answer)."""
        texts = [text if isinstance(text, str) else "".join(text) for text in train.inputs]
        if not texts:
            raise UsageError(
                "a language model cannot be tuned",
                cause="the task has no training texts",
                fix="choose a task with a training split, such as ood/texts",
            )
        loaded = load(self.base.source)
        _tune(loaded, texts, self.how, seed)
        self.tuned = HuggingFace(Loaded(loaded.model.eval(), loaded.tokenizer), batch=self.base.batch)

    def fingerprint(self) -> dict[str, Any]:
        """The base's fingerprint and how it is tuned; the training texts are the task's."""
        made = facts("tuned", {"target": self.target, **asdict(self.how)}, "torch", "transformers")
        return {**made, "base": dict(self.base.fingerprint())}


@model(
    "tuned",
    gives="language",
    area="ood",
    source="Zhang et al. 2024, arXiv:2404.08679",
    papers=("Your Finetuned Large Language Model is Already a Powerful Out-of-distribution Detector",),
    check="ood/lm-ratio",
)
def tuned(target: str, machine: Machine, epochs: int = 3, batch: int = 8, rate: float = 1e-3) -> Tuned:
    """A language model tuned on the task's training texts, with its base beside it: `tuned:lm-base`.

    target: an `hf:` model or an embedded one.  epochs, batch, rate: of the tuning, all weights, Adam.
    """
    base = build(specs.parse(target), machine)
    if not isinstance(base, HuggingFace) or not isinstance(base.source, Checkpoint):
        raise UsageError(f"'{target}' cannot be tuned", cause="it is no checkpoint", fix="name lm-base, or hf:MODEL")
    if epochs < 1 or batch < 1 or rate <= 0:
        raise UsageError("tuned: a number is too small", cause="it would learn nothing", fix="bench show model tuned")
    return Tuned(base, base, target, target, Tuning(epochs, batch, rate))


def _tune(loaded: Loaded, texts: list[str], how: Tuning, seed: int) -> None:
    import torch

    network, tokenizer = loaded.model, loaded.tokenizer
    start = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    rows = [
        torch.tensor(
            [*start, *tokenizer.encode(text, add_special_tokens=False)][: network.config.max_position_embeddings]
        )
        for text in texts
    ]
    network.requires_grad_(requires_grad=True).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=how.rate, weight_decay=0.0)
    steps = how.epochs * -(-len(rows) // how.batch)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
    order = generator(seed, "tuned", "order")
    for _ in range(how.epochs):
        shuffled = order.permutation(len(rows))
        for first in range(0, len(rows), how.batch):
            tokens, labels = _padded([rows[i] for i in shuffled[first : first + how.batch]])
            tokens, labels = tokens.to(network.device), labels.to(network.device)
            # Padding is on the right, where no scored token sees it.
            network(input_ids=tokens, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    network.requires_grad_(requires_grad=False)


def _padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence(rows, batch_first=True), pad_sequence(rows, batch_first=True, padding_value=-100)
