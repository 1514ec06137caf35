"""How often the paired tests, and procedures for many of them, find a difference where there is none: at 5 %."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bench.stats.design import design
from bench.stats.influence import of_auroc, of_mean, stacked
from bench.stats.maxt import max_t
from bench.stats.mcnemar import discordance, mcnemar
from bench.stats.multiplicity import Method, rejected
from bench.stats.paired import paired_influences, paired_means, sign_flip, t_test
from bench.stats.tango import tango_clustered

NOMINAL = 0.05
SIZE = 10  # rows of a cluster
SHARED = 0.3
SIZES = (200, 1000)
CHECKS = 20
CORRELATIONS = (0.0, 0.5, 0.9)
EFFECT = 4.0  # standard errors, of the checks that do differ
CORRECTIONS: tuple[Method, ...] = ("none", "bonferroni", "holm", "hochberg", "bh", "by")

Rng = np.random.Generator
P = dict[str, float]


def _normal(rng: Rng, n: int, clustered: bool) -> np.ndarray:
    own = rng.normal(size=n)
    if not clustered:
        return own
    return np.sqrt(SHARED) * np.repeat(rng.normal(size=n // SIZE), SIZE) + np.sqrt(1 - SHARED) * own


def once(rng: Rng, n: int, clustered: bool) -> P:
    """P-values of the tests on one pair of models that are equally good."""
    groups = np.arange(n) // SIZE if clustered else None
    d = design(n, groups=groups)
    hard = _normal(rng, n, clustered)  # what both models share
    first, second = (hard + _normal(rng, n, clustered) for _ in range(2))
    right = [(x > -0.8) for x in (first, second)]
    table = discordance(*right)
    positive = _normal(rng, n, clustered) > 0.4
    scores = [x + positive for x in (first, second)]
    areas = [of_auroc(x, positive, d) for x in scores]
    found = {
        "paired t, numbers": paired_means(first**2, second**2, d).p_value,
        "paired t, right or wrong": paired_means(right[0].astype(float), right[1].astype(float), d).p_value,
        "sign flips": sign_flip(first - second, d, seed=int(rng.integers(1 << 30)), flips=999),
        "AUROC by placements": paired_influences(areas[0], areas[1], d).p_value,
        "Tango, clustered" if clustered else "Tango": tango_clustered(right[0], right[1], d).p_two_sided,
    }
    if not clustered:
        test = mcnemar(table)
        found |= {"McNemar, mid-p": test.mid, "McNemar, exact": test.exact}
    return {name: 1.0 if p is None else p for name, p in found.items()}


def rates(n: int, clustered: bool, reps: int, draw: Callable[[Rng, int, bool], P] = once) -> P:
    """Share of `reps` pairs on which each test rejects at 5 %."""
    rng = np.random.default_rng([n, int(clustered)])
    seen = [draw(rng, n, clustered) for _ in range(reps)]
    return {name: float(np.mean([p[name] <= NOMINAL for p in seen])) for name in seen[0]}


def type_one(reps: int) -> list[str]:
    """The section of the page."""
    columns = [(n, clustered) for clustered in (False, True) for n in SIZES]
    found = [rates(n, clustered, reps) for n, clustered in columns]
    heads = [f"{n:,}" + (f" in clusters of {SIZE}" if clustered else "") for n, clustered in columns]
    lines = [
        "## Errors of the first kind of the paired tests",
        "",
        (
            f"Share, in per cent, of {reps:,} pairs of equally good models between which a test at "
            "5 % finds a difference "
            f"(± {100 * math.sqrt(NOMINAL * (1 - NOMINAL) / reps):.1f}). Rows of a cluster "
            f"correlate by {SHARED:g} in what "
            "the models share and in what they do not. McNemar's test is for independent rows only, "
            "and its exact form is "
            "conservative by nature."
        ),
        "",
        "| test | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for name in dict.fromkeys(name for each in found for name in each):
        cells = [f"{100 * each[name]:.1f}" if name in each else "–" for each in found]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def checks(rng: Rng, correlation: float, different: int) -> dict[str, np.ndarray]:
    """Which of CHECKS comparisons of two models on the same 400 rows, in 40 clusters, each procedure rejects.

    The first `different` of them truly differ.  correlation: between the checks' differences.
    """
    n = 400
    d = design(n, groups=np.arange(n) // SIZE)
    common = _normal(rng, n, True)
    own = np.stack([_normal(rng, n, True) for _ in range(CHECKS)], axis=1)
    rows = math.sqrt(correlation) * common[:, None] + math.sqrt(1 - correlation) * own
    rows[:, :different] += EFFECT * math.sqrt((1 + (SIZE - 1) * SHARED) / n)
    influences = [of_mean(np.ascontiguousarray(column), d) for column in rows.T]
    p = np.array([t_test(influence, d).p_value for influence in influences], dtype=np.float64)
    found: dict[str, np.ndarray] = {name: rejected(p, name, alpha=NOMINAL) for name in CORRECTIONS}
    values, totals = stacked(influences, d)
    found["max-T"] = max_t(values, totals, seed=int(rng.integers(1 << 30)), resamples=999).p_values <= NOMINAL
    return found


def procedures(reps: int) -> list[str]:
    """The section on many tests at once."""
    columns: list[dict[str, float]] = []
    for different in (0, CHECKS // 2):
        for correlation in CORRELATIONS:
            rng = np.random.default_rng([different, int(100 * correlation)])
            seen = [checks(rng, correlation, different) for _ in range(reps)]
            share: dict[str, float] = {}
            for name in seen[0]:
                false = np.array([each[name][different:].sum() for each in seen])
                all_ = np.array([each[name].sum() for each in seen])
                share[name] = float((false > 0).mean() if not different else (false / np.maximum(all_, 1)).mean())
            columns.append(share)
    heads = [f"any of {CHECKS}, correlation {c:g}" for c in CORRELATIONS]
    heads += [f"false among found, correlation {c:g}" for c in CORRELATIONS]
    lines = [
        "## Errors of procedures for many tests",
        "",
        (
            f"{CHECKS} paired checks on the same rows (40 clusters of {SIZE}), {reps:,} times. First the share, in per "
            "cent, of families without any difference in which something is found: 5 at most, where the family-wise "
            "error is held (none, bh and by do not promise it; bh and by hold it where nothing differs). Then, half of "
            "the checks truly different, the mean share of what is found that is false: 5 at most, where the false "
            f"discovery rate is held. ± {100 * math.sqrt(NOMINAL * (1 - NOMINAL) / reps):.1f}. Any of "
            "strongly correlated checks falls seldom where each pays for all: max-T pays for what they differ in."
        ),
        "",
        "| procedure | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    rows = [f"| {name} | " + " | ".join(f"{100 * each[name]:.1f}" for each in columns) + " |" for name in columns[0]]
    return [*lines, *rows, ""]
