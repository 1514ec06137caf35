"""The figure of estimates on their way to the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.reports.material import Material
from bench.reports.sections import likelihood_curves, uniformity
from bench.reports.view import Figure
from bench.runners.wanted import Wanted
from tests.reports import synthetic

WANTED = Wanted("likelihood", ("nll-nats",))


def figures(path: Path, gaps: dict[str, tuple[float, str]], pareto: float = 0.1) -> list[Figure]:
    record = replace(synthetic.density(1), likelihood="exact", truth=None)
    n = len(record)
    made: list[synthetic.Stored] = [
        (
            model,
            "likelihood/x",
            "",
            replace(
                record,
                log_prob=record.log_prob - gap,
                likelihood=kind,
                pareto_k=None if kind == "exact" else np.full(n, pareto),
                estimator="" if kind == "exact" else "IWAE",
            ),
            WANTED,
        )
        for model, (gap, kind) in gaps.items()
    ]
    material = Material.gather(synthetic.make(path, made))
    return likelihood_curves.figures(material, material.cells_of("likelihood"))


def test_a_bound_is_drawn_against_its_exact_model(tmp_path: Path) -> None:
    gaps = {"m": (0.0, "exact")} | {f"m,bound=iwae,k={k}": (1 / k, "lower") for k in (50, 1, 5)}
    (figure,) = figures(tmp_path / "run", gaps)
    assert [key.label for key in figure.legend] == ["m,bound=iwae (lower bound)", "m (exact)"]
    assert [row.items[1].sort for row in figure.grid.rows] == [1, 5, 50]
    off = np.array([row.items[3].sort for row in figure.grid.rows], dtype=float)
    np.testing.assert_allclose(off, [1.0, 0.2, 0.02])
    assert "Pareto" not in figure.caption
    assert "svg" in figure.panels[0].svg


def test_weights_that_cannot_be_trusted_are_told(tmp_path: Path) -> None:
    gaps = {f"m,bound=iwae,k={k}": (1 / k, "lower") for k in (1, 5, 50)}
    (figure,) = figures(tmp_path / "run", gaps, pareto=0.9)
    assert "In 100% of the samples" in figure.caption
    assert len(figure.legend) == 1


def test_two_points_are_no_curve(tmp_path: Path) -> None:
    assert figures(tmp_path / "run", {"m,k=1": (1.0, "lower"), "m,k=5": (0.5, "lower")}) == []


def test_a_curve_whose_points_are_of_two_kinds_stays_one(tmp_path: Path) -> None:
    gaps = {
        "m,tolerance=0.1": (0.1, "estimate"),
        "m,tolerance=0.01": (0.01, "estimate"),
        "m,tolerance=1e-4": (0.0, "exact"),
    }
    (figure,) = figures(tmp_path / "run", gaps)
    assert figure.legend[0].label == "m (exact, estimate)"
    assert len(figure.panels) == 2  # the values, and their distance from the truth


def test_the_worst_of_several_uniform_samples_exceeds_its_band_once_in_twenty() -> None:
    draws = np.random.default_rng(0).random((2000, 5, 200))
    draws.sort(axis=2)
    place = np.arange(201) / 200
    apart = np.maximum(np.abs(place[1:] - draws), np.abs(place[:-1] - draws)).max(axis=2)
    assert 0.03 < (apart.max(axis=1) > uniformity.band(200, 5)).mean() <= 0.06
    assert 0.03 < (apart[:, 0] > uniformity.band(200)).mean() <= 0.06
