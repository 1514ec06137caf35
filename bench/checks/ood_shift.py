"""Weights under shift, of outcomes and of texts, against what they are known to be."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.capabilities import Forecast
from bench.checks.cases import area
from bench.components import Truth, check
from bench.metrics.reweighted import shift_bias, shift_bias_known, shift_bias_unweighted
from bench.procedural import prose
from bench.records import Contrasted, Reweighted
from bench.scores.texts import dsir as dsir_score
from bench.seeds import generator
from bench.stats.label_shift import RETASA, bbse, retasa, solved
from bench.stats.ngrams import DSIR, kl_reduction, log_weights, resampled
from bench.tasks.ood.target_shift import ood_target_shift


@check("ood/label-shift", area="ood", source="algebra; Gaussian outcomes", papers=(RETASA,))
def label_shift() -> list[Truth]:
    """Classes: counts made to be exact give exact weights, and the kernels' solution is the confusion matrix's.

    A Gaussian outcome, x = y + noise, y from N(0, 1) to N(.7, .7^2): the weights have a closed form.  Over six draws
    their mean square error falls from 250 to 1,000 samples, and the estimated risk is nearer the target's than the
    source's; without a shift the weights are near 1.
    """
    # 1,000 source samples: shares of classes .5, .3, .2, each predicted rightly in 8 of 10.
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    wrong = np.arange(1000) % 10 >= 8
    predicted = np.where(wrong, (labels + 1) % 3, labels)
    truth = np.array([0.4, 1.0, 2.5])
    repeats = np.rint(10 * truth[labels]).astype(int)
    target = np.repeat(predicted, repeats)
    by_class = bbse(labels, predicted, target, 3)
    share = np.bincount(target, minlength=3) / len(target) / (np.bincount(predicted, minlength=3) / 1000) - 1
    same = [(a[:, None] == a).astype(np.float64) for a in (predicted, labels)]
    kernels = solved(same[0], same[1], share[predicted], 1e-9).weights
    errors = {n: [_gaussian(n, seed) for seed in range(6)] for n in (250, 1000)}
    means = {n: np.mean(rows, axis=0) for n, rows in errors.items()}
    still = [_gaussian(1000, seed, mean=0.0, std=1.0)[0] for seed in range(6)]
    return [
        Truth(0.0, float(np.abs(by_class - truth).max()), 1e-9, "BBSE"),
        Truth(0.0, float(np.abs(kernels - truth[labels]).max()), 1e-5, "ReTaSA on classes is BBSE"),
        Truth(1.0, float(means[1000][0] < means[250][0]), 0.0, "error of the weights falls with n"),
        Truth(0.0, float(means[1000][1] / means[1000][2]), 0.25, "error of the risk, over that without weights"),
        Truth(0.0, float(np.mean(still)), 0.02, "mean square of weights - 1 without a shift"),
        *_worlds(),
    ]


class First:
    """Forecasts the first input."""

    def forecast(self, inputs: Float64s) -> Forecast:
        """A Gaussian about it."""
        return Forecast(mean=inputs[:, 0], std=np.ones(len(inputs)))


def _worlds() -> list[Truth]:
    """Of `ood/target-shift`: true weights foretell the target's error on average, ReTaSA's most of what shifts."""
    test = ood_target_shift(0).split("test")
    assert test.asker is not None  # noqa: S101 - the task gives it
    record = test.asker(First(), None, test, 0, {"ids": test.ids})
    assert isinstance(record, Reweighted)  # noqa: S101 - what the task yields
    bias, without, known = (f(record).values for f in (shift_bias, shift_bias_unweighted, shift_bias_known))
    slack = 4 * float(known.std() / np.sqrt(len(known)))
    return [
        Truth(0.0, float(known.mean()), slack, "error foretold by the true weights, less the target's"),
        Truth(0.0, float(bias.mean() / without.mean()), 0.4, "that by ReTaSA's, over that without weights"),
    ]


def _gaussian(n: int, seed: int, mean: float = 0.7, std: float = 0.7) -> tuple[float, float, float]:
    draws = generator(seed, "check", "retasa")
    y, z = draws.standard_normal(n), mean + std * draws.standard_normal(n)
    x, u = y + 0.3 * draws.standard_normal(n), z + 0.3 * draws.standard_normal(n)
    truth = np.exp(-(((y - mean) / std) ** 2) / 2 + y**2 / 2) / std
    found = retasa(x, y, u)
    wanted = (mean - 0.5) ** 2 + std**2  # of the loss (y - .5)^2
    losses = (y - 0.5) ** 2
    return (
        float(((found.weights - truth) ** 2).mean()),
        abs(found.risk(losses) - wanted),
        abs(float(losses.mean()) - wanted),
    )


@check("ood/dsir", area="ood", source="multinomials", papers=(DSIR,))
def dsir() -> list[Truth]:
    """Log-weights are log-likelihood ratios of two bags of words; draws follow their softmax; selection comes nearer.

    The first of the drawn is text i with probability softmax(log w)_i: 4,000 draws, chi-square on seven degrees, its
    99.9 % point.
    """
    target, raw = ["a a b", "a c"], ["b b c", "c c a b"]
    texts = ["a a", "b c"]
    # Of 8 and 12 n-grams and 10,000 buckets, each of them raised by 1.
    each = np.log(10_012 / 10_008)
    by_hand = 3 * each + np.log([(4 / 2) ** 2 * 2 / 1, (2 / 4) * (2 / 4) * (1 / 2)])
    weight = np.log(np.array([1.0, 2, 3, 4, 5, 6, 7, 8]))
    first = np.bincount([int(resampled(weight, 3, seed)[0]) for seed in range(4000)], minlength=8)
    expected = 4000 * np.exp(weight) / np.exp(weight).sum()
    chi_square = float(((first - expected) ** 2 / expected).sum())
    rng = Random("dsir")
    meadow = [prose.story(rng, "meadow") for _ in range(60)]
    harbour = [prose.story(rng, "harbor") for _ in range(60)]
    pool = meadow[:30] + harbour
    found = log_weights(pool, meadow[30:], pool)
    chosen = resampled(found, 30, 0)
    selected = [pool[i] for i in chosen]
    every = kl_reduction([meadow[30:]], pool, pool)
    asked, learnt = _texts(pool), _texts(meadow[30:])
    wanted = kl_reduction([meadow[30:]], pool, meadow[:30])
    return [
        Truth(0.0, float(np.abs(log_weights(texts, target, raw) - by_hand).max()), 1e-12, "log-likelihood ratio"),
        Truth(7.0, chi_square, 17.32, "first draws, chi-square of mean 7"),
        Truth(0.0, every, 1e-12, "selecting everything reduces nothing"),
        Truth(1.0, float((chosen < 30).mean()), 0.0, "share of the target's kind among the chosen"),
        Truth(wanted, kl_reduction([meadow[30:]], pool, selected), 1e-9, "reduction: that of the target's kind alone"),
        Truth(0.0, float(np.abs(dsir_score(asked, learnt) + found).max()), 1e-12, "the score is the negated weight"),
        Truth(1.0, area(dsir_score(asked, learnt)[:30], dsir_score(asked, learnt)[30:]), 0.0, "AUROC of the score"),
    ]


def _texts(texts: list[str]) -> Contrasted:
    n = len(texts)
    return Contrasted(
        ids=np.arange(n).astype(np.str_),
        bytes=np.ones(n, dtype=np.int64),
        logprobs=Ragged.of(np.zeros((n, 1)), np.float64),
        question=np.zeros(n, dtype=np.int64),
        text=np.array(texts, dtype=object),
    )
