"""Texts that grow by steps: what decoders that search, resample or revise are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.arrays import Float64s
from bench.decisions import Cost, Prompt
from bench.decoders.budget import longest
from bench.decoders.draws import stepped
from bench.language import Generated, LanguageModel, Session, State

Stream = np.random.Generator


@dataclass(frozen=True, eq=False)
class Partial:
    """A text under way or ended.

    prompt: its number.  logprobs: of its tokens under the model, nats; drawn: under what they were drawn from.
    state: where it goes on; None once it has ended.  text: once it has ended; stopped: not for its length.
    """

    prompt: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    drawn: tuple[float, ...] = ()
    state: State | None = field(default=None, repr=False)
    text: str | None = None
    stopped: bool = False

    @property
    def ended(self) -> bool:
        """Whether it goes on no further."""
        return self.text is not None

    @property
    def total(self) -> float:
        """Log-probability, nats."""
        return float(np.sum(self.logprobs))


@dataclass(frozen=True)
class Choice:
    """A token, and the logarithm of the probability with which it was drawn."""

    token: int
    log_prob: float


# What gives a partial text its next token: (log-probabilities (V,) at temperature 1, the text so far, its stream).
Pick = Callable[[Float64s, Partial, Stream], Choice]


@dataclass(frozen=True)
class Tempered:
    """Draw from the model at a temperature; 0 takes the likeliest."""

    temperature: float = 1.0

    def __call__(self, log_probs: Float64s, _: Partial, stream: Stream) -> Choice:
        """See `Pick`."""
        if self.temperature == 0:
            return Choice(int(log_probs.argmax()), 0.0)
        heated = log_probs / self.temperature if self.temperature != 1 else log_probs
        mass = np.exp(heated - heated.max())
        upto = mass.cumsum()
        token = int(np.searchsorted(upto, min(stream.random() * upto[-1], np.nextafter(upto[-1], 0)), side="right"))
        return Choice(token, float(np.log(mass[token] / upto[-1])))


class Stepper:
    """Partial texts of many prompts, grown together in one session; counts what each prompt cost.

    Texts draw from streams of their own, so that none depends on which others grow beside it.
    """

    def __init__(self, session: Session, prompts: Sequence[Prompt], budget: int = 0) -> None:
        self.session = session
        self.prompts = prompts
        self.lengths = [longest(budget, prompt.max_tokens) for prompt in prompts]
        self.tokens = np.zeros(len(prompts), dtype=np.int64)
        self.calls = np.zeros(len(prompts), dtype=np.int64)
        states = session.save(range(len(prompts)))
        self.roots = [
            Partial(k, state=state) if self.lengths[k] > 0 and session.room[k] > 0 else Partial(k, text="")
            for k, state in enumerate(states)
        ]

    def cost(self, prompt: int) -> Cost:
        """What growing texts of that prompt has cost."""
        return Cost(int(self.tokens[prompt]), int(self.calls[prompt]))

    def grow(
        self,
        partials: Sequence[Partial],
        streams: Sequence[Stream],
        pick: Pick,
        *,
        tokens: int | Sequence[int] = 0,
        steps: bool = True,
        forced: Sequence[Sequence[int]] | None = None,
    ) -> list[Partial]:
        """Each partial with its next step after it; those that have ended stay as they are.

        tokens: at most so many (0: no such limit).  steps: whether it stops at the end of a step; otherwise the text
        goes on until it ends or has its tokens.  forced: tokens that each takes first, which are not drawn, cost
        nothing and end no step.
        """
        limits = [tokens] * len(partials) if isinstance(tokens, int) else list(tokens)
        given = [tuple(one) for one in forced] if forced is not None else [()] * len(partials)
        out = list(partials)
        rows = [k for k, one in enumerate(partials) if not one.ended]
        if rows:
            self.session.restore([state for k in rows if (state := out[k].state) is not None])
        for k in rows:
            self.calls[partials[k].prompt] += 1
        at = list(range(len(rows)))
        begun = [len(one.tokens) + len(first) for one, first in zip(partials, given, strict=True)]
        while rows:
            log_probs, room = self.session.logprobs, self.session.room
            going, places = [], []
            for k, place in zip(rows, at, strict=True):
                out[k] = self._extended(
                    out[k], log_probs[place], int(room[place]), streams[k], pick, given[k], begun[k]
                )
                if not out[k].ended:
                    going.append(k)
                    places.append(place)
            newest = [out[k].tokens[-1] for k in going]
            self.session.advance(np.array(places, dtype=np.int64), np.array(newest, dtype=np.int64))
            done = [k for k in going if self._complete(out[k], begun[k], limits[k], steps=steps)]
            kept = self.session.save([going.index(k) for k in done])
            for k, state in zip(done, kept, strict=True):
                out[k] = replace(out[k], state=state)
            at = [place for place, k in enumerate(going) if k not in done]
            rows = [going[place] for place in at]
        return out

    def _extended(
        self,
        one: Partial,
        log_probs: Float64s,
        room: int,
        stream: Stream,
        pick: Pick,
        given: tuple[int, ...],
        begun: int,
    ) -> Partial:
        prompt = self.prompts[one.prompt]
        ahead = begun - len(one.tokens)
        if ahead > 0:
            choice = Choice(given[len(given) - ahead], 0.0)
        else:
            choice = pick(log_probs, one, stream)
            self.tokens[one.prompt] += 1
        tokens = (*one.tokens, choice.token)
        text = self.session.closed(tokens, prompt.stop)
        stopped = text is not None
        if text is None and (len(tokens) >= self.lengths[one.prompt] or room < 1):
            text = self.session.text(tokens)
        return Partial(
            one.prompt,
            tokens,
            (*one.logprobs, float(log_probs[choice.token])),
            (*one.drawn, choice.log_prob),
            None,
            text,
            stopped,
        )

    def _complete(self, one: Partial, begun: int, limit: int, *, steps: bool) -> bool:
        own = one.tokens[begun:]
        if limit and len(own) >= limit:
            return True
        return bool(own) and steps and self.prompts[one.prompt].step in self.session.text(own)

    def generated(self, one: Partial) -> Generated:
        """The text, ended or not, as a pool holds it."""
        text = one.text if one.text is not None else self.session.text(one.tokens)
        return Generated(text, np.array(one.tokens, dtype=np.int64), np.array(one.logprobs), one.stopped)


def opened(model: LanguageModel, decoder: str, prompts: Sequence[Prompt]) -> Session:
    """A session for these prompts, for use in a `with` block; `UsageError` for a model that opens none."""
    return stepped(model, decoder).session([p.text for p in prompts], max((p.max_tokens for p in prompts), default=0))
