"""Holdouts that may be asked again and again: answers that don't let the asker fit the holdout.

Each mechanism is a state that counts what has been asked and spent, and a function that gives an answer and the next
state.  Noise is drawn from (seed, number of the query), so a stored state goes on as if it had never stopped.
Queries are means of values in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.seeds import generator


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is released: the value, `None` once the budget is spent, and whether the holdout contradicted the training.

    overfit: the training mean was off by more than the tolerance, and the holdout was charged.
    """

    value: float | None
    overfit: bool
    budget: int


@dataclass(frozen=True, kw_only=True)
class Thresholdout:
    """State of Thresholdout (Dwork, Feldman, Hardt, Pitassi, Reingold and Roth 2015).

    threshold: how far training and holdout may be apart unremarked.  sigma: scale of the Laplace noise on released
    holdout means; the comparison has noise of scale 4 sigma, the threshold of 2 sigma, drawn anew at each charge.
    budget: how often the holdout may yet contradict.
    """

    threshold: float
    sigma: float
    budget: int
    seed: int
    asked: int = 0
    charged: int = 0

    def __post_init__(self) -> None:
        _check(self.threshold, self.sigma, self.budget)


def thresholdout(state: Thresholdout, train: Float64s, holdout: Float64s) -> tuple[Answer, Thresholdout]:
    """One query, as its values on training samples and on holdout samples, in [0, 1] or a range as wide.

    Where the two means agree, the training mean is returned and nothing is learnt of the holdout; else the holdout's,
    with noise.  At sigma = 0 and threshold = 0 it is the plain holdout.
    """
    following = replace(state, asked=state.asked + 1)
    if state.budget == 0:
        return Answer(value=None, overfit=False, budget=0), following
    seen, held = float(np.mean(train)), float(np.mean(holdout))
    noise = generator(state.seed, "thresholdout", state.asked).laplace(size=2)
    shift = generator(state.seed, "thresholdout-threshold", state.charged).laplace(scale=2) * state.sigma
    if abs(seen - held) > state.threshold + shift + 4 * state.sigma * noise[0]:
        following = replace(following, budget=state.budget - 1, charged=state.charged + 1)
        return Answer(value=held + state.sigma * float(noise[1]), overfit=True, budget=following.budget), following
    return Answer(value=seen, overfit=False, budget=state.budget), following


@dataclass(frozen=True, kw_only=True)
class NoisyOracle:
    """State of the statistical-query oracle (Dwork et al. 2015, "Preserving Statistical Validity"): mean + Laplace.

    scale: of the noise.  budget: queries left.
    """

    scale: float
    budget: int
    seed: int
    asked: int = 0

    def __post_init__(self) -> None:
        _check(0.0, self.scale, self.budget)


def noisy_scale(queries: int, n: int, *, epsilon: float, delta: float) -> float:
    """Laplace scale with which `queries` means over n samples are (epsilon, delta)-differentially private together.

    Advanced composition (Dwork, Rothblum and Vadhan 2010): each query may spend e with
    epsilon = sqrt(2 k log(1 / delta)) e + k e (exp(e) - 1), and a mean of values in [0, 1] moves by 1 / n at most.
    """
    from scipy.optimize import brentq

    if queries < 1 or n < 1 or epsilon <= 0 or not 0 < delta < 1:
        raise UsageError("no such budget", cause="counts and epsilon are above 0, delta in (0, 1)", fix="mend them")

    def spent(e: float) -> float:
        return math.sqrt(2 * queries * math.log(1 / delta)) * e + queries * e * math.expm1(e) - epsilon

    return 1 / (n * float(brentq(spent, 0.0, epsilon, xtol=1e-15)))


def ask(state: NoisyOracle, holdout: Float64s) -> tuple[Answer, NoisyOracle]:
    """The mean of holdout values (n,) plus noise, or nothing once the budget is spent."""
    following = replace(state, asked=state.asked + 1, budget=max(state.budget - 1, 0))
    if state.budget == 0:
        return Answer(value=None, overfit=False, budget=0), following
    noise = float(generator(state.seed, "noisy-oracle", state.asked).laplace())
    return Answer(
        value=float(np.mean(holdout)) + state.scale * noise, overfit=False, budget=following.budget
    ), following


