"""The parts that bench is made of, and the decorators that add one.

A decorator needs no second place: the function carries its name, its source, its unit, its range and its direction,
and its docstring is what `bench show` prints.  Built-ins, `--plugin` files and installed packages use the same ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.records import Record
from bench.results import Interval

Better = Literal["higher", "lower", "none"]
Norm = Literal["l1", "l2", "square", "max", "positive", "peak", "trough", "rest"]
F = TypeVar("F", bound=Callable[..., Any])

REGISTERED: dict[str, dict[str, Component]] = {}


@dataclass(frozen=True)
class PerSample:
    """A metric that is a mean, or a ratio of two means: `sum(values) / sum(denominators)`, then `link`.

    values: (n,).  denominators: (n,), absent for a plain mean.  link: "identity", "exp" or "sqrt", applied to the
    mean and, being increasing, to the ends of its interval.
    """

    values: Float64s
    denominators: Float64s | None = None
    link: Literal["identity", "exp", "sqrt"] = "identity"


def per_sample(
    values: Any, denominators: Any = None, link: Literal["identity", "exp", "sqrt"] = "identity"
) -> PerSample:
    """`PerSample` from anything that numpy reads, as float64."""
    denominators = None if denominators is None else np.asarray(denominators, dtype=np.float64)
    return PerSample(np.asarray(values, dtype=np.float64), denominators, link)


class NotApplicable(UsageError):  # noqa: N818 - said of the record, which is not at fault
    """A metric or score has nothing to say about this record: no truth, no members, one class only.

    What was not asked for by name is then left out; what was asked for by name is an error that gives `reason`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "the component does not apply to this record",
            cause=reason,
            fix="leave it out, or give the record what it needs",
        )
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every component says of itself.

    area: likelihood, calibration, ood, uncertainty, reasoning or general.  papers: titles of the papers whose system
    this is.  check: the known-truth check that holds it (`bench check --name`).
    """

    kind: ClassVar[str] = ""

    name: str
    area: str
    function: Callable[..., Any]
    source: str = ""
    papers: tuple[str, ...] = ()
    check: str = ""
    better: Better = "none"
    unit: str = ""
    range: tuple[float | None, float | None] = (None, None)

    @property
    def doc(self) -> str:
        """The docstring of the function, unindented."""
        return inspect.getdoc(self.function) or ""

    @property
    def origin(self) -> str:
        """Where it is defined: module:function."""
        return f"{self.function.__module__}:{self.function.__qualname__}"


@dataclass(frozen=True, kw_only=True)
class Metric(Component):
    """A number for a record (or a `Detection`).

    of: what it takes.  A function of one argument returns `PerSample`; one of two, (record, weights (B, n)), returns
    (B,).  biased: its expectation differs from the value that it estimates by more than sampling error.
    default: whether tasks with that record report it unasked.  interval: false for a number that has none, such as a
    p-value, which estimates nothing; `no_interval` is the reason that is given.  gathers: whether rows of nearly equal
    confidence (or score) and the same outcome may go through a weighted function as one, with the sum of their weights:
    then its interval stays fast for millions of rows (see `bench.metrics.gathering`).  needs: the columns that a
    weighted metric of a classification looks at, where these are few: then it is measured on records too long for
    memory.  whole: whether a mean's values depend on other rows than their own, so that they cannot be made block by
    block.  norm, gaps: of a number that is a norm of noisy gaps, and so biased, which norm and the function
    (record, weights (B, n)) -> (B, K) that gives them; its interval comes from inverting tests (see
    `bench.stats.norms`).  Where no norm is it, `norm` is a function of the record that gives one of gaps,
    (L, K) -> (L,).  ends: (record, design) -> `Interval`, where a metric of the whole set knows its own, without
    resamples.
    """

    kind: ClassVar[str] = "metric"
    of: type = Record
    biased: bool = False
    default: bool = True
    interval: bool = True
    gathers: bool = False
    no_interval: str = "it estimates nothing"
    needs: tuple[str, ...] = ()
    whole: bool = False
    norm: Norm | Callable[[Any], Callable[[Float64s], Float64s]] | None = None
    gaps: Callable[..., Any] | None = None
    ends: Callable[..., Interval] | None = None

    @property
    def weighted(self) -> bool:
        """Whether the function takes a weight matrix."""
        return len(positional(self.function)) == 2


@dataclass(frozen=True, kw_only=True)
class Score(Component):
    """One number a sample, higher for more suspicious: record -> (n,), or, where fitted, (record, train) -> (n,)."""

    kind: ClassVar[str] = "score"
    of: type = Record

    @property
    def fitted(self) -> bool:
        """Whether it is fitted on the training split of the record."""
        return len(positional(self.function)) == 2


@dataclass(frozen=True, kw_only=True)
class Calibrator(Component):
    """Fit on a split, applied to a record: record -> `Calibration`.

    metrics: names of those that it can change, which alone are measured after it; empty: all.  fits: false where it
    learns nothing, and so needs no calibration split.  default: whether predictions without a task are put through it.
    """

    kind: ClassVar[str] = "calibrator"
    of: type = Record
    metrics: tuple[str, ...] = ()
    fits: bool = True
    default: bool = True


@dataclass(frozen=True)
class Calibration:
    """A fitted calibrator: its parameters (JSON-ready, stored with the run), and the map that it is."""

    parameters: dict[str, Any]
    apply: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Decoder(Component):
    """An inference-time strategy: (model, prompts, seed, **parameters) -> a `Decision` for each prompt.

    denoises: whether it needs a model that fills in hidden tokens (`Denoising`).
    """

    kind: ClassVar[str] = "decoder"
    denoises: bool = False


@dataclass(frozen=True, kw_only=True)
class Verifier(Component):
    """What decoders ask how good texts are: (model, prompts, texts, *, whole[, target]) -> a `Judgement`.

    whole: whether the texts have ended.  target: what stands after the colon of `name:target`.
    """

    kind: ClassVar[str] = "verifier"


@dataclass(frozen=True, kw_only=True)
class Model(Component):
    """A factory of adapters: ([target], **parameters) -> an object with the capability `gives`.

    A factory that takes `machine` is told the device, dtype and limits.
    """

    kind: ClassVar[str] = "model"
    gives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task(Component):
    """Data and a question: (seed) -> `Examples`.

    needs: the capability asked.  yields: the record that the answers make.  metrics, scores, calibrators, decoders:
    names; no metrics means all defaults of the record.  version: raised whenever an answer's meaning changes.
    own: metrics of the task itself, made from the record of its answers (`task_values`), beside all others.
    """

    kind: ClassVar[str] = "task"
    needs: str = ""
    yields: type[Record] = Record
    metrics: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    calibrators: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    version: int | str = 1
    own: Callable[[Any], Sequence[Metric]] | None = None


@dataclass(frozen=True, kw_only=True)
class Check(Component):
    """A case whose answer is known: () -> one or more `Truth`s."""

    kind: ClassVar[str] = "check"


@dataclass(frozen=True)
class Truth:
    """What is known, what bench computed, and how far apart they may be (absolute)."""

    truth: float
    estimate: float
    tolerance: float
    label: str = ""

    @property
    def error(self) -> float:
        """Absolute difference."""
        return abs(self.estimate - self.truth)

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; never for NaN."""
        return bool(self.error <= self.tolerance)


