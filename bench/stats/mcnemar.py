"""McNemar's test: do two models answer rightly equally often?  For independent items only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Discordance:
    """A 2 x 2 table of paired answers.

    gains: items that only the first model has right.  losses: only the second.  n: all items.
    """

    gains: int
    losses: int
    n: int

    @property
    def difference(self) -> float:
        """Share right of the first less that of the second."""
        return (self.gains - self.losses) / self.n


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Two-sided p-values: `exact` never rejects too often, `mid` does on average as often as it should."""

    table: Discordance
    exact: float
    mid: float


def discordance(first: Bools, second: Bools) -> Discordance:
    """The table of two columns of right and wrong answers to the same items, each (n,)."""
    if first.shape != second.shape or len(first) == 0:
        raise UsageError("the answers are not paired", cause=f"{first.shape} and {second.shape}", fix="align them")
    return Discordance(gains=int((first & ~second).sum()), losses=int((~first & second).sum()), n=len(first))


def mcnemar(table: Discordance) -> McNemar:
    """Exact and mid-p McNemar test (McNemar 1947; Lancaster 1961; Fagerland, Lydersen and Laake 2013).

    With clusters of dependent items use `bench.stats.paired`: this one then rejects far too often.
    """
    exact, mid = p_values(np.array(table.gains), np.array(table.losses))
    return McNemar(table=table, exact=float(exact), mid=float(mid))


def p_values(gains: AnyArray, losses: AnyArray) -> tuple[Float64s, Float64s]:
    """(exact, mid-p) for counts of any one shape, against Binomial(gains + losses, 1/2).

    mid-p is P(more extreme) + P(as extreme) / 2; without discordant items both are 1: there is nothing to test.
    """
    from scipy.special import bdtr, gammaln

    total = np.asarray(gains) + np.asarray(losses)
    least = np.minimum(gains, losses)
    tie = 2 * least == total
    chance = np.exp(gammaln(total + 1.0) - gammaln(least + 1.0) - gammaln(total - least + 1.0) - total * np.log(2))
    exact = np.where(tie, 1.0, np.minimum(1.0, 2 * bdtr(least, total, 0.5)))
    as_extreme = np.where(tie, chance, 2 * chance)
    return exact, np.where(total == 0, 1.0, exact - as_extreme / 2)
