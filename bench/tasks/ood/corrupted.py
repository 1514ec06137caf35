"""Digits against themselves, corrupted in fifteen ways and five severities."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.corruptions import KINDS, SEVERITIES, corrupted
from bench.examples import Examples
from bench.records import Probed
from bench.references.digits import SOURCE, digits
from bench.seeds import generator
from bench.tasks.ood.probing import Probing
from bench.tasks.ood.wanted import METRICS, PROBES, SCORES

EACH = 20
NAME = "ood/digits-corrupted"


@task(
    NAME,
    needs="classifier",
    yields=Probed,
    source=f"{SOURCE}; Hendrycks and Dietterich 2019, arXiv:1903.12261",
    metrics=METRICS,
    scores=SCORES + PROBES,
)
def ood_digits_corrupted(seed: int) -> Examples:
    """300 test digits against 300 corrupted ones at each of five severities, named by `dataset`.

    Each of the fifteen kinds changes 20 digits, the same ones at all severities; a digit and what was made of it are
    one group.  The targets of the corrupted ones are -1: it is detection that is asked for.
    """
    clean = digits("test")
    rows = generator(0, NAME, "rows").permutation(len(clean))[: EACH * len(KINDS)]
    source = clean.take(rows)
    images = np.asarray(source.inputs)
    parts = [_part(source, np.asarray(source.targets), ood=False, dataset="digits")]
    for severity in SEVERITIES:
        changed = np.concatenate(
            [
                corrupted(images[k * EACH : (k + 1) * EACH], kind, severity, generator(seed, NAME, kind, severity))
                for k, kind in enumerate(KINDS)
            ]
        )
        name = f"severity-{severity}"
        made = Examples(ids=np.char.add(f"{name}-", source.ids), inputs=changed, groups=source.ids)
        parts.append(_part(made, np.full(len(made), -1), ood=True, dataset=name))
    test = Examples.join({str(i): part for i, part in enumerate(parts)})
    held = {}
    for split in ("train", "calibration"):
        rows_of = digits(split)
        held[split] = _part(rows_of, np.asarray(rows_of.targets), ood=False, dataset="digits")
    return Examples.join({**held, "test": test})


def _part(rows: Examples, targets: np.ndarray, *, ood: bool, dataset: str) -> Examples:
    n = len(rows)
    return Examples(
        ids=rows.ids,
        inputs=np.asarray(rows.inputs),
        targets=targets,
        groups=rows.ids if rows.groups is None else rows.groups,
        ood=np.full(n, ood),
        dataset=np.full(n, dataset),
        classes=10,
        asker=Probing(),
    )
