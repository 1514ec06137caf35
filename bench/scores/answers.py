"""Uncertainty of a generated answer by itself: its tokens, and what the model says of it when asked.

All are higher for more uncertain.  The answer's tokens are those of the greedy text, where the pool has one, else of
the likeliest text that gave the answer.  Held against wrong answers, by the task's own rule of what is right.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import NotApplicable, score
from bench.records import Generations
from bench.semantics.pools import of_answer
from bench.semantics.relations import normalised

CHECK = "uncertainty/generations-enumerated"
_CASCADES = "Language Model Cascades: Token-level uncertainty and beyond"


def mean_of(rows: Ragged) -> Float64s:
    """Mean of each row, (n,)."""
    return rows.sums() / rows.lengths


@score(
    "g-nll",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Aichberger, Schweighofer and Hochreiter 2024, arXiv:2412.15176; Chow-Sum of Gupta et al. 2024",
    papers=("Rethinking Uncertainty Estimation in Natural Language Generation", _CASCADES),
    check=CHECK,
)
def g_nll(record: Generations) -> Float64s:
    """Negative log-likelihood of the greedy text, nats, (n,): -sum over tokens of log p, never divided by length.

    At least the negative log-likelihood of the likeliest text, and equal where greedy decoding finds it.
    """
    return -of_answer(record, "token_logprobs").sums()


@score(
    "sequence-perplexity",
    of=Generations,
    area="uncertainty",
    source="Fomicheva et al. 2020, Unsupervised Quality Estimation for Neural Machine Translation; Chow-Average of "
    "Gupta et al. 2024",
    papers=(_CASCADES,),
    check=CHECK,
)
def sequence_perplexity(record: Generations) -> Float64s:
    """Exponential of the mean negative log-probability of the answer's tokens, (n,), at least 1.

    LM-Polygraph's `Perplexity` is its logarithm, which has the same order.
    """
    return np.exp(-mean_of(of_answer(record, "token_logprobs")))


@score(
    "token-surprise",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Gupta et al. 2024, arXiv:2404.10136 (Chow-Quantile)",
    papers=(_CASCADES,),
    check="uncertainty/deferral-curve",
)
def token_surprise(record: Generations, quantile: float = 0.0) -> Float64s:
    """Negated quantile of the log-probabilities of the answer's tokens, nats, (n,); at 0 that of the least likely one.

    quantile: from 0 to 1, between tokens by straight line, as numpy has it.
    """
    return -quantiles(of_answer(record, "token_logprobs"), np.array([quantile]))[:, 0]


def quantiles(rows: Ragged, levels: Float64s) -> Float64s:
    """Quantiles (K,) of each row, (n, K), by linear interpolation as `numpy.quantile`."""
    ordered = np.sort(rows.padded(np.inf), axis=1)
    place = (rows.lengths - 1)[:, None] * levels
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, rows.lengths[:, None] - 1)
    row = np.arange(len(rows))[:, None]
    return ordered[row, low] + (place - low) * (ordered[row, high] - ordered[row, low])


@score(
    "mean-token-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Fomicheva et al. 2020; LM-Polygraph's MeanTokenEntropy",
    check=CHECK,
)
def mean_token_entropy(record: Generations) -> Float64s:
    """Mean entropy of the model's distribution at the answer's tokens, nats, (n,)."""
    return mean_of(of_answer(record, "token_entropies"))


@score(
    "max-token-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Fomicheva et al. 2020; LM-Polygraph's MaxTokenEntropy",
    check=CHECK,
)
def max_token_entropy(record: Generations) -> Float64s:
    """Largest entropy of the model's distribution at any token of the answer, nats, (n,)."""
    return of_answer(record, "token_entropies").padded(-np.inf).max(axis=1)


@score(
    "self-certainty",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Kang, Zhao and Song 2025, arXiv:2502.18581",
    check=CHECK,
)
def self_certainty(record: Generations) -> Float64s:
    """Negated mean over the answer's tokens of KL(uniform || model's distribution), nats, (n,), at most 0."""
    return -mean_of(of_answer(record, "token_certainties"))


@score(
    "p-true",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="Kadavath et al. 2022, arXiv:2207.05221",
    check=CHECK,
)
def p_true(record: Generations) -> Float64s:
    """Probability that the model, asked whether its answer is true, gives to its being false, (n,), in [0, 1]."""
    if record.p_true is None:
        raise NotApplicable("the record has no 'p_true'")
    return 1.0 - record.p_true


