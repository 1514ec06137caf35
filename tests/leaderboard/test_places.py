"""Places held against the truth: coverage by simulation, and the statistics that they are made of."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.leaderboard.places import apart, places, studentised_range
from bench.leaderboard.standings import boards
from bench.runners.wanted import Wanted
from bench.stats.ranks import rank_sets
from tests.leaderboard.worlds import stored
from tests.reports import synthetic


@pytest.mark.parametrize("count", [2, 3, 10, 50])
def test_the_studentised_range_is_scipys(count: int) -> None:
    assert studentised_range(count) == pytest.approx(stats.studentized_range.ppf(0.95, count, 1e5), rel=1e-4)


def test_apart_holds_all_places_of_tied_and_tiered_models() -> None:
    """Joint coverage of at least 95 %, at unequal errors: Hayter's theorem; 600 simulations."""
    rng = np.random.default_rng(0)
    errors = np.array([0.01, 0.02, 0.03, 0.01, 0.02, 0.05])
    for truth in (np.zeros(6), np.array([0.2, 0.2, 0.2, 0.0, 0.0, 0.0])):
        best = 1 + (truth[None] > truth[:, None]).sum(axis=1)
        worst = len(truth) - (truth[None] < truth[:, None]).sum(axis=1)
        held = 0
        for _ in range(600):
            _, low, high = apart(truth + errors * rng.normal(size=6), errors)
            held += bool((low <= best).all() and (high >= worst).all())
        assert held / 600 > 0.95 - 4.5 * math.sqrt(0.05 * 0.95 / 600)


def test_an_unknown_error_leaves_every_place_and_sure_differences_leave_one() -> None:
    rank, low, high = apart(np.array([3.0, 2.0, 1.0]), np.array([0.01, np.nan, 0.01]))
    assert rank.tolist() == [1, 2, 3]
    assert (low[1], high[1]) == (1, 3)
    assert (low[0], high[0]) == (1, 2)
    assert (low[2], high[2]) == (2, 3)


def test_samples_are_paired_where_records_can_be_read(tmp_path: Path) -> None:
    """Paired places are those of max-T on the samples' own differences; unpaired ones are wider here."""
    record = synthetic.classification(1, n=400)
    wanted = Wanted("calibration", ("brier",))
    run = synthetic.make(
        tmp_path / "run",
        [(f"m{k}", "calibration/x", "", record.__class__(**{**vars(record), "logits": record.logits * scale}), wanted)
         for k, scale in enumerate((0.6, 0.62, 2.0))],
    )  # fmt: skip
    board = boards([run.path])[0]
    paired, alone = places(board, paired=True), places(board, paired=False)
    assert paired.totals is not None
    used = paired.totals[np.any(paired.totals != 0, axis=1)]
    assert used.sum(axis=0) == pytest.approx(0, abs=1e-12)
    again = rank_sets(paired.values, used, seed=0)
    assert (again.low.tolist(), again.high.tolist()) == (paired.low.tolist(), paired.high.tolist())
    assert alone.totals is None
    assert (paired.high - paired.low).sum() <= (alone.high - alone.low).sum()
    assert paired.errors == pytest.approx(alone.errors, rel=0.25)


def test_lower_is_better_turns_the_order(tmp_path: Path) -> None:
    run = stored(
        tmp_path / "r", {("a", "calibration/x"): 0.3, ("b", "calibration/x"): 0.1}, metric="brier", better="lower"
    )
    p = places(boards([run.path])[0], paired=True)
    assert p.rank.tolist() == [2, 1]
    assert "records" not in p.method
    assert p.why  # no records to read: said
