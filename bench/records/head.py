"""A classifier's last layer as text, so that a record can carry it as one fact about all of its rows."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.errors import RecordError


def packed(weight: AnyArray, bias: AnyArray) -> str:
    """The layer `features @ weight.T + bias` as text, exact in float64.  weight: (C, d); bias: (C,).

    Raises `RecordError` where the shapes don't fit or a number is not finite.
    """
    rows = np.concatenate([np.asarray(weight, dtype="<f8"), np.asarray(bias, dtype="<f8")[:, None]], axis=1)
    if not np.isfinite(rows).all():
        raise RecordError("the head holds a number that is not finite", cause="it is a layer", fix="check its weights")
    return f"{rows.shape[1] - 1}:{base64.b64encode(rows.tobytes()).decode()}"


@lru_cache(maxsize=8)
def unpacked(text: str) -> tuple[Float64s, Float64s]:
    """What `packed` was given: weight (C, d) and bias (C,), not to be written to."""
    width, _, body = text.partition(":")
    try:
        rows = np.frombuffer(base64.b64decode(body, validate=True), dtype="<f8").reshape(-1, int(width) + 1)
    except (ValueError, binascii.Error) as error:
        raise RecordError(
            "classification: 'head' cannot be read", cause=str(error), fix="make it with bench.records.head.packed"
        ) from error
    return rows[:, :-1], rows[:, -1]
