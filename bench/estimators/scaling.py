"""How losses change with scale: power laws, their held-out error, and what becomes of predictability on the way.

Sources: Kaplan et al. 2020 and Hoffmann et al. 2022 for the laws; Yao et al. 2024 for in- against out-of-distribution
exponents; Schaeffer et al. 2024 for the chain from log-probability to accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints


@dataclass(frozen=True)
class PowerLaw:
    """loss = factor x^-exponent + floor, with 95 % ends of the exponent and the standard error of its logarithm fit."""

    factor: float
    exponent: float
    floor: float
    low: float
    high: float
    error: float

    def predicted(self, x: Float64s) -> Float64s:
        """The loss at each x."""
        return self.factor * np.asarray(x, dtype=np.float64) ** -self.exponent + self.floor


def power_law(x: Float64s, loss: Float64s, floor: float = 0.0) -> PowerLaw:
    """Least squares of log(loss - floor) on log x, with the t interval of its slope.  x, loss: (R,), R >= 3."""
    from scipy.special import stdtrit

    u, v = np.log(x), np.log(loss - floor)
    centred = u - u.mean()
    slope = float(centred @ v / (centred @ centred))
    rest = v - v.mean() - slope * centred
    freedom = len(u) - 2
    error = float(np.sqrt(rest @ rest / freedom / (centred @ centred)))
    reach = float(stdtrit(freedom, 0.975)) * error
    return PowerLaw(float(np.exp(v.mean() - slope * u.mean())), -slope, floor, -slope - reach, -slope + reach, error)


def floored_law(x: Float64s, loss: Float64s) -> tuple[PowerLaw, float]:
    """The law with the floor of least squares, and how well the floor is known.

    The second number is the width of the floors whose residual is within the 95 % F bound of the best, over the
    smallest loss: above 1/2 the runs are too few or too alike in scale to tell a floor from a smaller exponent.
    """
    from scipy.special import fdtri

    floors = np.concatenate([[0.0], loss.min() * (1 - np.geomspace(1e-4, 1.0, 400)[::-1])])
    laws = [power_law(x, loss, float(f)) for f in floors]
    squares = np.array([((law.predicted(x) - loss) ** 2).sum() for law in laws])
    best = int(squares.argmin())
    freedom = max(1, len(x) - 3)
    near = squares <= squares[best] * (1 + float(fdtri(1, freedom, 0.95)) / freedom) + 1e-300
    return laws[best], float(np.ptp(floors[near]) / loss.min())


def extrapolation_error(x: Float64s, loss: Float64s, held: int, floor: float = 0.0) -> Float64s:
    """Relative error (held,) at the largest runs of the law fitted to the others."""
    order = np.argsort(x)
    fit, rest = order[:-held], order[-held:]
    return power_law(x[fit], loss[fit], floor).predicted(x[rest]) / loss[rest] - 1


def slopes_differ(x: Float64s, loss: Float64s, group: Ints) -> float:
    """p-value that two groups of runs (R,) share one exponent: the t test of their slopes' difference (ANCOVA)."""
    from scipy.special import stdtr

    u, v = np.log(x), np.log(loss)
    squares, slopes, spreads = 0.0, [], []
    for k in (0, 1):
        a, b = u[group == k] - u[group == k].mean(), v[group == k] - v[group == k].mean()
        slope = float(a @ b / (a @ a))
        squares += float(((b - slope * a) ** 2).sum())
        slopes.append(slope)
        spreads.append(1 / float(a @ a))
    freedom = len(u) - 4
    t = (slopes[0] - slopes[1]) / np.sqrt(squares / freedom * sum(spreads))
    return float(2 * stdtr(freedom, -abs(t)))


STEPS = ("log p_vocab", "log p_choices", "-brier", "accuracy")


def predictability(loglik: Float64s, labels: Ints) -> Float64s:
    """What is made of each model's answer to each item, step by step: (4, models, items), in the order of `STEPS`.

    loglik: (models, items, choices), of each choice in the whole vocabulary.  labels: (items,).
    """
    place = np.arange(len(labels))
    right = loglik[:, place, labels]
    shares = loglik - np.logaddexp.reduce(loglik, axis=2, keepdims=True)
    hot = (labels[:, None] == np.arange(loglik.shape[2])).astype(np.float64)
    brier = ((np.exp(shares) - hot) ** 2).sum(axis=2)
    return np.stack([right, shares[:, place, labels], -brier, (loglik.argmax(axis=2) == labels).astype(np.float64)])


def correlations(scores: Float64s, compute: Float64s) -> Float64s:
    """Pearson correlation of each item's score with log compute over models, (steps, items); NaN where it is constant.

    scores: (steps, models, items).  compute: (models,).
    """
    u = np.log(compute) - np.log(compute).mean()
    v = scores - scores.mean(axis=1, keepdims=True)
    spread = np.sqrt((v**2).sum(axis=1) * (u @ u))
    return np.divide(np.einsum("m,smi->si", u, v), spread, out=np.full_like(spread, np.nan), where=spread > 1e-12)


def bits_stored(name_loss: float, value_loss: float, people: int, names: float, values: float) -> float:
    """Bits of knowledge about N people: N log2(N0 / e^p1) + N log2(S0 / e^p2) (Allen-Zhu and Li 2024).

    name_loss, value_loss: mean summed loss of a name and of all values of a person, nats.  names, values: log2 of how
    many names and combinations of values there are.  A lower bound of what the parameters hold.
    """
    return people * (names + values - (name_loss + value_loss) / float(np.log(2)))
