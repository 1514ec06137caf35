"""How the worked sums are judged: by how far their last number is from the right one."""

from __future__ import annotations

import re
from typing import Any


def near(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """`near` within 1 of the answer; the distance; and (said, right), where a number was said at all."""
    said = re.findall(r"-?\d+", results[0])
    if not said:
        return {"near": 0, "distance": 1000}
    distance = abs(int(said[-1]) - int(doc["answer"]))
    return {"near": int(distance <= 1), "distance": distance, "spread": (int(said[-1]), int(doc["answer"]))}


def spread(items: list[tuple[int, int]]) -> float:
    """The widest gap between what was said and what is right."""
    return float(max(abs(said - right) for said, right in items))
