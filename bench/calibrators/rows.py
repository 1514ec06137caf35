"""What calibrators share: the rows to fit on, one class against the rest, and folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import Calibration, NotApplicable
from bench.records import Classification
from bench.seeds import derive

FARTHEST = 700.0  # log-odds beyond which a double is 0 or 1


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows: logits (n, C), labels (n,) in 0 .. C-1, weights (n,) and, for folds, a name of each (n,)."""

    logits: Float64s
    labels: Ints
    weights: Float64s
    names: Any

    def take(self, rows: Any) -> Rows:
        """The rows at these positions, or where this mask holds."""
        return Rows(self.logits[rows], self.labels[rows], self.weights[rows], self.names[rows])


def usable(record: Classification, *, possible: bool = False) -> Rows:
    """The rows with a label in range (OOD rows have none) and a weight above 0; `NotApplicable` if there is none.

    possible: leave out, too, rows whose label has probability 0, which no scaling of the logits can mend.
    """
    inside = (record.labels >= 0) & (record.labels < record.logits.shape[1])
    weights = np.ones(len(record)) if record.weights is None else record.weights
    rows = np.flatnonzero(inside & (weights > 0))
    if possible:
        rows = rows[np.isfinite(record.logits[rows, record.labels[rows]])]
    if len(rows) == 0:
        raise NotApplicable("there are no labelled calibration rows to fit on")
    names = record.ids if record.groups is None else record.groups
    return Rows(record.logits[rows], record.labels[rows], weights[rows], names[rows])


def fold_of(names: Any, folds: int) -> Ints:
    """The fold of each row, 0 .. folds - 1, by its name (id, or group), so that the order of rows changes nothing.

    Names are ranked by a hash of themselves and dealt out, so folds differ by one name at most.
    """
    distinct, index = np.unique(names, return_inverse=True)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.argsort([derive(0, "fold", str(name)) for name in distinct])] = np.arange(len(distinct))
    return rank[index] % folds


def class_odds(logits: Float64s) -> Float64s:
    """log(p_c / (1 - p_c)) of each class, (n, C), held within +-700; exact also where p_c is 1 to rounding."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    mass = np.exp(shifted)
    top = shifted.argmax(axis=1)
    rows = np.arange(len(shifted))
    rest = mass.copy()
    rest[rows, top] = 0.0
    others = rest.sum(axis=1)  # all but the top, with nothing lost beside it
    with np.errstate(divide="ignore"):
        # Any other class is at most as probable as the top one, so nothing cancels in the sum of what is left.
        odds = shifted - np.log(np.maximum(1 + others[:, None] - mass, 1.0))
        odds[rows, top] = -np.log(others)
    return np.clip(odds, -FARTHEST, FARTHEST)


def with_probs(record: Classification, probs: Float64s) -> Classification:
    """The record with these probabilities (n, C), normalised; a row of zeros becomes uniform.  Members are dropped."""
    total = probs.sum(axis=1, keepdims=True)
    even = np.full_like(probs, 1 / probs.shape[1])
    normal = np.divide(probs, total, out=even, where=total > 0)
    with np.errstate(divide="ignore"):
        return replace(record, logits=np.log(normal), members=None)


Map = Callable[[Float64s], Float64s]  # log-odds (n,) -> probabilities (n,)
Fit = Callable[[Float64s, Float64s, Float64s, Any], tuple[dict[str, Any], Map]]  # (odds, outcome, weights, names)


def one_vs_rest(record: Classification, fit: Fit) -> Calibration:
    """A calibrator of two classes made one of C (Zadrozny and Elkan 2002).

    With two classes it is fitted on the second's log-odds; with more on each class's log-odds against the rest, the
    calibrated probabilities then being normalised.
    Weights are scaled to a mean of 1, so that they count in units of samples.
    """
    rows = usable(record)
    classes = rows.logits.shape[1]
    odds, weights = class_odds(rows.logits), rows.weights / rows.weights.mean()
    wanted = [1] if classes == 2 else list(range(classes))
    fitted = [fit(odds[:, c], (rows.labels == c).astype(np.float64), weights, rows.names) for c in wanted]

    def apply(other: Classification) -> Classification:
        own = class_odds(other.logits)
        columns = [mapped(own[:, c]) for c, (_, mapped) in zip(wanted, fitted, strict=True)]
        if classes == 2:
            columns = [1 - columns[0], columns[0]]
        return with_probs(other, np.stack(columns, axis=1))

    return Calibration({"classes": [parameters for parameters, _ in fitted]}, apply)
