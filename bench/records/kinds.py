"""The records: what a model answered, one class a kind of answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from bench.arrays import Bools, Float64s, Floats, Ints, Ragged
from bench.errors import RecordError
from bench.records.base import Record, attribute, column
from bench.records.generations import Generations
from bench.records.top import hits, top


@runtime_checkable
class Judged(Protocol):
    """A record whose every row has a confidence in [0, 1] and was right or wrong."""

    @property
    def confidence(self) -> Float64s:
        """Probability that the model gives its own answer, (n,)."""
        ...

    @property
    def correct(self) -> Bools:
        """Whether the answer was right, (n,)."""
        ...


def log_softmax(logits: Floats) -> Float64s:
    """Log-probabilities over the last axis, in float64, stable for any finite or -inf logits."""
    with np.errstate(over="ignore"):  # a gap beyond the largest float is an infinite one, and its probability is 0
        z = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Classification(Record):
    """A distribution over C classes for each sample, and the class that came true."""

    kind: ClassVar[str] = "classification"

    labels: Ints = column("int", "the class that came true, 0 .. C-1")
    logits: Float64s = column("float", "unnormalised log-probabilities of the C classes", dims=1)
    features: Floats | None = column("float32", "penultimate features", dims=1, optional=True)
    members: Float64s | None = column(
        "float", "log-probabilities of each ensemble member, M x C", dims=2, optional=True
    )
    truth: Float64s | None = column("float", "the true p(y|x), where it is known", dims=1, optional=True)
    sets: Bools | None = column("bool", "whether the prediction set holds each class, C", dims=1, optional=True)
    level: float = attribute(0.0, "share of samples whose class the prediction sets promise to hold; 0: not stated")
    head: str = attribute(
        "", "the last layer, from features to logits, as `bench.records.head` packs it; empty: unknown"
    )

    def validate(self) -> None:
        """Finite logits (or -inf, never all), labels in range, a truth that sums to one."""
        super().validate()
        if len(self) == 0:
            return
        top = self.logits.max(axis=1)
        self.refuse("logits", np.isnan(self.logits).any(axis=1) | ~np.isfinite(top), "numbers, and not all -inf")
        known = self.ood if self.ood is not None else np.zeros(len(self), dtype=bool)
        outside = (self.labels < 0) | (self.labels >= self.logits.shape[1])
        self.refuse("labels", outside & ~known, f"in 0 .. {self.logits.shape[1] - 1} (an OOD row may have -1)")
        if self.truth is not None:
            self.refuse("truth", ~(np.abs(self.truth.sum(axis=1) - 1) < 1e-6), "probabilities that sum to 1")
        if self.sets is not None and self.sets.shape[1] != self.logits.shape[1]:
            raise RecordError(
                f"classification: 'sets' has {self.sets.shape[1]} columns for {self.logits.shape[1]} classes",
                cause="each class is in the set or not",
                fix=self._fix(),
            )
        _refuse_level(self, self.level, stated=False)

    @property
    def log_probs(self) -> Float64s:
        """Normalised log-probabilities, (n, C)."""
        return log_softmax(self.logits)

    @property
    def probs(self) -> Float64s:
        """Probabilities, (n, C)."""
        return np.exp(self.log_probs)

    @property
    def predicted(self) -> Ints:
        """The most probable class, (n,)."""
        return self.logits.argmax(axis=1)

    @property
    def confidence(self) -> Float64s:
        """Probability of the most probable class, (n,)."""
        return self._top[0]

    @property
    def correct(self) -> Bools:
        """Whether the most probable class came true, (n,)."""
        return self._top[1] if "_top" in self.__dict__ else self._hits

    @cached_property
    def _hits(self) -> Bools:
        return hits(self.logits, self.labels)

    @cached_property
    def _top(self) -> tuple[Float64s, Bools]:
        return top(self.logits, self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Regression(Record):
    """A predictive distribution of a real number, in one of six forms, and what came true.

    Gaussian (mean, std), Student-t (location, scale, df), mixture of K Gaussians, quantiles, samples, or an interval.
    """

    kind: ClassVar[str] = "regression"
    forms: ClassVar[dict[str, tuple[str, ...]]] = {
        "gaussian": ("mean", "std"),
        "student": ("location", "scale", "df"),
        "mixture": ("mixture_means", "mixture_stds", "mixture_weights"),
        "quantiles": ("quantiles",),
        "samples": ("samples",),
        "interval": ("lower", "upper"),
    }

    y: Float64s = column("float", "the value that came true")
    mean: Float64s | None = column("float", "mean of a Gaussian forecast", optional=True)
    std: Float64s | None = column("float", "standard deviation of a Gaussian forecast, > 0", optional=True)
    location: Float64s | None = column("float", "centre of a Student-t forecast", optional=True)
    scale: Float64s | None = column("float", "scale of a Student-t forecast, > 0; not its deviation", optional=True)
    df: Float64s | None = column("float", "degrees of freedom of a Student-t forecast, > 0", optional=True)
    mixture_means: Float64s | None = column("float", "means of a mixture of K Gaussians", dims=1, optional=True)
    mixture_stds: Float64s | None = column("float", "their standard deviations, > 0", dims=1, optional=True)
    mixture_weights: Float64s | None = column("float", "their weights, which sum to 1", dims=1, optional=True)
    quantiles: Float64s | None = column("float", "forecast quantiles at `levels`", dims=1, optional=True)
    samples: Float64s | None = column("float", "draws from the forecast", dims=1, optional=True)
    lower: Float64s | None = column("float", "lower end of an interval forecast; may be -inf", optional=True)
    upper: Float64s | None = column("float", "upper end of an interval forecast; may be inf", optional=True)
    member_means: Float64s | None = column("float", "mean of each ensemble member, M", dims=1, optional=True)
    member_stds: Float64s | None = column("float", "standard deviation of each member, M", dims=1, optional=True)
    member_quantiles: Float64s | None = column(
        "float", "quantiles of each member at `levels`, M x Q", dims=2, optional=True
    )
    exact_mean: Float64s | None = column("float", "mean of the exact forecast, a Gaussian, where known", optional=True)
    exact_std: Float64s | None = column("float", "its standard deviation, > 0; both or neither", optional=True)
    levels: tuple[float, ...] = attribute((), "levels of the quantiles, increasing, in (0, 1)")
    level: float = attribute(0.0, "share of outcomes that the intervals promise to hold, in (0, 1)")

    @property
    def form(self) -> str:
        """Which of `forms` the forecast has; of several, the first."""
        return next(name for name, keys in self.forms.items() if getattr(self, keys[0]) is not None)

    def validate(self) -> None:
        """One form of forecast, finite, with positive spreads."""
        super().validate()
        if len(self) == 0:  # where every sample failed, nobody knows the form
            return
        if all(getattr(self, keys[0]) is None for keys in self.forms.values()):
            raise RecordError(
                "regression: there is no forecast",
                cause="it needs one of: " + "; ".join(", ".join(keys) for keys in self.forms.values()),
                fix=self._fix(),
            )
        self.refuse("y", ~np.isfinite(self.y), "finite")
        for keys in self.forms.values():
            missing = [key for key in keys if getattr(self, key) is None]
            if missing and getattr(self, keys[0]) is not None:
                raise RecordError(
                    f"regression: column '{missing[0]}' is missing", cause=f"it belongs to '{keys[0]}'", fix=self._fix()
                )
        for name in ("mean", "location", "mixture_means", "quantiles", "samples", "member_quantiles", "exact_mean"):
            self._refuse_cells(name, np.isfinite, "finite")
        for name in ("std", "scale", "df", "mixture_stds", "exact_std"):
            self._refuse_cells(name, lambda x: np.isfinite(x) & (x > 0), "finite and above 0")
        self._check_mixture()
        self._check_interval()
        self._check_levels()

    def _refuse_cells(self, name: str, sound: Callable[[Float64s], Bools], rule: str) -> None:
        value = getattr(self, name)
        if value is not None:
            good: Bools = sound(value).reshape(len(self), int(np.prod(value.shape[1:])))
            self.refuse(name, (~good).sum(axis=1) > 0, rule)

    def _check_mixture(self) -> None:
        shapes = {getattr(self, key).shape for key in self.forms["mixture"] if getattr(self, key) is not None}
        if len(shapes) > 1:
            raise RecordError(
                "regression: the mixture's columns differ in width",
                cause="each component has a mean, a standard deviation and a weight",
                fix=self._fix(),
            )
        if self.mixture_weights is not None:
            weights = self.mixture_weights
            self._refuse_cells("mixture_weights", lambda x: x >= 0, "at least 0")
            self.refuse(
                "mixture_weights", ~np.isclose(weights.sum(axis=1), 1, rtol=0, atol=1e-6), "weights that sum to 1"
            )

    def _check_interval(self) -> None:
        if self.lower is None or self.upper is None:
            return
        self.refuse("lower", np.isnan(self.lower) | (self.lower == np.inf), "a number below infinity")
        low_enough = np.isnan(self.upper) | (self.upper < self.lower) | (self.upper == -np.inf)
        self.refuse("upper", low_enough, "a number not below 'lower'")
        # A cell in which every sample failed has no interval, and so no level.
        _refuse_level(self, self.level, stated=len(self) > 0)

    def _check_levels(self) -> None:
        for name, value in (("quantiles", self.quantiles), ("member_quantiles", self.member_quantiles)):
            if value is not None and len(self.levels) != value.shape[-1]:
                raise RecordError(
                    f"regression: {value.shape[-1]} quantiles for {len(self.levels)} levels",
                    cause=f"each column of '{name}' has its level",
                    fix=self._fix(),
                )


def _refuse_level(record: Record, level: float, *, stated: bool) -> None:
    if not (0 < level < 1 or (level == 0 and not stated)):
        raise RecordError(
            f"{record.kind}: 'level' is {level}",
            cause="it is the share that was promised: above 0 and below 1",
            fix=f"bench show record {record.kind}",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices(Record):
    """Log-likelihoods of the given continuations of a prompt, of which one is right."""

    kind: ClassVar[str] = "choices"

    labels: Ints = column("int", "position of the right choice")
    loglik: Ragged = column("float", "log-likelihood of each choice, nats", ragged=True)
    bytes: Ragged | None = column("int", "UTF-8 length of each choice", ragged=True, optional=True)
    tokens: Ragged | None = column("int", "tokens of each choice", ragged=True, optional=True)
    order: Ragged | None = column(
        "int",
        "which choice of the question stands at each position, where it is asked in several orders (one group)",
        ragged=True,
        optional=True,
    )
    truth: Ragged | None = column("float", "true probability of each choice, where known", ragged=True, optional=True)

    def validate(self) -> None:
        """At least two choices a row, no NaN, the label among them."""
        super().validate()
        n = self.loglik.lengths
        self.refuse("loglik", n < 2, "at least two numbers")
        bad = np.zeros(len(self), dtype=bool)
        bad[np.repeat(np.arange(len(self)), n)[np.isnan(self.loglik.values) | (self.loglik.values > 1e-6)]] = True
        self.refuse("loglik", bad, "log-probabilities: at most 0, not NaN")
        self.refuse("labels", (self.labels < 0) | (self.labels >= n), "the position of a choice")
        if len(self):
            self.refuse("loglik", np.isneginf(self.loglik.padded(-np.inf).max(axis=1)), "above -inf for some choice")
        if self.order is not None:
            self.refuse("order", self.order.lengths != n, "as long as 'loglik'")
            row = np.repeat(np.arange(len(self)), n)
            place = self.order.values[np.lexsort((self.order.values, row))]
            bad = np.zeros(len(self), dtype=bool)
            bad[row[place != np.arange(len(place)) - self.order.offsets[row]]] = True
            self.refuse("order", bad, "the numbers 0 .. choices - 1, each once")
        if self.truth is not None:
            self.refuse("truth", self.truth.lengths != n, "as long as 'loglik'")
            truth = self.truth.padded(0.0)
            self.refuse("truth", ~((truth >= 0).all(axis=1) & (np.abs(truth.sum(axis=1) - 1) < 1e-6)), "a distribution")

    @property
    def log_probs(self) -> Float64s:
        """Distribution over the choices from their plain log-likelihoods, (n, most), -inf where there is no choice."""
        return log_softmax(self.loglik.padded(-np.inf))

    @property
    def predicted(self) -> Ints:
        """The most likely choice, (n,)."""
        return self.loglik.padded(-np.inf).argmax(axis=1)

    @property
    def confidence(self) -> Float64s:
        """Probability of the most likely choice among the choices, (n,)."""
        return np.exp(self.log_probs.max(axis=1))

    @property
    def correct(self) -> Bools:
        """Whether the most likely choice is the right one, (n,)."""
        return self.predicted == self.labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens(Record):
    """Log-probabilities of the tokens of given texts."""

    kind: ClassVar[str] = "tokens"

    logprobs: Ragged = column("float", "log-probability of each token, nats", ragged=True)
    bytes: Ints = column("int", "UTF-8 length of the text")
    words: Ints | None = column("int", "whitespace-separated words of the text", optional=True)
    truth: Float64s | None = column("float", "log-probability of the text under its true source, nats", optional=True)

    def validate(self) -> None:
        """Log-probabilities are at most 0 and not NaN; texts are not empty."""
        super().validate()
        bad = np.zeros(len(self), dtype=bool)
        wrong = np.isnan(self.logprobs.values) | (self.logprobs.values > 1e-6)
        bad[np.repeat(np.arange(len(self)), self.logprobs.lengths)[wrong]] = True
        self.refuse("logprobs", bad, "log-probabilities: at most 0, not NaN")
        self.refuse("bytes", self.bytes < 1, "at least 1")

    @property
    def log_prob(self) -> Float64s:
        """Log-probability of each text, nats, (n,)."""
        return self.logprobs.sums()


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses(Record):
    """What a model gave to a sample that only its task can judge: nothing here says by itself what is right.

    A row has a log-likelihood for each text that was scored, or the texts that were generated, or both.
    """

    kind: ClassVar[str] = "responses"

    loglik: Ragged | None = column("float", "log-likelihood of each text scored, nats", ragged=True, optional=True)
    text: Ragged | None = column("text", "each text generated", ragged=True, optional=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Density(Record):
    """Log-density or log-mass of each sample under a model."""

    kind: ClassVar[str] = "density"

    log_prob: Float64s = column("float", "log-density (or log-mass) of the sample, nats")
    dim: Ints = column("int", "number of dimensions of the sample")
    mc_error: Float64s | None = column("float", "Monte-Carlo standard error of log_prob", optional=True)
    ess: Float64s | None = column("float", "effective sample size behind log_prob", optional=True)
    pareto_k: Float64s | None = column(
        "float", "Pareto k of the importance weights behind log_prob; above .7 it is not to be trusted", optional=True
    )
    solver_error: Float64s | None = column(
        "float", "error of log_prob that an ODE solver estimates of itself, nats", optional=True
    )
    evaluations: Ints | None = column("int", "how often the model was evaluated for the sample", optional=True)
    log_det: Float64s | None = column(
        "float",
        "log |determinant| of the model's own scaling of the data, which log_prob includes, nats",
        optional=True,
    )
    truth: Float64s | None = column("float", "log-density under the true source, where it is known", optional=True)
    likelihood: str = attribute("exact", "exact, lower (bound), upper (bound) or estimate")
    levels: int = attribute(0, "grey levels of discrete data; 0 for continuous data")
    dequantisation: str = attribute("none", "none (log_prob is a mass), uniform, importance or variational")
    estimator: str = attribute("", "how log_prob was computed, with its parameters; empty: in closed form")
    tolerance: float = attribute(0.0, "error per step that an adaptive ODE solver was held to; 0: none took part")

    def validate(self) -> None:
        """No NaN and no +inf; at least one dimension."""
        super().validate()
        self.refuse("log_prob", np.isnan(self.log_prob) | (self.log_prob == np.inf), "a number below infinity")
        self.refuse("dim", self.dim < 1, "at least 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores(Record):
    """A number for each sample that should be higher out of distribution; made elsewhere, by whatever detector."""

    kind: ClassVar[str] = "ood"

    scores: Float64s = column("float", "higher says more out of distribution")

    def validate(self) -> None:
        """No NaN, and it is known which samples are out of distribution."""
        super().validate()
        if self.ood is None:
            raise RecordError(
                "ood: column 'ood' is missing", cause="a score is held against what it should find", fix=self._fix()
            )
        self.refuse("scores", np.isnan(self.scores), "a number")


# `isinstance(record, Judged)` would compute both properties just to see that they are there.
JUDGED = (Classification, Choices, Generations)

RECORDS: dict[str, type[Record]] = {
    cls.kind: cls for cls in (Classification, Regression, Choices, Tokens, Generations, Responses, Density, Scores)
}
