"""Particle filtering: samples from a reweighted model, and how much weight there was in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import affordable, repeated, require, require_budget
from bench.decoders.draws import stepped
from bench.language import Generated, LanguageModel, Session
from bench.seeds import generator


@dataclass(frozen=True)
class Grown:
    """Particles that have just got a token each.

    prompt: (r,) the number of each one's prompt.  tokens: of each, the newest last.  logprobs: (r,) of the newest,
    nats.  texts: of those that it ended (by an end token, a stop string or their length), None for the others.
    """

    prompt: Ints
    tokens: tuple[tuple[int, ...], ...]
    logprobs: Float64s
    texts: tuple[str | None, ...]


# The logarithm of what each particle's weight is multiplied by, (r,); -inf ends its chances.
Potential = Callable[[Grown], Float64s]


@dataclass(frozen=True)
class Power:
    """p^(power - 1): with it the particles follow the model's own distribution over texts to the given power."""

    power: float

    def __call__(self, grown: Grown) -> Float64s:
        """See `Potential`."""
        return (self.power - 1) * grown.logprobs


@dataclass(frozen=True)
class Population:
    """The particles of one prompt at their end.

    weights: (n,), summing to 1.  log_evidence: the logarithm of an unbiased estimate of the normalising constant: the
    expectation, over the model's texts, of the product of potentials.
    """

    texts: tuple[Generated, ...]
    weights: Float64s
    log_evidence: float
    cost: Cost


class _Particles:
    """All particles of all prompts: arrays (P, N), and the session's row of each that goes on (-1: ended)."""

    def __init__(self, prompts: Sequence[Prompt], n: int) -> None:
        self.row = np.repeat(np.arange(len(prompts))[:, None], n, axis=1)
        self.row[[prompt.max_tokens < 1 for prompt in prompts]] = -1
        self.tokens: AnyArray = _objects(self.row.shape, ())
        self.logprobs: AnyArray = _objects(self.row.shape, ())
        self.text: AnyArray = _objects(self.row.shape, None)
        self.stopped: Bools = np.zeros(self.row.shape, dtype=np.bool_)
        self.log_weight = np.zeros(self.row.shape)
        self.log_evidence = np.zeros(len(prompts))
        self.spent = np.zeros(len(prompts), dtype=np.int64)

    def resample(self, at: int, chosen: Ints) -> None:
        """Replace one prompt's particles by copies of the chosen ones (n,), of equal weight."""
        for column in (self.row, self.tokens, self.logprobs, self.text, self.stopped):
            column[at] = column[at][chosen]
        self.log_evidence[at] += log_mean(self.log_weight[at])
        self.log_weight[at] = 0.0


def filter_particles(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    potential: Potential,
    *,
    n: int = 16,
    temperature: float = 1.0,
    threshold: float = 0.5,
) -> list[Population]:
    """Sequential Monte Carlo on each prompt with n particles; all prompts run together.

    Tokens are proposed at `temperature`, which the weights correct; particles are resampled (systematically) when their
    effective number falls below `threshold` times n.  A prompt's noise comes from (seed, its id, its run).
    """
    streams = [
        generator(seed, "particle-filter", prompt.id, *([prompt.run] if prompt.run else [])) for prompt in prompts
    ]
    opened = stepped(model, "particle-filter").session(
        [p.text for p in prompts], max((p.max_tokens for p in prompts), default=0)
    )
    with opened as session:
        particles = _Particles(prompts, n)
        while (particles.row >= 0).any():
            noise = np.array([stream.random(n + 1) for stream in streams])
            tokens = _propose(particles, prompts, session, potential, temperature, noise[:, :n])
            for at in np.flatnonzero((particles.row >= 0).any(axis=1)):
                weights = _normal(particles.log_weight[at])
                if weights is not None and 1 / float((weights**2).sum()) < threshold * n:
                    chosen = systematic(weights, float(noise[at, n]))
                    tokens[at] = tokens[at][chosen]
                    particles.resample(int(at), chosen)
                elif weights is None:  # all are impossible
                    particles.row[at] = -1
            _advance(particles, session, tokens)
        return [_population(particles, at, session) for at in range(len(prompts))]


