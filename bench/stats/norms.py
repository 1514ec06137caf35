"""Intervals of norms of noisy vectors, such as binned calibration errors, by inverting tests.

A norm of estimated gaps is biased upwards, since noise never cancels in it, and by how much depends on the true gaps:
most where all are 0.  No resampling about the estimate holds a truth of 0, so the interval is the set of values t that
a test at 5 % does not reject (Chuang and Lai 2000, Hybrid resampling methods for confidence intervals).  How the gaps
would lie if their norm were t is unknown, so each end takes the arrangement that puts it farther out:

==========  ==============================================  =============================================
norm        low end: the arrangement of greatest bias       high end: that of least bias
==========  ==============================================  =============================================
l1          the clearest gaps make up t, the others are 0   every gap in proportion to its noise, with the signs
                                                            that they have, or with which their noise adds up most
positive    likewise, of the gaps above 0                   likewise
l2, square  the gaps as they are, scaled to t               the same: the bias hardly depends on it
max         the gaps as they are, scaled to t               one gap is t, the others are 0
peak        the gaps as they are, cut at t                  one gap is t, the others are far below
trough      as the peak of the gaps turned round
rest        (first number less l1 of the others): l1's      l1's at its low end
            at its high end
another     the gaps as they are, times what makes it t;    the same
            or all alike, in proportion to their noise
==========  ==============================================  =============================================

Another function of gaps than a norm (a quantile of their sizes, the gain of an isotonic fit) is one that is 0 where all
gaps are 0 and grows as all of them grow.

So intervals of l1, positive, max, peak and rest are conservative between the extremes: they hold the truth in 95 % or
more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.components import Norm
from bench.stats.design import LEVEL

Form = Callable[[Float64s], Float64s]  # a function of gaps (L, K) -> (L,)

NORMS: dict[Norm, Form] = {
    "l1": lambda gaps: np.abs(gaps).sum(axis=-1),
    "l2": lambda gaps: np.sqrt((gaps**2).sum(axis=-1)),
    "square": lambda gaps: (gaps**2).sum(axis=-1),
    "max": lambda gaps: np.abs(gaps).max(axis=-1),
    "positive": lambda gaps: np.maximum(gaps, 0).sum(axis=-1),
    "peak": lambda gaps: gaps.max(axis=-1),
    "trough": lambda gaps: gaps.min(axis=-1),
    "rest": lambda gaps: gaps[..., 0] - np.abs(gaps[..., 1:]).sum(axis=-1),
}
GRID = 24  # values of t at which the tests are made; between them the share is interpolated
THIN = 128  # gaps of a path (l-infinity over positions) that are looked at
CELLS = 4_000_000  # draws x gaps held at once
FEWEST = 200  # draws
FAR = 1e6
DOUBLINGS = 8  # of a multiple of the gaps
STEPS = 8  # to the signs with which noise adds up


def normed(gaps: Float64s, norm: Norm | Form) -> Float64s:
    """The norm of each vector, (L, K) -> (L,): `positive` is the sum of what is above 0, `peak`, `trough` the ends.

    `rest` is the first number less the l1 norm of the others.
    """
    return norm(gaps) if callable(norm) else NORMS[norm](gaps)


def inverted(gaps: Float64s, draws: Float64s, norm: Norm | Form, *, stretch: float = 1.0) -> tuple[float, float] | None:
    """Ends of the 95 % interval of a norm of the true gaps; `None` where nothing varies.

    gaps: (K,), as estimated.  draws: (B, K), on resamples.  stretch: by how much resamples vary too little.
    """
    if norm == "square":
        ends = inverted(gaps, draws, "l2", stretch=stretch)
        return None if ends is None else (ends[0] ** 2, ends[1] ** 2)
    if norm == "trough":
        ends = inverted(-gaps, -draws, "peak", stretch=stretch)
        return None if ends is None else (-ends[1], -ends[0])
    if norm == "rest":
        return _rest(gaps, draws, stretch)
    if norm in {"max", "peak"} and len(gaps) > THIN:
        kept = np.unique(np.linspace(0, len(gaps) - 1, THIN).astype(np.int64))
        gaps, draws = gaps[kept], draws[:, kept]
    noise = stretch * (draws[: max(FEWEST, CELLS // len(gaps))] - gaps)
    spread = noise.std(axis=0)
    if not spread.any():
        return None
    if callable(norm):
        return _formed(gaps, spread, noise, norm)
    value, sizes = float(normed(gaps, norm)), normed(noise, "max" if norm == "peak" else norm)
    room = 1.5 * float(np.quantile(sizes, 0.995)) or 1.0
    least = value - room if norm == "peak" else max(0.0, value - room)
    ts = np.linspace(least, value + room, GRID)
    # At 0 only a value that is too large speaks against t, and it gets the whole 5 %.
    tail = (1 - LEVEL) / 2
    below = np.full(GRID, tail) if norm == "peak" else tail * np.minimum(1.0, ts / sizes.mean())
    above = 1 - LEVEL - below
    low = _first(ts, _share(_biased(gaps, spread, ts, norm), noise, value, norm) - (1 - above))
    high = max(
        _last(ts, _share(_plain(gaps, spread, ts, norm, signs), noise, value, norm) - below)
        for signs in (_signs(gaps, noise) if norm == "l1" else [np.ones(len(gaps))])
    )
    return low, max(low, high)


def _rest(gaps: Float64s, draws: Float64s, stretch: float) -> tuple[float, float] | None:
    """Ends for a number less the l1 norm of gaps, which is known to be off by as much as that may be biased."""
    inner, noise = gaps[1:], stretch * (draws - gaps)
    spread = noise.std(axis=0)
    if not spread.any():
        return None
    least, most = [inner], inner
    if (norms := inverted(inner, draws[:, 1:], "l1", stretch=stretch)) is not None:
        ts = np.array(norms)
        least = [_plain(inner, spread[1:], ts[1:], "l1", signs)[0] for signs in _signs(inner, noise[:, 1:])]
        most = _biased(inner, spread[1:], ts[:1], "l1")[0]
    *above, below = (normed(noise + np.insert(each, 0, 0.0), "rest") + np.abs(each).sum() for each in (*least, most))
    value = float(normed(gaps, "rest"))
    low = value - max(float(np.quantile(errors, (1 + LEVEL) / 2)) for errors in above)
    return low, value - float(np.quantile(below, (1 - LEVEL) / 2))


def _formed(gaps: Float64s, spread: Float64s, noise: Float64s, form: Form) -> tuple[float, float] | None:
    """Ends for a function of gaps: the farther of those along the gaps' own arrangement and along one of all alike."""
    value, sizes = float(form(gaps[None])[0]), form(noise)
    alike = spread if gaps.sum() >= 0 else -spread
    ways = [gaps, alike] if value > 0 else [alike]
    ends = [each for way in ways if (each := _along(way, value, sizes, noise, form)) is not None]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def _along(way: Float64s, value: float, sizes: Float64s, noise: Float64s, form: Form) -> tuple[float, float] | None:
    """Ends among the multiples of an arrangement from 0 on; `None` where these don't reach the value."""
    # A form need not be linear: noise may move it more where the gaps are.
    room = max(
        float(np.quantile(sizes, 0.995)), float(np.quantile(form(way + noise), 0.995)) - float(form(way[None])[0])
    )
    most = value + 1.5 * room
    top = 1.5
    for _ in range(DOUBLINGS):
        if float(form(top * way[None])[0]) >= most:
            break
        top *= 2
    multiples = np.linspace(0, top, GRID)
    ts = np.maximum.accumulate(form(multiples[:, None] * way))
    if not (ts[-1] > ts[0] and sizes.mean() > 0 and ts[-1] >= value):
        return None
    # The steps are even in the value, not in the multiple.
    centres = np.interp(np.linspace(ts[0], min(ts[-1], most), GRID), ts, multiples)[:, None] * way
    ts = np.maximum.accumulate(form(centres))
    below = (1 - LEVEL) / 2 * np.minimum(1.0, ts / sizes.mean())
    shares = _share(centres, noise, value, form)
    low, high = _first(ts, shares - (LEVEL + below)), _last(ts, shares - below)
    return low, max(low, high)


