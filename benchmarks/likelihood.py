"""Likelihoods: bench against zuko, torchdiffeq, plain loops and EasyTPP, python -m benchmarks.likelihood.

One process, one thread, CPU seconds; the contestants of a race take turns, on the same network, samples and tolerance,
and each is held against the truth.  EasyTPP takes part where it is installed (pip install easy_tpp).  Adds a section to
docs/performance.md.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from bench.arrays import Float64s
from bench.capabilities import Machine
from bench.estimators.flow import Integration, Velocity, log_density, standard_normal
from bench.estimators.latent import Bound, Latent, estimate
from bench.models.building import build
from bench.references.events import Hawkes, Sequences, unpacked
from bench.specs import parse
from bench.tasks.likelihood.digits import likelihood_digits
from bench.tasks.likelihood.events import excitable, likelihood_hawkes
from bench.tasks.likelihood.gaussian_mixture import likelihood_gaussian_mixture, likelihood_gaussian_mixture_32
from bench.tasks.likelihood.linear_factors import factors, likelihood_linear_factors
from benchmarks.processor import processor
from benchmarks.sections import put

TOLERANCE = 1e-5
PEERS = ("torch", "zuko", "torchdiffeq", "easy_tpp")


@dataclass(frozen=True)
class Runner:
    """One way to the log-likelihoods of the first rows; `count` of them, since a slow way is given fewer."""

    name: str
    run: Callable[[], Float64s]
    count: int


@dataclass(frozen=True)
class Race:
    """Ways to the same numbers, bench's first; truth: (n,), and what it is."""

    title: str
    runners: tuple[Runner, ...]
    truth: Float64s
    against: str
    note: str = ""


def flow_race(dims: int, n: int, few: int) -> Race:
    """A velocity trained by flow matching on a mixture, followed back to the noise."""
    examples = (likelihood_gaussian_mixture if dims == 2 else likelihood_gaussian_mixture_32)(0)
    model = build(parse("flow-matching"), Machine())
    model.fit(examples.split("train"), 0)
    velocity: Velocity = model.velocity
    rows = model.scale.apply(np.asarray(examples.split("test").inputs)[:n])
    x = torch.as_tensor(rows)

    def ours(tolerance: float) -> Float64s:
        how = Integration(tolerance=tolerance, divergence="exact")
        return log_density(velocity, rows, (1.0, 0.0), standard_normal(), how).log_prob

    alone = Runner(
        "torchdiffeq, one sample at a time", lambda: np.concatenate([by_hand(velocity, r[None]) for r in x[:few]]), few
    )
    return Race(
        f"Continuous flow, {dims} dimensions",
        (
            Runner("bench", lambda: ours(TOLERANCE), n),
            Runner("zuko's free-form Jacobian (its CNF)", lambda: by_zuko(velocity, x), n),
            Runner("torchdiffeq, batched, trace by hand", lambda: by_hand(velocity, x), n),
            alone,
        ),
        ours(1e-9),
        "bench at 1e-9",
    )


def by_zuko(velocity: Velocity, x: Tensor) -> Float64s:
    """As `zuko.flows.CNF` has it, with its transform around the velocity."""
    from zuko.transforms import FreeFormJacobianTransform

    def field(t: Tensor, at: Tensor) -> Tensor:
        return velocity(at, t.expand(len(at)))

    flow = FreeFormJacobianTransform(field, t0=1.0, t1=0.0, atol=TOLERANCE, rtol=TOLERANCE)
    with torch.no_grad():
        y, stretch = flow.call_and_ladj(x)
        return (standard_normal()(y) + stretch).numpy()


