"""Out-of-distribution scores, held against which samples are out of distribution."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records.detection import Detection


def build(table: Table) -> dict[str, Detection]:
    """One `Detection` a score column, of the rows that are `test`; higher scores say "more out of distribution"."""
    common = table.common()
    way = table.found["score"]
    scores: AnyArray = table.columns["score"]
    table.refuse("score", np.isnan(scores), "a number")
    test = np.ones(len(table), dtype=bool) if common["splits"] is None else common["splits"] == "test"
    names = [name.removeprefix(way.field.prefix) for name in way.columns] if way.numbered else [""]

    def kept(column: AnyArray | None) -> AnyArray | None:
        return None if column is None else column[test]

    return {
        f"{table.name}:{name}" if name else table.name: Detection(
            ids=table.ids[test],
            scores=np.ascontiguousarray(column[test]),
            positive=table.columns["ood"][test],
            groups=kept(common["groups"]),
            weights=kept(common["weights"]),
            n_failed=table.failed,
        )
        for name, column in zip(names, scores.reshape(len(table), -1).T, strict=True)
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
