"""Which samples became wrong: their ids, read from the candidate's run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.comparing.evidence import Side
from bench.comparing.gathering import sample_ids
from bench.comparing.pairing import match
from bench.gates.trials import Trial
from bench.runners.folder import RunFolder

MOST = 20


def lost_samples(trial: Trial, candidate: Side) -> tuple[str, ...]:
    """Ids of some samples that the baseline has right and the candidate wrong; none without the candidate's folder."""
    one, other = trial.cells
    number = trial.number
    c = trial.tested
    if not (candidate.folder and one and other and number and c and c.losses and trial.kind != "equivalence"):
        return ()
    before, after = one.number(number.key), other.number(number.key)
    if before is None or after is None:
        return ()
    rows = match(one, other).rows
    sign = -1.0 if number.better == "lower" else 1.0
    worse = rows[1][sign * (after.values[rows[1]] - before.values[rows[0]]) < 0]
    run = RunFolder.open(Path(candidate.folder))
    wanted = (other.model, other.task, other.decoder)
    name = next(e.name for e in run.cells if (e.subject, e.task, e.decoder) == wanted)
    return tuple(str(i) for i in np.sort(sample_ids(run, name)[worse])[:MOST])
