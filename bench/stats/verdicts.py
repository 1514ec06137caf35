"""What a comparison says: verdicts from intervals or tests, non-inferiority and equivalence.

Differences are turned so that positive is better; margin >= 0 is how much worse is still borne.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bench.errors import UsageError
from bench.stats.design import LEVEL
from bench.stats.multiplicity import Method, adjusted

ALPHA = (1 - LEVEL) / 2  # one-sided, matching the ends of a two-sided 95 % interval


class Verdict(StrEnum):
    """The outcome of one check, the gravest first."""

    ERROR = "error"
    INVALID = "invalid"
    MISSING = "missing"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    PASS = "pass"  # noqa: S105 - a verdict
    IMPROVED = "improved"


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What must hold before numbers are compared.

    evaluated: both evaluations ran and checked something.  identical: data, prompt, metric and estimator are the same.
    present: the metric is in both.  matched: both have the same items.
    """

    evaluated: bool = True
    identical: bool = True
    present: bool = True
    matched: bool = True

    def verdict(self) -> Verdict | None:
        """Why there is nothing to compare, the gravest reason; `None` where all holds."""
        if not self.evaluated:
            return Verdict.ERROR
        if not self.identical:
            return Verdict.INVALID
        return None if self.present and self.matched else Verdict.MISSING


@dataclass(frozen=True, kw_only=True)
class OneSided:
    """One-sided p-values of a difference against a margin.

    worse: of "the difference is at least -margin"; small: worse by more than the margin.  not_worse: of "at most
    -margin"; small: non-inferior.  better: of "at most 0".  equivalent: of "at least margin apart" (TOST).  too_good:
    of "at most margin"; small: better by more than the margin.
    """

    worse: float
    not_worse: float
    better: float
    equivalent: float
    too_good: float = 1.0


def one_sided(difference: float, error: float, df: float, *, margin: float) -> OneSided:
    """Tests on t with df degrees of freedom (infinite: normal).  error: > 0.

    Equivalence by two one-sided tests (Schuirmann 1987): the larger of the two p-values.
    """
    from scipy.special import ndtr, stdtr

    if error <= 0 or not math.isfinite(error) or margin < 0:
        raise UsageError(
            f"no test at an error of {error} and a margin of {margin}",
            cause="the error must be above 0, the margin not below it",
            fix="leave out what has no error",
        )

    def upper(t: float) -> float:
        return float(ndtr(-t) if math.isinf(df) else stdtr(df, -t))

    above, below = (difference + margin) / error, (difference - margin) / error
    return OneSided(
        worse=upper(-above),
        not_worse=upper(above),
        better=upper(difference / error),
        equivalent=max(upper(above), upper(-below)),
        too_good=upper(below),
    )


def verdict(
    low: float | None,
    high: float | None,
    *,
    margin: float,
    corrected_high: float | None = None,
    circumstances: Circumstances | None = None,
) -> Verdict:
    """The verdict of a 95 % interval of the difference.

    FAIL: the upper end lies below -margin, `corrected_high` where the check is one of a family (Holm, max-T: a false
    alarm anywhere must stay rare).  IMPROVED: the lower end lies above 0.  PASS: it lies above -margin, uncorrected,
    since "none is worse" is an intersection-union claim.  Otherwise, and without an interval, INCONCLUSIVE.
    """
    if margin < 0:
        raise UsageError(f"a margin of {margin}", cause="it says how much worse is borne", fix="give 0 or more")
    barred = circumstances.verdict() if circumstances else None
    if barred is not None:
        return barred
    if low is None or high is None:
        return Verdict.INCONCLUSIVE
    if (high if corrected_high is None else corrected_high) < -margin:
        return Verdict.FAIL
    if low > 0:
        return Verdict.IMPROVED
    return Verdict.PASS if low > -margin else Verdict.INCONCLUSIVE


def family(tests: Sequence[OneSided], *, method: Method = "holm", alpha: float = ALPHA) -> list[Verdict]:
    """Verdicts of checks judged together: FAIL on p-values adjusted by `method`, PASS and IMPROVED each alone."""
    worse = adjusted(np.array([t.worse for t in tests]), method)
    return [_of(t, float(w), alpha) for t, w in zip(tests, worse, strict=True)]


def _of(test: OneSided, worse: float, alpha: float) -> Verdict:
    if worse < alpha:
        return Verdict.FAIL
    if test.better < alpha:
        return Verdict.IMPROVED
    return Verdict.PASS if test.not_worse < alpha else Verdict.INCONCLUSIVE


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The gravest verdict; none at all is an ERROR, for a gate that checked nothing has not passed."""
    order = list(Verdict)
    return min(verdicts, key=order.index) if verdicts else Verdict.ERROR


def equivalent(low: float, high: float, *, margin: float) -> bool:
    """Whether a 1 - 2 alpha interval lies within (-margin, margin): what TOST at alpha says."""
    return -margin < low and high < margin
