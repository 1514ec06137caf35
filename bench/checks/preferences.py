"""What tuning does to likelihoods, on models so small that one step of it is exact."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.preferences import (
    change_point,
    ches,
    intransitivity,
    nash,
    properties,
    sppo_residual,
    token_rewards,
    top_tokens,
)
from bench.language import Scored
from bench.metrics.preferences import CHES, FLR, Q_FUNCTION, SPPO, THREE_D
from bench.records import log_softmax
from bench.seeds import generator
from bench.tasks.likelihood.preferences import follow_up_rewards

OVER = "Understanding Likelihood Over-optimisation in Direct Alignment Algorithms"


@check("likelihood/displacement", area="likelihood", source="Razin et al. 2024, theorem 3", papers=(CHES, THREE_D))
def displacement() -> list[Truth]:
    """CHES by hand and turned about; one exact step of preference tuning; the 3D-properties of a response table."""
    from scipy.stats import spearmanr

    draws = generator(0, "ches")
    plus, minus = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 1.0]])
    pair = ches(plus, minus)
    turn = np.linalg.qr(draws.normal(size=(2, 2)))[0]
    scores, changes, theorem = np.array([_one_step(draws) for _ in range(150)]).T
    before = np.log(draws.dirichlet(np.ones(6), size=40))
    wins = before[:, 0] * 0 + 0.1
    after = log_softmax(before + np.stack([-2 * wins, -20 * wins, *[0 * wins] * 4], axis=1))
    found = properties(before[:, :2], after[:, :2])
    still = properties(before[:, :2], before[:, :2])
    outside = np.exp(after[:, 2:]).sum(axis=1) - np.exp(before[:, 2:]).sum(axis=1)
    return [
        exact(3.0 - 5.0, pair.total, "CHES by hand"),
        exact(1.5 - 1.25, pair.mean, "its form by means, by hand"),
        exact(0.0, ches(plus, plus).total, "CHES of equal responses"),
        exact(pair.total, ches(plus @ turn, minus @ turn).total, "CHES of turned states"),
        exact(0.0, float(np.abs(changes - theorem).max()), "one step of tuning, by the theorem's sums"),
        Truth(1.0, float(-spearmanr(scores, changes).statistic), 0.4, "rank agreement of CHES and displacement"),
        exact(float(outside.mean()), found.dispersion, "dispersion is what other responses gained"),
        exact(1.0, float(found.drop > found.degradation), "rejected texts fall more than chosen ones"),
        exact(0.0, still.drop + still.degradation + still.dispersion, "no tuning, no change"),
    ]


def _one_step(draws: np.random.Generator, width: int = 8, vocabulary: int = 12) -> tuple[float, float, float]:
    """CHES of a random pair, the rate at which log pi(y+) changes in a step of tuning, and that rate by the theorem.

    The states before each token and the unembedding are free parameters; the first state is the prompt's, and the
    responses end in one token, as synonyms do.
    """
    unembed = draws.normal(size=(vocabulary, width)) * 0.05
    common, plus, noise = draws.normal(size=(3, width)) * np.array([[0.4], [1.0], [1.0]])
    states = np.stack([[common, plus], [common, plus * draws.normal() + noise]])
    tokens = np.stack([[0, 2], [1, 2]])
    miss = np.eye(vocabulary)[tokens] - np.exp(log_softmax(states @ unembed.T))
    by_unembedding = np.einsum("rtv,rtw->rvw", miss, states)
    by_states = miss @ unembed
    rate = (by_unembedding[0] * (by_unembedding[0] - by_unembedding[1])).sum()
    free = (by_states[0] ** 2).sum() - by_states[0, 0] @ by_states[1, 0]
    agree = np.einsum("tv,rsv->rts", miss[0], miss)
    near = np.einsum("tw,rsw->rts", states[0], states)
    theorem = (agree[0] * near[0]).sum() - (agree[1] * near[1]).sum() + free
    return ches(states[0], states[1]).total, float(rate + free), float(theorem)


@check("likelihood/implicit-rewards", area="likelihood", source="exact soft value iteration", papers=(Q_FUNCTION, SPPO))
def implicit_rewards() -> list[Truth]:
    """Token rewards are Q* - V* on a tree; SPPO's fixed point; Nash mixtures and circles of policies."""
    draws, beta = generator(0, "implicit-rewards"), 0.7
    reference = log_softmax(draws.normal(size=(3, 3)))
    first = log_softmax(draws.normal(size=3))
    reward = draws.normal(size=(3, 3))
    deep = beta * np.logaddexp.reduce(reference + reward / beta, axis=1)
    root = beta * np.logaddexp.reduce(first + deep / beta)
    policy_first, policy = first + (deep - root) / beta, reference + (reward - deep[:, None]) / beta
    top = token_rewards(policy_first, first, beta)
    low = token_rewards(policy, reference, beta)
    circle = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]])
    strength = np.array([0.0, 1.0, 2.5])
    ladder = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
    wins, base, eta = draws.random(6), log_softmax(draws.normal(size=6)), 2.0
    tuned = log_softmax(base + eta * wins)
    norm = eta / 2 - np.logaddexp.reduce(base + eta * wins)
    return [
        exact(0.0, float(np.abs(top - (deep - root)).max()), "reward of the first token: Q* - V*"),
        exact(0.0, float(np.abs(top[:, None] + low - (reward - root)).max()), "their sum: the text's reward less V*"),
        exact(1.0, float(np.exp(policy_first).sum()), "the tuned policy is normalised"),
        Truth(0.0, float(np.abs(nash(circle) - 1 / 3).max()), 1e-8, "Nash mixture of rock, paper and scissors"),
        exact(1.0, intransitivity(circle), "their circles"),
        Truth(1.0, float(nash(ladder)[2]), 1e-8, "Nash mixture of a ladder is its top"),
        exact(0.0, intransitivity(ladder), "circles of a ladder"),
        exact(float(norm**2), sppo_residual(tuned, base, wins, eta), "residual of SPPO's closed-form update"),
    ]


