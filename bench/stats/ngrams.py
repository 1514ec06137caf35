"""Texts as bags of hashed n-grams: how far an evaluation's texts are from a corpus, and which texts resemble a target.

Source: Xie, Santurkar, Ma and Liang 2023, Data Selection for Language Models via Importance Resampling.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError
from bench.seeds import generator

DSIR = "Data Selection for Language Models via Importance Resampling"
BUCKETS = 10_000
_WORDS = re.compile(r"\w+|[^\w\s]")


def counts(texts: Sequence[str], buckets: int = BUCKETS) -> Any:
    """Counts of words and pairs of neighbours (lower case) in hashed buckets: a sparse matrix (n, buckets).

    The hash is CRC-32, so that buckets are the same on every machine.
    """
    from scipy.sparse import csr_array

    places: list[int] = []
    rows = [0]
    for text in texts:
        words = _WORDS.findall(text.lower())
        grams = [*words, *(f"{a} {b}" for a, b in pairwise(words))]
        places += [zlib.crc32(gram.encode()) % buckets for gram in grams]
        rows.append(len(places))
    shape = (len(texts), buckets)
    found = csr_array((np.ones(len(places)), np.array(places, dtype=np.int64), np.array(rows)), shape=shape)
    found.sum_duplicates()
    return found


def log_shares(bags: Any, smoothing: float = 1.0) -> Float64s:
    """Log of each bucket's share in all texts together, every count raised by the smoothing, (buckets,)."""
    total = np.asarray(bags.sum(axis=0), dtype=np.float64) + smoothing
    return np.asarray(np.log(total / total.sum()), dtype=np.float64)


def log_weights(texts: Sequence[str], target: Sequence[str], raw: Sequence[str], *, smoothing: float = 1.0) -> Float64s:
    """Log importance weight of each text, nats, (n,): how much likelier its n-grams are in the target than in the raw.

    A score of shift: low for texts unlike the target.  Smoothing: added to each bucket's count.
    """
    if not len(target) or not len(raw):
        raise UsageError("there is nothing to weigh by", cause="target or raw holds no text", fix="give both")
    ratio = log_shares(counts(target), smoothing) - log_shares(counts(raw), smoothing)
    return np.asarray(counts(texts) @ ratio, dtype=np.float64)


def resampled(log_weight: Float64s, size: int, seed: int) -> Ints:
    """Positions of `size` texts drawn without replacement with these weights (Gumbel top-k), best first, (size,)."""
    if not 0 <= size <= len(log_weight):
        raise UsageError(f"{size} texts cannot be drawn", cause=f"there are {len(log_weight)}", fix="draw fewer")
    noise = generator(seed, "resampled").gumbel(size=len(log_weight))
    return np.argsort(-(log_weight + noise), kind="stable")[:size]


def kl_reduction(targets: Sequence[Sequence[str]], raw: Sequence[str], selected: Sequence[str]) -> float:
    """Mean over targets of KL(target || raw) - KL(target || selected), nats: how much nearer the selection is."""
    from_raw, from_selected = log_shares(counts(raw)), log_shares(counts(selected))
    each = [float(np.exp(p) @ (from_selected - from_raw)) for p in (log_shares(counts(target)) for target in targets)]
    return float(np.mean(each))
