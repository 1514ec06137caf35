"""A language model of counted words: what the training texts hold within a few words, and nothing beyond.

It is a local learner in the sense of Prystawski et al. 2023: of words that never stood near each other it knows only
how frequent each is.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bench.capabilities import Machine
from bench.components import model
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.language import Draw, Generated, Scored
from bench.seeds import generator

END = ""  # the word after the last one of a text

Context = tuple[str, ...]
Law = Callable[[Context], np.ndarray[Any, np.dtype[np.float64]]]
# Contexts whose law is remembered while texts are scored or written.
KEPT = 512


class NGram:
    """Words given the `order` - 1 before them, interpolated with shorter contexts by Witten and Bell's weights.

    A word is what stands between spaces; what was never seen shares, with all that was, the last part of the mass: one
    part in (number of known words + 1).
    """

    def __init__(self, order: int, seed: int = 0) -> None:
        self.order = order
        self.seed = seed
        self.counts: dict[Context, Counter[str]] = defaultdict(Counter)
        self.vocabulary: tuple[str, ...] = ()

    def fit(self, train: Examples, seed: int) -> None:
        """Count the words of the training texts."""
        del seed  # counting draws nothing
        self.counts = defaultdict(Counter)
        for text in train.inputs:
            words = [*str(text).split(), END]
            for at, word in enumerate(words):
                for length in range(min(self.order - 1, at) + 1):
                    self.counts[tuple(words[at - length : at])][word] += 1
        self.vocabulary = tuple(sorted(self.counts[()]))

    def probability(self, word: str, context: Context) -> float:
        """p(word | context), the context cut to `order` - 1 words; sums to 1 over the known words and one unknown."""
        p = 1.0 / (len(self.vocabulary) + 1)
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        for length in range(len(context) + 1):
            counts = self.counts.get(context[len(context) - length :])
            if counts is None:
                break
            total, kinds = counts.total(), len(counts)
            p = (counts[word] + kinds * p) / (total + kinds)
        return p

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability of each word of the continuations, nats."""
        self._require_fit()
        law = lru_cache(KEPT)(self.law)
        return [self._scored(context, continuation, law) for context, continuation in requests]

    def _scored(self, context: str, continuation: str, law: Law) -> Scored:
        if context and not context[-1].isspace() and not continuation[:1].isspace():
            head = context.rsplit(maxsplit=1)[-1]
            past, words = context.split()[:-1], [head + (continuation.split() or [""])[0], *continuation.split()[1:]]
        else:
            past, words = context.split(), continuation.split()
        logs, greedy = [], True
        for word in words:
            given = self._given(past)
            p = self.probability(word, given)
            greedy = greedy and p >= law(given).max()
            logs.append(math.log(p))
            past.append(word)
        return Scored(np.array(logs), greedy, len(continuation.encode()))

    def law(self, context: Context) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Probabilities of the known words, (V,), in the order of `vocabulary`; the rest of 1 is the unknown's."""
        return np.array([self.probability(word, context) for word in self.vocabulary])

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """A text for each draw, word by word, from the known words."""
        self._require_fit()
        law = lru_cache(KEPT)(self.law)
        return [self._generated(draw, law) for draw in draws]

    def _given(self, past: Sequence[str]) -> Context:
        return tuple(past[-(self.order - 1) :]) if self.order > 1 else ()

    def _generated(self, draw: Draw, law_of: Law) -> Generated:
        rng = generator(draw.seed, "ngram")
        past, text = draw.prompt.split(), ""
        ids: list[int] = []
        logs: list[float] = []
        for _ in range(draw.max_tokens):
            law = law_of(self._given(past))
            chosen = int(law.argmax()) if draw.temperature == 0 else _drawn(law, draw, rng)
            ids.append(chosen)
            logs.append(math.log(law[chosen]))
            if self.vocabulary[chosen] == END:
                return Generated(text, np.array(ids), np.array(logs), stopped=True)
            past.append(self.vocabulary[chosen])
            text += " " + self.vocabulary[chosen]
            ends = [at for at in (text.find(stop) for stop in draw.stop if stop) if at >= 0]
            if ends:
                return Generated(text[: min(ends)], np.array(ids), np.array(logs), stopped=True)
        return Generated(text, np.array(ids, dtype=np.int64), np.array(logs), stopped=False)

    def fingerprint(self) -> Mapping[str, Any]:
        """The order; what it learns follows from the task's training split."""
        counts = sorted((list(context), sorted(words.items())) for context, words in self.counts.items())
        digest = hashlib.sha256(json.dumps(counts).encode()).hexdigest() if counts else ""
        return {"order": self.order, "counts": digest, "version": 1}

    def _require_fit(self) -> None:
        if not self.vocabulary:
            raise EvaluationError(
                "an n-gram model has counted nothing",
                cause="the task gives no training texts",
                fix="ask it a task with a training split, such as reasoning/bayes-nets",
            )


def _drawn(law: np.ndarray[Any, np.dtype[np.float64]], draw: Draw, rng: np.random.Generator) -> int:
    weights = law ** (1 / draw.temperature)
    order = np.argsort(-weights, kind="stable")
    share = weights[order] / weights.sum()
    kept = order[np.cumsum(share) - share < draw.top_p]
    return int(rng.choice(kept, p=weights[kept] / weights[kept].sum()))


@model("ngram", gives="language", source="Witten and Bell 1991, The zero-frequency problem", check="reasoning/locality")
def ngram(*, machine: Machine, order: int = 2) -> NGram:
    """Words counted in the task's training texts, with interpolation: `ngram,order=2`.

    It can be asked tasks that have a training split of texts, and knows nothing else.
    """
    del machine  # counts are kept where Python is
    return NGram(max(1, order))
