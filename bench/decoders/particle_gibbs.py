"""Particles that go on by steps under a verifier: one filter, filters in a Gibbs chain, and tempered chains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.guided import scored
from bench.decoders.particles import Population, log_mean, vote
from bench.decoders.stepping import Partial, Pick, Stepper, Stream, Tempered, opened
from bench.language import LanguageModel
from bench.seeds import generator
from bench.verifiers.judging import DEFAULT, Judge, Verify

PAPER = "A Probabilistic Inference Approach to Inference-Time Scaling of LLMs using Particle-Based Monte Carlo Methods"
POTENTIALS = ("last", "product", "odds")
_LEAST = 1e-6

# The logarithms of the potentials of texts that have just got a step, (r,).
StepPotential = Callable[[Sequence["Trajectory"]], Float64s]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A text after each of its steps, and the logarithm of each step's potential (at inverse temperature 1)."""

    partials: tuple[Partial, ...]
    logs: tuple[float, ...] = ()

    @property
    def now(self) -> Partial:
        """The text so far."""
        return self.partials[-1]

    @property
    def total(self) -> float:
        """Sum of the logarithms of its potentials."""
        return math.fsum(self.logs)


@dataclass(frozen=True)
class Group:
    """Particles to be: of which prompt, from which stream, under potentials to which power, beside which trajectory."""

    prompt: int
    stream: Stream
    beta: float = 1.0
    retained: Trajectory | None = None


@dataclass(frozen=True)
class Cloud:
    """What became of a group: trajectories, weights (n,) that sum to 1, and an estimate of the constant's logarithm."""

    particles: tuple[Trajectory, ...]
    weights: Float64s
    log_evidence: float

    def draw(self, stream: Stream) -> Trajectory:
        """One of the trajectories, by weight."""
        return self.particles[_pick(self.weights, stream)]


def sweep(
    stepper: Stepper,
    groups: Sequence[Group],
    potential: StepPotential,
    n: int,
    pick: Pick,
    *,
    tokens: int = 0,
    threshold: float = 1.0,
) -> list[Cloud]:
    """Filter n particles in each group: a step, its potential, multinomial resampling, until all have ended.

    A retained trajectory is one of the n, and stays itself whatever is resampled: drawing one trajectory from what
    comes out then leaves the law ∏ potentials · p(text) as it is (Andrieu, Doucet and Holenstein 2010).  What a
    proposal by `pick` changes, the weights correct.  tokens: of a step at most (0: as steps end).  threshold: resample
    where the effective number falls below so many times n; with a retained trajectory, always.
    """
    clouds = [[Trajectory((stepper.roots[g.prompt],))] * n for g in groups]
    logs = [np.zeros(n) for _ in groups]
    evidence = [0.0] * len(groups)
    begun = False
    while going := [k for k, cloud in enumerate(clouds) if not all(one.now.ended for one in cloud)]:
        for k in going if begun else []:
            if threshold < 1 and 1 / float((_normal(logs[k]) ** 2).sum()) >= threshold * n:
                continue
            evidence[k] += log_mean(logs[k])
            clouds[k] = _resampled(clouds[k], logs[k], groups[k])
            logs[k] = np.zeros(n)
        begun = True
        ways = [
            (k, i)
            for k in going
            for i in range(n)
            if not clouds[k][i].now.ended and not (i == 0 and groups[k].retained is not None)
        ]
        grown = stepper.grow(
            [clouds[k][i].now for k, i in ways], [groups[k].stream for k, _ in ways], pick, tokens=tokens
        )
        new = [Trajectory((*clouds[k][i].partials, one)) for (k, i), one in zip(ways, grown, strict=True)]
        gains = potential([replace(one, logs=clouds[k][i].logs) for (k, i), one in zip(ways, new, strict=True)])
        for (k, i), one, gain in zip(ways, new, gains.tolist(), strict=True):
            before = clouds[k][i]
            past = len(before.now.logprobs)
            proposed = sum(one.now.logprobs[past:]) - sum(one.now.drawn[past:])
            logs[k][i] += groups[k].beta * gain + proposed
            clouds[k][i] = Trajectory(one.partials, (*before.logs, gain))
        for k in going:
            kept = groups[k].retained
            if kept is not None and not clouds[k][0].now.ended:
                at = len(clouds[k][0].logs) + 1
                logs[k][0] += groups[k].beta * kept.logs[at - 1] + _correction(kept, at)
                clouds[k][0] = Trajectory(kept.partials[: at + 1], kept.logs[:at])
    return [
        Cloud(tuple(cloud), _normal(log), total + log_mean(log))
        for cloud, log, total in zip(clouds, logs, evidence, strict=True)
    ]