def _share(centres: Float64s, noise: Float64s, value: float, norm: Norm | Form) -> Float64s:
    """How often the norm of noise about each centre (L, K) would be at most the value, ties half, (L,)."""
    shares = []
    for centre in centres:
        norms = normed(centre + noise, norm)
        shares.append(((norms < value).mean() + (norms <= value).mean()) / 2)
    return np.array(shares)


def _biased(gaps: Float64s, spread: Float64s, ts: Float64s, norm: Norm) -> Float64s:
    """Gaps of norm t for each t, (L, K), where they would bias the norm most."""
    if norm == "peak":
        top = np.zeros((len(ts), len(gaps)))
        top[:, gaps.argmax()] = np.maximum(ts - gaps.max(), 0)
        return np.minimum(gaps, ts[:, None]) + top
    value = float(normed(gaps, norm))
    if norm in {"l2", "max"}:
        return ts[:, None] * (gaps / value if value else spread / normed(spread, norm))
    # With their signs: noise of gaps that hang together adds up, or cancels, by these.
    sign = np.where((gaps < 0) & (norm == "l1"), -1.0, 1.0)
    size = np.maximum(gaps, 0) if norm == "positive" else np.abs(gaps)
    order = np.argsort(-size / np.where(spread > 0, spread, 1.0), kind="stable")
    before = np.cumsum(size[order]) - size[order]
    filled = np.empty((len(ts), len(gaps)))
    filled[:, order] = np.clip(ts[:, None] - before, 0, size[order])
    beyond = ts[:, None] * (size / value if value else spread / spread.sum())
    return sign * np.where(ts[:, None] > value, beyond, filled)


