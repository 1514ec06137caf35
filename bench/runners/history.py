"""How long cells took on this machine, so that a plan can say how long they will take.

A small JSON file in the user's cache folder; losing it loses nothing but the estimates.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path


def estimate(model: str, task: str, decoder: str, n: int) -> float | None:
    """Seconds for n samples, from the last time that this cell ran here; `None` if it never did."""
    rate = _read().get(_key(model, task, decoder))
    return None if rate is None else rate * n


def guess(model: str, tokens: int) -> float | None:
    """Seconds for a cell that never ran here, from those that a planned token of this model's cells took last."""
    rate = _read().get(_key(model, "", ""))
    return None if rate is None or not tokens else rate * tokens


def remember(rates: dict[tuple[str, str, str], float], paces: dict[str, float]) -> None:
    """Keep seconds per sample by (model, task, decoder), and seconds per planned token by model.

    Best effort: a read-only cache is no error.
    """
    if not rates:
        return
    own = {_key(*cell): rate for cell, rate in rates.items()}
    known = _read() | own | {_key(model, "", ""): pace for model, pace in paces.items()}
    with suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(known))
        temporary.replace(path)


def _path() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("bench") / "seconds-per-sample.json"


def _key(model: str, task: str, decoder: str) -> str:
    return "\t".join((model, task, decoder))


def _read() -> dict[str, float]:
    try:
        known = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return {k: float(v) for k, v in known.items() if isinstance(v, int | float)} if isinstance(known, dict) else {}
