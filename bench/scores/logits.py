"""OOD scores of the logits alone, beside those in `bench.scores.ood`; higher is more suspicious."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.latest import latest
from bench.records import Classification
from bench.scores.features import blocks, sums_of
from bench.scores.ood import energy
from bench.scores.softmax import others_at, softmax

GEDI = "Unifying Self-Supervised Clustering and Energy-Based Models"


@score("msp-scaled", of=Classification, source="Liang et al. 2018, arXiv:1706.02690", check="ood/logit-scores")
def msp_scaled(record: Classification, temperature: float = 1000.0) -> Float64s:
    """1 minus the largest probability at a temperature, (n,): ODIN without its step of the input.

    At T = 1000 the order is that of the largest logit's lead over the mean logit.  Added up from the other classes, so
    that it keeps its order where the maximum rounds to 1.
    """
    others = others_at(record.logits, temperature)
    return others / (1 + others)


@score("gen", of=Classification, source="Liu, Lochman and Zach 2023 (GEN)", check="ood/logit-scores")
def gen(record: Classification, gamma: float = 0.1, top: int = 100) -> Float64s:
    """Generalised entropy: sum of p^gamma (1 - p)^gamma over the 100 most probable classes, (n,).

    1 - p is added up from the other classes.  pytorch-ood takes the mean over classes and clips p at 1e-7; neither is
    done here (at gamma = 0.1 that clipping lifts a class of no probability from 0 to 0.2).
    """
    known = softmax(record)
    total, log_others = known.log_normaliser, _log(known.others)
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        kept = np.partition(logits, -top, axis=1)[:, -top:] if top < logits.shape[1] else logits
        log_p = kept - total[part, None]
        log_rest = _log(-np.expm1(np.minimum(log_p, 0.0)))
        first = log_p.argmax(axis=1)  # what the most probable class leaves is known without 1 - p's cancellation
        log_rest[np.arange(len(first)), first] = log_others[part] - total[part] + known.largest[part]
        out[part] = np.exp(gamma * (log_p + log_rest)).sum(axis=1)
    return out


def _log(values: Float64s) -> Float64s:
    with np.errstate(divide="ignore"):  # what cannot be adds 0
        return np.asarray(np.log(values))


@score("kl-matching", of=Classification, source="Hendrycks et al. 2022, arXiv:1911.11132", check="ood/logit-scores")
def kl_matching(record: Classification, train: Classification) -> Float64s:
    """Least divergence KL(p || d_k) from a class's typical distribution, nats, (n,), >= 0.

    d_k: mean distribution of the training rows that the model predicts as k; classes never predicted have none.  The
    nearest is found in float32, the divergence from it in float64.
    """
    log_typical = _typical(train)
    total, entropy = softmax(record).log_normaliser, softmax(record).entropy
    across = np.ascontiguousarray(log_typical.T, dtype=np.float32)
    out = np.empty(len(record))
    for part in blocks(len(record)):
        p = np.exp(record.logits[part] - total[part, None])
        nearest = (p.astype(np.float32) @ across).argmax(axis=1)
        out[part] = -entropy[part] - np.einsum("nc,nc->n", p, log_typical[nearest])
    return np.maximum(out, 0.0)


@latest
def _typical(train: Classification) -> Float64s:
    """Log of the mean distribution of the rows predicted as each class that is ever predicted, (K, C)."""
    fitted = train if (train.labels >= 0).all() else train.where(train.labels >= 0)
    if len(fitted) == 0:
        raise NotApplicable("no training rows in distribution")
    known = softmax(fitted)
    _, position, counts = np.unique(known.predicted, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), fitted.logits.shape[1]))
    for part in blocks(len(fitted)):
        p = np.exp(fitted.logits[part] - known.log_normaliser[part, None])
        sums += sums_of(p, position[part], len(counts))
    # A class that is impossible in a typical distribution costs as much as the least float, not infinity times 0.
    return np.asarray(np.log(np.maximum(sums / counts[:, None], np.finfo(np.float64).tiny)))


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
