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
        return self.together(log_probs[None], [0], [stream])[0]

    def together(self, log_probs: Float64s, rows: Sequence[int], streams: Sequence[Stream]) -> list[Choice]:
        """A choice for each of d texts, at `rows` of the log-probabilities (R, V); streams give in their order."""
        if self.temperature == 0:
            likeliest = log_probs.argmax(axis=1)
            return [Choice(int(likeliest[row]), 0.0) for row in rows]
        heated = log_probs / self.temperature if self.temperature != 1 else log_probs
        mass = np.exp(heated - heated.max(axis=1, keepdims=True))
        upto = mass.cumsum(axis=1)
        totals = upto[:, -1]
        goals = np.minimum(
            np.array([stream.random() for stream in streams]) * totals[rows], np.nextafter(totals, 0)[rows]
        )
        tokens = [
            int(upto[row].searchsorted(goal, side="right")) for row, goal in zip(rows, goals.tolist(), strict=True)
        ]
        drawn = np.log(mass[rows, tokens] / totals[rows])
        return [Choice(token, log_prob) for token, log_prob in zip(tokens, drawn.tolist(), strict=True)]


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
        at = self._restored([out[k] for k in rows])
        for k in rows:
            self.calls[partials[k].prompt] += 1
        begun = [len(one.tokens) + len(first) for one, first in zip(partials, given, strict=True)]
        while rows:
            forced_now = [given[k][len(out[k].tokens) - len(partials[k].tokens) :][:1] for k in rows]
            choices = self._chosen([out[k] for k in rows], at, [streams[k] for k in rows], pick, forced_now)
            room = self.session.room
            log_probs = self.session.logprobs[at, [choice.token for choice in choices]].tolist()
            going, places = [], []
            for k, place, choice, log_prob in zip(rows, at, choices, log_probs, strict=True):
                out[k] = self._extended(out[k], choice, log_prob, int(room[place]))
                if not out[k].ended:
                    going.append(k)
                    places.append(place)
            now = self._advanced(places, [out[k].tokens[-1] for k in going])
            done = {k for k in going if self._complete(out[k], begun[k], limits[k], steps=steps)}
            ends = sorted({place for k, place in zip(going, now, strict=True) if k in done})
            kept = dict(zip(ends, self.session.save(ends), strict=True))
            for k, place in zip(going, now, strict=True):
                if k in done:
                    out[k] = replace(out[k], state=kept[place])
            at = [place for k, place in zip(going, now, strict=True) if k not in done]
            rows = [k for k in going if k not in done]
        return out

    def _restored(self, partials: Sequence[Partial]) -> list[int]:
        """Return to the states of partials; the session's row of each, which those of one state share."""
        states = {id(one.state): one.state for one in partials if one.state is not None}
        if states:
            self.session.restore(list(states.values()))
        place = {key: row for row, key in enumerate(states)}
        return [place[id(one.state)] for one in partials]

    def _advanced(self, places: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """Feed a token after each place; the new place of each, which those of equal past and token share."""
        pairs = np.array([places, tokens], dtype=np.int64)
        distinct, inverse = np.unique(pairs, axis=1, return_inverse=True)
        self.session.advance(distinct[0], distinct[1])
        new: list[int] = inverse.reshape(-1).tolist()
        return new

    def _chosen(
        self,
        partials: Sequence[Partial],
        at: Sequence[int],
        streams: Sequence[Stream],
        pick: Pick,
        forced: Sequence[tuple[int, ...]],
    ) -> list[Choice]:
        """The next token of each partial, whose row is `at`: the forced one if there is one, which costs nothing."""
        log_probs = self.session.logprobs
        free = [k for k, first in enumerate(forced) if not first]
        for k in free:
            self.tokens[partials[k].prompt] += 1
        if isinstance(pick, Tempered):
            picked = pick.together(log_probs, [at[k] for k in free], [streams[k] for k in free])
        else:
            picked = [pick(log_probs[at[k]], partials[k], streams[k]) for k in free]
        drawn = dict(zip(free, picked, strict=True))
        return [drawn[k] if k in drawn else Choice(first[0], 0.0) for k, first in enumerate(forced)]

    def _extended(self, one: Partial, choice: Choice, log_prob: float, room: int) -> Partial:
        prompt = self.prompts[one.prompt]
        tokens = (*one.tokens, choice.token)
        text = self.session.closed(tokens, prompt.stop)
        stopped = text is not None
        if text is None and (len(tokens) >= self.lengths[one.prompt] or room < 1):
            text = self.session.text(tokens)
        drawn = (*one.drawn, choice.log_prob)
        return Partial(one.prompt, tokens, (*one.logprobs, log_prob), drawn, None, text, stopped)

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