@score(
    "verbalised",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="Tian et al. 2023, arXiv:2305.14975",
    check=CHECK,
)
def verbalised(record: Generations) -> Float64s:
    """1 minus the confidence that the model states in words, (n,); an answer without a readable one scores 1."""
    if record.stated is None or np.isnan(record.stated).all():
        raise NotApplicable("no stated confidence could be read ('stated')")
    return 1.0 - np.nan_to_num(record.stated, nan=0.0)


@score(
    "confidence",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="the decoder's own confidence, turned round",
)
def confidence(record: Generations) -> Float64s:
    """1 minus the decoder's probability of its answer, (n,), in [0, 1]: what the record's own metrics judge."""
    return 1.0 - record.confidence


@score(
    "claim-conditioned",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="Fadeeva et al. 2024, arXiv:2403.04696 (CCP)",
    check="uncertainty/claim-conditioned",
)
def claim_conditioned(record: Generations, relation: str = "normalised", model: str = "") -> Float64s:
    """Claim-conditioned probability, turned round: 1 - product over tokens of P(same claim) / P(same or opposed), (n,).

    Of the likeliest tokens in a token's place, those count whose text up to there means the same, or contradicts it;
    what is neutral says something else, and is left out.  relation: normalised (equal but for case, punctuation and
    articles, else opposed) or nli (with model=, the likeliest class of the text with the rival given the text).
    The token itself always means the same.  LM-Polygraph's compares single words; this the text so far, as the paper.
    """
    from bench.semantics.entailment import entailment

    if record.alternatives is None or record.alternative_logprobs is None:
        raise NotApplicable("the record has no 'alternatives'")
    if relation not in {"normalised", "nli"}:
        raise NotApplicable("relation is normalised or nli")
    pieces = of_answer(record, "pieces")
    width = len(record.alternatives.values) // len(pieces.values)
    if (record.alternatives.lengths != width * pieces.lengths).any():
        raise NotApplicable("'alternatives' are not equally many for each token of the answer")
    texts: list[tuple[str, str]] = []
    for i in range(len(record)):
        own = pieces[i].tolist()
        rivals = record.alternatives[i].reshape(-1, width).tolist()
        so_far = ""
        for piece, others in zip(own, rivals, strict=True):
            texts += [(so_far + piece, so_far + other) for other in others]
            so_far += piece
    if relation == "nli":
        kinds = entailment(model)(texts).argmax(axis=1)
    else:
        # What adds no letter at all (an end, a space) is another text, but no other claim.
        kinds = np.array([0 if normalised(a) == normalised(b) else 2 for a, b in texts], dtype=np.int64)
    kinds[np.array([a == b for a, b in texts], dtype=bool)] = 0
    logs = record.alternative_logprobs.values.reshape(-1, width)
    mass = np.exp(logs)
    kinds = kinds.reshape(-1, width)
    same, opposed = (mass * (kinds == 0)).sum(axis=1), (mass * (kinds == 2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # A drawn token that is none of the likeliest, and that none of them means, has all of them against it.
        each = np.log(np.maximum(same, 1e-300)) - np.log(np.maximum(same + opposed, 1e-300))
    return -np.expm1(Ragged(each, pieces.offsets).sums())


@score(
    "deferral-learned",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="Gupta et al. 2024, arXiv:2404.10136 (post-hoc deferral on quantiles)",
    papers=(_CASCADES,),
    check="uncertainty/deferral-curve",
)
def deferral_learned(record: Generations, folds: int = 5) -> Float64s:
    """Chance that deferring helps, by logistic regression on the quantiles of the answer's log-probabilities, (n,).

    Features: quantiles 0, .1 ... 1, their sum, mean and number.  What is foreseen is that the other model is right and
    this one wrong ('deferred'), or, without another, that this one is wrong.  Each answer's chance comes from a fit on
    the other folds; prompts of one group are in one fold.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = of_answer(record, "token_logprobs")
    features = np.column_stack(
        [quantiles(rows, np.linspace(0, 1, 11)), rows.sums(), mean_of(rows), rows.lengths.astype(np.float64)]
    )
    helps = ~record.correct if record.deferred is None else record.deferred & ~record.correct
    groups = record.ids if record.groups is None else record.groups
    _, group = np.unique(groups, return_inverse=True)
    if min(helps.sum(), (~helps).sum()) < folds or len(np.unique(group)) < folds:
        raise NotApplicable(f"too few answers of one kind for {folds} folds")
    found = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression()),
        features,
        helps,
        groups=group,
        cv=GroupKFold(folds),
        method="predict_proba",
    )
    return np.asarray(found[:, 1], dtype=np.float64)
