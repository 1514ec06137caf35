"""The smallest difference that a comparison of this size would find."""

from __future__ import annotations

import math

from bench.errors import UsageError
from bench.stats.design import LEVEL

ALPHA = 1 - LEVEL
POWER = 0.8


def power_of_t(difference: float, error: float, df: float, *, alpha: float = ALPHA, sides: int = 2) -> float:
    """Chance that a t test with that standard error finds a difference (towards its own side, if one-sided).

    By the non-central t distribution; exact for normal data, with error taken as the true one.  df may be infinite.
    """
    from scipy.special import nctdtr, ndtr, ndtri, stdtrit

    _check(error, alpha, sides)
    shift = abs(difference) / error
    if math.isinf(df):
        critical = float(ndtri(1 - alpha / sides))
        beyond = float(ndtr(shift - critical)), float(ndtr(-shift - critical))
    else:
        critical = float(stdtrit(df, 1 - alpha / sides))
        behind = float(nctdtr(df, shift, -critical))
        # So far behind a large shift scipy gives NaN now and then, of what is below 1e-9 there.
        beyond = 1 - float(nctdtr(df, shift, critical)), 0.0 if math.isnan(behind) else behind
    return beyond[0] + (beyond[1] if sides == 2 else 0.0)


def detectable(error: float, df: float, *, alpha: float = ALPHA, power: float = POWER, sides: int = 2) -> float:
    """The smallest true difference of paired means that the test finds with chance `power`.

    error: standard error of the difference, on clusters where there are some (`PairedTest.error`).  df: groups - 1.
    For a non-inferiority test at margin m the difference is counted from -m, with sides = 1 and alpha = 0.025.
    """
    from scipy.optimize import brentq

    _check(error, alpha, sides)
    if not alpha < power < 1:
        raise UsageError(f"a power of {power}", cause="it lies between alpha and 1", fix="give 0.8, say")
    high = error
    while power_of_t(high, error, df, alpha=alpha, sides=sides) < power:
        high *= 2
    return float(
        brentq(lambda x: power_of_t(x, error, df, alpha=alpha, sides=sides) - power, 0.0, high, xtol=1e-12 * high)
    )


def detectable_share(
    n: float, discordant: float, *, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> float:
    """The smallest true difference of two paired shares that McNemar's or Tango's test finds with chance `power`.

    n: independent items, or n over the design effect.  discordant: share of items on which the two differ, in (0, 1].
    Solves z_alpha sqrt(psi) + z_power sqrt(psi - d^2) = d sqrt(n) (Miettinen 1968); infinite where even d = psi, all
    discordant items on one side, would not be found.  A normal approximation: at n = 164 the chance reached is 0.82.
    """
    from scipy.special import ndtri

    _check(1.0, alpha, sides)
    if not 0 < discordant <= 1 or n <= 0:
        raise UsageError(
            f"{n} items of which {discordant} discordant", cause="shares lie in (0, 1]", fix="give counts of both"
        )
    a, b = float(ndtri(1 - alpha / sides)), float(ndtri(power))
    root = math.sqrt(discordant)
    # (d sqrt(n) - a root)^2 = b^2 (psi - d^2): a quadratic in d, its larger root.
    square = a * a * n * discordant + (n + b * b) * discordant * (b * b - a * a)
    found = (a * math.sqrt(n) * root + math.copysign(math.sqrt(max(square, 0.0)), b)) / (n + b * b)
    return found if found <= discordant else math.inf


def items_needed(
    difference: float, discordant: float, *, alpha: float = ALPHA, power: float = POWER, sides: int = 2
) -> float:
    """Independent items with which a difference of paired shares is found with chance `power` (Miettinen 1968)."""
    from scipy.special import ndtri

    _check(1.0, alpha, sides)
    if not 0 < abs(difference) <= discordant <= 1:
        raise UsageError(
            f"a difference of {difference} at {discordant} discordant",
            cause="at most all discordant items lie on one side",
            fix="give |difference| <= discordant",
        )
    a, b = float(ndtri(1 - alpha / sides)), float(ndtri(power))
    return ((a * math.sqrt(discordant) + b * math.sqrt(discordant - difference**2)) / difference) ** 2


def _check(error: float, alpha: float, sides: int) -> None:
    if not (error > 0 and math.isfinite(error) and 0 < alpha < 1 and sides in {1, 2}):
        raise UsageError(
            "no power of this test",
            cause=f"error {error}, alpha {alpha}, {sides} sides",
            fix="give error > 0, alpha in (0, 1), and 1 or 2 sides",
        )
