"""Judgements of pairs from files: planted strengths are found within their intervals, and wrong files are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.auditing.pairwise import Judgements, ranked, read
from bench.errors import ExitCode, UsageError
from bench.stats.comparisons import pairs, soft_preferences, strengths
from tests.cli.shell import bench

TRUTH = np.array([1.2, 0.5, 0.0, -0.4, -1.3])
NAMES = np.array(["a", "b", "c", "d", "e"])


def judged(rng: np.random.Generator, *, repeats: int = 60, soft: bool = False) -> Judgements:
    """Neighbours of a ring alone are asked: five of the ten pairs."""
    asked = np.tile(pairs(5, 1, design="window", seed=0), (repeats, 1))
    first, second = asked.T
    p = 1 / (1 + np.exp(TRUTH[second] - TRUTH[first]))
    preference = rng.beta(6 * p, 6 * (1 - p)) if soft else (rng.random(len(p)) < p).astype(float)
    return Judgements(NAMES, first, second, preference, np.arange(len(p)))


@pytest.mark.parametrize("soft", [False, True])
def test_planted_strengths_lie_in_their_intervals_as_often_as_is_said(soft: bool) -> None:
    """A soft preference tells more than a toss: its intervals are shorter than those of counts, and still hold."""
    rng = np.random.default_rng(5)
    held, widths = [], []
    for seed in range(60):
        found = {f.model: f for f in ranked(judged(rng, soft=soft), "x", seed=seed) if f.what.startswith("strength")}
        rows = [found[name] for name in NAMES]
        held.append([r.low < t < r.high for r, t in zip(rows, TRUTH, strict=True)])
        widths.append(np.mean([r.high - r.low for r in rows]))  # type: ignore[operator]
    # Five items of 60 files, dependent within a file: 4 errors of 60 independent ones either way.
    assert abs(np.mean(held) - 0.95) < 4 * (0.95 * 0.05 / 60) ** 0.5
    wins = np.zeros((5, 5))
    j = judged(rng, soft=soft)
    np.add.at(wins, (j.first, j.second), j.preference)
    np.add.at(wins, (j.second, j.first), 1 - j.preference)
    curved = 2 * 1.96 * strengths(wins).errors.mean()
    assert np.mean(widths) < 0.5 * curved if soft else np.mean(widths) == pytest.approx(curved, rel=0.15)


def test_judgements_that_belong_together_widen_the_intervals() -> None:
    """Each judgement written four times under one group says no more than once; as four it would."""
    j = judged(np.random.default_rng(0))
    rows = np.repeat(np.arange(len(j.first)), 4)
    four = Judgements(NAMES, j.first[rows], j.second[rows], j.preference[rows], j.groups[rows])
    alone, grouped, blind = (next(iter(ranked(x, "x"))) for x in (j, four, replace(four, groups=np.arange(len(rows)))))
    width = [float(f.high or 0) - float(f.low or 0) for f in (alone, grouped, blind)]
    assert width[1] == pytest.approx(width[0], rel=1e-6)
    assert width[2] == pytest.approx(width[0] / 2, rel=0.01)


def test_a_file_is_read_and_ranked_by_the_command(capsys: Any, tmp_path: Path) -> None:
    j = judged(np.random.default_rng(1), repeats=200)
    path = tmp_path / "judge.csv"
    rows = [f"{NAMES[a]},{NAMES[b]},{p:g}" for a, b, p in zip(j.first, j.second, j.preference, strict=True)]
    path.write_text("first,second,preference\n" + "\n".join(rows) + "\n")
    lines = bench(capsys, "audit", "--pairwise", path, "--json").lines
    assert [row["model"] for row in lines[:5]] == list("abcde")
    assert lines[0]["says"].startswith("place 1 [1–")
    assert {row["what"].split()[2] for row in lines[5:]} == {"additive", "greedy", "pagerank"}
    assert "strength, log-odds" in bench(capsys, "audit", "--pairwise", path).out
    bench(capsys, "audit", tmp_path, "--pairwise", path).is_error(ExitCode.USAGE, "stands alone")


def test_levels_are_soft_preferences(tmp_path: Path) -> None:
    logits = np.random.default_rng(2).normal(size=(4, 5))
    path = tmp_path / "levels.jsonl"
    keys = ("inferior", "worse", "similar", "better", "superior")
    lines = [{"first": "a", "second": "b", **dict(zip(keys, row, strict=True))} for row in logits.tolist()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read(path).preference == pytest.approx(soft_preferences(logits))


def test_what_always_wins_has_a_place_and_no_interval() -> None:
    j = Judgements(NAMES[:2], np.array([0, 0, 0]), np.array([1, 1, 1]), np.ones(3), np.arange(3))
    first = next(iter(ranked(j, "x")))
    assert (first.model, first.low, first.warning) == ("a", None, True)
    assert "never lose" in first.says


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("first,second\na,b\n", "no column 'preference'"),
        ("first,second,preference,better\na,b,1,2\n", "half of one"),
        ("first,second,preference\n", "holds no judgement"),
        ("first,second,preference\na,b,1\na,b,1.5\n", "row 2: 'preference' is '1.5'"),
        ("first,second,preference\na,b,won\n", "'preference' is 'won'"),
        ("first,second,preference\na,,1\n", "row 1: 'second' is empty"),
        ("first,second,preference\na,b,1\nb,b,1\n", "row 2: 'b' against itself"),
        ("first,second,preference\na,b,1\nc,d,1\n", "no one order"),
    ],
)
def test_wrong_files_are_refused_with_their_place(capsys: Any, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "judge.csv"
    path.write_text(text)
    bench(capsys, "audit", "--pairwise", path).is_error(ExitCode.USAGE, words)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        read(tmp_path / "none.csv")
