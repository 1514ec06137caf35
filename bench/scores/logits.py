"""OOD scores of the logits alone, beside those in `bench.scores.ood`; higher is more suspicious."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.records import Classification
from bench.scores.features import blocks, log_sum_exp
from bench.scores.ood import energy, msp

GEDI = "Unifying Self-Supervised Clustering and Energy-Based Models"


@score("msp-scaled", of=Classification, source="Liang et al. 2018, arXiv:1706.02690", check="ood/logit-scores")
def msp_scaled(record: Classification, temperature: float = 1000.0) -> Float64s:
    """1 minus the largest probability at a temperature, (n,): ODIN without its step of the input.

    At T = 1000 the order is that of the largest logit's lead over the mean logit.  Added up from the other classes, so
    that it keeps its order where the maximum rounds to 1.
    """
    return msp(replace(record, logits=record.logits / temperature))


@score("gen", of=Classification, source="Liu, Lochman and Zach 2023 (GEN)", check="ood/logit-scores")
def gen(record: Classification, gamma: float = 0.1, top: int = 100) -> Float64s:
    """Generalised entropy: sum of p^gamma (1 - p)^gamma over the 100 most probable classes, (n,).

    1 - p is added up from the other classes.  pytorch-ood takes the mean over classes and clips p at 1e-7; neither is
    done here (at gamma = 0.1 that clipping lifts a class of no probability from 0 to 0.2).
    """
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        kept = np.partition(logits, -top, axis=1)[:, -top:] if top < logits.shape[1] else logits
        total = log_sum_exp(logits)[:, None]
        log_p = kept - total
        with np.errstate(divide="ignore"):  # a certain class adds 0
            log_rest = np.log(-np.expm1(np.minimum(log_p, 0.0)))
        first = log_p.argmax(axis=1)
        rest = np.exp(logits - total)  # what the most probable class leaves, without 1 - p's cancellation
        rest[np.arange(len(rest)), logits.argmax(axis=1)] = 0.0
        with np.errstate(divide="ignore"):
            log_rest[np.arange(len(first)), first] = np.log(rest.sum(axis=1))
        out[part] = np.exp(gamma * (log_p + log_rest)).sum(axis=1)
    return out


@score("kl-matching", of=Classification, source="Hendrycks et al. 2022, arXiv:1911.11132", check="ood/logit-scores")
def kl_matching(record: Classification, train: Classification) -> Float64s:
    """Least divergence KL(p || d_k) from a class's typical distribution, nats, (n,), >= 0.

    d_k: mean distribution of the training rows that the model predicts as k; classes never predicted have none.
    """
    fitted = train.where(train.labels >= 0)
    if len(fitted) == 0:
        raise NotApplicable("no training rows in distribution")
    sums = np.zeros((fitted.logits.shape[1],) * 2)
    for part in blocks(len(fitted)):
        logits = fitted.logits[part]
        np.add.at(sums, logits.argmax(axis=1), np.exp(logits - log_sum_exp(logits)[:, None]))
    mass = sums.sum(axis=1)  # rows sum to 1, so this counts them
    typical = sums[mass > 0] / mass[mass > 0][:, None]
    # A class that is impossible in a typical distribution costs as much as the least float, not infinity times 0.
    log_typical = np.log(np.maximum(typical, np.finfo(np.float64).tiny)).T
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        log_p = logits - log_sum_exp(logits)[:, None]
        p = np.exp(log_p)
        own = (p * np.where(np.isfinite(log_p), log_p, 0.0)).sum(axis=1)
        out[part] = own - (p @ log_typical).max(axis=1)
    return np.maximum(out, 0.0)


@score(
    "gedi-energy",
    of=Classification,
    source="Sansone and Manhaeve 2024, arXiv:2401.00873; Grathwohl et al. 2020, arXiv:1912.03263",
    papers=(GEDI,),
    check="ood/gedi-marginal",
)
def gedi_energy(record: Classification, temperature: float = 1.0) -> Float64s:
    """Negated log-density of the input that the logits imply, up to a constant: -logsumexp(logits / T), nats, (n,).

    Where logits are log joint densities log p(x, y) it is exactly -log p(x).  A classifier's loss says nothing of it:
    adding any g(x) to all logits changes this score and no probability.  It is `energy` divided by T.
    """
    return energy(record, temperature=temperature) / temperature