KINDS: dict[str, type[Component]] = {
    c.kind: c for c in (Task, Model, Metric, Score, Calibrator, Decoder, Verifier, Check)
}


def register(component: Component) -> None:
    """Add a component; a second one of the same kind and name is an error."""
    known = REGISTERED.setdefault(component.kind, {})
    other = known.get(component.name)
    if other is not None and other.origin != component.origin:
        raise UsageError(
            f"two {component.kind}s are called '{component.name}'",
            cause=f"{other.origin} and {component.origin} both register that name",
            fix="rename one of them",
        )
    known[component.name] = component


def _decorate(cls: type[Component], name: str, values: dict[str, Any]) -> Callable[[F], F]:
    def decorator(function: F) -> F:
        register(cls(name=name, function=function, **{k: _frozen(v) for k, v in values.items()}))
        return function

    return decorator


def metric(
    name: str,
    *,
    of: Any,
    area: str,
    better: Better,
    source: str,
    range: tuple[float | None, float | None] = (None, None),  # noqa: A002 - the field's own word
    unit: str = "",
    biased: bool = False,
    default: bool = True,
    interval: bool = True,
    gathers: bool = False,
    norm: Norm | Callable[[Any], Callable[[Float64s], Float64s]] | None = None,
    gaps: Callable[..., Any] | None = None,
    ends: Callable[..., Interval] | None = None,
    needs: Sequence[str] = (),
    whole: bool = False,
    papers: Sequence[str] = (),
    check: str = "",
) -> Callable[[F], F]:
    """Register a metric (see `Metric`)."""
    return _decorate(Metric, name, {k: v for k, v in locals().items() if k != "name"})


