"""Ensembles whose members' differences are known."""

from __future__ import annotations

import math

import numpy as np

from bench.checks.cases import ERRORS, exact, ids, measured, simulated
from bench.components import Truth, check
from bench.metrics.diversity import aleatoric_gini, epistemic_gini, epistemic_jackknife
from bench.metrics.ensembles import epistemic
from bench.records import Classification, Regression
from bench.seeds import generator


def votes(rows: list[list[int]], labels: list[int]) -> Classification:
    """Members who give 0.9 to one of three classes and 0.05 to each other."""
    chosen = np.array(rows)
    probs = np.where(chosen[:, :, None] == np.arange(3), 0.9, 0.05)
    return Classification(
        ids=ids(len(rows)), labels=np.array(labels), logits=np.zeros((len(rows), 3)), members=np.log(probs)
    )


@check("uncertainty/diversity", area="uncertainty", source="by hand")
def diversity() -> list[Truth]:
    """Votes, errors and divergences of a few members, counted by hand."""
    one = votes([[0, 0, 1]], [0])
    crossed = votes([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 0])
    same, opposed = votes([[0, 0], [1, 1]], [0, 0]), votes([[0, 1], [1, 0]], [0, 0])
    divergence = 0.85 * math.log(18)
    gap = math.log((0.9 + 0.9 + 0.05) / 3) - (2 * math.log(0.9) + math.log(0.05)) / 3
    spread = Regression(
        ids=ids(1), y=np.array([2.0]), mean=np.zeros(1), std=np.ones(1), member_means=np.array([[-1.0, 0.0, 4.0]])
    )
    return [
        exact(2 / 3, measured("vote-disagreement", one), "two pairs of three differ"),
        exact(1 / 4, measured("double-fault", crossed), "both wrong once in four"),
        exact(0.0, measured("q-statistic", crossed), "Q of independent members"),
        exact(1.0, measured("q-statistic", same), "Q of equal members"),
        exact(-1.0, measured("q-statistic", opposed), "Q of members that err apart"),
        exact(2 / 3 * divergence, measured("kl-diversity", one), "pairwise divergence"),
        exact(gap, measured("jensen-gap", one), "Jensen gap"),
        exact((9 + 4 + 4) / 3 - 1, measured("ambiguity", spread), "members' squared error less the mean's"),
    ]


@check("uncertainty/epistemic-bias", area="uncertainty", source="moments and entropies of the Dirichlet distribution")
def epistemic_bias() -> list[Truth]:
    """Members drawn from a Dirichlet distribution: the variance split is unbiased, the jackknife nearly so.

    What plain mutual information of M members lacks is of order 1 / M, what the jackknife leaves of order 1 / M^2: at
    most the former over M, up to noise.
    """
    from scipy.special import digamma

    a, members, n = np.array([2.0, 1.0, 3.0]), 6, 4000
    total = a.sum()
    probs = generator(0, "epistemic-bias").dirichlet(a, (n, members))
    record = Classification(
        ids=ids(n), labels=np.zeros(n, dtype=np.int64), logits=np.zeros((n, 3)), members=np.log(probs)
    )
    mean = a / total
    truth = float(-(mean * np.log(mean)).sum() - (digamma(total + 1) - (mean * digamma(a + 1)).sum()))
    variance = float((a * (total - a)).sum() / (total**2 * (total + 1)))
    plain, corrected = epistemic(record).values, epistemic_jackknife(record).values
    noise = ERRORS * float(corrected.std(ddof=1)) / math.sqrt(n)
    return [
        simulated(variance, epistemic_gini(record).values, "variance between members"),
        simulated(1 - float((mean**2).sum()) - variance, aleatoric_gini(record).values, "variance within members"),
        Truth(truth, float(corrected.mean()), (truth - float(plain.mean())) / members + noise, "mutual information"),
    ]
