"""How often the gate is right: python -m benchmarks.gate [--reps N] [--out FILE].

Simulates pairs of models whose true difference is known, judges them by the gate's own code, and writes docs/gate.md
beside what a plain rule, "the mean dropped by more than the margin", and evalsig (where it is installed) say.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.gates.judging import gate
from bench.gates.policy import Policy
from tests.gates.worlds import cell, correlated, number, paired, side
from tests.stats.simulated import answers

MARGIN = 0.02
TODAY = date(2027, 1, 1)
ACCURACY = Policy.model_validate({"checks": [{"metric": "accuracy", "margin": MARGIN}]})


ONE = (
    "Answers right in 75 %. At a drop of 0 a FAIL is a false alarm; at a drop of 2 points, the margin itself, FAIL and "
    "PASS are both errors, each of at most 2.5 %; at more, a PASS is. The plain rule fails where the mean dropped by "
    "more than the margin. Of evalsig 0.1.2 on the same answers (the first 200 pairs): how often `compare` finds the "
    "candidate significantly worse (it knows no margin: at a drop of 0 each such finding is a false alarm, nominally "
    "in 2.5 %), and how often its `gate` with a `min_delta` of 2 points says ALLOW. It asks for a sure improvement: "
    "an unchanged model is REJECTed or INCONCLUSIVE by design."
)
CLUSTERED = (
    "Intra-class correlation 0.5 in each model by itself. Here evalsig is given the clusters, which by default it "
    "leaves aside; its last column but one is with them, its last without."
)
MANY = (
    "How often any check fails: at most 5 % is promised. The plain rule: any mean fell. No check can pass at a margin "
    "of 0 but by an improvement, so that column is not counted."
)
MADE = (
    "Made by `python -m benchmarks.gate`: {reps:,} simulated pairs a row ({families:,} of families, and {planted:,} of "
    "those in which one check is worse), per cent."
)
PLANTED = (
    "The same checks, of which one is truly worse by a quarter of a standard deviation: how often that one FAILs (the "
    "power), how often any of the 47 others does (a false alarm; at most 5 % is promised), and how often the mean of "
    "any of the others fell, by which the plain rule would accuse it."
)
DROP = 0.25


@dataclass
class Tally:
    """Verdicts of so many gates, and how often the plain rule failed and what evalsig said of the `told` first."""

    fail: int = 0
    passed: int = 0
    plain: int = 0
    reps: int = 0
    worse: int = 0
    other: int = 0
    told: int = 0

    def share(self) -> str:
        """How often it failed, in per cent, with the standard error."""
        error = 100 * math.sqrt(max(self.fail, 1) / self.reps * (1 - self.fail / self.reps) / self.reps)
        return f"{100 * self.fail / self.reps:.1f} ± {error:.1f}"

    def row(self, name: str) -> str:
        """A line of the table, in per cent, with the standard error of the gate's FAIL rate."""
        f, p, q = (100 * x / self.reps for x in (self.fail, self.passed, self.plain))
        theirs = [f" {100 * x / self.told:.1f} |" for x in (self.worse, self.other) if self.told]
        return f"| {name} | {self.share()} | {p:.1f} | {100 - f - p:.1f} | {q:.1f} |{''.join(theirs)}"


PEER = find_spec("evalsig") is not None
PEER_REPS = 200


def theirs(first: Any, second: Any, groups: list[str] | None) -> tuple[bool, bool]:
    """What evalsig says of the same answers: whether the candidate is worse, and whether its gate says ALLOW.

    With clusters: whether it is worse with them, and without.
    """
    import evalsig

    one, other = (
        evalsig.RunFrame(
            run_id=name, model_id=name, task_id="t", metric_name="accuracy",
            items=[
                evalsig.ItemResult(item_id=str(i), score=float(x), cluster_id=groups[i] if groups else None)
                for i, x in enumerate(values)
            ],
        )
        for name, values in (("a", first), ("b", second))
    )  # fmt: skip

    def worse(**settings: Any) -> bool:
        said = evalsig.compare(one, other, **settings)
        return bool(said.significant and said.delta < 0)

    if groups is not None:
        return worse(cluster="g", n_resamples=1000), worse(method="mcnemar")
    return worse(), evalsig.gate(one, other, min_delta=MARGIN).verdict is evalsig.GateVerdict.ALLOW


