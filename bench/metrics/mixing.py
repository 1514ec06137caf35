"""Whether chains of draws agree."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Regression

PARTS = 4


def split_r_hat(draws: Float64s, parts: int = PARTS) -> Float64s:
    """Split R-hat of draws (..., S) in their order, cut into `parts` runs of equal length (the first few left out).

    sqrt((n - 1) / n + variance of the runs' means / mean variance within runs), n the length of a run; NaN where
    nothing varies within them.
    """
    n = draws.shape[-1] // parts
    if n < 2:
        raise NotApplicable(f"{draws.shape[-1]} members are too few for {parts} runs of two")
    runs = draws[..., draws.shape[-1] - n * parts :].reshape(*draws.shape[:-1], parts, n)
    within = runs.var(axis=-1, ddof=1).mean(axis=-1)
    between = runs.mean(axis=-1).var(axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((n - 1) / n + between / within))


@metric(
    "r-hat",
    of=Regression,
    area="uncertainty",
    better="lower",
    range=(0, None),
    default=False,
    source="Gelman et al. 2013, Bayesian Data Analysis, 11.4 (split R-hat)",
    papers=("A Study of Bayesian Neural Network Surrogates for Bayesian Optimization",),
    check="uncertainty/r-hat",
)
def r_hat(record: Regression) -> PerSample:
    """Mean over samples of the split R-hat of the members' means, in their order, as four runs.

    About 1 where the members are draws of one law, as those of two chains that have mixed; above 1.1, say, the runs
    disagree, and the forecast hangs on where they started.  It says something of members that are drawn one after
    another: those of hmc, sgld and sghmc.
    """
    if record.member_means is None:
        raise NotApplicable("the record has no ensemble: 'member_means' is missing")
    found = split_r_hat(record.member_means)
    known = np.isfinite(found)
    if not known.any():
        raise NotApplicable("the members never differ")
    return per_sample(np.where(known, found, 0.0), known)