@dataclass(frozen=True, kw_only=True)
class SparseValidate:
    """State of SparseValidate (Dwork et al. 2015, "Generalization in Adaptive Data Analysis and Holdout Reuse").

    Only yes or no is told, and only `budget` times yes: what has leaked is which of the queries said yes.
    """

    budget: int
    asked: int = 0
    found: int = 0


def sparse_validate(state: SparseValidate, *, overfits: bool) -> tuple[bool | None, SparseValidate]:
    """Whether a check on the holdout found overfitting; `None`, an answer withheld, once the budget is spent."""
    following = replace(state, asked=state.asked + 1)
    if state.budget == 0:
        return None, following
    if overfits:
        following = replace(following, budget=state.budget - 1, found=state.found + 1)
    return overfits, following


def sparse_bound(asked: int, budget: int, chance: float) -> float:
    """Bound on the chance that the last of `asked` adaptive checks errs, each erring with `chance` if not adaptive.

    The number of possible transcripts before it, sum over j <= budget of (asked - 1 choose j), times chance.
    """
    return min(1.0, chance * sum(math.comb(asked - 1, j) for j in range(min(asked - 1, budget) + 1)))


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """State of the ladder (Blum and Hardt 2015): a leaderboard that moves only for gains beyond `step`.

    best: the loss that was last told, infinite before the first.
    """

    step: float
    best: float = math.inf


def climb(state: Ladder, losses: Float64s) -> tuple[float, Ladder]:
    """The loss that the leaderboard tells for a submission with holdout losses (n,): rounded if a gain, else the best.

    The error over k adaptive submissions grows as (log(k) / n)^(1/3), not as sqrt(k / n).
    """
    if state.step <= 0:
        raise UsageError(f"a step of {state.step}", cause="every change would be told", fix="give one above 0")
    loss = float(np.mean(losses))
    if loss < state.best - state.step:
        state = replace(state, best=round(loss / state.step) * state.step)
    return state.best, state


@dataclass(frozen=True, eq=False, kw_only=True)
class MultiplicativeWeights:
    """State of private multiplicative weights (Hardt and Rothblum 2010) over a finite universe of samples.

    histogram: (universe,), what answers come from: uniform at first, sums to 1.  threshold, sigma: as in Thresholdout.
    budget: updates left.  rate: of the updates, half the threshold in the paper's analysis.
    """

    histogram: Float64s
    threshold: float
    sigma: float
    budget: int
    seed: int
    asked: int = 0

    def __post_init__(self) -> None:
        _check(self.threshold, self.sigma, self.budget)


def multiplicative_weights(
    state: MultiplicativeWeights, query: Float64s, holdout: Float64s
) -> tuple[Answer, MultiplicativeWeights]:
    """Mean of query (universe,), in [0, 1], over the holdout's histogram (universe,), answered from the synthetic one.

    Where the two differ by more than the threshold, both with noise, the holdout's noisy mean is released, the budget
    charged, and the synthetic histogram moved towards it: h *= exp(-+ threshold / 2 * query).  Each such move brings
    it nearer in relative entropy, so log(universe) * 4 / threshold^2 of them are enough.
    """
    following = replace(state, asked=state.asked + 1)
    synthetic = float(state.histogram @ query)
    if state.budget == 0:
        return Answer(value=synthetic, overfit=False, budget=0), following
    noise = state.sigma * generator(state.seed, "multiplicative-weights", state.asked).laplace(size=2)
    released = float(holdout @ query + noise[0])
    if abs(released - synthetic) <= state.threshold + noise[1]:
        return Answer(value=synthetic, overfit=False, budget=state.budget), following
    moved = state.histogram * np.exp(math.copysign(state.threshold / 2, released - synthetic) * query)
    following = replace(following, budget=state.budget - 1, histogram=moved / moved.sum())
    return Answer(value=released, overfit=True, budget=following.budget), following


def hoeffding(queries: int, n: int, *, alpha: float = 0.05) -> float:
    """Half width that holds for all of `queries` means of n values in [0, 1], fixed in advance: the plain holdout."""
    return math.sqrt(math.log(2 * queries / alpha) / (2 * n))


def _check(threshold: float, sigma: float, budget: int) -> None:
    if threshold < 0 or sigma < 0 or budget < 0:
        raise UsageError(
            "no such holdout",
            cause=f"threshold {threshold}, noise {sigma}, budget {budget}: none may be below 0",
            fix="give 0 or more",
        )