def single(n: int, drop: float, reps: int, *, clustered: bool = False) -> Tally:
    """One check on n answers, right in 75 %; the candidate's right less often by `drop`."""
    rng = np.random.default_rng([n, round(1000 * drop), int(clustered)])
    tally = Tally(reps=reps)
    for _ in range(reps):
        if clustered:
            first, second = answers(rng, n // 10, 10, 0.75, 0.5, drop)
            groups = [f"g{i // 10}" for i in range(n)]
        else:
            first, second = paired(rng, n, 0.75, drop=drop, agree=0.56)
            groups = None
        made = gate(
            ACCURACY,
            side(cell([number(first)], n=n, groups=groups)),
            side(cell([number(second)], n=n, groups=groups)),
            today=TODAY,
            created="",
        )
        tally.fail += made.verdict == "fail"
        tally.passed += made.verdict in {"pass", "improved"}
        tally.plain += float(first.mean() - second.mean()) > MARGIN
        if PEER and tally.told < PEER_REPS:
            said = theirs(first, second, groups)
            tally.told += 1
            tally.worse, tally.other = tally.worse + said[0], tally.other + said[1]
    return tally


def family(
    correction: str,
    rho: float,
    reps: int,
    *,
    clustered: bool = False,
    drop: float = 0.0,
    checks: int = 48,
    n: int = 300,
) -> tuple[Tally, Tally]:
    """48 checks, margin 0: how often any without a difference fails and any such mean fell; and how often the first.

    clustered: samples come in 60 clusters of 5, within which half of a difference's variance is shared.  drop: by how
    many standard deviations the first check is worse; 0 for one more without a difference.
    """
    groups = [f"g{i // 5}" for i in range(n)] if clustered else None
    rng = np.random.default_rng([round(10 * rho), int(clustered), round(100 * drop)])
    rules = Policy.model_validate({"checks": [{"metric": "*", "margin": 0.0}], "correction": correction})
    rest, first = Tally(reps=reps), Tally(reps=reps)
    for _ in range(reps):
        d = correlated(rng, n, checks, rho)
        if clustered:
            d = (d + np.repeat(correlated(rng, n // 5, checks, rho), 5, axis=1)) / math.sqrt(2)
        d[0] -= drop
        open_ = (0.0, None)
        zero = [number(np.full(n, 0.5), metric=f"m{k}", range=open_, kind="mean") for k in range(checks)]
        moved = [number(0.5 + d[k], metric=f"m{k}", range=open_, kind="mean") for k in range(checks)]
        made = gate(
            rules, side(cell(zero, n=n, groups=groups)), side(cell(moved, n=n, groups=groups)), today=TODAY, created=""
        )
        failed = {c.metric for c in made.checks if c.verdict == "fail"}
        first.fail += "m0" in failed
        rest.fail += bool(failed - ({"m0"} if drop else set()))
        rest.plain += bool((d[1 if drop else 0 :].mean(axis=1) < 0).any())
    return rest, first


def planted(name: str, found: tuple[Tally, Tally]) -> str:
    """A line of the table of families in which one check is truly worse, in per cent."""
    rest, first = found
    return f"| {name} | {first.share()} | {rest.share()} | {100 * rest.plain / rest.reps:.1f} |"


def report(reps: int) -> str:
    """docs/gate.md."""
    head = "| case | FAIL | PASS or IMPROVED | not sure | plain rule says FAIL |\n|---|--:|--:|--:|--:|"
    wide = (
        head.replace(" says FAIL |\n", f" says FAIL |{' evalsig: worse | evalsig: ALLOW |' * PEER}\n")
        + "--:|--:|" * PEER
    )
    grouped = wide.replace("evalsig: ALLOW", "without clusters")
    singles = [
        single(n, drop, reps).row(f"{n:,} samples, true drop {100 * drop:g} points")
        for n in (164, 1319, 5000)
        for drop in (0.0, 0.02, 0.06)
    ]
    clusters = [
        single(1320, drop, reps, clustered=True).row(f"132 clusters of 10, true drop {100 * drop:g} points")
        for drop in (0.0, 0.02, 0.1)
    ]
    few = max(50, reps // 2)
    families = [
        family(correction, rho, few)[0].row(f"{correction}, correlation {rho:g}")
        for correction in ("none", "holm", "max-t")
        for rho in (0.0, 0.5, 0.9)
    ]
    families += [
        family(correction, rho, few, clustered=True)[0].row(f"{correction}, correlation {rho:g}, 60 clusters of 5")
        for correction in ("holm", "max-t")
        for rho in (0.0, 0.5)
    ]
    powers = [
        planted(f"{correction}, correlation {rho:g}", family(correction, rho, few // 2, drop=DROP))
        for correction in ("holm", "max-t")
        for rho in (0.0, 0.5, 0.9)
    ]
    return "\n".join(
        [
            "# How often is the gate right?",
            "",
            MADE.format(reps=reps, families=few, planted=few // 2),
            "",
            "## One check, margin 2 points",
            "",
            ONE,
            "",
            wide,
            *singles,
            "",
            "## Answers in clusters",
            "",
            CLUSTERED,
            "",
            grouped,
            *clusters,
            "",
            "## 48 checks without any difference, margin 0",
            "",
            MANY,
            "",
            head,
            *families,
            "",
            "## 48 checks of which one is worse, margin 0",
            "",
            PLANTED,
            "",
            "| case | the worse one FAILs | any other FAILs | any other mean fell |\n|---|--:|--:|--:|",
            *powers,
            "",
        ]
    )


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/gate.md"))
    given = parser.parse_args()
    given.out.write_text(report(given.reps))


if __name__ == "__main__":
    main()