def _signs(gaps: Float64s, noise: Float64s) -> list[Float64s]:
    """Signs (K,) that gaps may have: their own, and those by which noise (B, K) adds up most, on the gaps' own side.

    Each step of sign(C sign) raises sign' C sign, since the covariance C is positive: it comes to a greatest, or near.
    """
    sign = np.sign(noise[np.abs(noise).sum(axis=1).argmax()])
    for _ in range(STEPS):
        sign = np.where(noise.T @ (noise @ sign) < 0, -1.0, 1.0)
    return [np.where(gaps < 0, -1.0, 1.0), sign if sign @ gaps >= 0 else -sign]


def _plain(gaps: Float64s, spread: Float64s, ts: Float64s, norm: Norm, signs: Float64s) -> Float64s:
    """Gaps of norm t for each t, (L, K), where they would bias the norm least.

    signs: (K,), of gaps of an l1 norm; of `positive`, 1.
    """
    if norm == "l2":
        return _biased(gaps, spread, ts, norm)
    if norm in {"l1", "positive"}:
        return ts[:, None] * (spread / spread.sum()) * signs
    single = np.full((len(ts), len(gaps)), -FAR if norm == "peak" else 0.0)
    top = (gaps if norm == "peak" else np.abs(gaps)).argmax()
    single[:, top] = ts * (-1.0 if norm == "max" and gaps[top] < 0 else 1.0)
    return single


def _first(ts: Float64s, excess: Float64s) -> float:
    """Where a falling function of t comes down to 0, interpolated; the nearer end of the grid where it does not."""
    under = np.flatnonzero(excess <= 0)
    if len(under) == 0:
        return float(ts[-1])
    k = under[0]
    return float(ts[0] if k == 0 else np.interp(0.0, [-excess[k - 1], -excess[k]], [ts[k - 1], ts[k]]))


def _last(ts: Float64s, excess: Float64s) -> float:
    """Where it goes below 0 for good."""
    over = np.flatnonzero(excess >= 0)
    if len(over) == 0:
        return float(ts[0])
    k = over[-1]
    return float(ts[-1] if k == len(ts) - 1 else np.interp(0.0, [-excess[k], -excess[k + 1]], [ts[k], ts[k + 1]]))
