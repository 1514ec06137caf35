"""Natural-language inference by a classifier in Hugging Face format: batched, and no pair asked twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError

Pair = tuple[str, str]
CLASSES = ("entailment", "neutral", "contradiction")
BATCH = 64
# Of so many pairs the answers are kept; the oldest make room.
_KEPT = 1 << 20


class Entailment:
    """P(entailment, neutral, contradiction) of (premise, hypothesis).

    asked: pairs that were wanted; run: those that went through the model; batches: passes of it.
    """

    def __init__(self, target: str, *, batch: int = BATCH, device: str = "cpu") -> None:
        self.target, self.batch, self.device = target, batch, device
        self.asked = self.run = self.batches = 0
        self._known: dict[Pair, Float64s] = {}
        self._model: Any = None
        self._tokenizer: Any = None
        self._order: list[int] = []

    def __call__(self, pairs: Sequence[Pair]) -> Float64s:
        """Probabilities in the order of `CLASSES`, (pairs, 3)."""
        self.asked += len(pairs)
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        found = {pair: self._known[pair] for pair in pairs if pair in self._known}
        fresh = self._compute(new)
        found |= fresh
        self._known |= fresh
        for pair in list(self._known)[: max(0, len(self._known) - _KEPT)]:
            del self._known[pair]
        return np.stack([found[pair] for pair in pairs]) if pairs else np.empty((0, len(CLASSES)))

    def _compute(self, pairs: Sequence[Pair]) -> dict[Pair, Float64s]:
        import torch

        if not pairs:
            return {}
        self._open()
        # Pairs of like length go together, so that little is padding.
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        out: dict[Pair, Float64s] = {}
        with torch.inference_mode():
            for start in range(0, len(order), self.batch):
                chosen = [pairs[i] for i in order[start : start + self.batch]]
                fed = self._tokenizer(
                    [p for p, _ in chosen], [h for _, h in chosen], padding=True, truncation=True, return_tensors="pt"
                ).to(self.device)
                logits = self._model(**fed).logits.double()[:, self._order]
                out |= dict(zip(chosen, torch.softmax(logits, -1).cpu().numpy(), strict=True))
                self.batches += 1
        self.run += len(pairs)
        return out

    def _open(self) -> None:
        if self._model is not None:
            return
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(self.target)
            model = AutoModelForSequenceClassification.from_pretrained(self.target)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"no entailment model at '{self.target}'",
                cause=str(error).splitlines()[0],
                fix="give a folder or a hub name, such as model=microsoft/deberta-large-mnli",
            ) from error
        self._order = _order(model.config.label2id, self.target)
        self._model = model.to(self.device).eval()


def _order(labels: dict[str, int], target: str) -> list[int]:
    """Where the model's outputs for `CLASSES` stand."""
    places = {name.lower(): place for name, place in labels.items()}
    order = [next((k for name, k in places.items() if name.startswith(c[:6])), -1) for c in CLASSES]
    if min(order) < 0:
        raise UsageError(
            f"'{target}' is no entailment model",
            cause=f"its labels are {', '.join(labels)}, not {', '.join(CLASSES)}",
            fix="name a model trained on natural-language inference",
        )
    return order


@lru_cache(maxsize=2)
def entailment(target: str) -> Entailment:
    """The model, one for all scores that ask it, so that they share its answers."""
    if not target:
        raise UsageError(
            "relation=nli needs a model",
            cause="entailment is judged by a classifier",
            fix="write relation=nli,model=microsoft/deberta-large-mnli, or model=PATH",
        )
    return Entailment(target, device=_device())


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def distinct_pairs(texts: Iterable[str]) -> list[Pair]:
    """All ordered pairs of different texts."""
    each = list(dict.fromkeys(texts))
    return [(a, b) for a in each for b in each if a != b]
