"""How numbers are written: as many digits as the interval supports, a dash where there is none."""

from __future__ import annotations

import math

from bench.results import Result

NONE = "—"
MINUS = "−"
MOST = 6
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def decimals(value: float, low: float | None = None, high: float | None = None) -> int:
    """Decimals to show: the half-width's first digit, two where it begins with 1 or 2; else four digits in all.

    0 to 6, or 7 where more would be needed: a number that small is written in powers of ten.  An interval of width 0,
    or none, says nothing of the precision.
    """
    half = None if low is None or high is None else (high - low) / 2
    if half is not None and 0 < half < math.inf:
        exponent = math.floor(math.log10(half))
        leading = half / 10.0**exponent
        return min(max(-exponent + (1 if leading < 2.95 else 0), 0), MOST + 1)
    if not math.isfinite(value) or value == 0:
        return 3
    return min(max(3 - math.floor(math.log10(abs(value))), 0), MOST + 1)


def p_value(value: float | None) -> str:
    """Three decimals, and no number that reads as zero: a p-value never is."""
    return "< 0.001" if value is not None and value < 1e-3 else written(value, 3)


def written(value: float | None, places: int | None = None) -> str:
    """The number with that many decimals, thousands separated; in powers of ten from 1e7 on, and where 7 are asked."""
    if value is None or math.isnan(value):
        return NONE
    if places is not None and 1e-3 <= value < 1e7 and places <= MOST:  # most numbers
        return f"{value:,.{places}f}"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if places is None:
        places = decimals(value)
    size = abs(value)
    if size >= 1e7 or (places > MOST and 0 < size < 1e-3):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}×10{str(int(exponent)).translate(_RAISED)}".replace("-", MINUS)
    text = f"{value:,.{min(places, MOST)}f}"
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if text.strip("-0.") else text[1:]


def short(value: float | None) -> str:
    """A number that somebody chose, such as a margin: at most four digits, and no zeros behind them."""
    text = written(value)
    return text.rstrip("0").rstrip(".") if "." in text and "×" not in text else text


def places_of(result: Result) -> int:
    """Decimals that the result's interval supports."""
    return decimals(result.value or 0.0, result.low, result.high)


def value_of(result: Result, places: int | None = None) -> str:
    """The value, with the digits that its interval supports, or with `places` decimals."""
    return written(result.value, places_of(result) if places is None else places)


def interval_of(result: Result, places: int | None = None) -> str:
    """`[low, high]` with the value's digits; an open end for a one-sided interval; a dash where there is none.

    A dagger follows an interval that something is known against.
    """
    if result.low is None and result.high is None:
        return NONE
    places = places_of(result) if places is None else places
    low = f"{MINUS}∞" if result.low is None else written(result.low, places)
    high = "∞" if result.high is None else written(result.high, places)
    return f"[{low}, {high}]{'†' if result.caution else ''}"


def count(n: int) -> str:
    """A whole number with its thousands separated."""
    return f"{n:,}"


def plural(n: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def bar(value: float, low: float, high: float, left: float, right: float, width: int = 17) -> str:
    """An interval drawn with characters on the scale from `left` to `right`: ` ├──●──┤ `, always `width` long."""
    span = (right - left) or 1.0

    def place(x: float) -> int:
        return min(max(round((x - left) / span * (width - 1)), 0), width - 1)

    start, middle, end = place(low), place(value), place(high)
    signs = [" "] * width
    for i in range(start, end + 1):
        signs[i] = "─"
    signs[start], signs[end] = "├", "┤"
    signs[middle] = "●"
    return "".join(signs)
