"""Anomalies of time series: their generators, and what is made of answers about them."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import area
from bench.components import Truth, check
from bench.metrics.series import marks, plain, read
from bench.references.series import POINTS, RANGES, VARIATES, affinity, anomalous, runs
from bench.seeds import generator


@check("ood/series-anomalies", area="ood", source="clean twins; intervals by hand")
def series_anomalies() -> list[Truth]:
    """Series differ from their clean twins where labels say, and nowhere else; oracle and empty answers; hand cases.

    Affinity by hand: an event at 5 of ten samples.  A mark at 6 is as near as or nearer than 9 of them, and of the ten
    distances from 5, 9 are at least 1.
    """
    wrong, kept = 0, 0
    for kind in (*POINTS, *RANGES, *VARIATES):
        for number in range(20):
            rng = generator(number, "check", kind)
            made = anomalous(kind, 60, rng, variates=3)
            wrong += int(((np.abs(made.values - made.twin) > 0) != made.anomalous).sum())
            thin = made.irregular(0.25, rng)
            said = np.isin(made.times, thin.times)
            kept += int((thin.anomalous != made.anomalous[said]).sum())
    n, at = 10, np.arange(10)
    gold = at == 5
    near, two = affinity(at == 6, gold), affinity(gold, (at == 2) | gold)
    distances = []
    for number in range(40):
        made = anomalous("global", 96, generator(number, "check", "z"))
        column = made.values[:, 0]
        distances.append(
            area(*(np.abs(column - column.mean())[made.anomalous[:, 0] == flag] for flag in (False, True)))
        )
    times = np.arange(20)
    answer = read("They are [[3, 5], [9, 9]].")
    marked = marks([[3, 5], [9, 9]], times)
    return [
        Truth(0, wrong, 0, "samples where label and difference from the twin disagree"),
        Truth(0, kept, 0, "labels that change when samples are dropped"),
        Truth(1, float(answer == "[[3, 5], [9, 9]]"), 0, "an answer is read"),
        Truth(1, plain(marked, marked)[0], 0, "precision of the oracle"),
        Truth(1, sum(affinity(marked, marked)) / 2, 0, "affinity of the oracle"),
        Truth(0, sum(plain(np.zeros(20, bool), marked)) + sum(affinity(np.zeros(20, bool), marked)), 0, "no answer"),
        Truth((n - 1) / n, near[0], 1e-12, "affinity precision of a near miss"),
        Truth((n - 1) / n, near[1], 1e-12, "affinity recall of a near miss"),
        Truth(1, two[0], 0, "precision where one of two events is found"),
        Truth(0.5, two[1], 0, "recall where one of two events is found"),
        Truth(2, float(len(runs(at[[1, 2, 8]], at))), 0, "runs"),
        Truth(1, float(np.mean(distances)), 0.02, "AUROC of |z| on global points"),
    ]
