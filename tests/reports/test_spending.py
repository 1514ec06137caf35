"""The figure of accuracy against tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.checks.cases import ids
from bench.records import Generations
from bench.reports.build import build
from bench.reports.material import Material
from bench.reports.sections.spending import figures, named, spent
from bench.runners.wanted import Wanted
from tests.reports import synthetic


def answers(seed: int, accuracy: float, tokens: int, n: int = 60) -> Generations:
    """Answers of which about `accuracy` are right, for so many tokens each."""
    right = np.random.default_rng(seed).random(n) < accuracy
    return Generations(
        ids=ids(n),
        answer=np.where(right, "4", "5").astype(object),
        correct=right,
        confidence=np.full(n, accuracy),
        text=Ragged.of([["x"]] * n, object),
        logprob=Ragged.of([[-1.0]] * n, np.float64),
        tokens=Ragged.of([[3]] * n, np.int64),
        spent=np.full(n, tokens),
        calls=np.full(n, 2),
        checks=np.zeros(n, dtype=np.int64),
    )


MADE = (("greedy", 0.4, 20), ("rpc,budget=300", 0.5, 290), ("best-of-n,budget=300", 0.9, 280), ("sample", 0.3, 21))


def test_decoders_stand_by_their_tokens_and_are_paired_with_greedy(tmp_path: Path) -> None:
    wanted = Wanted("reasoning", ("accuracy",))
    made = [("m", "reasoning/sums", name, answers(k, p, t), wanted) for k, (name, p, t) in enumerate(MADE)]
    folder = synthetic.make(tmp_path / "run", made)
    material = Material.gather(folder)
    rows = spent(material, material.cells_of("reasoning"))
    assert [row.label for row in rows] == ["greedy", "sample", "best-of-n", "rpc"]
    assert [row.tokens for row in rows] == [20, 21, 280, 290]
    assert [row.front for row in rows] == [True, False, True, False]
    records = {name: answers(k, p, t) for k, (name, p, t) in enumerate(MADE)}
    for row in rows:
        if row.cell.decoder == "greedy":
            assert row.gain is None
            continue
        right, base = records[row.cell.decoder].correct, records["greedy"].correct
        difference = right.astype(float) - base
        assert row.gain is not None
        assert row.gain.difference == difference.mean()
        error = difference.std(ddof=1) / np.sqrt(60)
        assert row.gain.low is not None
        np.testing.assert_allclose(row.gain.difference - row.gain.low, 2.0010 * error, rtol=1e-3)  # t on 59 degrees
    (figure,) = figures(material, "reasoning", "s")
    assert "Accuracy against tokens" in figure.title
    assert figure.panels[0].svg.startswith("<svg")
    assert "best-of-n: accuracy" in figure.panels[0].svg
    build(folder)
    assert "Accuracy against tokens" in (folder.path / "report.html").read_text()


def test_costs_give_rates_fronts_in_seconds_and_comparisons_at_equal_budget(tmp_path: Path) -> None:
    made = {**{name: (p, t) for name, p, t in MADE}, "self-consistency,budget=300": (0.6, 270)}
    wanted = Wanted("reasoning", ("accuracy",))
    records = {name: answers(k, *made[name]) for k, name in enumerate(made)}
    folder = synthetic.make(tmp_path / "run", [("m", "reasoning/sums", n, r, wanted) for n, r in records.items()])
    material = Material.gather(folder)
    taken = dict(zip(records, (6.0, 60.0, 600.0, 12.0, 30.0), strict=True))
    cells = [replace(cell, cost={"seconds": taken[cell.decoder]}) for cell in material.cells_of("reasoning")]
    rows = {row.cell.decoder: row for row in spent(material, cells)}
    assert {name for name, row in rows.items() if row.quick} == {
        "greedy",
        "self-consistency,budget=300",
        "best-of-n,budget=300",
    }
    assert rows["sample"].seconds == 12.0 / 60
    for name, row in rows.items():
        rate = 1000 * records[name].correct.mean() / made[name][1]
        assert row.per_kilotoken.value == pytest.approx(rate)
        # Every answer costs the same, so the rate's error is that of the accuracy.
        ends = row.per_kilotoken.interval
        assert ends.low is not None
        assert ends.low < rate < (ends.high or 0)
        assert (row.equal is not None) == (name in {"rpc,budget=300", "best-of-n,budget=300"})
        if row.equal is not None:
            plain = records["self-consistency,budget=300"].correct
            assert row.equal.difference == pytest.approx(records[name].correct.mean() - plain.mean())
    assert not any(row.quick for row in spent(material, material.cells_of("reasoning")))  # no cell was timed


def test_two_decoders_are_no_comparison(tmp_path: Path) -> None:
    wanted = Wanted("reasoning", ("accuracy",))
    made = [("m", "reasoning/sums", name, answers(k, p, t), wanted) for k, (name, p, t) in enumerate(MADE[:2])]
    assert figures(Material.gather(synthetic.make(tmp_path / "run", made)), "reasoning", "s") == []


def test_names_that_would_lie_on_each_other_are_left_to_the_table(tmp_path: Path) -> None:
    told = (("greedy", 0.4, 20), ("rpc", 0.9, 280), ("vote", 0.9, 280), ("best-of-n", 0.9, 281))
    made = [("m", "reasoning/sums", name, answers(7, p, t), Wanted("reasoning", ("accuracy",))) for name, p, t in told]
    material = Material.gather(synthetic.make(tmp_path / "run", made))
    rows = spent(material, material.cells_of("reasoning"))
    names = named(rows, [row.tokens for row in rows], [True] * 4)
    assert names[0] == "greedy"
    assert sum(name != "" for name in names) == 2
    assert named(rows, [20, 40, 80, 160], [True, False, True, False]) == ["greedy", "", rows[2].label, ""]
