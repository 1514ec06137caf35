"""Sequences of symbols whose exact probability is known: a Markov chain, and sentences as words."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.arrays import AnyArray
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.procedural import prose
from bench.records import Density
from bench.references.chains import Chain, sticky
from bench.seeds import derive, generator

SYMBOLS, LENGTH = 4, 12
SIZES = {"train": 4000, "test": 400}
PAD = ""
WORDS = 20
SENTENCES = 2


def source() -> Chain:
    """The chain behind `likelihood/chain`."""
    return sticky(SYMBOLS)


@task(
    "likelihood/chain",
    needs="density",
    yields=Density,
    source="a Markov chain; its entropy is exact (Shannon 1948)",
    check="likelihood/masked-forms",
)
def likelihood_chain(seed: int, length: int = LENGTH) -> Examples:
    """Sequences of four symbols from a Markov chain that keeps its symbol six times in ten; truth is exact.

    length: of each sequence, from 2.
    """
    if length < 2:
        raise UsageError(f"a chain cannot have length={length}", cause="it has a step", fix="length=12")
    chain = source()
    parts = {}
    for split, n in SIZES.items():
        rows = chain.sample(n, length, generator(seed, "likelihood/chain", split))
        ids = np.array([f"chain-{split}-{i:04d}" for i in range(n)])
        inputs: AnyArray = rows.astype(np.float64)
        parts[split] = Examples(ids=ids, inputs=inputs, truth=chain.log_prob(rows), levels=SYMBOLS)
    return Examples.join(parts)


@task(
    "likelihood/sentences",
    needs="density",
    yields=Density,
    source="bench, procedural: a unifilar Markov source; its entropy is exact (Shannon 1948)",
)
def likelihood_sentences(seed: int) -> Examples:
    """Two sentences of prose as 20 words, the last of them empty: text for models of discrete data; truth is exact."""
    number = {word: i for i, word in enumerate(vocabulary())}
    parts = {}
    for split, n in SIZES.items():
        draws = Random(derive(seed, "likelihood/sentences", split))
        texts = [prose.story(draws, "meadow", SENTENCES) for _ in range(n)]
        rows = np.array([[number[word] for word in _words(text)] for text in texts], dtype=np.float64)
        ids = np.array([f"sentences-{split}-{i:04d}" for i in range(n)])
        truth = np.array([prose.log_prob(text, "meadow") for text in texts])
        parts[split] = Examples(ids=ids, inputs=rows, truth=truth, levels=len(number))
    return Examples.join(parts)


def vocabulary() -> list[str]:
    """The words of `likelihood/sentences`, the empty one first."""
    return [PAD, *sorted({arc.word for arcs in prose.source("meadow").values() for arc in arcs})]


def _words(text: str) -> list[str]:
    words = text.lower().replace(".", " .").split()
    return words + [PAD] * (WORDS - len(words))
