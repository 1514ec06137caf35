"""What the scores of logits need to know of a row, all of it from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Floats, Ints
from bench.components import NotApplicable
from bench.latest import latest
from bench.records import Classification
from bench.records.top import blocks


@dataclass(frozen=True, eq=False)
class Softmax:
    """Of each row, (n,): what its largest logit and the others, z below it, come to.

    predicted: the most probable class.  largest: its logit.  others: sum over the other classes of exp(z), so that
    1 - p keeps its order where p rounds to 1.  entropy: of the probabilities, nats.  uneven: sum of |1 - C p|.
    """

    predicted: Ints
    largest: Float64s
    others: Float64s
    entropy: Float64s
    uneven: Float64s

    @property
    def log_normaliser(self) -> Float64s:
        """Logarithm of the sum of all exp(logit), (n,)."""
        return self.largest + np.log1p(self.others)


@latest
def softmax(record: Classification) -> Softmax:
    """Of the record's logits, in float64."""
    n, classes = record.logits.shape
    predicted, largest = np.empty(n, dtype=np.int64), np.empty(n)
    others, entropy, uneven = np.empty(n), np.empty(n), np.empty(n)
    for rows, z in blocks(record.logits):
        here = np.arange(z.shape[1])
        first = z.argmax(axis=0)
        z[first, here] = -np.inf  # what is left is of the other classes
        odds = np.exp(z)
        rest = odds.sum(axis=0)
        whole = 1 + rest
        np.maximum(z, -np.finfo(np.float64).max, out=z)  # what cannot happen adds 0, not 0 times infinity
        lost = np.einsum("cn,cn->n", odds, z)
        share = whole / classes
        odds -= share
        # The p - 1 / C sum to 0, so that those above are half of all.
        above = np.maximum(odds, 0.0, out=odds).sum(axis=0) + np.maximum(1 - share, 0.0)
        predicted[rows], largest[rows] = first, record.logits[rows][here, first]
        others[rows], entropy[rows], uneven[rows] = rest, np.log1p(rest) - lost / whole, 2 * above / share
    return Softmax(predicted, largest, others, entropy, uneven)


def others_at(logits: Floats, temperature: float) -> Float64s:
    """`Softmax.others` of logits divided by a temperature, (n,)."""
    out = np.empty(len(logits))
    for rows, z in blocks(logits):
        z[z.argmax(axis=0), np.arange(z.shape[1])] = -np.inf
        out[rows] = np.exp(z / temperature).sum(axis=0)
    return out


def confidence(record: Classification) -> Float64s:
    """Logsumexp of the logits, (n,); `NotApplicable` for log-probabilities, for which it is 0 everywhere."""
    total = softmax(record).log_normaliser
    if len(record) and np.abs(total).max() < 1e-9:
        raise NotApplicable("the logits are normalised log-probabilities, so their energy is 0 everywhere")
    return total
