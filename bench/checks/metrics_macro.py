"""Means over data sets out of distribution, of scores whose distributions are known."""

from __future__ import annotations

import math

import numpy as np

from bench.checks.cases import ids, measured
from bench.components import Truth, check
from bench.records.detection import Several


@check("metrics/means-over-data-sets", area="ood", source="binormal ROC; means by hand")
def means_over_data_sets() -> list[Truth]:
    """Two sets of 40 and 4,000 at separations 0 and 2: their AUROCs' mean, which the larger one does not pull.

    Scores stand at the quantiles of N(d, 1).  Fixed scores beside them: AUROC 1 and 1/2, FPR95 0 and 1.
    """
    from scipy.special import ndtr, ndtri

    def at(n: int, d: float) -> list[float]:
        return (d + ndtri((np.arange(n) + 0.5) / n)).tolist()

    def several(inside: list[float], *sets: list[float]) -> Several:
        scores = np.array(sum(sets, inside))
        place = np.repeat(np.arange(-1, len(sets)), [len(inside), *map(len, sets)])
        names = tuple(f"near/{k}" if k == 0 else f"far/{k}" for k in range(len(sets)))
        return Several(ids=ids(len(scores)), scores=scores, positive=place >= 0, sets=place, names=names)

    record = several(at(2000, 0.0), at(40, 0.0), at(4000, 2.0))
    apart = float(ndtr(2 / math.sqrt(2)))
    fixed = several([0.0, 1.0], [2.0], [-1.0, 0.5, 2.0, 3.0], [0.5, 0.5])
    return [
        Truth((0.5 + apart) / 2, measured("auroc-macro", record), 2e-3, "mean of both"),
        Truth(0.5, measured("auroc-macro,among=near", record), 2e-3, "near alone"),
        Truth(apart, measured("auroc-macro,among=far", record), 2e-3, "far alone"),
        Truth((1 + 5 / 8 + 1 / 2) / 3, measured("auroc-macro", fixed), 1e-12, "AUROCs 1, 5/8 and 1/2"),
        Truth((0 + 1 + 1 / 2) / 3, measured("fpr95-ood-macro", fixed), 1e-12, "FPR95, OOD as positive: 0, 1 and 1/2"),
        Truth((0 + 1 / 2 + 1) / 3, measured("fpr95-id-macro", fixed), 1e-12, "FPR95, ID as positive: 0, 1/2 and 1"),
    ]
