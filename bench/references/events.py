"""Marked event sequences from processes whose likelihood is exact: Poisson, Hawkes, and renewals with marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints


@dataclass(frozen=True, eq=False)
class Sequences:
    """n sequences of at most M events: times (n, M) that increase, marks (n, M), present (n, M), horizon (n,).

    An event at time 0 opens its sequence: it is given, acts on what follows, and is not scored.
    """

    times: Float64s
    marks: Ints
    present: Bools
    horizon: Float64s

    @property
    def gaps(self) -> Float64s:
        """Time from each event to the one after it, or to the horizon, the first from 0: (n, M + 1); 0 beyond."""
        ends = np.where(self.present, self.times, self.horizon[:, None])
        return np.diff(ends, axis=1, prepend=0.0, append=self.horizon[:, None])

    @property
    def counts(self) -> Ints:
        """Events of each sequence, (n,)."""
        return self.present.sum(axis=1)

    @property
    def scored(self) -> Bools:
        """Events that are present and open no sequence, (n, M)."""
        return self.present & (self.times > 0)

    def packed(self) -> Float64s:
        """One array (n, M + 1, 2): first (horizon, 0), then (time, mark) of each event, NaN beyond."""
        events = np.stack([self.times, self.marks.astype(np.float64)], axis=2)
        head = np.stack([self.horizon, np.zeros(len(self.horizon))], axis=1)[:, None]
        return np.concatenate([head, np.where(self.present[:, :, None], events, np.nan)], axis=1)


def unpacked(inputs: AnyArray) -> Sequences:
    """The sequences that `Sequences.packed` made an array of."""
    events = np.asarray(inputs, dtype=np.float64)
    present = np.isfinite(events[:, 1:, 0])
    times = np.where(present, events[:, 1:, 0], 0.0)
    marks = np.where(present, events[:, 1:, 1], 0.0).astype(np.int64)
    return Sequences(times, marks, present, events[:, 0, 0])


@dataclass(frozen=True, eq=False)
class Hawkes:
    """lambda_k(t) = base_k + Σ_{t_j < t} jump[k, m_j] decay exp(-decay (t - t_j)), over K marks.

    base: (K,).  jump: (K, K), the mean number of events of mark k that one of mark m brings about directly.  All
    jumps 0: a Poisson process.
    """

    base: Float64s
    jump: Float64s
    decay: float

    def log_prob(self, events: Sequences) -> tuple[Float64s, Float64s]:
        """Exact log-density (n,), and the compensator of each gap (n, M + 1), by a recursion that is linear in M."""
        log_rates, pieces = np.zeros(len(events.horizon)), []
        for at, gap, state in self._walk(events):
            pieces.append(self.base.sum() * gap + state @ self.jump.sum(axis=0) * -np.expm1(-self.decay * gap))
            if at < events.times.shape[1]:
                rate = self._rate(np.exp(-self.decay * gap)[:, None] * state, events.marks[:, at])
                log_rates += np.where(events.scored[:, at], np.log(rate), 0.0)
        increments = np.stack(pieces, axis=1)
        return log_rates - increments.sum(axis=1), increments

    def intensity(self, events: Sequences, gap: int, since: Float64s) -> Float64s:
        """Intensity of all marks together at times `since` (n, S) after the start of one gap, (n, S)."""
        state = next(s for at, _, s in self._walk(events) if at == gap)
        excited = (state @ self.jump.sum(axis=0))[:, None] * self.decay * np.exp(-self.decay * since)
        return self.base.sum() + excited

    def foreseen(self, events: Sequences) -> tuple[Float64s, Float64s]:
        """From the start of each gap, the mean wait for the next event (n, M + 1), and the chances of its mark.

        The latter are (n, M + 1, K).  With B the base rate, J the excitation by events so far and a = B / decay, the
        mean wait is the integral of the survival, 1F1(1; a + 1; -J) / B (Kummer); marks share what is left of it.
        """
        from scipy.special import hyp1f1

        base, excited = self.base.sum(), self.jump.sum(axis=0)
        waits, chances = [], []
        for _, _, state in self._walk(events):
            total = state @ excited
            wait = hyp1f1(1.0, base / self.decay + 1, -total) / base
            share = np.divide(state @ self.jump.T, total[:, None], out=np.zeros_like(state), where=total[:, None] > 0)
            waits.append(wait)
            chances.append(wait[:, None] * self.base + (1 - base * wait)[:, None] * share)
        return np.stack(waits, axis=1), np.stack(chances, axis=1)

    def _walk(self, events: Sequences) -> list[tuple[int, Float64s, Float64s]]:
        # For each gap: its number, its length (n,), and the decayed count of past events by mark (n, K) at its start.
        gaps = events.gaps
        state = np.zeros((len(gaps), len(self.base)))
        found = []
        for at in range(gaps.shape[1]):
            found.append((at, gaps[:, at], state))
            if at < events.times.shape[1]:
                hot = (events.marks[:, at, None] == np.arange(len(self.base))) & events.present[:, at, None]
                state = state * np.exp(-self.decay * gaps[:, at])[:, None] + hot
        return found

    def _rate(self, state: Float64s, marks: Ints) -> Float64s:
        return self.base[marks] + self.decay * (state * self.jump[marks]).sum(axis=1)

    def sample(self, n: int, horizon: float, draws: np.random.Generator) -> Sequences:
        """`n` sequences on [0, horizon] by Ogata's thinning, all of them at once."""
        return self._thinned(np.zeros(n), np.zeros((n, len(self.base))), horizon, draws)

    def continued(self, events: Sequences, until: float, draws: np.random.Generator) -> Sequences:
        """One continuation of each sequence, from its horizon on and up to another time, given its events."""
        _, gap, state = self._walk(events)[-1]
        return self._thinned(events.horizon.copy(), state * np.exp(-self.decay * gap)[:, None], until, draws)

    def _thinned(self, clock: Float64s, state: Float64s, horizon: float, draws: np.random.Generator) -> Sequences:
        """From times (n,) and decayed counts of past events (n, K), both of which are changed."""
        n, marks_n = state.shape
        rows: list[Ints] = []
        times: list[Float64s] = []
        marks: list[Ints] = []
        alive = np.arange(n)
        while len(alive):
            ceiling = self.base.sum() + self.decay * state[alive] @ self.jump.sum(axis=0)
            wait = draws.exponential(size=len(alive)) / ceiling
            clock[alive] += wait
            state[alive] *= np.exp(-self.decay * wait)[:, None]
            rates = self.base + self.decay * state[alive] @ self.jump.T
            pick = (draws.random(len(alive))[:, None] * ceiling[:, None] > rates.cumsum(axis=1)).sum(axis=1)
            inside = clock[alive] < horizon
            hit = inside & (pick < marks_n)
            state[alive[hit], pick[hit]] += 1
            rows.append(alive[hit])
            times.append(clock[alive[hit]])
            marks.append(pick[hit])
            alive = alive[inside]
        return gathered(n, np.concatenate(rows), np.concatenate(times), np.concatenate(marks), horizon)