@check("likelihood/over-optimisation", area="likelihood", source="Shi et al. 2024", papers=(OVER,))
def over_optimisation() -> list[Truth]:
    """Mass and entropy of the likeliest tokens in closed form, by temperature, and the step at which a series turns."""
    vocabulary, k = 20, 5
    draws = generator(0, "over-optimisation")
    flat = top_tokens(np.full((1, k), -np.log(vocabulary)))
    sharp = top_tokens(np.array([[0.0, -np.inf, -np.inf]]))
    logits = draws.normal(size=(50, vocabulary))
    logs = [np.sort(log_softmax(logits / t), axis=1)[:, ::-1] for t in (0.5, 1.0, 2.0)]
    masses = [float(top_tokens(x[:, :k]).mass.mean()) for x in logs]
    whole = top_tokens(logs[1])
    series = np.concatenate([np.zeros(12), np.full(8, -2.0)]) + 0.3 * draws.normal(size=20)
    step, p = change_point(series, draws)
    nulls = [change_point(draws.normal(size=20), draws, 199)[1] for _ in range(400)]
    return [
        exact(k / vocabulary, float(flat.mass[0]), "uniform: mass of the 5 likeliest of 20"),
        exact(k / vocabulary * np.log(vocabulary), float(flat.entropy[0]), "uniform: their part of the entropy"),
        exact(np.log(k), float(flat.renormalised[0]), "uniform: their entropy renormalised"),
        exact(1.0, float(sharp.mass[0]) + float(sharp.entropy[0]), "one certain token"),
        exact(1.0, float(masses[0] > masses[1] > masses[2]), "mass falls with temperature"),
        exact(
            float(-(np.exp(logs[1]) * logs[1]).sum(axis=1).mean()), float(whole.entropy.mean()), "all tokens: entropy"
        ),
        exact(12.0, step, "planted turn"),
        Truth(0.0, p, 0.01, "its p-value"),
        Truth(0.05, float(np.mean(np.array(nulls) <= 0.05)), 4.5 * (0.05 * 0.95 / 400) ** 0.5, "false alarms at 5 %"),
    ]


class Bigram:
    """A table of log-probabilities of each character after another, which scores texts."""

    def __init__(self, letters: str, table: Float64s) -> None:
        self.letters, self.table = letters, table

    def score(self, requests: list[tuple[str, str]]) -> list[Scored]:
        """Each character given the one before it."""
        found = []
        for context, text in requests:
            places = [self.letters.index(c) for c in context[-1] + text]
            found.append(Scored(self.table[places[:-1], places[1:]], False))
        return found


@check("likelihood/follow-ups", area="likelihood", source="Zhang et al. 2024, on a table of bigrams", papers=(FLR,))
def follow_ups() -> list[Truth]:
    """Rewards by hand; lists exchanged, equal, or one of them empty."""
    table = log_softmax(generator(0, "follow-ups").normal(size=(3, 3)))
    model = Bigram("abc", table)
    yes, no = ("ab", "c"), ("ba",)
    texts = ["aab", "cc"]

    def reward(*lists: tuple[str, ...]) -> Float64s:
        return np.asarray(follow_up_rewards(model, texts, *lists))  # type: ignore[arg-type]

    by_hand = ((table[1, 0] + table[0, 1]) / 2 + table[1, 2]) / 2 - (table[1, 1] + table[1, 0]) / 2
    return [
        exact(float(by_hand), float(reward(yes, no)[0]), "by hand"),
        exact(0.0, float(np.abs(reward(yes, no) + reward(no, yes)).max()), "lists exchanged"),
        exact(0.0, float(np.abs(reward(yes, yes)).max()), "equal lists"),
        exact(float(table[1, 1] + table[1, 0]) / -2, float(reward((), no)[0]), "negative list alone"),
    ]
