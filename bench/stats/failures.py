"""Finding where a model fails with few labels: diverse batches near confirmed errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.errors import UsageError
from bench.results import Interval
from bench.seeds import generator
from bench.stats.design import LEVEL
from bench.stats.wilson import wilson


@dataclass(frozen=True, eq=False, kw_only=True)
class Pattern:
    """A ball in which the model errs often: its centre, members, confirmed errors among those asked, and error rate."""

    centre: int
    members: Ints
    errors: int
    asked: int
    rate: Interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Search:
    """Items asked in order (B,), whether each was an error (B,), and the chance of an error at every item (n,)."""

    asked: Ints
    wrong: Bools
    chance: Float64s


def posterior(kernel: Float64s, asked: Ints, wrong: Bools, prior: tuple[float, float]) -> Float64s:
    """Mean chance of an error at each item, (n,): Beta counts, each label weighted by its kernel with the item.

    kernel: (n, n), in [0, 1].  prior: Beta(a, b).  For a kernel of a partition, 1 within and 0 between, it is the
    Beta-Bernoulli posterior of each part.
    """
    near = kernel[:, asked]
    return (prior[0] + near @ wrong) / (sum(prior) + near.sum(axis=1))


def k_dpp(L: Float64s, k: int, *, rng: np.random.Generator) -> Ints:
    """Items (k,) with P(S) proportional to det(L_S), exactly (Kulesza and Taskar 2011).

    L: (n, n), symmetric, positive semi-definite, of rank k or more.  Eigenvectors are chosen by elementary symmetric
    polynomials, then items one by one, projecting each out.
    """
    values, vectors = np.linalg.eigh(L)
    values = np.maximum(values, 0.0)
    if k < 1 or (values > 1e-12 * values.max(initial=0.0)).sum() < k:
        raise UsageError(f"no {k} diverse items", cause="the kernel has a lower rank", fix="ask for fewer")
    values = values / values.max()
    count = len(values)
    e = np.zeros((k + 1, count + 1))
    e[0] = 1.0
    for j in range(1, k + 1):
        for i in range(1, count + 1):
            e[j, i] = e[j, i - 1] + values[i - 1] * e[j - 1, i - 1]
    chosen, left = [], k
    for i in range(count, 0, -1):
        if left == 0:
            break
        if rng.random() * e[left, i] < values[i - 1] * e[left - 1, i - 1]:
            chosen.append(i - 1)
            left -= 1
    V = vectors[:, chosen]
    items: list[int] = []
    for _ in range(k):
        p = (V**2).sum(axis=1)
        p[items] = 0.0
        items.append(int(rng.choice(count, p=p / p.sum())))
        if V.shape[1] > 1:
            # Rotate the chosen item into one direction and drop it.
            q, _ = np.linalg.qr(V[items[-1]][:, None], mode="complete")
            V = (V @ q)[:, 1:]
    return np.array(items)


def search(
    embeddings: Float64s,
    is_wrong: Callable[[Ints], Bools],
    *,
    batch: int,
    rounds: int,
    bandwidth: float,
    seed: int,
    explore: float = 0.2,
    prior: tuple[float, float] = (1.0, 9.0),
    pool: int = 400,
) -> Search:
    """Ask labels batch by batch from a DPP weighted by the chance of an error (Nguyen and Gonzalez 2024).

    embeddings: (n, d).  is_wrong: items -> whether the model errs there; asked rounds * batch times at most.  The
    L-kernel is q_i k(x_i, x_j) q_j, with k Gaussian and q the posterior chance of an error, floored by `explore` of its
    largest.  Each batch is drawn among `pool` unasked items, picked with chances q, so that its cost stays bounded.
    """
    n = len(embeddings)
    if batch * rounds > n or min(batch, rounds) < 1 or bandwidth <= 0:
        raise UsageError(
            f"{rounds} rounds of {batch} of {n} items", cause="each is asked once at most", fix="ask for fewer"
        )
    kernel = gaussian(embeddings, bandwidth)
    asked, wrong = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    for i in range(rounds):
        rng = generator(seed, "failures", i)
        chance = posterior(kernel, asked, wrong, prior)
        rest = np.setdiff1d(np.arange(n), asked)
        q = np.maximum(chance, explore * chance.max())[rest]
        if len(rest) > pool:
            some = rng.choice(len(rest), size=max(pool, batch), replace=False, p=q / q.sum())
            rest, q = rest[some], q[some]
        L = q[:, None] * kernel[np.ix_(rest, rest)] * q + 1e-8 * float((q**2).max()) * np.eye(len(rest))
        new = rest[k_dpp(L, batch, rng=rng)]
        asked, wrong = np.concatenate([asked, new]), np.concatenate([wrong, np.asarray(is_wrong(new), dtype=bool)])
    return Search(asked=asked, wrong=wrong, chance=posterior(kernel, asked, wrong, prior))


def patterns(embeddings: Float64s, found: Search, *, radius: float, least: int, rate: float = 0.5) -> list[Pattern]:
    """Balls around confirmed errors with `least` confirmed errors and an error rate above `rate` among what was asked.

    Greedily, the ball with the most errors first; an error belongs to one pattern only.  Rates with Wilson's interval:
    the ball was chosen for its errors, so the interval is optimistic.
    """
    from scipy.special import ndtri

    where = embeddings[found.asked]
    near = ((where[:, None] - where[None]) ** 2).sum(axis=2) <= radius**2
    free = np.ones(len(where), dtype=bool)
    out: list[Pattern] = []
    while True:
        inside = near & free[None]
        errors = inside @ found.wrong.astype(np.int64)
        share = errors / np.maximum(inside.sum(axis=1), 1)
        good = found.wrong & free & (errors >= least) & (share > rate)
        if not good.any():
            return out
        best = int(np.argmax(np.where(good, errors, -1)))
        number, hits = int(inside[best].sum()), int(errors[best])
        low, high = wilson(hits / number, number, float(ndtri((1 + LEVEL) / 2)))
        members = np.flatnonzero(((embeddings - where[best]) ** 2).sum(axis=1) <= radius**2)
        ends = Interval(low=low, high=high, method="wilson, of a chosen ball")
        out.append(Pattern(centre=int(found.asked[best]), members=members, errors=hits, asked=number, rate=ends))
        free &= ~near[best]


def gaussian(x: Float64s, bandwidth: float) -> Float64s:
    """Kernel exp(-|x - y|^2 / (2 bandwidth^2)), (n, n)."""
    squares = (x**2).sum(axis=1)
    return np.exp(-np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0.0) / (2 * bandwidth**2))
