"""Models of event sequences: Poisson, Hawkes with closed or approximate compensators, and marked renewals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.events import EASY
from bench.models.building import facts
from bench.references.events import Hawkes, Renewal, Sequences, integrated, joined, unpacked
from bench.seeds import generator
from bench.tasks.likelihood.events import INTERDEPENDENCE, excitable

RULES = ("closed", "trapezoid", "monte-carlo")


@dataclass(frozen=True)
class EventDensity(LogDensity):
    """A log-density with the compensator of each gap, (b, M + 1).

    foreseen: at the start of each gap the mean wait (b, M + 1), and the chances of the next mark, (b, M + 1, K).
    """

    increments: Float64s | None = None
    foreseen: tuple[Float64s, Float64s] | None = None


@dataclass
class HawkesModel:
    """An exponential Hawkes process: known, fitted by maximum likelihood, or with no excitation at all."""

    name: str
    compensator: str = "closed"
    points: int = 20
    process: Hawkes | None = None
    seed: int = 0

    def fit(self, train: Examples, seed: int) -> None:
        """Maximum likelihood on the training sequences."""
        self.seed = seed
        if self.name == "hawkes-oracle":
            self.process = excitable()
            return
        events = unpacked(known_sequences(train))
        marks = int(events.marks.max(initial=0)) + 1
        counts = np.array([(events.scored & (events.marks == k)).sum() for k in range(marks)])
        rates = (counts + 0.5) / events.horizon.sum()
        flat = Hawkes(rates, np.zeros((marks, marks)), 1.0)
        self.process = flat if self.name == "poisson" else most_likely(events, flat)

    def density(self, inputs: AnyArray) -> EventDensity:
        """Log-density (b,); exact, or an estimate where the compensator is approximate."""
        assert self.process is not None  # noqa: S101 - fit comes first
        events = unpacked(inputs)
        exact, increments = self.process.log_prob(events)
        if self.compensator == "closed":
            return EventDensity(exact, increments=increments, foreseen=self.process.foreseen(events))
        draws = generator(self.seed, "compensator", len(events.horizon))
        near = integrated(self.process, events, self.points, self.compensator, draws)
        return EventDensity(
            exact + increments.sum(axis=1) - near.sum(axis=1),
            likelihood="estimate",
            increments=np.maximum(near, 0.0),
            foreseen=self.process.foreseen(events),
        )

    def continued(self, inputs: AnyArray, until: float, draws: int, seeds: Ints) -> Sequences:
        """So many continuations of each sequence (b, ...) up to a time, one after the other: b * draws sequences."""
        assert self.process is not None  # noqa: S101 - fit comes first
        parts = []
        for row, seed in zip(np.asarray(inputs), seeds, strict=True):
            copies = unpacked(np.broadcast_to(row, (draws, *row.shape)))
            parts.append(self.process.continued(copies, until, np.random.default_rng(int(seed))))
        return joined(parts)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts(self.name, {"compensator": self.compensator, "points": self.points}, "numpy", "scipy")


@dataclass
class RenewalModel:
    """Log-normal waits by mark, and how mark and wait are taken together."""

    independent: bool
    process: Renewal | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - closed form
        """Shares, and mean and deviation of the logarithm of the waits that end in each mark."""
        events = unpacked(known_sequences(train))
        waits = np.log(events.gaps[:, :-1][events.scored])
        marks = events.marks[events.scored]
        kinds = range(int(marks.max(initial=0)) + 1)
        of = [waits[marks == k] for k in kinds]
        if not of or min(len(w) for w in of) < 2:
            raise UsageError(
                "marked-renewal cannot be fitted", cause="a mark occurs fewer than twice", fix="give it more sequences"
            )
        self.process = Renewal(
            np.array([len(w) for w in of]) / len(waits),
            np.array([w.mean() for w in of]),
            np.array([max(w.std(), 1e-6) for w in of]),
        )

    def density(self, inputs: AnyArray) -> EventDensity:
        """Exact log-density of the model, (b,)."""
        assert self.process is not None  # noqa: S101 - fit comes first
        events = unpacked(inputs)
        value, increments = self.process.log_prob(events, self.independent)
        return EventDensity(value, increments=increments, foreseen=self.process.foreseen(events))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("marked-renewal", {"independent": self.independent}, "numpy", "scipy")


def most_likely(events: Sequences, start: Hawkes) -> Hawkes:
    """The Hawkes process of greatest likelihood, by L-BFGS over logarithms of all parameters."""
    from scipy.optimize import minimize

    marks = len(start.base)

    def process(theta: Float64s) -> Hawkes:
        values = np.exp(np.clip(theta, -20, 8))
        return Hawkes(values[:marks], values[marks:-1].reshape(marks, marks), float(values[-1]))

    def loss(theta: Float64s) -> float:
        return -float(process(theta).log_prob(events)[0].sum()) / max(1, int(events.present.sum()))

    first = np.log(np.concatenate([start.base / 2, np.full(marks**2, 0.5 / marks), [1.0]]))
    return process(minimize(loss, first, method="L-BFGS-B", options={"maxiter": 100}).x)


def known_sequences(train: Examples) -> AnyArray:
    """The packed training sequences; `UsageError` where there are none."""
    if len(train) == 0:
        raise UsageError("a process cannot be fitted", cause="there are no training sequences", fix="give some")
    return np.asarray(train.inputs)


@model("hawkes-oracle", gives="density", source="Hawkes 1971; closed form", papers=(EASY,), check="likelihood/hawkes")
def hawkes_oracle() -> HawkesModel:
    """The process that `likelihood/hawkes` is drawn from."""
    return HawkesModel("hawkes-oracle")


@model("hawkes", gives="density", source="Hawkes 1971; Ozaki 1979", papers=(EASY,), check="likelihood/hawkes")
def hawkes(compensator: str = "closed", points: int = 20) -> HawkesModel:
    """An exponential Hawkes process over marks, fitted by maximum likelihood.

    compensator: closed, or as processes without a closed form have it: trapezoid (biased) or monte-carlo, each on
    `points` points a gap; then the log-density is an estimate.
    """
    if compensator not in RULES or points < 2:
        raise UsageError(
            f"hawkes cannot have compensator={compensator},points={points}",
            cause="compensator is one of " + ", ".join(RULES) + ", and there are at least 2 points",
            fix="bench show model hawkes",
        )
    return HawkesModel("hawkes", compensator, points)


@model("poisson", gives="density", source="closed form", papers=(EASY,), check="likelihood/hawkes")
def poisson() -> HawkesModel:
    """A Poisson process of constant rate for each mark."""
    return HawkesModel("poisson")


@model(
    "marked-renewal",
    gives="density",
    source="Waghmare, Debnath, Asthana and Malhotra 2022, with one log-normal a mark",
    papers=(INTERDEPENDENCE,),
    check="likelihood/marked-waits",
)
def marked_renewal(independent: bool = False) -> RenewalModel:
    """Waits that hang on the mark: p(mark) p(wait | mark), log-normal.

    independent: p(mark) p(wait), with the same law of waits; what it loses is their mutual information.
    """
    return RenewalModel(independent)
