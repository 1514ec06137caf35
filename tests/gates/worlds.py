"""Sides with known truths: paired answers of given rates, in clusters or not, as evidence without a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.comparing.evidence import CellEvidence, Evidence, Side, digests
from bench.gates.policy import Policy

Key = tuple[str, str, str, str]


def number(values: Any, *, metric: str = "accuracy", better: str = "higher", **changes: Any) -> Evidence:
    """A mean of values (n,): a share where all are 0 or 1."""
    v = np.asarray(values, dtype=np.float64)
    share = bool(np.isin(v, (0.0, 1.0)).all())
    mean = float(v.mean()) if len(v) else None
    e = Evidence(
        calibrator="", score="", slice="", metric=metric, better=better, unit="", range=(0.0, 1.0), biased=False,
        likelihood="", kind="share" if share else "mean", value=mean, values=v, shown=(mean, None, None),
    )  # fmt: skip
    return replace(e, **changes)


def cell(numbers: Sequence[Evidence], *, n: int, task: str = "t", groups: Any = None, **changes: Any) -> CellEvidence:
    """A cell of n samples with the ids 0 .. n - 1 of its task."""
    names = digests(np.array([f"{task}-{i}" for i in range(n)]), "ids")
    order = np.argsort(names)
    sorted_ = tuple(replace(e, values=e.values[order]) if len(e.values) == n else e for e in numbers)
    c = CellEvidence(
        model="m", task=task, decoder="", area="calibration", record="classification",
        identity={"task": task, "task version": "1", "data": "d"}, ids=names[order], numbers=sorted_,
        groups=None if groups is None else digests(np.asarray(groups, dtype=np.str_), "groups")[order],
    )  # fmt: skip
    return replace(c, **changes)


def side(*cells: CellEvidence, name: str = "side") -> Side:
    return Side(name=name, facts={}, cells=cells)


def policy(*rules: dict[str, Any], **settings: Any) -> Policy:
    """A policy of these rules; one on accuracy at 2 points where none are given."""
    return Policy.model_validate({"checks": list(rules) or [{"metric": "accuracy", "margin": 0.02}], **settings})


def paired(rng: np.random.Generator, n: int, p: float, *, drop: float = 0.0, agree: float = 0.8) -> tuple[Bools, Bools]:
    """Two columns of right answers (n,), the second right less often by `drop`; `agree`: how much they share."""
    easy = rng.random(n)
    own = rng.random((2, n))
    shared = rng.random(n) < agree
    first, second = (np.where(shared, easy, u) for u in own)
    return first < p, second < p - drop


def correlated(rng: np.random.Generator, n: int, checks: int, rho: float) -> Float64s:
    """Differences (checks, n) of mean 0 and correlation rho between checks."""
    common = rng.normal(size=n)
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(checks, n))
