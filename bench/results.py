"""One measured number with its interval: the row of `results.json` and of `bench eval --json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Ends of a 95 % interval (`None` where none can be given) and the method, or the reason for its absence."""

    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """A number: what was measured on whom, its interval, and how many samples stand behind it.

    decoder, calibrator, score, slice: what stood between the model's answer and the metric; empty where nothing did.
    likelihood: what kind of likelihood a density's number rests on (exact, lower, upper, estimate); empty elsewhere.
    groups: number of clusters of dependent samples (equal to n where samples are independent).
    method: how the interval was made, or why there is none.  caution: what is known against it, such as how often it
    held the truth in simulations; empty where nothing is.
    seeds: of a model that was trained several times, the value of each; the number is then their mean, and its interval
    counts them as a second source of chance beside the samples.  Empty for a model trained once.
    """

    model: str
    task: str
    area: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_failed: int
    groups: int
    unit: str
    better: str
    biased: bool
    method: str
    decoder: str = ""
    calibrator: str = ""
    score: str = ""
    slice: str = ""
    likelihood: str = ""
    range: tuple[float | None, float | None] = (None, None)
    caution: str = ""
    seeds: tuple[float | None, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The row as JSON, with its `schema_version`."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @property
    def key(self) -> tuple[str, ...]:
        """What names the number within a run."""
        return (self.model, self.task, self.decoder, self.calibrator, self.score, self.slice, self.metric)
