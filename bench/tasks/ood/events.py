"""Events of four categorical entities whose probabilities are known, against events that don't hang together."""

from __future__ import annotations

from functools import cache

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.examples import Examples
from bench.records import ProbedDensity
from bench.seeds import generator
from bench.tasks.ood.wanted import DETECTION
from bench.tasks.ood.weighing import weigh

NAME = "ood/events"
SIZES = (6, 8, 5, 7)
TRAIN, TEST = 4000, 400
STRENGTH, RANK = 0.8, 2
PAPER = "Entity Embedding-based Anomaly Detection for Heterogeneous Categorical Events"


@task(
    NAME,
    needs="density",
    yields=ProbedDensity,
    source="bench, procedural; after Chen et al. 2016, arXiv:1608.07502",
    metrics=DETECTION,
    scores=("density-nll", "typicality", "waic", "likelihood-ratio"),
    papers=(PAPER,),
    check="ood/ape",
)
def ood_events(seed: int) -> Examples:
    """400 events from a known pairwise model of 1,680 events against 200 each of two kinds; 4,000 are for training.

    swapped: one entity of a test event replaced by another of its type.  independent: each entity by its type's shares.
    `truth` is the log-probability under the source, nats.
    """
    draws = generator(seed, NAME)
    table = log_probs()
    drawn = unravelled(draws.choice(table.size, size=TRAIN + TEST, p=np.exp(table).ravel()))
    inside = {"train": drawn[:TRAIN], "test": drawn[TRAIN:]}
    swapped = inside["test"][: TEST // 2].copy()
    place = draws.integers(0, len(SIZES), len(swapped))
    rows = np.arange(len(swapped))
    sizes = np.array(SIZES)[place]
    swapped[rows, place] = (swapped[rows, place] + draws.integers(1, sizes)) % sizes
    independent = np.stack([draws.choice(len(s), size=TEST // 2, p=s) for s in shares()], axis=1)
    parts = {name: _rows(name, events, "events", ood=False) for name, events in inside.items()}
    made = [
        _rows(name, events, name, ood=True) for name, events in (("swapped", swapped), ("independent", independent))
    ]
    test = Examples.join({str(i): part for i, part in enumerate((parts["test"], *made))})
    return Examples.join({"train": parts["train"], "test": test})


@cache
def log_probs() -> Float64s:
    """Log-probability of every event, nats, of shape `SIZES`."""
    draws = generator(0, NAME, "source")
    free = [STRENGTH * draws.standard_normal((size, RANK)) for size in SIZES]
    vectors = [v - v.mean(axis=0) for v in free]  # keeps the shares of single entities from running apart
    total = np.zeros(SIZES)
    for i in range(len(SIZES)):
        for j in range(i):
            shape = [size if axis in {i, j} else 1 for axis, size in enumerate(SIZES)]
            total = total + (vectors[j] @ vectors[i].T).reshape(shape)
    return np.asarray(total - np.logaddexp.reduce(total.ravel()), dtype=np.float64)


def shares() -> list[Float64s]:
    """The probability of each entity of each type."""
    probs = np.exp(log_probs())
    return [probs.sum(axis=tuple(a for a in range(len(SIZES)) if a != axis)) for axis in range(len(SIZES))]


def unravelled(places: Ints) -> Ints:
    """Events (n, 4) from their places in the table of all."""
    return np.stack(np.unravel_index(places, SIZES), axis=1)


def _rows(name: str, events: Ints, dataset: str, *, ood: bool) -> Examples:
    n = len(events)
    ids = np.array([f"{name}-{i:04d}" for i in range(n)])
    return Examples(
        ids=ids,
        inputs=events,
        groups=ids,
        truth=log_probs()[tuple(events.T)],
        ood=np.full(n, ood),
        dataset=np.full(n, dataset),
        asker=weigh,
    )
