from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from bench.reports.terminal import results_table
from bench.runners.folder import RunFolder
from tests.reports import synthetic


class Ascii(io.StringIO):
    encoding = "ascii"


def printed(run: RunFolder, width: int, **options: object) -> str:
    out = io.StringIO()
    results_table(run.results(), Console(file=out, width=width, **options))  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("width", [70, 80, 100, 140, 200])
def test_every_number_that_is_shown_is_shown_whole(run: RunFolder, width: int) -> None:
    text = printed(run, width)
    assert max(cell_len(line) for line in text.splitlines()[:-1]) <= width
    for line in text.splitlines():
        assert line.count("[") == line.count("]")
    for r in run.results():
        if r.metric == "accuracy" and r.area == "reasoning":
            assert f"{r.value:.2f} [{r.low:.2f}, {r.high:.2f}]" in text


def test_areas_models_and_directions_are_named(run: RunFolder) -> None:
    text = printed(run, 160)
    titles = [line for line in text.splitlines() if line in {"Likelihood", "Calibration", "OOD detection", "Reasoning"}]
    assert titles == ["Likelihood", "Calibration", "OOD detection", "Reasoning"]
    assert "ECE* ↓" in text
    assert "AUROC ↑" in text
    assert "bits/dim ↓" in text
    assert re.search(r"far +plain +energy +0\.\d+ \[", text)


def test_a_narrow_terminal_has_one_number_a_line(run: RunFolder) -> None:
    text = printed(run, 40)
    assert "\nsums · tiny · greedy\n  accuracy ↑  0." in text


def test_kinds_of_likelihood_are_named(run: RunFolder) -> None:
    out = io.StringIO()
    rows = [replace(r, likelihood="lower") if r.model == "vae" else r for r in run.results()]
    results_table(rows, Console(file=out, width=120))
    assert "vae (lower bound)" in out.getvalue()


def test_a_stream_without_unicode_is_not_a_crash(run: RunFolder) -> None:
    out = Ascii()
    results_table(run.results(), Console(file=out, width=120))
    assert out.getvalue().isascii()
    assert "AUROC ^" in out.getvalue()


@pytest.mark.parametrize("width", [40, 120])
def test_hostile_names_cannot_steer_the_terminal(hostile: RunFolder, width: int) -> None:
    text = printed(hostile, width, force_terminal=True, no_color=True)
    without_styles = re.sub(r"\x1b\[\d*(;\d+)*m", "", text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", without_styles)
    assert "\x1b[31m" not in text
    plain = printed(hostile, width)
    assert "\x1b" not in plain
    assert "[x](javascript" in plain or "**bold**" in plain  # rich markup and emphasis mean nothing


def test_failed_samples_and_no_results() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100)
    results_table([synthetic.result(n=10, n_failed=2, value=None, low=None, high=None)], console)
    assert "10 (+2 failed)" in out.getvalue()
    assert "— —" in out.getvalue()
    results_table([], console)
    assert out.getvalue().endswith("no results\n")
