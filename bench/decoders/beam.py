"""Beam search: the likeliest texts that a few rows at a time can find."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import affordable, require, require_budget
from bench.decoders.draws import probability, stepped
from bench.language import Generated, LanguageModel, Session

# Continuations that are weighed for each beam, where there is an attribute.
_WIDER = 4


@dataclass(frozen=True)
class Hypothesis:
    """A text under way or ended: its tokens, their log-probabilities, and the text once it ended.

    stopped: false where the length ended it.  bonus: the logarithm of how probably it has what is asked for.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str | None = None
    stopped: bool = False
    bonus: float = 0.0

    @property
    def total(self) -> float:
        """Log-probability of the whole, nats."""
        return float(np.sum(self.logprobs))


@dataclass(frozen=True)
class Found:
    """The best texts of a prompt, best first, and what finding them cost: a token for each that a beam was given."""

    texts: list[Hypothesis]
    cost: Cost


# The logarithm of the probability that what becomes of a text has what is asked for; exactly, once it has ended.
Attribute = Callable[[Prompt, Hypothesis], float]


@dataclass
class _Search:
    """One prompt's beams under way, their rows in the session, and its ended texts."""

    prompt: Prompt
    beams: list[Hypothesis]
    rows: list[int]
    ended: list[Hypothesis] = field(default_factory=list)
    tokens: int = 0


@decoder(
    "beam",
    source="Lowerre 1976, The Harpy Speech Recognition System; Sutskever, Vinyals and Le 2014",
    check="beam-search",
)
def beam(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    width: int = 4,
    length_penalty: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """The likeliest text among those that `width` beams reach; with a budget, as many beams as it bears at full length.

    Texts are ranked by log-probability over length to the power of `length_penalty` (0: by probability itself).  The
    pool holds the best texts that ended, at most `width`.  The confidence is the probability of all of them that have
    the answer: like that of `greedy`, it bounds from below how often the model would give it at temperature 1.
    """
    del seed  # nothing is drawn
    require(isinstance(width, int) and width >= 1, "beam", "width", width, "a whole number of at least 1")
    require(length_penalty >= 0, "beam", "length_penalty", length_penalty, "at least 0")
    require_budget("beam", budget)
    found = search(model, prompts, width, length_penalty, budget)
    return [decided(prompt, one) for prompt, one in zip(prompts, found, strict=True)]


def search(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    width: int,
    length_penalty: float = 0.0,
    budget: int = 0,
    attribute: Attribute | None = None,
) -> list[Found]:
    """For each prompt the best texts found, best first, at most `width` (with a budget, as many as it bears).

    With an attribute, texts are ranked by their probability together with it: of each search four times as many
    continuations as beams are weighed by it, and the best stay.

    A prompt's search ends when no beam under way can still come among the best: log-probabilities only fall.  What
    reaches `max_tokens` ends there.
    """
    opened = stepped(model, "beam").session([p.text for p in prompts], max((p.max_tokens for p in prompts), default=0))
    with opened as session:
        searches = [_Search(prompt, [Hypothesis((), ())], [k]) for k, prompt in enumerate(prompts)]
        live = [s for s in searches if s.prompt.max_tokens > 0]
        while live:
            parents: list[int] = []
            tokens: list[int] = []
            for one in live:
                beams = affordable(budget, one.prompt.max_tokens) if budget else width
                _extend(one, session, beams, length_penalty, attribute)
                parents += one.rows
                tokens += [beam.tokens[-1] for beam in one.beams]
            live = [one for one in live if one.beams]
            session.advance(np.array(parents, dtype=np.int64), np.array(tokens, dtype=np.int64))
            start = 0
            for one in live:
                one.rows = list(range(start, start + len(one.beams)))
                start += len(one.beams)
    return [Found(one.ended or [Hypothesis((), (), "")], Cost(one.tokens, max(1, len(one.ended)))) for one in searches]


def _extend(one: _Search, session: Session, width: int, penalty: float, attribute: Attribute | None) -> None:
    """Replace the beams by their best continuations; those that end leave them, and rows are those of the parents."""
    logprobs = session.logprobs[one.rows]  # (b, V)
    room = session.room[one.rows]
    totals = logprobs + np.array([[hypothesis.total] for hypothesis in one.beams])
    parents, tokens = _best(totals, width if attribute is None else _WIDER * width)
    pairs = [
        (_grown(one, session, parent, token, float(logprobs[parent, token]), int(room[parent])), parent)
        for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)
    ]
    if attribute is not None:
        weighed = [(replace(made, bonus=attribute(one.prompt, made)), parent) for made, parent in pairs]
        possible = [pair for pair in weighed if pair[0].bonus > -math.inf]
        pairs = sorted(possible, key=lambda pair: -_rank(pair[0], 0.0))[:width]
    one.tokens += len(pairs)
    one.ended += [made for made, _ in pairs if made.text is not None]
    live = [(made, parent) for made, parent in pairs if made.text is None]
    one.ended = sorted(one.ended, key=lambda h: -_rank(h, penalty))[:width]
    if len(one.ended) == width:  # a beam can at best keep its log-probability, over the longest length
        worst = _rank(one.ended[-1], penalty)
        live = [(h, parent) for h, parent in live if h.total / one.prompt.max_tokens**penalty > worst]
    one.rows = [one.rows[parent] for _, parent in live]
    one.beams = [made for made, _ in live]


def _grown(one: _Search, session: Session, parent: int, token: int, logprob: float, room: int) -> Hypothesis:
    """A beam with a token after it."""
    before = one.beams[parent]
    grown = (*before.tokens, token)
    text = session.closed(grown, one.prompt.stop)
    stopped = text is not None
    if not stopped and (len(grown) >= one.prompt.max_tokens or room < 1):
        text = session.text(grown)
    return Hypothesis(grown, (*before.logprobs, logprob), text, stopped)


def _best(totals: Float64s, width: int) -> tuple[Ints, Ints]:
    """Rows and columns of the `width` largest finite entries, largest first; of equal ones the first."""
    flat = totals.ravel()
    count = min(width, int(np.isfinite(flat).sum()))
    near = np.flatnonzero(flat >= np.partition(flat, -count)[-count])
    order = near[np.argsort(-flat[near], kind="stable")][:count]
    return order // totals.shape[1], order % totals.shape[1]


def _rank(hypothesis: Hypothesis, penalty: float) -> float:
    return hypothesis.total / len(hypothesis.tokens) ** penalty + hypothesis.bonus


def decided(prompt: Prompt, one: Found) -> Decision:
    """The answer of the best text, as sure as the texts found with that answer are probable together."""
    found = one.texts
    pool = tuple(
        Generated(h.text or "", np.array(h.tokens, dtype=np.int64), np.array(h.logprobs), h.stopped) for h in found
    )
    answers = [prompt.extract(text.text) for text in pool]
    if answers[0] is None:
        return Decision("", 0.0, pool, cost=one.cost)
    mass = sum(probability(h.total) for h, answer in zip(found, answers, strict=True) if answer == answers[0])
    return Decision(answers[0], min(1.0, mass), pool, cost=one.cost)