def gathered(n: int, rows: Ints, times: Float64s, marks: Ints, horizon: float | Float64s) -> Sequences:
    """Sequences from events in any order: rows (e,) says which of the n sequences each belongs to.

    horizon: of all, or of each (n,).
    """
    order = np.lexsort((times, rows))
    rows, times, marks = rows[order], times[order], marks[order]
    counts = np.bincount(rows, minlength=n)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = max(1, int(counts.max(initial=0)))
    all_times, all_marks = np.zeros((n, most)), np.zeros((n, most), dtype=np.int64)
    all_times[rows, place], all_marks[rows, place] = times, marks
    return Sequences(all_times, all_marks, np.arange(most) < counts[:, None], np.full(n, 0.0) + horizon)


def joined(parts: Sequence[Sequences]) -> Sequences:
    """All sequences of several tables, one after the other."""
    most = max(part.times.shape[1] for part in parts)

    def wide(values: AnyArray) -> AnyArray:
        return np.pad(values, ((0, 0), (0, most - values.shape[1])))

    columns = [(wide(p.times), wide(p.marks), wide(p.present), p.horizon) for p in parts]
    return Sequences(*(np.concatenate(column) for column in zip(*columns, strict=True)))


@dataclass(frozen=True, eq=False)
class Renewal:
    """Each event: its mark k with chance share_k, after a log-normal wait that hangs on the mark.

    share, centre, spread: (K,); centre and spread are of the wait's logarithm.
    """

    share: Float64s
    centre: Float64s
    spread: Float64s

    def log_wait(self, gaps: Float64s) -> Float64s:
        """Log p(k) p(wait | k) for each mark, (..., K)."""
        z = (np.log(gaps)[..., None] - self.centre) / self.spread
        return np.log(self.share) - z**2 / 2 - np.log(gaps[..., None] * self.spread) - np.log(2 * np.pi) / 2

    def survival(self, gaps: Float64s) -> Float64s:
        """Chance that the wait is longer than each gap, its mark not known yet."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            z = (np.log(gaps)[..., None] - self.centre) / self.spread
        return ndtr(-z) @ self.share

    def log_prob(self, events: Sequences, independent: bool = False) -> tuple[Float64s, Float64s]:
        """Exact log-density (n,) and compensators (n, M + 1).  independent: p(wait) p(mark) in place of the joint."""
        gaps, many = events.gaps, events.counts
        waits = np.where(events.scored, gaps[:, :-1], 1.0)
        joint = self.log_wait(waits)
        if independent:
            logs = np.logaddexp.reduce(joint, axis=2) + np.log(self.share)[events.marks]
        else:
            logs = np.take_along_axis(joint, events.marks[:, :, None], axis=2)[:, :, 0]
        last = gaps[np.arange(len(gaps)), many]
        place = np.arange(gaps.shape[1]) <= many[:, None]
        increments = np.where(place, -np.log(self.survival(np.where(place, gaps, 1.0))), 0.0)
        return np.where(events.scored, logs, 0.0).sum(axis=1) + np.log(self.survival(last)), increments

    def foreseen(self, events: Sequences) -> tuple[Float64s, Float64s]:
        """As of `Hawkes`: the same at each event, since nothing is remembered."""
        shape = events.gaps.shape
        wait = float(self.share @ np.exp(self.centre + self.spread**2 / 2))
        return np.full(shape, wait), np.broadcast_to(self.share, (*shape, len(self.share)))

    def dependence(self) -> float:
        """Mutual information of mark and wait, nats, by quadrature."""
        from scipy.integrate import quad

        def piece(z: float) -> float:
            logs = self.log_wait(np.exp(np.array([z])))[0] + z
            return float((np.exp(logs) * (logs - np.logaddexp.reduce(logs) - np.log(self.share))).sum())

        reach = 12 * self.spread.max()
        ends = self.centre.min() - reach, self.centre.max() + reach
        return float(quad(piece, *ends, limit=400, points=self.centre.tolist(), epsabs=1e-11)[0])

    def sample(self, n: int, horizon: float, draws: np.random.Generator) -> Sequences:
        """`n` sequences on [0, horizon]."""
        clock, alive = np.zeros(n), np.arange(n)
        found: list[tuple[Ints, Float64s, Ints]] = []
        while len(alive):
            mark = draws.choice(len(self.share), size=len(alive), p=self.share)
            clock[alive] += np.exp(self.centre[mark] + self.spread[mark] * draws.standard_normal(len(alive)))
            inside = clock[alive] < horizon
            alive, mark = alive[inside], mark[inside]
            found.append((alive, clock[alive], mark))
        rows, times, marks = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return gathered(n, rows, times, marks, horizon)


def rmtpp_compensator(level: Float64s, slope: Float64s, gaps: Float64s) -> Float64s:
    """∫_0^gap exp(level + slope s) ds: the closed form of the recurrent marked process of Du et al. 2016."""
    small = np.abs(slope * gaps) < 1e-12
    safe = np.where(small, 1.0, slope)
    return np.exp(level) * np.where(small, gaps, np.expm1(safe * gaps) / safe)


def integrated(process: Hawkes, events: Sequences, points: int, rule: str, draws: np.random.Generator) -> Float64s:
    """Compensators (n, M + 1) by quadrature in each gap: "trapezoid" on `points` nodes, or "monte-carlo" on as many.

    What a process without a closed form has to do; the first is biased, the second is not.
    """
    gaps = events.gaps
    found = np.empty_like(gaps)
    for at in range(gaps.shape[1]):
        width = gaps[:, at, None]
        if rule == "trapezoid":
            grid = np.linspace(0, 1, points)
            found[:, at] = np.trapezoid(process.intensity(events, at, width * grid), grid, axis=1) * width[:, 0]
        else:
            grid = draws.random((len(gaps), points))
            found[:, at] = process.intensity(events, at, width * grid).mean(axis=1) * width[:, 0]
    return found
