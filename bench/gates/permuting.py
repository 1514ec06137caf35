"""The A/A check: what the gate would say of two runs between which nothing changed, of the same samples and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.arrays import Bools
from bench.comparing.contrast import contrast
from bench.comparing.evidence import Digests
from bench.comparing.pairing import Pair
from bench.gates.deciding import judged, without_margins
from bench.gates.document import SelfCheck
from bench.gates.trials import Trial
from bench.seeds import generator
from bench.stats.verdicts import Verdict

NOMINAL = 0.05
ERRORS = 3.0  # standard errors of the simulated share that chance may add


def permuted(made: Sequence[Trial], correction: str, permutations: int, seed: int) -> SelfCheck:
    """Swap the two sides' answers of random clusters, the same in every check, and judge again, `permutations` times.

    Swapped sides differ by chance alone, so a FAIL is a false alarm.  Floors and ceilings have no second side, and are
    left out.
    """
    usable = [t for t in made if t.pair is not None and t.kind in {"regression", "equivalence"} and t.rule.required]
    usable = [t for t in usable if t.sides is not None and not t.same]
    if not usable:
        return SelfCheck(permutations=0, false_fail=0.0, false_fail_at_zero=0.0, passes=0.0, sound=True)
    rng = generator(seed, "self-check")
    zero = without_margins(usable)
    fails = fails_at_zero = passes = 0
    for _ in range(permutations):
        key = np.uint64(rng.integers(1 << 63))
        swapped = [_swapped(t, key) for t in usable]
        verdicts, _p = judged(swapped, correction, seed)
        fails += Verdict.FAIL in verdicts
        passes += all(v in {Verdict.PASS, Verdict.IMPROVED} for v in verdicts)
        verdicts, _p = judged([_swapped(t, key) for t in zero], correction, seed)
        fails_at_zero += Verdict.FAIL in verdicts
    rate = fails_at_zero / permutations
    noise = ERRORS * math.sqrt(NOMINAL * (1 - NOMINAL) / permutations)
    return SelfCheck(
        permutations=permutations,
        false_fail=fails / permutations,
        false_fail_at_zero=rate,
        passes=passes / permutations,
        sound=max(rate, fails / permutations) <= NOMINAL + noise,
    )


def _swapped(trial: Trial, key: np.uint64) -> Trial:
    """The trial with both sides exchanged in a random half of the clusters, which the key draws."""
    p = trial.pair
    if p is None:
        return trial
    turn = _coins(p.clusters, key)
    first, second = np.where(turn, p.second, p.first), np.where(turn, p.first, p.second)
    lost_first = np.where(turn, p.lost_second, p.lost_first)
    lost_second = np.where(turn, p.lost_first, p.lost_second)
    values = p.values
    if p.kind in {"influence", "folds"}:
        # To first order a number moves by what its samples add: the swapped gain is the sum of signed changes.
        change = float((second - first).sum())
        values = (0.0, change)
        first, second = np.zeros(len(first)), (second - first) - change / max(1, len(first))
    swapped = replace(p, first=first, second=second, lost_first=lost_first, lost_second=lost_second, values=values)
    return _judgeable(trial, swapped)


def _coins(clusters: Digests, key: np.uint64) -> Bools:
    """A fair coin for each cluster, (n,), equal for equal digests: the top bit of a multiplicative hash."""
    h = (clusters ^ key) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((h ^ (h >> np.uint64(29))) >> np.uint64(63), dtype=bool)


def _judgeable(trial: Trial, swapped: Pair) -> Trial:
    return replace(trial, pair=swapped, tested=contrast(swapped, margin=float(trial.margin or 0.0), tests_only=True))
