"""Out-of-distribution scores, held against which samples are out of distribution."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Scores


def build(table: Table) -> dict[str, Scores]:
    """One `Scores` a score column; higher says "more out of distribution"."""
    way = table.found["score"]
    scores: AnyArray = table.columns["score"]
    table.refuse("score", np.isnan(scores), "a number")
    names = [name.removeprefix(way.field.prefix) for name in way.columns] if way.numbered else [""]
    columns = scores.reshape(len(table), -1).T
    return {
        f"{table.name}:{name}" if name else table.name: Scores(**table.common(), scores=np.ascontiguousarray(column))
        for name, column in zip(names, columns, strict=True)
    }


CONVENTION = Convention(
    kind="ood",
    about="scores that should be higher for samples out of distribution (for logits: classification, with 'ood')",
    fields=(
        Field(("score",), "higher: more out of distribution", form="named", prefix="score_", required=True),
        Field(("ood",), "true where the sample is out of distribution", "bool", required=True),
    ),
    forms=(),
    columns={
        "id": ["a", "b", "c"],
        "ood": [False, False, True],
        "score_energy": [-7.5, -6.0, -1.25],
        "score_msp": [0.1, 0.3, 0.6],
    },
    arrays={"ood": [False, False, True], "score": [-7.5, -6.0, -1.25]},
    build=build,
)
