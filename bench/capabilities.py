"""What a model can be asked.  An adapter is any object that has the methods of one of these protocols.

Beside its capability an adapter may be `Fittable` (the runner fits it on the task's training split) and should be
`Fingerprinted`, so that a changed model never continues another model's run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

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


# (log-probabilities (R, V), the tokens that each of the R rows has generated) -> new log-probabilities (R, V).
Reshape = Callable[[Any, Sequence[tuple[int, ...]]], Any]


@dataclass(frozen=True)
class Draw:
    """How one text is to be generated.  `seed` names the random stream; `temperature` 0 is greedy.

    reshape: called at each step, once for all rows of the draws that share it (so it must be hashable, and equal where
    it does the same), with their log-probabilities after the temperature (at 0: those of temperature 1), a torch tensor
    (R, V) in float32 or wider on the model's device, and the tokens that each row has so far.  It returns new ones, not
    necessarily normalised, with -inf for what must not be drawn (truncation, biases, grammar masks).  `top_p` cuts
    after it.  Rows are distinct sequences: draws that still agree are one row.  Only models with sessions take it.
    """

    prompt: str
    seed: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ("\n",)
    max_tokens: int = 96
    reshape: Reshape | None = None


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


LARGEST = frozenset({"peak", "memory"})  # of a usage's numbers, those that don't add up


@dataclass
class Usage:
    """What a language model's work has cost: a counter, which is added to as the work is done.

    Tokens are counted twice: as asked for, each request alone, and as they went through the model (`…_run`), shared
    ones once and padding among them.  scored_tokens: those of requests for probabilities.  prompt_tokens: those that
    texts were to continue; generated_tokens: those of the texts, whose last ones never run.  looks: places at which
    probabilities of a next token were computed.  forwards: passes of the model.  seconds: wall time of the work.
    engine: the way that probabilities were computed; note: why that one, where it was not the first choice.

    flops: floating-point operations of the products with the model's weights, attention not counted (0: not known);
    peak: how many of them a large matrix product reaches here in a second.  joules: energy by the machine's counters
    (0: none).  memory: the most bytes held so far.  These two, peak and memory, are not sums but the largest.
    """

    engine: str = ""
    note: str = ""
    scored_tokens: int = 0
    scored_tokens_run: int = 0
    prompt_tokens: int = 0
    prompt_tokens_run: int = 0
    generated_tokens: int = 0
    generated_tokens_run: int = 0
    looks: int = 0
    forwards: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    joules: float = 0.0
    peak: float = 0.0
    memory: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, float]) -> Usage:
        """The usage that gave those `counts`; what they lack or this doesn't know counts for nothing."""
        known = cls().counts()
        return cls(**{name: value for name, value in counts.items() if name in known})  # type: ignore[arg-type]

    def counts(self) -> dict[str, float]:
        """The numbers by name, JSON-ready."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, str)}

    def add(self, other: Usage) -> None:
        """Count what another counted."""
        for name, value in other.counts().items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name in LARGEST else mine + value)

    def copy(self) -> Usage:
        """The counts so far, which stay as they are."""
        return replace(self)

    def since(self, before: Usage) -> Usage:
        """What was added since an earlier reading."""
        after = self.copy()
        for name, value in before.counts().items():
            if name not in LARGEST:
                setattr(after, name, getattr(after, name) - value)
        return after


@runtime_checkable
class LanguageModel(Protocol):
    """Answers with the probabilities of texts, and with texts."""

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probabilities of each continuation given its context; the context may be empty."""
        ...

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """One text for each draw; a draw's text doesn't depend on the other draws."""
        ...


@dataclass(frozen=True, eq=False)
class State:
    """A row of a session as it was, to which `Session.restore` returns.

    row: what the model holds of it (opaque).  logprobs: (V,) those of its next token, nats.
    """

    row: Any
    prompt: int
    tokens: tuple[int, ...]
    logprobs: Float64s


class Session(Protocol):
    """Rows of tokens through a model, for decoders that steer by more than one row: beams, particles, trees.

    It opens with one row for each prompt, in their order; rows may be of different lengths.  Nothing that a row shares
    with the row it came from runs again, and prompts are held once, whatever number of rows continues them::

        with model.session(["2 + 2 =", "The"]) as s:
            best = s.logprobs.argmax(axis=1)  # (2, V): one row a prompt
            s.advance(np.array([0, 0, 1]), np.array([best[0], 7, best[1]]))  # the first row splits in two
            early = s.save([1])  # to return to
            s.advance(np.array([2, 0]), s.logprobs[[2, 0]].argmax(axis=1))  # order changed, one row left
            s.restore(early * 4)  # four copies of the saved row

    logprobs: (R, V) log-probabilities of the next token, nats, temperature 1.  end_tokens: those that end a text; it
    is the decoder that takes ended rows out.  usage: what it has cost.  Leaving the `with` block frees everything,
    saved states included.
    """

    logprobs: Float64s
    end_tokens: frozenset[int]
    usage: Usage

    @property
    def prompt(self) -> Ints:
        """The number of the prompt that each row continues, (R,)."""
        ...

    @property
    def tokens(self) -> tuple[tuple[int, ...], ...]:
        """What each row has after its prompt."""
        ...

    @property
    def room(self) -> Ints:
        """Tokens that still fit in the model's window, (R,)."""
        ...

    def advance(self, parents: Ints, tokens: Ints) -> None:
        """The rows become R' ones: row i is the row `parents[i]` with `tokens[i]` after it.

        parents may repeat (a fork), leave rows out (which frees them) and reorder.  Raises `UsageError` for a parent
        or token that isn't there, or where the window is full.
        """
        ...

    def save(self, rows: Sequence[int]) -> list[State]:
        """States of rows, which live until the session closes or they are forgotten; of a shared past, no copies."""
        ...

    def restore(self, states: Sequence[State]) -> None:
        """The rows become the saved ones, in this order; a state may be given several times, now and later."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """The text of generated tokens, without special ones."""
        ...

    def closed(self, tokens: Sequence[int], stop: Sequence[str]) -> str | None:
        """The text, if the newest of its tokens ended it: an end token, or one that completes a stop string."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


@runtime_checkable
class SteppedModel(LanguageModel, Protocol):
    """A language model that also opens sessions, and whose draws may be reshaped."""

    def session(self, prompts: Sequence[str], max_tokens: int) -> Session:
        """A session with one row a prompt; prompts are cut from the left so that `max_tokens` fit after them."""
        ...


@runtime_checkable
class Conversational(Protocol):
    """A language model that writes a conversation as the text that it was trained on."""

    def render(self, messages: Sequence[Mapping[str, str]], *, prefill: bool) -> str:
        """The messages (`role`, `content`) as one text; prefill: the last one is to be continued, not answered."""
        ...


@runtime_checkable
class Opening(Protocol):
    """A language model whose tokenizer begins each text with a mark of its own."""

    def opening(self) -> str:
        """The mark as text, such as `<s>`; empty where texts are encoded as they are."""
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
        """The cost of all work so far, as a copy."""
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
