"""Likelihood metrics of models whose probabilities can be written down."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Ragged
from bench.checks.cases import exact, ids, measured, simulated
from bench.components import Truth, check
from bench.metrics.likelihood import kl_to_truth
from bench.records import Density, LastWords, Tokens
from bench.seeds import generator


@check("metrics/uniform-levels", area="likelihood", source="closed form")
def uniform_levels() -> list[Truth]:
    """Every level equally likely costs log2(levels) bits a dimension, as a mass or as its dequantised density."""
    found = []
    for levels, dim in ((17, 64), (256, 3)):
        for form in ("none", "uniform"):
            record = Density(
                ids=ids(3),
                log_prob=np.full(3, -dim * math.log(levels)),
                dim=np.full(3, dim),
                levels=levels,
                dequantisation=form,
            )
            found += [
                exact(math.log2(levels), measured("bits-per-dim", record), f"{levels} levels, dequantisation {form}"),
                exact(dim * math.log(levels), measured("nll-nats", record), f"{levels} levels, nats"),
            ]
    return found


@check("metrics/kl-two-gaussians", area="likelihood", source="KL between two normal distributions")
def kl_two_gaussians() -> list[Truth]:
    """Samples of N(0, 1) scored by N(m, s): the mean log-ratio is unbiased for log s + (1 + m^2) / (2 s^2) - 1/2."""
    rng = generator(0, "kl-two-gaussians")
    n, mean, std = 20_000, 0.5, 1.5
    x = rng.normal(size=n)
    record = Density(
        ids=ids(n),
        log_prob=-(((x - mean) / std) ** 2) / 2 - math.log(std * math.sqrt(2 * math.pi)),
        truth=-(x**2) / 2 - math.log(2 * math.pi) / 2,
        dim=np.ones(n, dtype=np.int64),
    )
    truth = math.log(std) + (1 + mean**2) / (2 * std**2) - 0.5
    return [simulated(truth, kl_to_truth(record).values, "log-ratio")]


@check("metrics/uniform-tokens", area="likelihood", source="closed form")
def uniform_tokens() -> list[Truth]:
    """A uniform model of 97 tokens has perplexity 97; other denominators follow from the counts."""
    lengths, words, size = np.array([5, 1, 14]), np.array([2, 1, 7]), np.array([11, 3, 40])
    nats = math.log(97)
    record = Tokens(
        ids=ids(3),
        logprobs=Ragged.of([np.full(k, -nats) for k in lengths], np.float64),
        bytes=size,
        words=words,
        truth=-lengths * nats - np.log([1.0, 2.0, 4.0]),
    )
    guessed = LastWords(ids=ids(3), logprobs=record.logprobs, bytes=size, greedy=np.array([True, False, True]))
    return [
        exact(97.0, measured("perplexity", record), "perplexity"),
        exact(97.0**2, measured("word-perplexity", record), "word perplexity, two tokens a word"),
        exact(20 * math.log2(97) / 54, measured("bits-per-byte", record), "bits per byte"),
        exact(-3 / 54, measured("excess-bits-per-byte", record), "below a truth that is 3 bits worse"),
        exact(2 / 3, measured("last-word-accuracy", guessed), "share of last words guessed"),
    ]
