"""Speculative sampling on two language models: one drafts, the other looks, and the texts are the other's own.

A round drafts a few tokens, keeps those that pass, and adds one more: from the residual after the first that fails, or
from the target where all pass (Chen et al. 2023).  All prompts run together, each with its own stream of noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.arrays import Float64s, Ints
from bench.decisions import Prompt
from bench.efficiency import acceptance
from bench.efficiency.acceptance import residual
from bench.efficiency.stopping import GoesOn
from bench.errors import UsageError
from bench.language import Generated, Session, State, SteppedModel
from bench.seeds import generator

_PAIRS = 4096
_CELLS = 1 << 22
_OF_TWO = (acceptance.optimal, acceptance.recursive, acceptance.k_seq)


@dataclass(frozen=True)
class Look:
    """A drafted token that the target looked at: its foreseen chance to pass, whether it did, and the chances there.

    overlap: of one draft, before it was drawn.  The others are of two independent drafts: the most that any scheme can
    accept, and what three schemes do (see `bench.efficiency.acceptance`); importance is NaN for vocabularies beyond
    4,096 tokens, of which it would compare each pair.
    """

    predicted: float
    passed: bool
    overlap: float
    optimal_two: float
    recursive_two: float
    k_seq_two: float
    importance_two: float


@dataclass
class Trace:
    """What happened to one prompt: for each round the drafted, passed and emitted tokens, and every look."""

    drafted: list[int] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    emitted: list[int] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


@dataclass(eq=False)
class _Run:
    """One prompt under way.  States and laws are those of the round: before it, and after each drafted token."""

    prompt: Prompt
    stream: np.random.Generator
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str | None = None
    stopped: bool = False
    trace: Trace = field(default_factory=Trace)
    states: list[tuple[State, State]] = field(default_factory=list)
    drafts: list[int] = field(default_factory=list)
    laws: list[Float64s] = field(default_factory=list)
    kept: float = 1.0
    predicted: list[float] = field(default_factory=list)
    looked: list[Float64s] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.prompt.max_tokens - len(self.tokens)


@dataclass(frozen=True)
class Drafting:
    """How to draft: at which temperature, how long, and how a drafted token's chance to pass is foreseen.

    The chance is taken to be exp(-doubt · entropy of the draft's distribution).
    """

    goes_on: GoesOn
    temperature: float = 1.0
    doubt: float = 0.5


def speculate(
    target: SteppedModel, draft: SteppedModel, prompts: Sequence[Prompt], seed: int, how: Drafting
) -> list[tuple[Generated, Trace]]:
    """A sample of the target for each prompt, and how it came about.  Raises `UsageError` for unlike vocabularies."""
    texts, room = [p.text for p in prompts], max((p.max_tokens for p in prompts), default=0)
    runs = [_Run(p, generator(seed, "speculative", p.id)) for p in prompts]
    with target.session(texts, room) as wanted, draft.session(texts, room) as cheap:
        _same_vocabulary(wanted, cheap)
        live = [run for run in runs if run.left > 0]
        if len(live) < len(runs):
            own = np.flatnonzero([run.left > 0 for run in runs]).tolist()
            for session in (wanted, cheap):
                session.restore(session.save(own))
        while live:
            _draft(live, wanted, cheap, how)
            final = [_verify(run, how.temperature) for run in live]
            _look(live)
            for run, token in zip(live, final, strict=True):
                _emit(run, token, wanted)
            going = [k for k, run in enumerate(live) if run.text is None]
            states = [live[k].states[live[k].trace.passed[-1]] for k in going]
            last = np.array([final[k] for k in going], dtype=np.int64)
            live = [live[k] for k in going]
            for session, own_states in ((wanted, [s[0] for s in states]), (cheap, [s[1] for s in states])):
                session.restore(own_states)
                session.advance(np.arange(len(live)), last)
    return [(_generated(run), run.trace) for run in runs]


def _draft(live: Sequence[_Run], wanted: Session, cheap: Session, how: Drafting) -> None:
    """Draft for every run as far as its rule goes, with both sessions' states after each token."""
    for run in live:
        run.states, run.drafts, run.laws, run.predicted, run.kept = [], [], [], [], 1.0
    drafting = list(live)
    while drafting:
        rows = range(len(drafting))
        for run, *states in zip(drafting, wanted.save(rows), cheap.save(rows), strict=True):
            run.states.append((states[0], states[1]))
        parents, tokens = [], []
        laws, rooms = _heated(cheap.logprobs, how.temperature), wanted.room.tolist()
        for row, run in enumerate(drafting):
            # One token comes after the drafts in any case; after an end there is nothing to draft.
            ended = bool(run.drafts) and run.drafts[-1] in wanted.end_tokens
            room = min(run.left - 1, len(run.drafts) + rooms[row])
            if not ended and len(run.drafts) < room and how.goes_on(len(run.drafts), run.kept):
                token = _draw(laws[row], run.stream.random())
                probs = laws[row][laws[row] > 0]
                chance = float(np.exp(how.doubt * (probs * np.log(probs)).sum()))
                run.drafts.append(token)
                run.laws.append(laws[row])
                run.predicted.append(chance)
                run.kept *= chance
                parents.append(row)
                tokens.append(token)
        drafting = [drafting[row] for row in parents]
        for session in (wanted, cheap):
            session.advance(np.array(parents, dtype=np.int64), np.array(tokens, dtype=np.int64))


def _verify(run: _Run, temperature: float) -> int:
    """Keep drafted tokens up to the first that fails; returns the token that comes after them."""
    passed = 0
    looked: list[Float64s] = []
    law = _heated(run.states[0][0].logprobs, temperature)
    for token, own in zip(run.drafts, run.laws, strict=True):
        looked.append(law)
        if run.stream.random() * own[token] >= law[token]:
            law = residual(law, own)
            break
        passed += 1
        law = _heated(run.states[passed][0].logprobs, temperature)
    run.looked = looked
    run.trace.drafted.append(len(run.drafts))
    run.trace.passed.append(passed)
    return _draw(law, run.stream.random())


def _look(live: Sequence[_Run]) -> None:
    """Note what the target saw of each run's drafts in this round, all of them computed together."""
    target = [law for run in live for law in run.looked]
    if not target:
        return
    draft = [law for run in live for law in run.laws[: len(run.looked)]]
    chances = iter(_chances(np.array(target), np.array(draft)).tolist())
    for run in live:
        passed = run.trace.passed[-1]
        run.trace.looks += [Look(run.predicted[k], k < passed, *next(chances)) for k in range(len(run.looked))]


def _chances(target: Float64s, draft: Float64s) -> Float64s:
    """Columns `overlap` to `importance_two` of looks whose laws are given (looks, V); a few looks at a time."""
    size = target.shape[1]
    step = max(1, _CELLS // (size**2 if size <= _PAIRS else size))
    parts = []
    for start in range(0, len(target), step):
        p, q = target[start : start + step], draft[start : start + step]
        one, two = acceptance.overlap(p, q), [f(p, q, 2) for f in _OF_TWO]
        chosen = acceptance.importance(p, q) if size <= _PAIRS else np.full(len(p), np.nan)
        parts.append(np.stack([one, *two, chosen], axis=1))
    return np.concatenate(parts)


def _emit(run: _Run, final: int, session: Session) -> None:
    """Take the round's tokens into the text, up to where it ends."""
    before = len(run.tokens)
    passed = run.trace.passed[-1]
    for place, token in enumerate([*run.drafts[:passed], final]):
        run.tokens.append(token)
        run.logprobs.append(float(run.states[place][0].logprobs[token]))
        run.text = session.closed(run.tokens, run.prompt.stop)
        run.stopped = run.text is not None
        if run.text is None and run.left < 1:
            run.text = session.text(run.tokens)
        if run.text is not None:
            break
    run.trace.emitted.append(len(run.tokens) - before)


def _generated(run: _Run) -> Generated:
    tokens: Ints = np.array(run.tokens, dtype=np.int64)
    return Generated(run.text or "", tokens, np.array(run.logprobs, dtype=np.float64), run.stopped)


def _draw(law: Float64s, noise: float) -> int:
    upto = law.cumsum()
    return int(np.searchsorted(upto, min(noise * upto[-1], np.nextafter(upto[-1], 0)), side="right"))


def _heated(logprobs: Float64s, temperature: float) -> Float64s:
    """Probabilities (..., V) at a temperature; at 0 all on the first of the likeliest."""
    if temperature == 0:
        return np.eye(logprobs.shape[-1])[logprobs.argmax(axis=-1)]
    raised = np.exp((logprobs - logprobs.max(axis=-1, keepdims=True)) / temperature)
    return raised / raised.sum(axis=-1, keepdims=True)


def _same_vocabulary(wanted: Session, cheap: Session) -> None:
    size = wanted.logprobs.shape[1]
    if cheap.logprobs.shape[1] != size or wanted.text(range(size)) != cheap.text(range(size)):
        raise UsageError(
            "the draft model has another vocabulary",
            cause="its tokens are verified one by one under the target model",
            fix="name a draft model with the same tokenizer",
        )
