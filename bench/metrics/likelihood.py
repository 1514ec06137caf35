"""Likelihoods of densities and of texts, always with their denominator."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Density, Tokens

LN2 = math.log(2)


@metric(
    "nll-nats",
    of=Density,
    area="likelihood",
    better="lower",
    unit="nats",
    source="negative log-likelihood of a sample",
    check="metrics/uniform-levels",
)
def nll_nats(record: Density) -> PerSample:
    """Mean of -log p(x) over samples, all dimensions of a sample together.

    The record's `likelihood` says whether it is exact; from a lower bound of log p this is an upper bound.
    """
    return per_sample(-record.log_prob)


@metric(
    "bits-per-dim",
    of=Density,
    area="likelihood",
    better="lower",
    unit="bits/dim",
    source="Theis, van den Oord and Bethge 2016, A Note on the Evaluation of Generative Models",
    check="metrics/uniform-levels",
)
def bits_per_dim(record: Density) -> PerSample:
    """-log2 p(x) summed over samples, over the number of dimensions summed over samples.

    No offset is added, for any number of levels.  Discrete data (`levels` > 0) are counted in unit steps 0, 1 ...
    levels - 1: a discrete model gives their mass, a dequantised one the density of x + u with u in the unit cube, whose
    expected logarithm is a lower bound of that mass.  A model that works on rescaled data must add the log-determinant
    of its scaling to log_prob (for 256 levels squeezed into [0, 1], -log 256 a dimension).  For continuous data
    (`levels` 0) it is a density: it moves with the units of x and may be negative.
    """
    return per_sample(-record.log_prob / LN2, record.dim)


@metric(
    "kl-to-truth",
    of=Density,
    area="likelihood",
    better="lower",
    unit="nats",
    source="Kullback and Leibler 1951",
    check="metrics/kl-two-gaussians",
)
def kl_to_truth(record: Density) -> PerSample:
    """Mean of log p(x) - log q(x) over samples of the true source p: unbiased for KL(p || q).

    Single terms, and by chance the mean of a few, may be below 0.  From a lower bound of log q it is an upper bound.
    """
    if record.truth is None:
        raise NotApplicable("the true log-density is not known: the record has no 'truth'")
    return per_sample(record.truth - record.log_prob)


def _nats(record: Tokens) -> Float64s:
    return -record.log_prob


def _some(count: Float64s, what: str) -> Float64s:
    if not count.any():
        raise NotApplicable(f"the texts hold no {what}")
    return count


@metric(
    "perplexity",
    of=Tokens,
    area="likelihood",
    better="lower",
    unit="per token",
    range=(1, None),
    source="Jelinek et al. 1977, Perplexity",
    check="metrics/uniform-tokens",
)
def perplexity(record: Tokens) -> PerSample:
    """exp(-sum of log-probabilities / number of tokens), sums over all texts.

    Comparable between models of one tokenizer only: see `bits-per-byte`.
    """
    return per_sample(_nats(record), _some(record.logprobs.lengths.astype(np.float64), "token"), link="exp")


@metric(
    "word-perplexity",
    of=Tokens,
    area="likelihood",
    better="lower",
    unit="per word",
    range=(1, None),
    source="Jelinek et al. 1977, Perplexity; words as split at whitespace",
    check="metrics/uniform-tokens",
)
def word_perplexity(record: Tokens) -> PerSample:
    """exp(-sum of log-probabilities / number of whitespace-separated words), sums over all texts: any tokenizer."""
    if record.words is None:
        raise NotApplicable("the record has no 'words'")
    return per_sample(_nats(record), _some(record.words.astype(np.float64), "word"), link="exp")


@metric(
    "bits-per-byte",
    of=Tokens,
    area="likelihood",
    better="lower",
    unit="bits/byte",
    range=(0, None),
    source="Gao et al. 2020, The Pile",
    check="metrics/uniform-tokens",
)
def bits_per_byte(record: Tokens) -> PerSample:
    """-log2 of the texts' probability over their UTF-8 bytes, a ratio of sums: any tokenizer."""
    return per_sample(_nats(record) / LN2, record.bytes)


@metric(
    "excess-bits-per-byte",
    of=Tokens,
    area="likelihood",
    better="lower",
    unit="bits/byte",
    source="Kullback and Leibler 1951",
    check="metrics/uniform-tokens",
)
def excess_bits_per_byte(record: Tokens) -> PerSample:
    """`bits-per-byte` less what the true source of the texts needs: its divergence from the truth, a byte."""
    if record.truth is None:
        raise NotApplicable("the texts' true log-probability is not known: the record has no 'truth'")
    return per_sample((record.truth + _nats(record)) / LN2, record.bytes)
