"""Calibration by steps: isotonic regression and histogram binning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.calibrators.rows import one_vs_rest
from bench.components import Calibration, calibrator
from bench.metrics.decomposition import isotonic as isotonic_rates
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.records import Classification

BINS = 15

Fitted = tuple[dict[str, Any], Callable[[Float64s], Float64s]]


@calibrator(
    "isotonic",
    of=Classification,
    source="Zadrozny and Elkan 2002, Transforming Classifier Scores into Accurate Multiclass Probability Estimates",
    default=False,
    papers=("Uncertainty quantification for improving radiomic-based models in radiation pneumonitis prediction",),
    check="calibration/steps",
)
def isotonic(record: Classification) -> Calibration:
    """Isotonic regression of the outcome on the log-odds: the best of all rising curves on the calibration split.

    Between two calibration scores it is interpolated, outside them constant.  Probabilities of 0 and 1 occur, and make
    the NLL infinite where they are wrong.  Two classes: one curve; more: one a class against the rest, normalised.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        rows = ordered(odds, outcome, weights[None])
        rate = isotonic_rates(rows)[0]
        # Only the ends of each step are needed.
        end = np.concatenate([[True], np.diff(rate) != 0]) | np.concatenate([np.diff(rate) != 0, [True]])
        x, y = rows.confidence[end], rate[end]
        return {"odds": x.tolist(), "rates": y.tolist()}, lambda s: np.interp(s, x, y)

    return one_vs_rest(record, fit)


@calibrator(
    "histogram",
    of=Classification,
    source="Zadrozny and Elkan 2001, Obtaining calibrated probability estimates from decision trees",
    default=False,
    check="calibration/steps",
)
def histogram(record: Classification) -> Calibration:
    """Histogram binning: the rate of the outcome within 15 bins of equal weight of the log-odds.

    Edges lie midway between neighbouring calibration scores.  Few distinct answers are left, which costs resolution.
    Two classes: one histogram; more: one a class against the rest, then normalised.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        rows = ordered(odds, outcome, weights[None])
        index = mass_bins(rows.weight, BINS)
        mass, hits = binned(rows.weight, index, BINS)[0], binned(rows.hits, index, BINS)[0]
        cut = np.flatnonzero(np.diff(index[0]))
        edges = (rows.confidence[cut] + rows.confidence[cut + 1]) / 2
        rates = hits[mass > 0] / mass[mass > 0]
        return {"edges": edges.tolist(), "rates": rates.tolist()}, lambda s: rates[np.searchsorted(edges, s, "right")]

    return one_vs_rest(record, fit)