@decoder(
    "particle-filter",
    source="Gordon, Salmond and Smith 1993; Puri et al. 2025; the power target of Karan and Du 2025",
    papers=(
        "A Probabilistic Inference Approach to Inference-Time Scaling of LLMs using Particle-Based Monte Carlo Methods",
    ),
    check="particle-filter",
)
def particle_filter(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 16,
    power: float = 2.0,
    temperature: float = 1.0,
    threshold: float = 0.5,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight among n particles that follow the model's distribution over texts to a power.

    No reward model is needed: the potential of each step is p^(power - 1) (`filter_particles` takes any other).
    The confidence is the answer's share of the weight; texts without a readable answer count in the whole.  With a
    budget there are as many populations as it bears, each weighing as much as its estimate of the constant.
    """
    name = "particle-filter"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(power > 0, name, "power", power, "above 0")
    require(temperature > 0, name, "temperature", temperature, "above 0")
    require(0 <= threshold <= 1, name, "threshold", threshold, "from 0 to 1")
    require_budget(name, budget)
    # The size must not depend on which prompts share the batch, only on the task's length.
    count = min([n, *(affordable(budget, prompt.max_tokens) for prompt in prompts if budget)])

    def run(some: list[Prompt]) -> list[Population]:
        how = Power(power)
        return filter_particles(model, some, seed, how, n=count, temperature=temperature, threshold=threshold)

    found = repeated(prompts, budget, lambda prompt: count * prompt.max_tokens, run, lambda one: one.cost)
    return [vote(prompt, merged(populations)) for prompt, populations in zip(prompts, found, strict=True)]


def merged(populations: Sequence[Population]) -> Population:
    """Independent populations as one: each weighs as much as its estimate of the normalising constant.

    The estimate of all is the mean of theirs, which is unbiased too.
    """
    if len(populations) == 1:
        return populations[0]
    evidence = np.array([one.log_evidence for one in populations])
    found = _normal(evidence)
    shares = np.zeros(len(evidence)) if found is None else found
    weights = np.concatenate([one.weights * share for one, share in zip(populations, shares, strict=True)])
    return Population(
        tuple(text for one in populations for text in one.texts),
        weights,
        log_mean(evidence),
        sum((one.cost for one in populations), Cost()),
    )


def systematic(weights: Float64s, noise: float) -> Ints:
    """Indices (n,) of resampled particles, ascending: i is taken floor or ceil of n · weights[i] times.

    One uniform number serves all (Kitagawa 1996); expected counts are exactly n · weights.
    """
    n = len(weights)
    upto = np.cumsum(weights)
    goals = (np.arange(n) + noise) / n * upto[-1]
    return np.searchsorted(upto, np.minimum(goals, np.nextafter(upto[-1], 0)), side="right")


def _propose(
    particles: _Particles,
    prompts: Sequence[Prompt],
    session: Session,
    potential: Potential,
    temperature: float,
    noise: Float64s,
) -> Ints:
    """Give each particle that goes on its next token and weight; returns the tokens (P, N), -1 for the others."""
    at, which = np.nonzero(particles.row >= 0)
    row = particles.row[at, which]
    logprobs = session.logprobs
    heated = logprobs / temperature
    heated -= np.logaddexp.reduce(heated, axis=1, keepdims=True)
    upto = np.exp(heated).cumsum(axis=1)
    goal = np.minimum(noise[at, which] * upto[row, -1], np.nextafter(upto[row, -1], 0))
    token = np.array(
        [np.searchsorted(upto[r], g, side="right") for r, g in zip(row, goal, strict=True)], dtype=np.int64
    )
    own = logprobs[row, token]
    particles.spent += np.bincount(at, minlength=len(prompts))
    room = session.room[row]
    texts: list[str | None] = []
    for k, (p, i) in enumerate(zip(at.tolist(), which.tolist(), strict=True)):
        particles.tokens[p, i] = (*particles.tokens[p, i], int(token[k]))
        particles.logprobs[p, i] = (*particles.logprobs[p, i], float(own[k]))
        tokens = particles.tokens[p, i]
        text = session.closed(tokens, prompts[p].stop)
        particles.stopped[p, i] = text is not None
        if text is None and (len(tokens) >= prompts[p].max_tokens or room[k] < 1):
            text = session.text(tokens)
        particles.text[p, i] = text
        texts.append(text)
    grown = Grown(at, tuple(particles.tokens[at, which]), own, tuple(texts))
    particles.log_weight[at, which] += own - heated[row, token] + potential(grown)
    out = np.full(particles.row.shape, -1)
    out[at, which] = token
    particles.row[at, which] = np.where([text is None for text in texts], row, -1)
    return out


def _advance(particles: _Particles, session: Session, tokens: Ints) -> None:
    """Feed the tokens; particles of equal past and equal token share a row."""
    at, which = np.nonzero(particles.row >= 0)
    pairs, inverse = np.unique(np.stack([particles.row[at, which], tokens[at, which]]), axis=1, return_inverse=True)
    session.advance(pairs[0], pairs[1])
    particles.row[at, which] = inverse.reshape(-1)


def _population(particles: _Particles, at: int, session: Session) -> Population:
    logs = particles.log_weight[at]
    weights = _normal(logs)
    cost = Cost(int(particles.spent[at]), len(logs))
    evidence = float(particles.log_evidence[at] + log_mean(logs))
    texts = tuple(
        Generated(
            text if text is not None else session.text(tokens),
            np.array(tokens, dtype=np.int64),
            np.array(logprobs, dtype=np.float64),
            bool(stopped),
        )
        for text, tokens, logprobs, stopped in zip(
            particles.text[at], particles.tokens[at], particles.logprobs[at], particles.stopped[at], strict=True
        )
    )
    return Population(texts, weights if weights is not None else np.zeros(len(logs)), evidence, cost)


def vote(prompt: Prompt, population: Population) -> Decision:
    """The answer of most weight; its confidence is its share."""
    shares: dict[str, float] = {}
    for text, weight in zip(population.texts, population.weights.tolist(), strict=True):
        answer = prompt.extract(text.text)
        if answer is not None:
            shares[answer] = shares.get(answer, 0.0) + weight
    if not shares or max(shares.values()) <= 0:
        return Decision("", 0.0, population.texts, cost=population.cost)
    winner = max(shares, key=lambda answer: shares[answer])
    return Decision(winner, min(1.0, shares[winner]), population.texts, cost=population.cost)


def _normal(logs: Float64s) -> Float64s | None:
    """Weights that sum to 1; None where all are 0."""
    top = logs.max()
    if np.isneginf(top):
        return None
    weights = np.exp(logs - top)
    return weights / weights.sum()


def log_mean(logs: Float64s) -> float:
    """Logarithm of the mean of weights, from their logarithms (n,)."""
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))


def _objects(shape: tuple[int, ...], value: Any) -> AnyArray:
    out = np.empty(shape, dtype=object)
    out.fill(value)
    return out
