"""The field's event sequences: those of EasyTPP."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field.event_sets import sequences
from bench.metrics.events import EASY
from bench.records import Events
from bench.tasks.asking import Asked
from bench.tasks.likelihood.events import ask

SETS = ("taxi", "taobao", "stackoverflow", "retweet", "amazon", "earthquake", "volcano")


@task(
    "likelihood/easytpp",
    needs="density",
    yields=Events,
    source="Xue et al. 2024, EasyTPP, arXiv:2307.08097",
    papers=(EASY,),
    check="likelihood/hawkes",
)
def likelihood_easytpp(seed: int, name: str = "taxi", path: str = "") -> Examples:
    """The test sequences of one of EasyTPP's sets, in nats an event; the others are for training.

    As there, the first event is given and the last one ends the sequence; compensators are the model's own, without
    an epsilon.  name: taxi, taobao, stackoverflow, retweet, amazon, earthquake or volcano.  path: a folder of train,
    dev and test files (.json, .jsonl, .parquet), or one file of test sequences.
    """
    del seed  # the sequences are given
    if name not in SETS:
        raise UsageError(f"EasyTPP has no set '{name}'", cause=f"it has {', '.join(SETS)}", fix="name one of them")
    together, sizes = sequences(name, path)
    splits = np.repeat(list(sizes), list(sizes.values()))
    return Examples(
        ids=np.array([f"{name}-{split}-{i:05d}" for i, split in enumerate(splits)]),
        inputs=together.packed(),
        splits=splits,
        asker=Asked(ask),
    )
