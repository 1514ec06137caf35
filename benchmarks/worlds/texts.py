"""Worlds of language models, and of densities."""

from __future__ import annotations

import numpy as np

from bench.arrays import Ragged
from bench.records import Choices, Density, Generations, Tokens
from benchmarks.worlds.world import NOTHING, SIZE, Rng, World, names, normal, ragged


def choices(rng: Rng, n: int, clustered: bool) -> Choices:
    """Four answers in a drawn order, the first of which is favoured; one of them is right."""
    # A cluster is one question, asked in several orders.
    question = np.arange(n) // (SIZE if clustered else 1)
    base = rng.normal(size=(n, 4))[question]
    right = (1.5 * base + rng.gumbel(size=(n, 4))[question]).argmax(axis=1)
    z = base + 0.5 * rng.normal(size=(n, 4))
    order = rng.permuted(np.tile(np.arange(4), (n, 1)), axis=1)
    loglik = np.take_along_axis(z, order, axis=1) - np.array([0.0, 0.5, 0.5, 0.5]) - 10
    return Choices(
        labels=(order == right[:, None]).argmax(axis=1),
        loglik=ragged(loglik),
        bytes=ragged(rng.integers(1, 9, (n, 4))),
        order=ragged(order),
        **(names(n, clustered) if clustered else names(n, False) | {"groups": np.arange(n).astype(np.str_)}),
    )


def tokens(rng: Rng, n: int, clustered: bool) -> Tokens:
    """Texts of 5 to 40 tokens of surprising and unsurprising kinds; the true source is known."""
    lengths = rng.integers(5, 41, n)
    scale = np.exp(0.4 * normal(rng, n, clustered)[:, 0])
    flat = -np.repeat(scale, lengths) * rng.exponential(size=int(lengths.sum()))
    sums = np.add.reduceat(flat, np.concatenate([[0], np.cumsum(lengths)[:-1]]))
    return Tokens(
        logprobs=Ragged(flat, np.concatenate([[0], np.cumsum(lengths)])),
        bytes=4 * lengths,
        words=np.maximum(lengths // 2, 1),
        truth=0.9 * sums + 0.3 * rng.normal(size=n),
        **names(n, clustered),
    )


def densities(rng: Rng, n: int, clustered: bool) -> Density:
    """Gaussians of 1 to 8 dimensions whose scale the model takes to be a quarter too large."""
    dim = rng.integers(1, 9, n)
    square = rng.chisquare(dim) * np.exp(0.3 * normal(rng, n, clustered)[:, 0])
    constant = dim * np.log(2 * np.pi) / 2
    wide = -square / (2 * 1.25**2) - constant - dim * np.log(1.25)
    return Density(log_prob=wide, dim=dim, truth=-square / 2 - constant, **names(n, clustered))


def generations(rng: Rng, n: int, clustered: bool) -> Generations:
    """Five generations a prompt, right by a rate of the prompt's own; the confidence is the share that agrees."""
    from scipy.special import expit

    rate = expit(1.5 * normal(rng, n, clustered)[:, 0])
    right = rng.random((n, 5)) < rate[:, None]
    read = rng.random(n) < 0.9
    lengths = rng.integers(5, 60, (n, 5))
    return Generations(
        answer=np.where(read, "a", "").astype(object),
        correct=right[:, 0] & read,
        confidence=right.mean(axis=1),
        text=ragged(np.full((n, 5), "t", dtype=object)),
        logprob=ragged(-lengths * rng.exponential(size=(n, 5))),
        tokens=ragged(lengths),
        corrects=ragged(right),
        **names(n, clustered),
    )


OF_ORDERS = frozenset({"accuracy-best-order", "accuracy-worst-order", "choice-order-accuracy", "choice-order-entropy"})
WORLDS = (
    World("choices", choices, left_out=frozenset(NOTHING), own=OF_ORDERS),
    World("tokens", tokens),
    World("densities", densities),
    World("generations", generations, left_out=frozenset(NOTHING)),
)
