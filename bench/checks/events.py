"""Point processes against sums over all pairs, quadrature, and the time-rescaling theorem."""

from __future__ import annotations

import itertools

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact, ids, simulated
from bench.components import Truth, check
from bench.estimators.transport import transport_distance
from bench.metrics.events import EASY, rescaling_distance
from bench.models.events import most_likely
from bench.records.events import Events
from bench.references.events import Hawkes, Sequences, integrated, joined, rmtpp_compensator
from bench.seeds import generator
from bench.tasks.likelihood.events import INTERDEPENDENCE, excitable, residuals, rhythm


def pairwise(process: Hawkes, events: Sequences, row: int) -> tuple[float, float]:
    """Log-density of one sequence by sums over all pairs of events, with and without the silence after the last."""
    from scipy.integrate import quad

    many = int(events.counts[row])
    times, marks, horizon = events.times[row, :many], events.marks[row, :many], float(events.horizon[row])

    def rate(t: float, upto: int) -> Float64s:
        past = process.decay * np.exp(-process.decay * (t - times[:upto]))
        return process.base + (process.jump[:, marks[:upto]] * past).sum(axis=1)

    logs = sum(float(np.log(rate(t, i)[marks[i]])) for i, t in enumerate(times))
    edges = [0.0, *times.tolist(), horizon]
    pieces = [
        quad(lambda t, i=i: float(rate(t, i).sum()), a, b, epsabs=1e-13)[0]
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    return logs - sum(pieces), logs - sum(pieces[:-1])


@check("likelihood/hawkes", area="likelihood", source="Hawkes 1971; Brown et al. 2002", papers=(EASY,))
def hawkes() -> list[Truth]:
    """Densities and their silence, three kinds of compensators, thinning, rescaling and maximum likelihood."""
    process, draws = excitable(), generator(0, "hawkes")
    events = process.sample(200, 20.0, draws)
    values, increments = process.log_prob(events)
    whole, unsilenced = zip(*(pairwise(process, events, row) for row in range(4)), strict=True)
    still = Hawkes(np.array([0.7]), np.zeros((1, 1)), 1.0)
    quiet = still.sample(50, 20.0, draws)
    total = increments.sum()
    rough, fine = (integrated(process, events, k, "trapezoid", draws).sum() / total - 1 for k in (2, 200))
    random = integrated(process, events, 20, "monte-carlo", draws).sum(axis=1) - increments.sum(axis=1)
    # Of a linear process the expected count solves E N = base T + jump-weighted E N, less what the horizon cuts off.
    expected = _expected_count(process, 20.0)
    records = [_record(events, increments), _record(events, still_increments(events))]
    gaps = int(events.counts.sum())
    distance, wrong = (float(rescaling_distance(r, np.ones((1, 200)))[0]) for r in records)
    some = Sequences(events.times[:120], events.marks[:120], events.present[:120], events.horizon[:120])
    refit = most_likely(some, Hawkes(np.ones(2), np.zeros((2, 2)), 1.0))
    return [
        Truth(float(sum(whole)), float(values[:4].sum()), 1e-10, "four sequences, all pairs and quadrature"),
        Truth(
            float(sum(whole) - sum(unsilenced)),
            float(-increments[np.arange(4), events.counts[:4]].sum()),
            1e-10,
            "their silence up to the horizon",
        ),
        exact(
            float((quiet.counts * np.log(0.7) - 14).sum()),
            float(still.log_prob(quiet)[0].sum()),
            "Poisson, in closed form",
        ),
        Truth(0.0, float(fine), 1e-4, "trapezoid of 200 points a gap, relative"),
        exact(1.0, float(rough > 0.02), "trapezoid of 2 points is too high by more than 2 %"),
        simulated(0.0, random, "Monte-Carlo compensator of 20 points a gap, less the closed one"),
        simulated(expected, events.counts, "events of a thinned sequence"),
        Truth(0.0, distance, 1.95 / gaps**0.5, f"rescaling distance of the true model, {gaps} gaps (Kolmogorov 1e-3)"),
        exact(1.0, float(wrong > 3 * 1.95 / gaps**0.5), "a Poisson process of the same rate is found out"),
        exact(
            1.0,
            float(refit.log_prob(some)[0].sum() >= values[:120].sum()),
            "maximum likelihood is not below the truth's",
        ),
        Truth(0.4, float(refit.jump[0, 0]), 0.2, "jump recovered from 120 sequences"),
    ]


def _expected_count(process: Hawkes, horizon: float, state: Float64s | None = None) -> float:
    """E N(T) in closed form: the mean intensity m' = decay ((jump - 1) m + base), m(0) that after past events, if any.

    state: decayed counts of the past events of each mark, (K,).
    """
    begin = process.base if state is None else process.base + process.decay * process.jump @ state
    away = process.decay * (np.eye(len(process.base)) - process.jump)
    values, vectors = np.linalg.eig(away)
    level = np.linalg.solve(away, process.decay * process.base)
    start = np.linalg.solve(vectors, begin - level)
    decayed = vectors @ (start * -np.expm1(-values * horizon) / values)
    return float((level * horizon + decayed.real).sum())


def still_increments(events: Sequences) -> Float64s:
    """Compensators under one constant rate, that of the events themselves."""
    return events.gaps * events.counts.sum() / events.horizon.sum()


def _record(events: Sequences, increments: Float64s) -> Events:
    n = len(events.horizon)
    noise = generator(0, "cut-off-gaps").random(n)
    return Events(
        ids=ids(n), log_prob=np.zeros(n), dim=np.ones(n, dtype=np.int64), residuals=residuals(events, increments, noise)
    )


@check("likelihood/next-events", area="likelihood", source="quadrature; simulation", papers=(EASY,))
def next_events() -> list[Truth]:
    """Expected waits and chances of marks against quadrature, and against what comes in 6,000 simulated sequences.

    A sequence that starts at 0 has the law of the base alone; expectations after two events by quadrature of the
    survival.  A renewal process waits as long on average after any event.
    """
    from scipy.integrate import quad

    process, draws = excitable(), generator(0, "next-events")
    events = process.sample(20, 20.0, draws)
    waits, chances = process.foreseen(events)
    row, at = 0, int(events.counts[0])
    state = next(s for i, _, s in process._walk(events) if i == at)[row]  # noqa: SLF001 - the recursion is checked above
    total, base = float(state @ process.jump.sum(axis=0)), float(process.base.sum())

    def alive(s: float) -> float:
        return float(np.exp(-base * s + total * np.expm1(-process.decay * s)))

    by_hand = quad(alive, 0, np.inf, epsabs=1e-13)[0]
    pull = process.decay * float(process.jump[0] @ state)

    def rate(s: float) -> float:
        return float(process.base[0] + pull * np.exp(-process.decay * s))

    first = quad(lambda s: alive(s) * rate(s), 0, np.inf, epsabs=1e-13)[0]
    many = process.sample(6000, 20.0, draws)
    opened = many.counts > 1
    # The second event's wait and mark, given the first: nearly all of them come within a horizon of 20.
    expected, likely = process.foreseen(many)
    short = rhythm().sample(2000, 60.0, draws)
    waited = short.gaps[:, 1][short.counts > 1]
    return [
        exact(by_hand, float(waits[row, at]), "mean wait after all events of a sequence, by quadrature"),
        exact(first, float(chances[row, at, 0]), "chance of a mark there, by quadrature"),
        exact(1.0, float(np.abs(chances.sum(axis=2) - 1).max() + 1), "chances of all marks"),
        simulated(0.0, (many.gaps[:, 1] - expected[:, 1])[opened], "second waits of 6,000 sequences, less expected"),
        simulated(0.0, ((many.marks[:, 1] == 0) - likely[:, 1, 0])[opened], "their first mark, less its chance"),
        simulated(float(rhythm().foreseen(short)[0][0, 0]), waited, "waits of a renewal process"),
    ]


@check("likelihood/transport-distance", area="likelihood", source="linear assignment (scipy)", papers=(EASY,))
def transport() -> list[Truth]:
    """Alignments cost what the best assignment does; continuations have the events that the process expects.

    The mean number of events to come is in closed form by the mean intensity, from the intensity at the time of asking.
    """
    process, draws = excitable(), generator(0, "transport")
    one, other = (process.sample(60, 8.0, draws) for _ in range(2))
    found = transport_distance(one, other, 0.7)
    by_hand = [_assigned(one, other, row, 0.7) for row in range(60)]
    nothing = transport_distance(one, one, 0.7)
    past = process.sample(1, 15.0, draws)
    copies = joined([past] * 4000)
    after = process.continued(copies, 20.0, draws)
    gaps = 15.0 - past.times[0][past.present[0]]
    state = np.exp(-process.decay * gaps) @ (past.marks[0][past.present[0]][:, None] == np.arange(2))
    return [
        exact(0.0, float(np.abs(found - by_hand).max()), "60 pairs of sequences, by assignment"),
        exact(0.0, float(np.abs(nothing).max()), "sequences and themselves"),
        simulated(_expected_count(process, 5.0, state), after.counts, "events in 4,000 continuations"),
    ]


def _assigned(one: Sequences, other: Sequences, row: int, cost: float) -> float:
    from scipy.optimize import linear_sum_assignment

    total = 0.0
    for mark in range(2):
        here, there = (s.times[row][s.present[row] & (s.marks[row] == mark)] for s in (one, other))
        n, m = len(here), len(there)
        table = np.zeros((n + m, n + m))
        table[:n, :m], table[:n, m:], table[n:, :m] = np.abs(here[:, None] - there), cost, cost
        total += float(table[linear_sum_assignment(table)].sum())
    return total


@check("likelihood/recurrent-waits", area="likelihood", source="quadrature", papers=(EASY,))
def recurrent_waits() -> list[Truth]:
    """A recurrent network whose weights nobody trained is a density all the same: waits and marks integrate to one.

    What is left beyond a wait is its survival; the mean wait is the density's; and the sequence's density is the sum of
    its parts, the silence at its end included.
    """
    from bench.models.event_networks import RecurrentEvents

    model = RecurrentEvents(independent=False)
    events = rhythm().sample(3, 12.0, generator(0, "recurrent-waits"))
    model.untrained(events, 0)
    at, row = int(events.counts[0]), 0
    grid = np.linspace(-14, 8, 4001)
    step = float(grid[1] - grid[0])
    dense = np.exp(model.log_next(events, row, at, np.exp(grid)) + grid) * step  # over the wait's logarithm
    gap = float(events.gaps[row, at])
    beyond = float(dense[np.exp(grid) > gap].sum())
    answer = model.density(events.packed())
    assert answer.increments is not None and answer.foreseen is not None  # noqa: S101, PT018 - the model gives both
    parts = [
        float(model.log_next(events, row, i, events.gaps[row, i : i + 1], int(events.marks[row, i]))[0])
        for i in range(at)
    ]
    return [
        Truth(1.0, float(dense.sum()), 1e-6, "waits and marks after the last event of a sequence"),
        Truth(beyond, float(np.exp(-answer.increments[row, at])), 2e-3, "chance of more silence, on a grid of waits"),
        Truth(float((dense * np.exp(grid)).sum()), float(answer.foreseen[0][row, at]), 1e-3, "mean wait"),
        Truth(sum(parts) - float(answer.increments[row, at]), float(answer.log_prob[row]), 1e-10, "a whole sequence"),
    ]


@check("likelihood/marked-waits", area="likelihood", source="Cover and Thomas 2006: I(t; k)", papers=(INTERDEPENDENCE,))
def marked_waits() -> list[Truth]:
    """Independent heads lose the mutual information of wait and mark; waits integrate to 1; RMTPP in closed form."""
    from scipy.integrate import quad

    process, draws = rhythm(), generator(0, "marked-waits")
    events = process.sample(600, 20.0, draws)
    joint, increments = process.log_prob(events)
    apart, _ = process.log_prob(events, independent=True)
    many = events.counts
    lost = (joint - apart) - process.dependence() * many
    mass = quad(lambda z: float(np.exp(process.log_wait(np.exp(np.array([z])))[0] + z).sum()), -8, 8, epsabs=1e-12)[0]
    level, slope, gap = 0.3, np.array([-0.7, 0.0, 0.4]), 1.7
    closed = rmtpp_compensator(np.full(3, level), slope, np.full(3, gap))
    by_quad = [quad(lambda s, w=w: float(np.exp(level + w * s)), 0, gap)[0] for w in slope]
    distance = float(rescaling_distance(_record(events, increments), np.ones((1, 600)))[0])
    return [
        exact(1.0, mass, "p(wait, mark) over all waits and marks"),
        Truth(
            process.dependence(),
            process.dependence() + float(lost.sum() / many.sum()),
            ERRORS * float(lost.std(ddof=1)) * len(lost) ** 0.5 / float(many.sum()),
            "nats an event that independent heads lose",
        ),
        Truth(0.0, distance, 1.95 / float(many.sum()) ** 0.5, "rescaling distance of the true model (Kolmogorov 1e-3)"),
        exact(0.0, float(np.abs(closed - by_quad).max()), "RMTPP compensator against quadrature"),
    ]
