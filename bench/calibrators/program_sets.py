"""Programs with holes that hold the right one as often as was promised."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import Calibration, NotApplicable, calibrator
from bench.conformal.programs import Node, covers, nested, pac_choice, parse
from bench.conformal.thresholds import pac_errors
from bench.errors import RecordError
from bench.metrics.programs import CHECK, PAPER
from bench.records.programs import Programs

# Limits in nats of what may be kept, from no holes to nothing but holes.
LIMITS: tuple[float, ...] = (math.inf, *(float(x) for x in np.geomspace(16.0, 2.0**-10, 29)), -1.0)


@calibrator(
    "pac-programs",
    of=Programs,
    area="uncertainty",
    source="Khakhar, Mell and Bastani 2023, arXiv:2302.08703",
    metrics=("program-coverage", "nodes-left-out"),
    papers=(PAPER,),
    check=CHECK,
)
def pac_programs(record: Programs, epsilon: float = 0.1, delta: float = 0.1, most: int = 3) -> Calibration:
    """Sets that miss the right program in at most epsilon of cases, with confidence 1 - delta over calibration splits.

    A set is the model's program without its costliest parts: at most `most` subtrees are left out, as few nodes as
    bring what the kept tokens cost below a limit.  Sets grow as the limit falls; the largest limit is taken that misses
    few enough calibration programs (binomial tail).  What is no Python is all hole below any finite limit.
    """
    if record.weights is not None and len(np.unique(record.weights)) > 1:
        raise NotApplicable("the binomial tail is of equally weighted rows")
    if record.groups is not None and len(np.unique(record.groups)) < len(record):
        raise NotApplicable("the binomial tail is of independent rows, and some share a group")
    if pac_errors(len(record), epsilon, delta) < 0:
        raise NotApplicable(f"{len(record)} calibration programs are too few for epsilon {epsilon}, delta {delta}")
    holds, _ = _families(record, most)
    chosen = pac_choice(~holds, epsilon, delta)
    limit = LIMITS[chosen]

    def apply(other: Programs) -> Programs:
        inside, shares = _families(other, most)
        return replace(
            other,
            holds=inside[:, chosen],
            left_out=shares[:, chosen],
            level=1 - epsilon,
            confidence=1 - delta,
        )

    facts: dict[str, Any] = {"epsilon": epsilon, "delta": delta, "most": most, "n": len(record)}
    told = limit if math.isfinite(limit) else "none"
    return Calibration({**facts, "errors": pac_errors(len(record), epsilon, delta), "limit": told}, apply)


def _families(record: Programs, most: int) -> tuple[Bools, Float64s]:
    """Of each program and limit, whether the set holds the right one, and the share of nodes left out, (n, K) each."""
    holds = np.zeros((len(record), len(LIMITS)), dtype=bool)
    shares = np.zeros((len(record), len(LIMITS)))
    for row in range(len(record)):
        tree = tree_of(str(record.program[row]), record.starts[row].tolist(), record.logprobs[row].tolist())
        right = parse(str(record.target[row]))
        sizes = [node.size for node in tree.walk()]
        for k, holes in enumerate(nested(tree, LIMITS, most)):
            holds[row, k] = covers(tree, holes, right)
            shares[row, k] = sum(sizes[hole] for hole in holes) / tree.size
    return holds, shares


def tree_of(program: str, starts: list[int], logprobs: list[float]) -> Node:
    """The program's tree; of what is no Python a single node that no finite limit keeps."""
    try:
        return parse(program, starts, logprobs)
    except RecordError:
        return Node("no Python", math.inf)
