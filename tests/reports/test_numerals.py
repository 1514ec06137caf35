from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reports import numerals
from tests.reports.synthetic import result


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.94812, 0.9414, 0.9551, "0.948 [0.941, 0.955]"),  # half-width .0069: one digit of it
        (0.5, 0.486, 0.514, "0.500 [0.486, 0.514]"),  # half-width .014: two digits of it
        (12345.678, 12000.0, 12600.0, "12,346 [12,000, 12,600]"),
        (-0.0123, -0.02, -0.005, "−0.012 [−0.020, −0.005]"),
        (0.5, None, None, "0.5000 —"),
        (3.0, None, 4.0, "3.000 [−∞, 4.000]"),
        (None, None, None, "— —"),
        (-1e-9, -0.004, 0.004, "0.000 [−0.004, 0.004]"),
        (3e-8, 1e-8, 5e-8, "3.00×10⁻⁸ [1.00×10⁻⁸, 5.00×10⁻⁸]"),
        (0.9999999, 0.9999998, 1.0, "1.000000 [1.000000, 1.000000]"),
    ],
)
def test_digits_follow_the_interval(value: float | None, low: float | None, high: float | None, expected: str) -> None:
    r = result(value=value, low=low, high=high)
    assert f"{numerals.value_of(r)} {numerals.interval_of(r)}" == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "—"), (None, "—"), (123456789.0, "1.23×10⁸"), (3e-9, "3.00×10⁻⁹")],
)
def test_numbers_that_digits_do_not_hold(value: float | None, expected: str) -> None:
    assert numerals.written(value) == expected


@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e5))
def test_the_error_of_writing_is_small_beside_the_interval(value: float, half: float) -> None:
    r = result(value=value, low=value - half, high=value + half)
    read = float(numerals.value_of(r).replace(",", "").replace("−", "-"))
    assert abs(read - value) <= 0.18 * half + 1e-9


def test_a_bar_keeps_its_length_and_its_order() -> None:
    assert numerals.bar(0.5, 0.25, 0.75, 0, 1, 9) == "  ├─●─┤  "
    assert numerals.bar(0.9, 0.1, 0.2, 0, 1, 11).count("●") == 1
    assert len(numerals.bar(5, -3, 9, 0, 1)) == 17
