"""Pairwise judgements from a file: who beat whom, hard or soft, however few pairs were asked, as strengths and places.

Columns: `first`, `second`, and either `preference`, the probability that the first is better (1, 0.5 and 0 are
verdicts), or the five logits `inferior`, `worse`, `similar`, `better`, `superior` of a comparing model (Compare2Score,
Zhu et al. 2024).  `group`, if there: what belongs together, such as the question or the judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.arrays import Float64s, Ints, Strings
from bench.auditing.findings import Finding
from bench.errors import UsageError
from bench.predictions.sources import ROWS, open_source
from bench.seeds import generator
from bench.stats.comparisons import AGGREGATORS, soft_preferences, strengths
from bench.stats.proxies import correlate
from bench.stats.ranks import rank_sets

LEVELS = ("inferior", "worse", "similar", "better", "superior")
PRIOR = 1e-2  # as a leaderboard's: what always wins keeps a finite strength
FOLDS = 2000  # clusters beyond that are thrown together
FORMAT = "columns: first, second, and preference (0 to 1) or " + ", ".join(LEVELS)


@dataclass(frozen=True, eq=False)
class Judgements:
    """names: (K,).  first, second: (m,), places in `names`.  preference: (m,), of the first.  groups: (m,)."""

    names: Strings
    first: Ints
    second: Ints
    preference: Float64s
    groups: Ints


def read(path: Path) -> Judgements:
    """Judgements of a csv, jsonl, parquet or npz file.  Raises `UsageError` naming the column and the row."""
    source = open_source(path)
    soft = [name for name in LEVELS if name in source.names]
    wanted = ["first", "second", *(soft or ["preference"])]
    if len(soft) not in {0, len(LEVELS)} or (soft and "preference" in source.names):
        raise UsageError(
            f"'{path}' says in two ways who is better, or in half of one", cause=f"it has {', '.join(source.names)}",
            fix=FORMAT,
        )  # fmt: skip
    for name in wanted:
        if name not in source.names:
            raise UsageError(f"'{path}' has no column '{name}'", cause=f"it has {', '.join(source.names)}", fix=FORMAT)
    wanted += ["group"] if "group" in source.names else []
    columns: dict[str, list[object]] = {name: [] for name in wanted}
    for batch in source.batches(wanted, ROWS):
        for name in wanted:
            columns[name] += batch[name].tolist() if isinstance(batch[name], np.ndarray) else batch[name].to_pylist()
    pairs = [_texts(columns[name], name, path) for name in ("first", "second")]
    if not len(pairs[0]):
        raise UsageError(f"'{path}' holds no judgement", cause="it has a header and no rows", fix=FORMAT)
    same = np.flatnonzero(pairs[0] == pairs[1])
    if len(same):
        raise UsageError(
            f"'{path}', row {same[0] + 1}: '{pairs[0][same[0]]}' against itself", cause="that tells nothing of either",
            fix="leave the row out",
        )  # fmt: skip
    if soft:
        preference = soft_preferences(np.stack([_numbers(columns[n], n, path, (-np.inf, np.inf)) for n in LEVELS], -1))
    else:
        preference = _numbers(columns["preference"], "preference", path, (0.0, 1.0))
    names, codes = np.unique(np.concatenate(pairs), return_inverse=True)
    half = len(pairs[0])
    groups = np.arange(half)
    if "group" in columns:
        groups = np.unique(_texts(columns["group"], "group", path), return_inverse=True)[1].ravel()
    return Judgements(names, codes.ravel()[:half], codes.ravel()[half:], preference, groups)


def _texts(values: list[object], name: str, path: Path) -> Strings:
    for row, value in enumerate(values):
        if value is None or not str(value).strip():
            raise UsageError(f"'{path}', row {row + 1}: '{name}' is empty", cause="it names something", fix=FORMAT)
    return np.array([str(value).strip() for value in values], dtype=np.str_)


def _numbers(values: list[object], name: str, path: Path, limits: tuple[float, float]) -> Float64s:
    low, high = limits
    out = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            out[row] = float(str(value))
        except ValueError:
            out[row] = np.nan
        if not (np.isfinite(out[row]) and low <= out[row] <= high):
            between = f"from {low:g} to {high:g}" if np.isfinite(low) else "that is finite"
            raise UsageError(
                f"'{path}', row {row + 1}: '{name}' is {str(value)[:40]!r}", cause=f"it is a number {between}",
                fix="correct that row, or leave it out",
            )  # fmt: skip
    return out


def ranked(j: Judgements, what: str, *, seed: int = 0) -> Iterator[Finding]:
    """Bradley and Terry's strengths (log-odds about their mean) with places, and how other ways of adding up agree.

    Intervals are of the sandwich kind, over groups: they hold for soft preferences too, which are no counts.  Where
    something never wins or never loses there is none, since a prior alone keeps its strength finite.
    """
    count, asked = len(j.names), len(j.first)
    wins = np.zeros((count, count))
    np.add.at(wins, (j.first, j.second), j.preference)
    np.add.at(wins, (j.second, j.first), 1 - j.preference)
    _refuse_apart(j, wins)
    try:
        fit, finite = strengths(wins).values, True
    except UsageError:
        fit, finite = strengths(wins, prior=PRIOR).values, False
    totals = _contributions(j, fit, 0.0 if finite else PRIOR, seed)
    sure = finite and len(totals) > count
    error = np.sqrt(len(totals) / max(len(totals) - 1, 1) * ((totals - totals.mean(axis=0)) ** 2).sum(axis=0))
    places = rank_sets(fit, totals, seed=seed) if sure else None
    reach = _critical(len(totals)) * error
    for k in np.lexsort((j.names, -fit)):
        rank = 1 + int((fit > fit[k]).sum())
        says = f"place {rank}" + (f" [{places.low[k]}–{places.high[k]}]" if places else "")
        if not sure:
            says += "; no interval: " + (
                "too few judgements" if finite else "some never win or never lose, and a prior keeps them finite"
            )
        yield Finding(
            audit="pairwise", task=what, model=str(j.names[k]), what="strength, log-odds", value=float(fit[k]),
            low=float(fit[k] - reach[k]) if sure else None, high=float(fit[k] + reach[k]) if sure else None,
            n=int((j.first == k).sum() + (j.second == k).sum()), says=says, warning=not sure,
        )  # fmt: skip
    met = wins + wins.T
    with np.errstate(invalid="ignore", divide="ignore"):
        preferred = np.where(met > 0, wins / np.where(met > 0, met, 1.0), np.nan)
    for name in ("additive", "greedy", "pagerank"):
        tau = float(correlate(fit[None], AGGREGATORS[name](preferred)[None], "kendall")[0])
        yield Finding(
            audit="pairwise", task=what, model=f"{count} compared", what=f"Kendall's tau, {name} and strength",
            value=tau, n=asked, says=f"{asked:,} judgements on {int((np.triu(met, 1) > 0).sum()):,} of "
            f"{count * (count - 1) // 2:,} pairs", warning=bool(tau < 0.8),
        )  # fmt: skip


def _refuse_apart(j: Judgements, wins: Float64s) -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    parts, label = connected_components(csr_matrix(wins + wins.T), directed=False)
    if parts > 1:
        one, other = j.names[label == 0][0], j.names[label == 1][0]
        raise UsageError(
            "these judgements make no one order", cause=f"nothing leads from '{one}' to '{other}', even through others",
            fix="have pairs judged that join them",
        )  # fmt: skip


def _contributions(j: Judgements, fit: Float64s, prior: float, seed: int) -> Float64s:
    """What each group adds to the strengths, (G, K): its score by the inverse of the curvature."""
    p = 1 / (1 + np.exp(fit[j.second] - fit[j.first]))
    spread = np.zeros((len(fit), len(fit)))
    np.add.at(spread, (j.first, j.second), p * (1 - p))
    spread = spread + spread.T
    curvature = np.diag(spread.sum(axis=1) + prior) - spread
    groups = j.groups
    if groups.max() >= FOLDS:
        groups = (generator(seed, "pairwise folds").permutation(int(groups.max()) + 1) % FOLDS)[groups]
    scores = np.zeros((int(groups.max()) + 1, len(fit)))
    np.add.at(scores, (groups, j.first), j.preference - p)
    np.add.at(scores, (groups, j.second), p - j.preference)
    return np.asarray(scores @ np.linalg.pinv(curvature, hermitian=True))


def _critical(groups: int) -> float:
    from scipy.stats import t

    from bench.stats.design import LEVEL

    return float(t.ppf((1 + LEVEL) / 2, max(groups - 1, 1)))
