"""What an audit looks at: the answered test samples of a cell, as columns that all audits share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.components import NotApplicable
from bench.errors import BenchError
from bench.records import Choices, Classification, Generations
from bench.runners.folder import RunFolder

MOST_DIMENSIONS = 8  # of an embedding: beyond, its principal components
MOST_ROWS = 4000  # the first by a seeded permutation: audits take squares of samples


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """Samples with an answer that can be right.

    wrong, confidence, loss: (n,); loss is −log of the probability of the truth, nats, or of confidence's own verdict
    where only that is known.  embedding: (n, d), scaled to unit variance: features, else log-probabilities; `None`
    where there is neither.  labels: (n,), of the truth, −1 unknown.  groups: (n,), names of data sets or classes.
    """

    model: str
    task: str
    decoder: str
    wrong: Bools
    confidence: Float64s
    loss: Float64s
    embedding: Float64s | None
    labels: Ints
    groups: AnyArray

    def __len__(self) -> int:
        return len(self.wrong)

    @property
    def name(self) -> str:
        """Model, and decoder where there is one."""
        return f"{self.model} · {self.decoder}" if self.decoder else self.model

    def embedded(self) -> Float64s:
        """The embedding; `NotApplicable` where there is none."""
        if self.embedding is None:
            raise NotApplicable("its record has neither features nor probabilities of classes")
        return self.embedding


def at(values: AnyArray) -> Callable[[Ints], AnyArray]:
    """What an oracle says of items that an audit pays for: the stored values at their positions."""
    return lambda items: values[items]


def subjects(run: RunFolder, *, tasks: Sequence[str] = (), seed: int = 0) -> Iterator[Subject]:
    """The cells of a run whose answers can be right or wrong, those too long for memory by a sample of their rows."""
    for entry in run.cells:
        if entry.status != "done" or (tasks and not any(fnmatchcase(entry.task, t) for t in tasks)):
            continue
        try:
            long = run.long(entry.name)
            record = run.record(entry.name) if long is None else long.sample(MOST_ROWS)
        except (BenchError, OSError):
            continue
        test = record.split("test")
        if isinstance(test, Classification) and test.ood is not None:
            test = test.where(~test.ood)
        if len(test) < 20 or not isinstance(test, Classification | Choices | Generations):
            continue
        order = np.random.default_rng([seed, len(test)]).permutation(len(test))[:MOST_ROWS]
        test = test.take(np.sort(order))
        made = _of(test, entry.model, entry.task, entry.decoder)
        if made is not None:
            yield made


def _of(test: Classification | Choices | Generations, model: str, task: str, decoder: str) -> Subject | None:
    about = {"model": model, "task": task, "decoder": decoder}
    if isinstance(test, Generations):
        wrong = ~test.correct
        p = np.where(wrong, 1 - test.confidence, test.confidence)
        labels = np.full(len(test), -1)
        embedding = None
    else:
        known = test.labels >= 0
        if not known.all():
            return None
        p = np.exp(test.log_probs[np.arange(len(test)), test.labels])
        wrong, labels = test.predicted != test.labels, test.labels
        embedding = _embedding(test)
    groups = test.dataset if test.dataset is not None and len(np.unique(test.dataset)) > 1 else labels.astype(np.str_)
    return Subject(
        **about,
        wrong=np.asarray(wrong, dtype=bool),
        confidence=np.asarray(test.confidence, dtype=np.float64),
        loss=-np.log(np.maximum(p, 1e-6)),
        embedding=embedding,
        labels=np.asarray(labels, dtype=np.int64),
        groups=groups,
    )


def _embedding(test: Classification | Choices) -> Float64s | None:
    if not isinstance(test, Classification):
        return None
    x = test.log_probs if test.features is None else test.features.astype(np.float64)
    x = np.clip(np.asarray(x, dtype=np.float64), -60, None)
    x = x - x.mean(axis=0)
    if x.shape[1] > MOST_DIMENSIONS:
        _, _, axes = np.linalg.svd(x, full_matrices=False)
        x = x @ axes[:MOST_DIMENSIONS].T
    spread = x.std(axis=0)
    kept = spread > 1e-12
    return x[:, kept] / spread[kept] if kept.any() else None
