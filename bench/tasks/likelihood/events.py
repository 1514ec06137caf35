"""Event sequences from processes whose likelihood is exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import task
from bench.examples import Examples
from bench.records import Record
from bench.records.events import Events
from bench.references.events import Hawkes, Renewal, Sequences, unpacked
from bench.seeds import generator, uniforms
from bench.tasks.asking import Asked

SIZES = {"train": 300, "test": 200}
HORIZON = 20.0
INTERDEPENDENCE = "Modeling Inter-Dependence Between Time and Mark in Multivariate Temporal Point Processes"


def excitable() -> Hawkes:
    """The process behind `likelihood/hawkes`: two marks, each event bringing about .6 to .7 further ones."""
    return Hawkes(np.array([0.3, 0.2]), np.array([[0.4, 0.1], [0.2, 0.6]]), 1.5)


def rhythm() -> Renewal:
    """The process behind `likelihood/marked-renewal`: a short, a middling and a long wait, each with its mark."""
    return Renewal(np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.0, 0.6]), np.array([0.4, 0.5, 0.3]))


@task(
    "likelihood/hawkes",
    needs="density",
    yields=Events,
    source="Hawkes 1971; closed form",
    check="likelihood/hawkes",
)
def likelihood_hawkes(seed: int) -> Examples:
    """200 sequences of two kinds of events that excite one another, on [0, 20]; truth is the exact log-density."""
    return _examples("likelihood/hawkes", excitable(), seed)


@task(
    "likelihood/marked-renewal",
    needs="density",
    yields=Events,
    source="Waghmare, Debnath, Asthana and Malhotra 2022; closed form",
    papers=(INTERDEPENDENCE,),
    check="likelihood/marked-waits",
)
def likelihood_marked_renewal(seed: int) -> Examples:
    """200 sequences on [0, 20] in which the wait hangs on the mark: what independent heads lose is their dependence."""
    return _examples("likelihood/marked-renewal", rhythm(), seed)


def _examples(name: str, process: Hawkes | Renewal, seed: int) -> Examples:
    together = process.sample(sum(SIZES.values()), HORIZON, generator(seed, name))
    splits = np.repeat(list(SIZES), list(SIZES.values()))
    return Examples(
        ids=np.array([f"{name.rpartition('/')[2]}-{i:04d}" for i in range(len(splits))]),
        inputs=together.packed(),
        truth=process.log_prob(together)[0],
        splits=splits,
        asker=Asked(ask),
    )


def ask(model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Record:
    """The record of a batch; residuals where the model gives compensators."""
    inputs = np.asarray(batch.inputs)
    answer = model.density(inputs)
    events = unpacked(inputs)
    increments = getattr(answer, "increments", None)
    foreseen = foretold(events, getattr(answer, "foreseen", None))
    return Events(
        **common,
        log_prob=answer.log_prob,
        dim=np.maximum(events.scored.sum(axis=1), 1),
        mc_error=answer.mc_error,
        truth=batch.truth,
        likelihood=answer.likelihood,
        residuals=None if increments is None else residuals(events, increments, uniforms(batch.ids, seed, "residuals")),
        wait_errors=foreseen.get("wait_errors"),
        marks=foreseen.get("marks"),
        foretold=foreseen.get("foretold"),
    )


def foretold(events: Sequences, foreseen: tuple[Float64s, Float64s] | None) -> dict[str, Ragged]:
    """Columns of what was foreseen of each scored event: mean waits (n, M + 1) and chances of marks (n, M + 1, K)."""
    if foreseen is None:
        return {}
    waits, chances = foreseen
    kept, lengths = events.scored, events.scored.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = {
        "wait_errors": (waits - events.gaps)[:, :-1][kept],
        "marks": events.marks[kept],
        "foretold": chances.argmax(axis=2)[:, :-1][kept],
    }
    return {name: Ragged(value, offsets) for name, value in values.items()}


def residuals(events: Sequences, increments: Float64s, noise: Float64s) -> Ragged:
    """Compensators of all gaps of each sequence, the one that the horizon cuts off completed by a unit exponential.

    Left out, it would leave the short gaps behind; completed from noise (n,) in (0, 1) the gaps of the true model are
    independent unit exponentials, since the rescaled process has no memory.
    """
    opening = events.counts - events.scored.sum(axis=1)
    rows = zip(increments, opening, events.counts, noise, strict=True)
    return Ragged.of([[*row[first:k], row[k] - np.log(u)] for row, first, k, u in rows], np.float64)