def by_hand(velocity: Velocity, x: Tensor) -> Float64s:
    """As users write it: dopri5 on the pair of position and log-density, one gradient for each entry of the trace."""
    from torchdiffeq import odeint

    def field(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            at = state[0].detach().requires_grad_()
            moved = velocity(at, t.expand(len(at)))
            trace = torch.zeros(len(at), dtype=at.dtype)
            for i in range(at.shape[1]):
                (slope,) = torch.autograd.grad(moved[:, i].sum(), at, retain_graph=True)
                trace = trace + slope[:, i]
        return moved.detach(), trace.detach()

    times = torch.tensor([1.0, 0.0], dtype=x.dtype)
    with torch.no_grad():
        ends, stretch = odeint(field, (x, x.new_zeros(len(x))), times, rtol=TOLERANCE, atol=TOLERANCE, method="dopri5")
        return (standard_normal()(ends[-1]) + stretch[-1]).numpy()


def latent_races() -> list[Race]:
    """IWAE of a linear VAE, whose marginal is exact, and of a trained one on digits."""
    known = factors()
    linear = type(known)(known.mean, known.loadings, known.noise, spread=1.2)
    rows = np.asarray(likelihood_linear_factors(0).split("test").inputs)
    exact = Race(
        "IWAE of a linear VAE, 400 samples, K = 500",
        _bounds(linear, rows, 500, seed=1),
        known.log_density(rows),
        "the exact marginal",
    )
    digits = likelihood_digits(0)
    vae = build(parse("vae"), Machine())
    vae.fit(digits.split("train"), 0)
    images = np.asarray(digits.split("test").inputs, dtype=np.float64)[:200].reshape(200, -1)
    fine = estimate(vae.held, images, Bound("iwae", 5000), 7).log_prob
    trained = Race(
        "IWAE of a trained VAE on digits, 200 samples, K = 50",
        _bounds(vae.held, images, 50, seed=1),
        fine,
        "bench at K = 5,000",
    )
    return [exact, trained]


def _bounds(model: Latent, rows: Float64s, k: int, seed: int) -> tuple[Runner, ...]:
    return (
        Runner("bench", lambda: estimate(model, rows, Bound("iwae", k), seed).log_prob, len(rows)),
        Runner("plain loop over samples", lambda: iwae_by_hand(model, rows, k, seed), len(rows)),
    )


def iwae_by_hand(model: Latent, rows: Float64s, k: int, seed: int) -> Float64s:
    """The log of the mean weight of k draws, sample by sample."""
    torch.manual_seed(seed)
    found = []
    with torch.no_grad():
        for row in torch.as_tensor(rows):
            mean, std = model.proposal(row[None])
            proposal = torch.distributions.Normal(mean[0], std[0])
            z = proposal.sample((k,))  # type: ignore[no-untyped-call]
            standard = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
            prior = standard.log_prob(z).sum(dim=1)  # type: ignore[no-untyped-call]
            fit = model.log_likelihood(row[None], z[None])[0]
            logs = fit + prior - proposal.log_prob(z).sum(dim=1)  # type: ignore[no-untyped-call]
            found.append(float(logs.logsumexp(dim=0)) - math.log(k))
    return np.array(found)


def event_race() -> Race:
    """A Hawkes process on 200 sequences: closed form, plain double sum, and EasyTPP's sampled compensator."""
    process = excitable()
    events = unpacked(np.asarray(likelihood_hawkes(0).split("test").inputs))
    n = len(events.horizon)
    runners = [
        Runner("bench", lambda: process.log_prob(events)[0], n),
        Runner("plain double sum, one sequence at a time", lambda: hawkes_by_hand(process, events), n),
    ]
    note = "EasyTPP is not installed, and took no part."
    if find_spec("easy_tpp") is not None:
        runners.append(Runner("EasyTPP, 20 points a gap", easy(process, events, 20), n))
        runners.append(Runner("EasyTPP, 200 points a gap", easy(process, events, 200), n))
        note = (
            "EasyTPP has no Hawkes process: its likelihood is given this one's intensities, by its trapezoid rule. "
            "It leaves out the silence between the last event and the horizon, which is most of its error."
        )
    truth = hawkes_by_hand(process, events)
    return Race("Hawkes process, 200 sequences on [0, 20]", tuple(runners), truth, "double sums", note)


def hawkes_by_hand(process: Hawkes, events: Sequences) -> Float64s:
    """Sums over all pairs of events, sequence by sequence, in numpy."""
    return np.array([_sequence(process, events, row) for row in range(len(events.horizon))])


def _sequence(process: Hawkes, events: Sequences, row: int) -> float:
    here = events.present[row]
    times, marks = events.times[row][here], events.marks[row][here]
    past = process.jump[marks[:, None], marks[None, :]] * process.decay
    kernel = np.exp(-process.decay * np.maximum(times[:, None] - times[None, :], 0.0))
    rates = process.base[marks] + np.tril(past * kernel, -1).sum(axis=1)
    silence = process.jump[:, marks].sum(axis=0) * -np.expm1(-process.decay * (events.horizon[row] - times))
    return float(np.log(rates).sum() - process.base.sum() * events.horizon[row] - silence.sum())


def easy(process: Hawkes, events: Sequences, points: int) -> Callable[[], Float64s]:
    """EasyTPP's likelihood of the process, its recursion written in torch as its recurrent models have theirs."""
    from easy_tpp.model import BaseModel

    config = SimpleNamespace(
        loss_integral_num_sample_per_step=points, hidden_size=4, num_event_types=len(process.base),
        num_event_types_pad=len(process.base) + 1, pad_token_id=len(process.base), thinning=None, gpu=-1,
        use_mc_samples=False,
    )  # fmt: skip
    model = BaseModel(config)
    base, jump = torch.as_tensor(process.base), torch.as_tensor(process.jump)
    gaps = torch.as_tensor(events.gaps[:, :-1])
    present = torch.as_tensor(events.present)
    types = torch.where(present, torch.as_tensor(events.marks), config.pad_token_id)
    hot = torch.nn.functional.one_hot(types, config.num_event_types_pad)[..., :-1].to(gaps.dtype)

    def run() -> Float64s:
        state, states = torch.zeros_like(hot[:, 0]), []
        for at in range(gaps.shape[1]):
            states.append(state)
            state = state * (-process.decay * gaps[:, at, None]).exp() + hot[:, at]
        begun = torch.stack(states, dim=1)

        def rates(since: Tensor) -> Tensor:
            decayed = begun[:, :, None] * (-process.decay * since[..., None]).exp()
            return base + process.decay * decayed @ jump.T

        at_events = rates(gaps[:, :, None])[:, :, 0]
        sampled = rates(model.make_dtime_loss_samples(gaps))
        seen, silent, _ = model.compute_loglikelihood(gaps, at_events, sampled, present, types)
        return (seen - silent).sum(dim=1).numpy()

    return run


def measured(race: Race, repeats: int) -> list[tuple[Runner, float, Float64s]]:
    """Of each runner: CPU seconds a thousand samples (median), and its numbers; by turns."""
    seconds: dict[str, list[float]] = {runner.name: [] for runner in race.runners}
    found: dict[str, Float64s] = {}
    for _ in range(repeats):
        for runner in race.runners:
            start = time.process_time()
            found[runner.name] = runner.run()
            seconds[runner.name].append((time.process_time() - start) / runner.count * 1000)
            print(f"{race.title}, {runner.name}: {seconds[runner.name][-1]:.3f} s", file=sys.stderr)
    return [(r, statistics.median(seconds[r.name]), found[r.name]) for r in race.runners]


def table(race: Race, results: Sequence[tuple[Runner, float, Float64s]]) -> list[str]:
    """The Markdown of one race."""
    base = results[0][1]
    lines = [f"### {race.title}", ""]
    if race.note:
        lines += [race.note, ""]
    lines += [
        f"| | CPU s a thousand samples | of bench's time | mean off {race.against}, nats | worst sample |",
        "|---|--:|--:|--:|--:|",
    ]
    for runner, seconds, logs in results:
        off = logs - race.truth[: runner.count]
        lines.append(
            f"| {runner.name} | {seconds:.3g} | {seconds / base:.2f} × | {off.mean():+.1e} | {np.abs(off).max():.1e} |"
        )
    return [*lines, ""]


def installed(name: str) -> str:
    """A package with its version; or that it is not there."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Race and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    n = asked.samples
    races = [flow_race(2, n, max(1, n // 20)), flow_race(32, max(2, n // 4), max(1, n // 40)), *latent_races()]
    races.append(event_race())
    lines = [
        "# How fast are likelihoods?",
        "",
        (
            f"Made by `python -m benchmarks.likelihood`: CPU seconds in one thread, median of {asked.repeats}, by "
            f"turns in one process ({processor()}, {os.cpu_count()} cores); Python {platform.python_version()}, "
            f"{', '.join(installed(name) for name in PEERS)}. Flows run at a tolerance of {TOLERANCE:g} on the same "
            "trained network with the exact trace: bench steps each sample by its own error, so that no answer hangs "
            "on its neighbours; the others step the batch by a common one."
        ),
        "",
    ]
    for race in races:
        lines += table(race, measured(race, asked.repeats))
    text = "\n".join(lines).rstrip()
    print(text)
    put(asked.out, "benchmarks.likelihood", text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
