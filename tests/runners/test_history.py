"""What a plan knows of its time: cells that ran here, and others of the same model by their tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.config import resolve
from bench.runners import history
from bench.runners.plan import Plan, plan


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def planned(folder: Path, decoders: list[str]) -> Plan:
    given = {"models": ["lm-small"], "tasks": ["reasoning/arithmetic"], "decoders": decoders, "budget": 400}
    return plan(resolve(given, cwd=folder, environ={}))


def test_a_cell_that_never_ran_takes_what_its_tokens_took_elsewhere(tmp_path: Path) -> None:
    one = planned(tmp_path, ["greedy"])
    assert one.seconds is None
    [cell] = one.cells
    rates = {(str(cell.cell.model), str(cell.cell.task), str(cell.cell.decoder)): 0.5}
    history.remember(rates, one.paces(rates))
    known, new = planned(tmp_path, ["greedy", "best-of-n"]).cells
    assert (known.seconds, known.guessed) == (0.5 * known.n, False)
    assert new.guessed
    assert new.seconds == pytest.approx(0.5 * known.n / known.tokens * new.tokens)
    assert new.tokens > 3 * known.tokens
    assert [row["guessed"] for row in planned(tmp_path, ["best-of-n"]).as_json()] == [True]
