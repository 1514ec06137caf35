"""What a model can be asked.  An adapter is any object that has the methods of one of these protocols.

Beside its capability an adapter may be `Fittable` (the runner fits it on the task's training split) and should be
`Fingerprinted`, so that a changed model never continues another model's run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bench.arrays import AnyArray, Float64s, Floats, Ints
from bench.examples import Examples


@dataclass(frozen=True)
class Classified:
    """logits (b, C); features (b, d); log-probabilities of ensemble members (b, M, C)."""

    logits: Float64s
    features: Floats | None = None
    members: Float64s | None = None


@runtime_checkable
class Classifier(Protocol):
    """Answers with a distribution over classes."""

    def classify(self, inputs: AnyArray) -> Classified:
        """The distribution for each input (b, ...)."""
        ...


@dataclass(frozen=True)
class Forecast:
    """One form of predictive distribution for b real numbers; see `Regression` for the columns."""

    mean: Float64s | None = None
    std: Float64s | None = None
    location: Float64s | None = None
    scale: Float64s | None = None
    df: Float64s | None = None
    mixture_means: Float64s | None = None
    mixture_stds: Float64s | None = None
    mixture_weights: Float64s | None = None
    quantiles: Float64s | None = None
    levels: tuple[float, ...] = ()
    samples: Float64s | None = None
    lower: Float64s | None = None
    upper: Float64s | None = None
    level: float = 0.0
    member_means: Float64s | None = None
    member_stds: Float64s | None = None
    member_quantiles: Float64s | None = None


@runtime_checkable
class Regressor(Protocol):
    """Answers with a predictive distribution of a real number."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        """The forecast for each input (b, ...)."""
        ...


@dataclass(frozen=True)
class LogDensity:
    """log_prob (b,) in nats, and what kind of likelihood it is; see `Density`."""

    log_prob: Float64s
    likelihood: str = "exact"
    dequantisation: str = "none"
    mc_error: Float64s | None = None
    ess: Float64s | None = None


@runtime_checkable
class DensityModel(Protocol):
    """Answers with the log-density (or, for discrete data, the log-mass) of an input."""

    def density(self, inputs: AnyArray) -> LogDensity:
        """The log-density of each input (b, ...)."""
        ...


@dataclass(frozen=True)
class Details:
    """What is wanted of each scored token beside its log-probability; what is not wanted costs nothing.

    top: how many of the likeliest tokens.
    """

    rank: bool = False
    entropy: bool = False
    top: int = 0
    hidden: bool = False

    def __bool__(self) -> bool:
        return self.rank or self.entropy or self.top > 0 or self.hidden


@dataclass(frozen=True)
class TokenDetails:
    """Of each scored token, as `Details` asked for it.

    token_ids (n,).  rank (n,): 1 for the likeliest token, equals share the better rank.  entropy (n,): of the model's
    distribution there, nats.  top_ids, top_logprobs (n, k): the likeliest tokens in order; top_mass (n,): their
    probability together.  hidden (n, d): the last layer's state from which the token was predicted.
    """

    token_ids: Ints
    rank: Ints | None = None
    entropy: Float64s | None = None
    top_ids: Ints | None = None
    top_logprobs: Float64s | None = None
    top_mass: Float64s | None = None
    hidden: Float64s | None = None


@dataclass(frozen=True)
class Scored:
    """Log-probabilities of a continuation's tokens, nats, (tokens,), and whether all were the model's first choice.

    bytes: of the continuation in UTF-8 (0 where an adapter doesn't say).
    """

    logprobs: Float64s
    greedy: bool
    bytes: int = 0
    details: TokenDetails | None = None

    @property
    def total(self) -> float:
        """Log-probability of the whole continuation, nats."""
        return float(self.logprobs.sum())

    @property
    def tokens(self) -> int:
        """Tokens of the continuation."""
        return len(self.logprobs)


@dataclass(frozen=True)
class Draw:
    """How one text is to be generated.  `seed` names the random stream; `temperature` 0 is greedy."""

    prompt: str
    seed: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ("\n",)
    max_tokens: int = 96


@dataclass(frozen=True)
class Generated:
    """A generated text without its stop string, and the log-probability of each token that the model gave, nats.

    Log-probabilities are the model's own (temperature 1, nothing truncated), the stop or end token included.
    `token_ids` are the tokens themselves; `stopped` is false where `max_tokens` ended it.
    """

    text: str
    token_ids: Ints
    logprobs: Float64s
    stopped: bool


@runtime_checkable
class LanguageModel(Protocol):
    """Answers with the probabilities of texts, and with texts."""

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probabilities of each continuation given its context; the context may be empty."""
        ...

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """One text for each draw; a draw's text doesn't depend on the other draws."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A model that is trained on a task's training split before it is asked."""

    def fit(self, train: Examples, seed: int) -> None:
        """Fit in place; equal (train, seed) give equal answers."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A model that says what it is, weights and all."""

    def fingerprint(self) -> Mapping[str, Any]:
        """JSON-ready facts that change whenever an answer could: weights' digest, configuration, versions."""
        ...


@dataclass(frozen=True)
class Usage:
    """The cost of some work.

    engine: the way that scores were computed; note: why that one, where it was not the first choice.  asked: tokens
    in all requests, as if each were run alone.  run: tokens that went through the model, padding among them.
    forwards: passes of the model.  seconds: wall time within the engine.
    """

    engine: str = ""
    note: str = ""
    asked: int = 0
    run: int = 0
    forwards: int = 0
    seconds: float = 0.0

    def since(self, before: Usage) -> Usage:
        """What was added since an earlier reading."""
        return Usage(
            self.engine,
            self.note,
            self.asked - before.asked,
            self.run - before.run,
            self.forwards - before.forwards,
            self.seconds - before.seconds,
        )

    def counts(self) -> dict[str, float]:
        """The numbers by name, JSON-ready."""
        return {"asked": self.asked, "run": self.run, "forwards": self.forwards, "seconds": self.seconds}


@runtime_checkable
class Foresighted(Protocol):
    """A language model that makes use of seeing some requests before they come."""

    def prepare(self, requests: Sequence[tuple[str, str]]) -> None:
        """Look at some of what will be asked in many calls of `score`; it must not change any answer."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that counts what it costs."""

    def usage(self) -> Usage:
        """The cost of all work so far."""
        ...


CAPABILITIES: dict[str, type] = {
    "classifier": Classifier,
    "regressor": Regressor,
    "density": DensityModel,
    "language": LanguageModel,
}


@dataclass(frozen=True)
class Prompt:
    """One prompt for a decoder.  `extract` reads the answer from a text; draws are seeded by (seed, id)."""

    id: str
    text: str
    extract: Callable[[str], str | None]
    stop: tuple[str, ...]
    max_tokens: int


@dataclass(frozen=True)
class Decision:
    """A decoder's answer to one prompt ("" where none could be read), how sure it is, and its pool."""

    answer: str
    confidence: float
    pool: tuple[Generated, ...]


@dataclass(frozen=True)
class Machine:
    """Where and how models run.  batch 0: found automatically.  engine: what scores language models."""

    device: str = "cpu"
    dtype: str = "auto"
    batch: int = 0
    offline: bool = False
    trust_remote_code: bool = False
    engine: str = "auto"
