"""What a language model may be asked, and what it answers: scores, texts, sessions.

`LanguageModel` is the capability; the other protocols are what some models can do beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from bench.arrays import Float64s, Ints
from bench.usage import Usage


@dataclass(frozen=True)
class Details:
    """What is wanted of each scored token beside its log-probability; what is not wanted costs nothing.

    top: how many of the likeliest tokens.
    """

    rank: bool = False
    entropy: bool = False
    top: int = 0
    hidden: bool = False
    certainty: bool = False

    def __bool__(self) -> bool:
        return self.rank or self.entropy or self.top > 0 or self.hidden or self.certainty


@dataclass(frozen=True)
class TokenDetails:
    """Of each scored token, as `Details` asked for it.

    token_ids (n,).  rank (n,): 1 for the likeliest token, equals share the better rank.  entropy (n,): of the model's
    distribution there, nats.  top_ids, top_logprobs (n, k): the likeliest tokens in order; top_mass (n,): their
    probability together.  hidden (n, d): the last layer's state from which the token was predicted.
    certainty (n,): divergence of the uniform distribution from the model's there, KL(uniform || model), nats.
    """

    token_ids: Ints
    rank: Ints | None = None
    entropy: Float64s | None = None
    top_ids: Ints | None = None
    top_logprobs: Float64s | None = None
    top_mass: Float64s | None = None
    hidden: Float64s | None = None
    certainty: Float64s | None = None


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
    details: wanted of each generated token, of the model's own distribution; a model that cannot tell leaves it out.
    """

    prompt: str
    seed: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ("\n",)
    max_tokens: int = 96
    reshape: Reshape | None = None
    details: Details = Details()


@dataclass(frozen=True)
class Generated:
    """A generated text without its stop string, and the log-probability of each token that the model gave, nats.

    Log-probabilities are the model's own (temperature 1, nothing truncated), the stop or end token included.
    `token_ids` are the tokens themselves; `stopped` is false where `max_tokens` ended it.  details: those that the draw
    asked for.  pieces: the text of each token, which together are the text with its stop string, and top_pieces of the
    likeliest ones in its place; both where details were asked for.
    """

    text: str
    token_ids: Ints
    logprobs: Float64s
    stopped: bool
    details: TokenDetails | None = None
    pieces: tuple[str, ...] = ()
    top_pieces: tuple[tuple[str, ...], ...] = ()


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
class Denoising(LanguageModel, Protocol):
    """A language model that fills in hidden tokens, in any order: masked diffusion.  canvas: how many at most."""

    canvas: int

    def encoded(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The tokens of each prompt."""
        ...

    def fill(self, before: Sequence[tuple[int, ...]], tokens: Ints, hidden: Any) -> Float64s:
        """Log-probabilities of what stands at each place of n canvases, (n, L, V), nats.

        before: the tokens of each one's prompt.  tokens: (n, L), of which the hidden ones (n, L) are not looked at.
        """
        ...

    def read(self, tokens: Sequence[int], stop: Sequence[str]) -> tuple[str, int, bool]:
        """The text of a canvas up to its end, the tokens that it took with that end, and whether it has one."""
        ...


@dataclass(frozen=True)
class UnorderedPrompt:
    """A prompt some of whose parts have no order: what stands before them, the parts, and what follows them."""

    prefix: str
    parts: tuple[str, ...]
    suffix: str


@runtime_checkable
class SetReader(LanguageModel, Protocol):
    """A language model that can read the parts of a prompt without their order."""

    def score_sets(self, requests: Sequence[tuple[UnorderedPrompt, str]]) -> list[Scored]:
        """Log-probabilities of each continuation, the same for every order of the parts."""
        ...


@runtime_checkable
class Projecting(Protocol):
    """A language model that shows the matrix from its last hidden state to its logits."""

    def output_embedding(self) -> Float64s:
        """(V, d)."""
        ...


@runtime_checkable
class Embedding(Protocol):
    """A language model that shows the states in which it holds a text."""

    def states(self, requests: Sequence[tuple[str, str]]) -> Float64s:
        """Mean over a continuation's tokens of the last layer's state, (requests, width); zeros for an empty one."""
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
class Foresighted(Protocol):
    """A language model that makes use of seeing some requests before they come."""

    def prepare(self, requests: Sequence[tuple[str, str]]) -> None:
        """Look at some of what will be asked in many calls of `score`; it must not change any answer."""
        ...
