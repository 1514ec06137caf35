"""Densities against quadrature, enumeration and a known tree."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.components import Truth, check
from bench.examples import Examples
from bench.models.densities import gaussian_mixture, true_mixture
from bench.models.dequantisation import lower_bound
from bench.models.discrete import categorical, chow_liu
from bench.references.mixtures import ring
from bench.seeds import generator
from bench.tasks.likelihood.gaussian_mixture import likelihood_gaussian_mixture


@check("likelihood/ring-entropy", area="likelihood", source="quadrature")
def ring_entropy() -> list[Truth]:
    """The ring's density integrates to 1; its samples' mean surprise is its entropy; a fit is no better than it.

    Quadrature on a grid of step .02 over [-8, 8]^2, whose error is below 1e-10 for densities as smooth as this.
    """
    axis = np.linspace(-8, 8, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    log_p = ring().log_prob(grid)
    mass = np.exp(log_p) * (axis[1] - axis[0]) ** 2
    entropy = float(-(mass * log_p).sum())
    examples = likelihood_gaussian_mixture(0)
    test, train = examples.split("test"), examples.split("train")
    source, fitted = true_mixture(), gaussian_mixture()
    for model in (source, fitted):
        model.fit(train, 0)
    surprise = -source.density(np.asarray(test.inputs)).log_prob
    error = float(surprise.std(ddof=1) / np.sqrt(len(test)))
    log_q = fitted.density(grid).log_prob
    divergence = float((mass * (log_p - log_q)).sum())
    measured = np.asarray(test.truth) - fitted.density(np.asarray(test.inputs)).log_prob
    return [
        Truth(1.0, float(mass.sum()), 1e-9, "mass of the source"),
        Truth(entropy, float(surprise.mean()), 4 * error, "entropy from samples, within 4 standard errors"),
        Truth(0.0, float(np.abs(surprise + np.asarray(test.truth)).max()), 1e-12, "the source against the truth"),
        Truth(divergence, float(measured.mean()), 4 * float(measured.std(ddof=1)) / np.sqrt(len(test)), "KL of a fit"),
        Truth(1.0, float((np.exp(log_q) * (axis[1] - axis[0]) ** 2).sum()), 1e-6, "mass of a fit"),
    ]


@check("likelihood/categorical-sums-to-one", area="likelihood", source="enumeration")
def categorical_sums_to_one() -> list[Truth]:
    """All 4^5 images of 5 pixels and 4 levels have a total mass of 1, under both discrete densities."""
    draws = generator(0, "check", "categorical")
    train = _discrete(draws.integers(0, 4, size=(30, 5)), 4)
    every = np.stack(np.meshgrid(*[np.arange(4)] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
    truths = []
    for name, model in (("categorical", categorical()), ("chow-liu", chow_liu())):
        model.fit(train, 0)
        truths.append(Truth(1.0, float(np.exp(model.density(every).log_prob).sum()), 1e-12, name))
    return truths


@check("likelihood/chow-liu-tree", area="likelihood", source="Chow and Liu 1968")
def chow_liu_tree() -> list[Truth]:
    """From samples of a known tree, its edges are found, and its log-mass to within the estimation error.

    With N = 20,000 samples, a tree of 6 three-level pixels has 2 + 5 * 6 = 32 free parameters, so the expected
    divergence of a maximum-likelihood fit is 32 / (2 N) = .0008 nats (Wilks 1938); three times that is allowed.
    """
    parents = np.array([-1, 0, 0, 1, 1, 2])
    tables = _sharp_tables(len(parents))
    samples = _descend(parents, tables, 20_000, generator(0, "check", "chow-liu"))
    model = chow_liu()
    model.fit(_discrete(samples, 3), 0)
    every = np.stack(np.meshgrid(*[np.arange(3)] * 6, indexing="ij"), axis=-1).reshape(-1, 6)
    log_p, log_q = _tree_log_mass(parents, tables, every), model.density(every).log_prob
    edges = {frozenset(e) for e in enumerate(parents) if e[1] >= 0}
    assert model.parents is not None  # noqa: S101 - it is fitted
    found = {frozenset((i, int(p))) for i, p in enumerate(model.parents) if p >= 0}
    return [
        Truth(5.0, float(len(edges & found)), 0.0, "edges found"),
        Truth(0.0, float((np.exp(log_p) * (log_p - log_q)).sum()), 3 * 32 / (2 * 20_000), "divergence"),
    ]


@check("likelihood/dequantisation-bound", area="likelihood", source="Theis et al. 2016, arXiv:1511.01844")
def dequantisation_bound() -> list[Truth]:
    """E log q(x + u) of the unit Gaussian in closed form, -(E u^2 + 2 x E u + x^2) / 2 - log sqrt(2 pi).

    The mean over 4,096 draws lies within 4 of the standard errors that are given with it; and a density that is
    constant on each cell is bounded without a gap.
    """

    def unit_gaussian(rows: Float64s) -> Float64s:
        return -0.5 * (rows**2).sum(axis=1) - 0.5 * rows.shape[1] * np.log(2 * np.pi)

    def stairs(rows: Float64s) -> Float64s:
        return np.log(np.array([0.1, 0.2, 0.3, 0.4]))[np.floor(rows).astype(int)].sum(axis=1)

    x = np.array([[0.0], [1.0], [2.0]])
    exact = -0.5 * (x[:, 0] ** 2 + x[:, 0] + 1 / 3) - 0.5 * np.log(2 * np.pi)
    bound = lower_bound(unit_gaussian, x, seed=0, draws=4096)
    error = np.asarray(bound.mc_error)
    flat = lower_bound(stairs, x, seed=0, draws=4)
    return [
        *(
            Truth(float(e), float(b), 4 * float(s), f"x = {int(v)}")
            for e, b, s, v in zip(exact, bound.log_prob, error, x[:, 0], strict=True)
        ),
        Truth(float(np.log(0.1 * 0.2 * 0.3)), float(flat.log_prob.sum()), 1e-12, "constant on cells"),
    ]


def _discrete(rows: AnyArray, levels: int) -> Examples:
    return Examples(ids=np.arange(len(rows)).astype(np.str_), inputs=rows, levels=levels)


def _sharp_tables(pixels: int) -> Float64s:
    # (pixels, parent level, level): mostly a copy of the parent, unevenly, so that every edge is informative.
    base = np.array([[0.7, 0.2, 0.1], [0.15, 0.7, 0.15], [0.1, 0.3, 0.6]])
    return np.stack([np.roll(base, i, axis=1) for i in range(pixels)])


def _descend(parents: AnyArray, tables: Float64s, n: int, draws: np.random.Generator) -> AnyArray:
    rows = np.zeros((n, len(parents)), dtype=np.int64)
    for i, parent in enumerate(parents):
        share = tables[i, rows[:, parent]] if parent >= 0 else np.broadcast_to(tables[i, 0], (n, 3))
        rows[:, i] = (draws.random(n)[:, None] > share.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return rows


def _tree_log_mass(parents: AnyArray, tables: Float64s, rows: AnyArray) -> Float64s:
    above = np.where(parents >= 0, rows[:, np.maximum(parents, 0)], 0)
    return np.log(tables[np.arange(len(parents)), above, rows]).sum(axis=1)