def _correction(one: Trajectory, at: int) -> float:
    past, now = len(one.partials[at - 1].logprobs), one.partials[at]
    return sum(now.logprobs[past:]) - sum(now.drawn[past:])


def _resampled(cloud: list[Trajectory], logs: Float64s, group: Group) -> list[Trajectory]:
    weights = _normal(logs)
    chosen = [cloud[_pick(weights, group.stream)] for _ in cloud]
    return chosen if group.retained is None else [cloud[0], *chosen[1:]]


def _pick(weights: Float64s, stream: Stream) -> int:
    upto = weights.cumsum()
    return int(np.searchsorted(upto, min(stream.random() * upto[-1], np.nextafter(upto[-1], 0)), side="right"))


def _normal(logs: Float64s) -> Float64s:
    """Weights that sum to 1: equal ones where all are 0, whose evidence then says so."""
    if np.isneginf(logs.max()):
        return np.full(len(logs), 1 / len(logs))
    weights: Float64s = np.exp(logs - logs.max())
    return weights / weights.sum()


def swap(low: Trajectory, high: Trajectory, betas: tuple[float, float], noise: float) -> tuple[Trajectory, Trajectory]:
    """Exchange the trajectories of two inverse temperatures with the chance that leaves both their laws as they are."""
    chance = (betas[1] - betas[0]) * (low.total - high.total)
    return (high, low) if math.log(max(noise, 1e-300)) < chance else (low, high)


def by_verifier(stepper: Stepper, judge: Judge, kind: str) -> StepPotential:
    """The potentials of a verifier's scores r: r itself (product), its odds, or r over the last one (last).

    Scores are held in [1e-6, 1 - 1e-6], so that no text is lost for a single judgement.  Under `last` the product over
    a text's steps is the score of the whole.
    """

    def potential(new: Sequence[Trajectory]) -> Float64s:
        scores = np.clip(scored(stepper, judge, [one.now for one in new]), _LEAST, 1 - _LEAST)
        if kind == "odds":
            return np.asarray(np.log(scores) - np.log1p(-scores))
        if kind == "product":
            return np.asarray(np.log(scores))
        return np.asarray(np.log(scores) - np.array([one.total for one in new]))

    return potential


def _decide(
    name: str,
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    how: tuple[int, int, int, float, str],
    verifier: tuple[str | Verify, float, float],
    budget: int,
) -> list[Decision]:
    """how: particles, sweeps after the first, chains, temperature of the proposals, kind of potential."""
    n, sweeps, count, temperature, kind = how
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(isinstance(sweeps, int) and sweeps >= 0, name, "sweeps", sweeps, "a whole number of at least 0")
    require(isinstance(count, int) and count >= 1, name, "chains", count, "a whole number of at least 1")
    require(temperature > 0, name, "temperature", temperature, "above 0")
    require(kind in POTENTIALS, name, "potential", kind, "one of " + ", ".join(POTENTIALS))
    require_budget(name, budget)

    def run(some: list[Prompt]) -> list[Population]:
        judge = Judge(model, name, seed, *verifier)
        with opened(model, name, some) as session:
            stepper = Stepper(session, some, budget)
            potential = by_verifier(stepper, judge, kind)
            streams = [[generator(seed, name, p.id, p.run, chain) for chain in range(count)] for p in some]
            clouds = _chains(stepper, streams, potential, n, sweeps, temperature)
            return [_population(stepper, judge, k, own) for k, own in enumerate(clouds)]

    def most(prompt: Prompt) -> int:
        return n * count * (sweeps + 1) * prompt.max_tokens

    found = repeated(prompts, budget, most, run, lambda one: one.cost)
    return [vote(prompt, _pooled(runs)) for prompt, runs in zip(prompts, found, strict=True)]


