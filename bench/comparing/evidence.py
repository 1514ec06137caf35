"""What the numbers of a cell rest on, sample by sample: enough to pair them with another run's, without the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.arrays import AnyArray, Float64s, Strings
from bench.errors import EvaluationError
from bench.seeds import uniforms
from bench.stats.bootstrap import FOLDS
from bench.stats.means import Range
from bench.stats.training_seeds import Seeds

Digests = NDArray[np.uint64]
# share, mean: `values` are the samples' own.  influence: their contributions.  folds: totals over groups of clusters.
Kind = Literal["share", "mean", "influence", "folds"]
Key = tuple[str, str, str, str]  # calibrator, score, slice, metric
BITS = 48  # of a digest: two of 100,000 ids share one with a chance of 2e-5, which is then noticed


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """One number and what each sample adds to it.

    value: of the answered samples; `None` where it is undefined.  values: (n,) in the order of the cell's ids, NaN for
    samples that the number leaves out; for `folds`, (folds,), see `folds_of`.  shown: value, low, high as results.json
    has them, with failed samples counted.  seeds: of a model trained several times, whose mean the number and its
    values then are.
    """

    calibrator: str
    score: str
    slice: str
    metric: str
    better: str
    unit: str
    range: Range
    biased: bool
    likelihood: str
    kind: Kind
    value: float | None
    values: Float64s
    shown: tuple[float | None, float | None, float | None]
    seeds: Seeds | None = None

    @property
    def key(self) -> Key:
        """What names the number within its cell."""
        return (self.calibrator, self.score, self.slice, self.metric)

    @property
    def bounded(self) -> bool:
        """Whether a sample without an answer has a worst and a best value."""
        return self.kind in {"share", "mean"} and None not in self.range and self.better != "none"


@dataclass(frozen=True, eq=False, kw_only=True)
class CellEvidence:
    """A cell as a comparison sees it.

    ids: (n,) digests of the answered test samples, increasing; groups: (n,) of their clusters; weights: (n,).
    failed: digests of the samples without an answer, of whatever split; n_failed: how many of them are test samples.
    questions: digest of what was asked, as far as records hold it.  answers: digest of what was answered; empty where
    equal answers would not say much.  error: why there are no numbers.  barred: why its numbers, though they are there,
    cannot be paired.  unmeasured: what crashed while measuring.  trainings: by how many seeds the model was trained.
    """

    model: str
    task: str
    decoder: str
    area: str
    record: str
    identity: Mapping[str, str]
    ids: Digests
    groups: Digests | None = None
    weights: Float64s | None = None
    failed: Digests = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    n_failed: int = 0
    questions: str = ""
    answers: str = ""
    error: str = ""
    barred: str = ""
    unmeasured: str = ""
    numbers: tuple[Evidence, ...] = ()
    trainings: int = 1

    @property
    def n(self) -> int:
        """Test samples that were asked."""
        return len(self.ids) + self.n_failed

    @property
    def clusters(self) -> Digests:
        """Digest of each sample's cluster, (n,): its own where samples are independent."""
        return self.ids if self.groups is None else self.groups

    def number(self, key: Key) -> Evidence | None:
        """The number of that key."""
        return next((e for e in self.numbers if e.key == key), None)


@dataclass(frozen=True, eq=False, kw_only=True)
class Side:
    """One side of a comparison: a run, one model of a run, or a stored baseline.

    name: as the user gave it.  facts: suite, seed, created, commit, bench version, for the eye.  folder: the run's
    path where its records can be read; empty for a baseline.
    """

    name: str
    facts: Mapping[str, str]
    cells: tuple[CellEvidence, ...]
    folder: str = ""
    model: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in order of appearance."""
        return tuple(dict.fromkeys(c.model for c in self.cells))


def digests(texts: Strings, what: str) -> Digests:
    """Digests of texts (n,) that are equal for equal texts and, checked here, differ for different ones."""
    names, inverse = np.unique(np.asarray(texts, dtype=np.str_), return_inverse=True)
    if not len(names):
        return np.empty(0, dtype=np.uint64)
    found = np.floor(uniforms(names, 0, "digest") * 2.0**BITS).astype(np.uint64)
    if len(np.unique(found)) < len(names):
        raise EvaluationError(
            f"two {what} have the same digest",
            cause=f"{BITS} bits do not tell these {len(names)} apart",
            fix="rename one of them",
        )
    return found[inverse.ravel()]


def folds_of(clusters: Digests) -> AnyArray:
    """The fold 0 .. F - 1 of each sample, (n,): each cluster its own up to 200 of them, beyond that 200 by digest.

    A cluster's fold depends on its digest alone, so that two runs over the same samples have the same folds.
    """
    many = len(np.unique(clusters)) > FOLDS
    return np.unique(clusters % FOLDS if many else clusters, return_inverse=True)[1].ravel()
