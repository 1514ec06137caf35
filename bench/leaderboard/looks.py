"""How often a board's samples were looked at, and answers that stay true under many looks (Thresholdout).

The state stands in looks.json beside the site: who looked (digests of runs and cells), what was released, and what is
left of the budget.  The same run is one look, however often the site is made.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import EvaluationError
from bench.leaderboard.places import evidence
from bench.leaderboard.standings import Board, Standing, with_values
from bench.runners.atomic import write_text
from bench.runners.identity import fingerprint
from bench.seeds import derive
from bench.stats.holdout import Thresholdout, thresholdout

FILE = "looks.json"
SCHEMA = 1
BUDGET = 100


@dataclass(kw_only=True)
class Looked:
    """State of one board.

    seen: digests of the numbers that were read.  released: value, low, high and overfit flag by digest; asked, charged
    and budget: of Thresholdout.
    """

    seen: list[str] = field(default_factory=list)
    released: dict[str, list[Any]] = field(default_factory=dict)
    asked: int = 0
    charged: int = 0
    budget: int = BUDGET


@dataclass(frozen=True, kw_only=True)
class Looks:
    """All boards' states by the board's key."""

    boards: dict[str, Looked]

    def of(self, board: Board) -> Looked:
        """The state of a board, made where it is new."""
        return self.boards.setdefault(key(board), Looked())


def key(board: Board) -> str:
    """What names a board's samples over time: task, metric and the data's identity, not its place on a site."""
    s = board.standings[0]
    identity = [str(s.entry.identity.get(k, "")) for k in ("task version", "data", "samples asked")]
    return fingerprint([board.task, board.metric, board.result.likelihood, *identity])


def read(folder: Path) -> Looks:
    """The state in a site's folder; empty where there is none.  Raises `EvaluationError` for a damaged one."""
    path = folder / FILE
    if not path.exists():
        return Looks(boards={})
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema_version"] != SCHEMA:
            document = {}  # of another bench: told below
        return Looks(boards={str(k): Looked(**v) for k, v in document["boards"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"'{path}' cannot be read",
            cause=f"{error}: without it, looks that were taken would be forgotten",
            fix="restore the file, or delete it to count anew",
        ) from error


def write(folder: Path, looks: Looks) -> None:
    """Store the state, whole or not at all."""
    document = {"schema_version": SCHEMA, "boards": {k: asdict(v) for k, v in sorted(looks.boards.items())}}
    write_text(folder / FILE, json.dumps(document, indent=1, sort_keys=True) + "\n")


def count(looks: Looks, board: Board) -> int:
    """Note the numbers of a board as looked at; how many different ones were, up to now."""
    state = looks.of(board)
    state.seen = sorted({*state.seen, *(_digest(s) for s in board.standings)})
    return len(state.seen)


def optimism(board: Board, looked: int) -> float | None:
    """By how much the best of that many numbers may exceed its truth by chance alone: error * sqrt(2 ln looks)."""
    errors = [
        (s.result.high - s.result.low) / 3.92
        for s in board.standings
        if s.result.low is not None and s.result.high is not None
    ]
    return float(np.median(errors)) * math.sqrt(2 * math.log(looked)) if errors and looked > 1 else None


def released(looks: Looks, board: Board) -> tuple[Board, str]:
    """The board with what Thresholdout answers for each number, and a note; as it is where it cannot be asked.

    Half of the clusters, by digest, are the public half, and the other the holdout.  A number is the public mean while
    the two agree, and a noisy holdout mean, charged to the budget, where they don't.  For means of bounded numbers.
    """
    if None in board.result.range or math.inf in map(abs, (x for x in board.result.range if x is not None)):
        return board, "not through Thresholdout: its metric is unbounded"
    state = looks.of(board)
    values: dict[str, tuple[float, float | None, float | None, str]] = {}
    for s in board.standings:
        told = state.released.get(_digest(s)) or _ask(state, board, s)
        if isinstance(told, str):
            return board, f"not through Thresholdout: {told}"
        state.released[_digest(s)] = told
        method = "Thresholdout" + (
            ": the budget is spent" if told[0] is None else ", holdout" if told[3] else ", public half"
        )
        values[s.name] = (told[0], told[1], told[2], method)
    kept = {name: v for name, v in values.items() if v[0] is not None}
    changed = with_values(board, kept)
    standings = tuple(s for s in changed.standings if s.name in kept)
    if not standings:
        return board, "the budget of this holdout is spent: nothing more is told of it"
    left = f"Thresholdout: {state.charged} of {state.charged + state.budget} charges spent"
    return replace(changed, standings=standings), left


def _ask(state: Looked, board: Board, s: Standing) -> list[Any] | str:
    found = evidence(s)
    if isinstance(found, str):
        return found
    cell, number = found
    if number.kind not in {"share", "mean"}:
        return "its metric is no mean over samples"
    least, most = board.result.range
    span = float(most or 0.0) - float(least or 0.0)
    used = ~np.isnan(number.values)
    scaled = (number.values[used] - float(least or 0.0)) / span
    public = cell.clusters[used] % 2 == 0
    size = min(int(public.sum()), int((~public).sum()))
    if size < 2:
        return "too few samples for two halves"
    threshold = 1 / math.sqrt(size)
    sigma = threshold / 8
    asked = Thresholdout(
        threshold=threshold, sigma=sigma, budget=state.budget, seed=derive(0, key(board)), asked=state.asked,
        charged=state.charged,
    )  # fmt: skip
    answer, after = thresholdout(asked, scaled[public], scaled[~public])
    state.asked, state.charged, state.budget = after.asked, after.charged, after.budget
    if answer.value is None:
        return [None, None, None, False]
    value = min(max(answer.value, 0.0), 1.0)
    half = threshold + 4 * sigma
    ends = [float(least or 0.0) + span * min(max(x, 0.0), 1.0) for x in (value, value - half, value + half)]
    return [*ends, answer.overfit]


def _digest(s: Standing) -> str:
    parts = (s.created, s.run.path.name, s.entry.name, s.result.metric, s.result.score)
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
