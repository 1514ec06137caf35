"""Quantile forecasts: the weighted interval score, crossing and its repair, weights of members."""

from __future__ import annotations

import numpy as np

from bench.calibrators.quantile_repair import isotonic, quantile_isotonic, quantile_sort, quantile_weights
from bench.checks.cases import exact, ids, measured
from bench.components import Truth, check
from bench.metrics.regression import pinball
from bench.records import Regression
from bench.seeds import generator

PAPER = ("Flexible Model Aggregation for Quantile Regression",)
SOURCE = "Fakoor et al. 2023, Flexible Model Aggregation for Quantile Regression"


@check("uncertainty/quantile-tools", area="uncertainty", source=SOURCE, papers=PAPER)
def quantile_tools() -> list[Truth]:
    """WIS is twice the mean pinball loss and nears the CRPS; repair by sorting or pooling never raises the loss."""
    from scipy.special import ndtri

    rng = generator(0, "quantile-tools")
    n, levels = 500, (0.05, 0.2, 0.5, 0.8, 0.95)
    drawn = rng.normal(size=(n, 5))
    crossed = Regression(ids=ids(n), y=rng.normal(size=n), quantiles=drawn, levels=levels)
    before = pinball(crossed).values
    after = [pinball(repair(crossed).apply(crossed)).values for repair in (quantile_sort, quantile_isotonic)]
    fine = (np.arange(1999) + 1) / 2000
    y = np.linspace(-2, 2, 9)
    dense = Regression(ids=ids(9), y=y, quantiles=np.tile(ndtri(fine), (9, 1)), levels=tuple(fine))
    gaussian = Regression(ids=ids(9), y=y, mean=np.zeros(9), std=np.ones(9))
    # A sum over 2,000 steps of a loss that rises and falls once is off by its variation over their number.
    step = 4 * (2 + 3.3) / 2000
    mended = quantile_sort(crossed).apply(crossed)
    return [
        exact(2 * measured("pinball", mended), measured("wis", mended), "WIS = 2 pinball"),
        Truth(measured("crps", gaussian), measured("wis", dense), step, "WIS of 1,999 levels near the CRPS"),
        exact(0.0, float(max(0.0, (after[0] - before).max())), "sorting never raises a row's loss"),
        exact(0.0, float(max(0.0, (after[1] - before).max())), "pooling never raises a row's loss"),
        exact(
            0.0, float(np.abs(isotonic(np.array([[3.0, 1.0, 2.0, 5.0]])) - [[2, 2, 2, 5]]).max()), "3 1 2 5 -> 2 2 2 5"
        ),
        exact(0.0, measured("crossing-rate", mended), "no crossing is left"),
        exact(float((np.diff(drawn) < 0).any(axis=1).mean()), measured("crossing-rate", crossed), "rate"),
    ]


@check("uncertainty/quantile-weights", area="uncertainty", source=SOURCE, papers=PAPER)
def member_weights() -> list[Truth]:
    """One member that is always right at one level, another at the other: each gets all of the weight there."""
    rng = generator(0, "quantile-weights")
    y = rng.normal(size=60)
    members = rng.normal(size=(60, 3, 2))
    members[:, 1, 0], members[:, 2, 1] = y, y
    record = Regression(ids=ids(60), y=y, quantiles=members.mean(1), member_quantiles=members, levels=(0.3, 0.7))
    weights = np.array(quantile_weights(record).parameters["weights"])
    mended = quantile_weights(record).apply(record)
    return [
        Truth(1.0, float(weights[1, 0]), 1e-9, "weight of member 1 at level 0.3"),
        Truth(1.0, float(weights[2, 1]), 1e-9, "weight of member 2 at level 0.7"),
        Truth(0.0, measured("pinball", mended), 1e-9, "nothing is lost"),
    ]