def _chains(
    stepper: Stepper,
    streams: Sequence[Sequence[Stream]],
    potential: StepPotential,
    n: int,
    sweeps: int,
    temperature: float,
) -> list[list[Cloud]]:
    """The clouds at inverse temperature 1 of all sweeps of each prompt."""
    count = len(streams[0]) if streams else 0
    betas = [(chain + 1) / count for chain in range(count)]
    groups = [Group(k, stream, beta) for k, own in enumerate(streams) for stream, beta in zip(own, betas, strict=True)]
    found: list[list[Cloud]] = [[] for _ in streams]
    for _ in range(sweeps + 1):
        clouds = sweep(stepper, groups, potential, n, Tempered(temperature))
        drawn = [cloud.draw(group.stream) for cloud, group in zip(clouds, groups, strict=True)]
        for k in range(len(streams)):
            own = drawn[k * count : (k + 1) * count]
            for chain in range(count - 1):
                noise = streams[k][chain].random()
                own[chain], own[chain + 1] = swap(own[chain], own[chain + 1], (betas[chain], betas[chain + 1]), noise)
            drawn[k * count : (k + 1) * count] = own
            found[k].append(clouds[(k + 1) * count - 1])
        groups = [replace(group, retained=one) for group, one in zip(groups, drawn, strict=True)]
    return found


def _population(stepper: Stepper, judge: Judge, k: int, clouds: Sequence[Cloud]) -> Population:
    """The clouds of all sweeps as one, each of equal weight."""
    texts = tuple(stepper.generated(one.now) for cloud in clouds for one in cloud.particles)
    weights = np.concatenate([cloud.weights for cloud in clouds]) / len(clouds)
    cost = stepper.cost(k) + judge.cost(stepper.prompts[k])
    return Population(texts, weights, clouds[0].log_evidence, cost)


def _pooled(runs: Sequence[Population]) -> Population:
    texts = tuple(text for run in runs for text in run.texts)
    weights = np.concatenate([run.weights for run in runs]) / len(runs)
    return Population(texts, weights, runs[0].log_evidence, sum((run.cost for run in runs), Cost()))


@decoder(
    "particle-steps",
    source="Puri et al. 2025 (particle filtering with a process-reward model)",
    papers=(PAPER,),
    check="particle-gibbs",
)
def particle_steps(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 1.0,
    potential: str = "last",
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight among n particles that go on by steps and are resampled by a verifier's scores.

    potential: what a score r makes of a particle's weight: `product` multiplies it by r, `odds` by r / (1 - r), `last`
    by r over the last r.  The confidence is the answer's share of the weight.
    """
    how = (n, 0, 1, temperature, potential)
    return _decide("particle-steps", model, prompts, seed, how, (verifier, fpr, fnr), budget)


@decoder(
    "particle-gibbs",
    source="Andrieu, Doucet and Holenstein 2010; Puri et al. 2025",
    papers=(PAPER,),
    check="particle-gibbs",
)
def particle_gibbs(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 4,
    sweeps: int = 2,
    temperature: float = 1.0,
    potential: str = "last",
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """`particle-steps` again and again, one drawn trajectory staying from each filter to the next; all of them vote."""
    how = (n, sweeps, 1, temperature, potential)
    return _decide("particle-gibbs", model, prompts, seed, how, (verifier, fpr, fnr), budget)


@decoder(
    "particle-tempering",
    source="Swendsen and Wang 1986; Puri et al. 2025 (parallel tempering)",
    papers=(PAPER,),
    check="particle-gibbs",
)
def particle_tempering(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 4,
    sweeps: int = 1,
    chains: int = 2,
    temperature: float = 1.0,
    potential: str = "last",
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """`particle-gibbs` in chains whose potentials count by powers 1/chains … 1, which exchange their trajectories.

    The last chain's particles vote.
    """
    how = (n, sweeps, chains, temperature, potential)
    return _decide("particle-tempering", model, prompts, seed, how, (verifier, fpr, fnr), budget)
