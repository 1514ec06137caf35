"""Likelihood bounds of masked (absorbing) diffusion models, in the forms that are equal to one another.

A denoiser gives each hidden symbol a distribution, given the symbols that are seen.  Where it doesn't look at the time,
four losses have one expectation, and each bounds -log p(x) from above: over orders of unmasking, over the number of
hidden symbols, over the rate at which symbols are hidden, and over time on any schedule.  Sources: Ou et al. 2024
(RADD), Nie et al. 2024 (SMDM), Uria, Murray and Larochelle 2014 for orders.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import comb
from typing import Literal, get_args

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.capabilities import LogDensity
from bench.errors import UsageError
from bench.models.dequantisation import dequantised

# Symbols (n, L) and which of them are hidden (n, L) -> log-probabilities (n, L, V) of what stands at each place.
Denoiser = Callable[[Ints, Bools], Float64s]
Form = Literal["orders", "count", "rate", "time"]
FORMS: tuple[Form, ...] = get_args(Form)
MOST_ENUMERATED = 14
BLOCK = 4096


def form_of(name: str) -> Form:
    """The form of that name; `UsageError` where there is none."""
    if name not in FORMS:
        raise UsageError(
            f"masked diffusion has no form '{name}'", cause=f"it has {', '.join(FORMS)}", fix="name one of them"
        )
    return name


def surprise(denoiser: Denoiser, rows: Ints, hidden: Bools) -> Float64s:
    """-log probability of each hidden symbol given the seen ones, nats, (n, L); 0 where nothing is hidden."""
    found = np.zeros(rows.shape)
    for i in range(0, len(rows), BLOCK):
        part, over = rows[i : i + BLOCK], hidden[i : i + BLOCK]
        logs = np.take_along_axis(denoiser(part, over), part[:, :, None], axis=2)[:, :, 0]
        found[i : i + BLOCK] = np.where(over, -logs, 0.0)
    return found


def bound(
    denoiser: Denoiser, rows: Ints, form: Form = "count", draws: int = 32, seed: int = 0, given: Bools | None = None
) -> LogDensity:
    """A Monte-Carlo lower bound on log p(x) of each row, (n,), with its standard error.

    rows: (n, L).  given: (n, L), symbols of a condition c, which are never hidden: then it bounds log p(x | c).
    Numbers, rates and times are stratified over the draws, so the error, which is that of independent draws, is on
    the safe side.  A row's noise depends on (seed, the row) alone.  "orders" runs the denoiser L times a draw.
    """
    given = np.zeros(rows.shape, dtype=bool) if given is None else given
    values = np.empty((draws, len(rows)))
    for s in range(draws):
        noise = _noise(rows, seed, s)
        if form == "orders":
            values[s] = ordered(denoiser, rows, np.where(given, -1.0, noise[:, :-1]).argsort(axis=1), given)
        else:
            hidden, weight = _hidden(form, noise, (s + noise[:, -1]) / draws, given)
            values[s] = -weight * surprise(denoiser, rows, hidden).sum(axis=1)
    error = values.std(axis=0, ddof=1) / np.sqrt(draws) if draws > 1 else None
    return LogDensity(values.mean(axis=0), likelihood="lower", mc_error=error)


def ordered(
    denoiser: Denoiser, rows: Ints, order: Ints, given: Bools | None = None, counted: Bools | None = None
) -> Float64s:
    """Log-probability of rows unmasked one symbol after the other in the given order (n, L): exact for that order.

    given: symbols (n, L) that are seen from the start.  counted: the only symbols (n, L) whose log-probability is added
    up; with the others last in the order, it is that of a part of each row.
    """
    n, length = rows.shape
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.broadcast_to(np.arange(length), order.shape), axis=1)
    total = np.zeros(n)
    for turn in range(length):
        found = surprise(denoiser, rows, (place >= turn) if given is None else (place >= turn) & ~given)
        if counted is not None:
            found = np.where(counted, found, 0.0)
        total -= np.take_along_axis(found, order[:, turn : turn + 1], axis=1)[:, 0]
    return total


def enumerated(denoiser: Denoiser, rows: Ints, form: Form = "count", steps: int = 0) -> Float64s:
    """The bound of each row without Monte-Carlo error, (n,), by all 2^L masks, or all L! orders.

    steps: where not 0, the bound of that many equal steps of time, which is looser.  "rate" and "time" integrate over
    each mask's chance by Gauss-Legendre quadrature.  Raises `UsageError` for rows too long to enumerate.
    """
    n, length = rows.shape
    if length > (7 if form == "orders" else MOST_ENUMERATED):
        raise UsageError(
            f"rows of {length} symbols cannot be enumerated",
            cause=f"there are too many {'orders' if form == 'orders' else 'masks'}",
            fix="use bound",
        )
    if form == "orders":
        every = np.array(list(permutations(range(length))))
        wide = np.repeat(rows, len(every), axis=0)
        return ordered(denoiser, wide, np.tile(every, (n, 1))).reshape(n, len(every)).mean(axis=1)
    masks = (np.arange(1, 2**length)[:, None] >> np.arange(length)) & 1 == 1
    wide, over = np.repeat(rows, len(masks), axis=0), np.tile(masks, (n, 1))
    losses = surprise(denoiser, wide, over).sum(axis=1).reshape(n, len(masks))
    return -losses @ _mask_weights(form, length, steps)[masks.sum(axis=1) - 1]


def _mask_weights(form: Form, length: int, steps: int) -> Float64s:
    """Weight of one mask that hides k symbols, k = 1 .. L, in the exact expectation of each form."""
    k = np.arange(1, length + 1)
    if steps:
        rate = np.arange(1, steps + 1)[:, None] / steps
        return (rate ** (k - 1) * (1 - rate) ** (length - k)).mean(axis=0)
    if form == "count":
        return 1 / (k * np.array([comb(length, int(j)) for j in k]))
    nodes, share = np.polynomial.legendre.leggauss(64)
    at, share = (nodes + 1)[:, None] / 2, share[:, None] / 2
    rate, speed = (at, np.ones_like(at)) if form == "rate" else _cosine(at)
    return (share * speed * rate ** (k - 1) * (1 - rate) ** (length - k)).sum(axis=0)


def _cosine(time: Float64s) -> tuple[Float64s, Float64s]:
    """Share of hidden symbols at a time in [0, 1] on the cosine schedule, and its derivative."""
    return 1 - np.cos(np.pi * time / 2), np.pi / 2 * np.sin(np.pi * time / 2)


def _hidden(form: Form, noise: Float64s, level: Float64s, given: Bools) -> tuple[Bools, Float64s]:
    """One mask a row (n, L), and the weight (n,) of its loss.  noise: (n, L + 1); level: (n,) in [0, 1)."""
    free = np.where(given, np.inf, noise[:, :-1])
    if form == "count":
        many = (~given).sum(axis=1)
        count = 1 + np.floor(level * many).astype(np.int64)
        rank = free.argsort(axis=1).argsort(axis=1)
        return rank < np.minimum(count, many)[:, None], many / count
    rate, speed = (level, np.ones_like(level)) if form == "rate" else _cosine(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(rate > 0, speed / rate, 0.0)  # at rate 0 nothing is hidden
    return free < rate[:, None], weight


def _noise(rows: Ints, seed: int, draw: int) -> Float64s:
    # Uniform on [0, 1), (n, L + 1), a function of (seed, draw, the row).
    wide = np.pad(rows.astype(np.float64), ((0, 0), (0, 1)))
    return (dequantised(wide, seed, draw) - wide) % 1.0


def guided(denoiser: Denoiser, given: Bools, strength: float) -> Denoiser:
    """Classifier-free guidance without a classifier: p(x | c)^(1 + w) / p(x | c hidden)^w, normalised.

    given: (L,), the places of the condition c.  strength: w; 0 changes nothing.
    """

    def steered(rows: Ints, hidden: Bools) -> Float64s:
        told = denoiser(rows, hidden)
        if strength == 0:
            return told
        blind = denoiser(rows, hidden | given)
        with np.errstate(invalid="ignore"):
            mixed = np.where(np.isneginf(told), -np.inf, (1 + strength) * told - strength * blind)
        return mixed - np.logaddexp.reduce(mixed, axis=2, keepdims=True)

    return steered


def sampled(
    denoiser: Denoiser, rows: Ints, hidden: Bools, steps: int, draws: np.random.Generator, confident: bool = False
) -> tuple[Ints, int]:
    """Rows with their hidden symbols drawn, and how often the denoiser was run for it.

    Each step fills an equal share of the places still hidden: those drawn most surely where `confident`, else random
    ones (ancestral sampling).  With as many steps as hidden symbols, random places follow the model's own law.
    """
    rows, hidden = rows.copy(), hidden.copy()
    run = 0
    for step in range(steps):
        open_ = hidden.sum(axis=1)
        if not open_.any():
            break
        logs = denoiser(rows, hidden)
        run += 1
        ends = np.exp(logs).cumsum(axis=2)
        picks = (draws.random(rows.shape)[:, :, None] * ends[:, :, -1:] > ends).sum(axis=2)
        sure = np.take_along_axis(logs, picks[:, :, None], axis=2)[:, :, 0] if confident else draws.random(rows.shape)
        rank = np.where(hidden, -sure, np.inf).argsort(axis=1).argsort(axis=1)
        now = hidden & (rank < -(-open_ // (steps - step))[:, None])
        rows = np.where(now, picks, rows)
        hidden &= ~now
    return rows, run


class Remembered:
    """A denoiser that runs each distinct question once: `asked` and `run` count both.

    A denoiser that doesn't look at time answers the same whenever no symbol was unmasked between two steps.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self.asked = 0
        self.run = 0

    def __call__(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log-probabilities (n, L, V)."""
        seen, where = np.unique(np.where(hidden, -1, rows), axis=0, return_inverse=True)
        self.asked += len(rows)
        self.run += len(seen)
        return self.denoiser(np.maximum(seen, 0), seen < 0)[where.ravel()]