def score(
    name: str, *, of: Any, area: str = "ood", source: str, unit: str = "", papers: Sequence[str] = (), check: str = ""
) -> Callable[[F], F]:
    """Register a score (see `Score`): higher is more suspicious."""
    return _decorate(Score, name, {k: v for k, v in locals().items() if k != "name"} | {"better": "none"})


def calibrator(
    name: str,
    *,
    of: Any,
    area: str = "calibration",
    source: str,
    metrics: Sequence[str] = (),
    fits: bool = True,
    default: bool = True,
    papers: Sequence[str] = (),
    check: str = "",
) -> Callable[[F], F]:
    """Register a calibrator (see `Calibrator`)."""
    return _decorate(Calibrator, name, {k: v for k, v in locals().items() if k != "name"})


def decoder(
    name: str,
    *,
    area: str = "reasoning",
    source: str,
    papers: Sequence[str] = (),
    check: str = "",
    denoises: bool = False,
) -> Callable[[F], F]:
    """Register a decoder (see `Decoder`)."""
    return _decorate(Decoder, name, {k: v for k, v in locals().items() if k != "name"})


def verifier(
    name: str, *, area: str = "reasoning", source: str, papers: Sequence[str] = (), check: str = ""
) -> Callable[[F], F]:
    """Register a verifier (see `Verifier`)."""
    return _decorate(Verifier, name, {k: v for k, v in locals().items() if k != "name"})


def model(
    name: str,
    *,
    gives: str | Sequence[str],
    area: str = "general",
    source: str = "",
    papers: Sequence[str] = (),
    check: str = "",
) -> Callable[[F], F]:
    """Register a model factory (see `Model`)."""
    gives = (gives,) if isinstance(gives, str) else gives
    return _decorate(Model, name, {k: v for k, v in locals().items() if k != "name"})


def task(
    name: str,
    *,
    needs: str,
    yields: type[Record],
    source: str,
    metrics: Sequence[str] = (),
    scores: Sequence[str] = (),
    calibrators: Sequence[str] = (),
    decoders: Sequence[str] = (),
    version: int = 1,
    own: Callable[[Any], Sequence[Metric]] | None = None,
    papers: Sequence[str] = (),
    check: str = "",
) -> Callable[[F], F]:
    """Register a task (see `Task`); its area is the first part of its name."""
    return _decorate(Task, name, {k: v for k, v in locals().items() if k != "name"} | {"area": name.partition("/")[0]})


def check(name: str, *, area: str, source: str, papers: Sequence[str] = ()) -> Callable[[F], F]:
    """Register a known-truth check (see `Check`)."""
    return _decorate(Check, name, {k: v for k, v in locals().items() if k != "name"})


def positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters without a default, which the framework gives."""
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
