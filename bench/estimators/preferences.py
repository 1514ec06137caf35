"""What preference tuning did to likelihoods: displacement, its forecast from hidden states, and where the mass went.

Sources: Razin et al. 2024 (CHES), Shi et al. 2024 (over-optimisation), Yan et al. 2024 (3D-properties), Rafailov et al.
2024 (implicit rewards), Wu et al. 2024 (SPPO).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s


@dataclass(frozen=True)
class Ches:
    """CHES of one pair, and the form in which means stand for sums; higher forecasts more displacement."""

    total: float
    mean: float


def ches(chosen: Float64s, rejected: Float64s) -> Ches:
    """Centred hidden embedding similarity of a pair of responses to one prompt.

    chosen: (T+, d), rejected: (T-, d): the last layer's states from which each token was predicted, so that they run
    from the prompt's last token to the response's last but one.  Only real tokens: padding must not be among them.
    """
    plus, minus = chosen.sum(axis=0), rejected.sum(axis=0)
    mean, other = chosen.mean(axis=0), rejected.mean(axis=0)
    return Ches(float(plus @ minus - plus @ plus), float(mean @ other - mean @ mean))


def token_rewards(policy: Float64s, reference: Float64s, beta: float = 1.0) -> Float64s:
    """Implicit reward of each token, beta (log pi - log pi_ref), the shape of its arguments.

    Of a policy that maximises reward less beta KL it is Q*(s, a) - V*(s); summed over a response, its reward less
    V*(s_0).
    """
    return beta * (policy - reference)


def sppo_residual(policy: Float64s, reference: Float64s, wins: Float64s, eta: float) -> float:
    """Mean squared distance of log pi / pi_ref from eta (P(win) - 1/2); 0 at an equilibrium.  All (n,)."""
    return float(((policy - reference - eta * (wins - 0.5)) ** 2).mean())


def nash(wins: Float64s) -> Float64s:
    """The mixture (A,) of policies that no policy beats on average, by linear programming.

    wins: (A, A), chance that row beats column; wins + wins' = 1.
    """
    from scipy.optimize import linprog

    size = len(wins)
    payoff = wins - 0.5
    bounds = [(0, None)] * size + [(None, None)]
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.hstack([-payoff.T, np.ones((size, 1))]),
        b_ub=np.zeros(size),
        A_eq=np.append(np.ones(size), 0.0)[None],
        b_eq=[1.0],
        bounds=bounds,
    )
    return np.asarray(found.x, dtype=np.float64)[:size]


def intransitivity(wins: Float64s) -> float:
    """Share of triples of policies in which each beats the next in a circle, 0 .. 1; 0 for fewer than three."""
    beats = (wins > 0.5).astype(np.int64)
    size = len(wins)
    triples = size * (size - 1) * (size - 2) / 6
    return float(np.trace(beats @ beats @ beats) / 3 / triples) if triples else 0.0


@dataclass(frozen=True)
class Properties:
    """The 3D-properties of one checkpoint: nats lost by rejected and by chosen texts, and mass outside both."""

    drop: float
    degradation: float
    displaced: float
    dispersion: float


def properties(before: Float64s, after: Float64s) -> Properties:
    """3D-properties from log-probabilities (n, 2) of (chosen, rejected) texts before and after tuning.

    drop, degradation: mean fall of rejected and of chosen texts (positive: they fell).  displaced: share of pairs whose
    chosen text fell.  dispersion: mean growth of the probability of everything but the pair.
    """
    fall = before - after
    outside = np.exp(before).sum(axis=1) - np.exp(after).sum(axis=1)
    return Properties(
        float(fall[:, 1].mean()), float(fall[:, 0].mean()), float((fall[:, 0] > 0).mean()), float(outside.mean())
    )


@dataclass(frozen=True)
class Top:
    """Of the k likeliest tokens: their mass, their part of the entropy, and their entropy when renormalised."""

    mass: Float64s
    entropy: Float64s
    renormalised: Float64s


def top_tokens(top_logprobs: Float64s) -> Top:
    """Over the last axis, log-probabilities of the k likeliest tokens of each position, nats."""
    p = np.exp(top_logprobs)
    mass = p.sum(axis=-1)
    entropy = -np.where(p > 0, p * np.where(p > 0, top_logprobs, 0.0), 0.0).sum(axis=-1)
    return Top(mass, entropy, entropy / mass + np.log(mass))


def change_point(
    series: Sequence[float] | Float64s, draws: np.random.Generator, permutations: int = 999
) -> tuple[int, float]:
    """The checkpoint from which a series (C,) has another level, and the p-value of there being one.

    The place where the cumulative sum of deviations is farthest from 0, scaled for its place; its level under
    permutations of the checkpoints, which is exact where they are exchangeable.
    """
    values = np.asarray(series, dtype=np.float64)
    count = len(values)
    place = np.arange(1, count)
    scale = np.sqrt(place * (count - place) / count)
    shuffled = draws.permuted(np.broadcast_to(values, (permutations, count)), axis=1)
    every = np.vstack([values, shuffled])
    course = np.abs((every - values.mean()).cumsum(axis=1)[:, :-1]) / scale
    peaks = course.max(axis=1)
    return int(course[0].argmax()) + 1, float((peaks >= peaks[0] - 1e-12).mean())
