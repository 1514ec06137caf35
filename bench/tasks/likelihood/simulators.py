"""Simulation-based inference where the posterior is known."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.components import task
from bench.covariance import gaussian_log_density
from bench.errors import UsageError, unknown_name
from bench.examples import Examples
from bench.metrics.posterior import CHECK, EPE
from bench.records import Record
from bench.records.posterior import Posterior
from bench.references.sbi_benchmark import SIMULATORS, Simulator
from bench.references.simulators import LinearGaussian, entropy, five
from bench.seeds import derive, generator
from bench.tasks.asking import Asked

SIZES = {"train": 2000, "test": 500}
DRAWS = 127
SUMMARIES = {"all": np.eye(5), "mean": np.full((1, 5), 0.2)}


@task(
    "likelihood/linear-gaussian",
    needs="posterior",
    yields=Posterior,
    source="closed form; Lueckmann et al. 2021 for the setting",
    papers=(EPE,),
    check=CHECK,
)
def likelihood_linear_gaussian(seed: int, summary: str = "all") -> Examples:
    """500 observations of a linear-Gaussian simulator of five parameters, whose posterior is exact.

    summary: what is seen of the five numbers put out: all of them, or their mean, which knows less.
    """
    simulator = summarised(summary)
    parts = {}
    for split, n in SIZES.items():
        draws = generator(seed, "likelihood/linear-gaussian", split)
        parameters, raw = five().sample(n, draws)
        observed = raw @ SUMMARIES[summary].T
        truth = gaussian_log_density(parameters - simulator.means(observed), np.zeros(5), simulator.spread)
        ids = np.array([f"linear-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=observed, targets=parameters, truth=truth, asker=Asked(ask))
    return Examples.join(parts)


@task(
    "likelihood/sbibm",
    needs="posterior",
    yields=Posterior,
    source="Lueckmann et al. 2021, arXiv:2101.04653",
    papers=(EPE,),
    check="likelihood/sbi-benchmark",
)
def likelihood_sbibm(seed: int, simulator: str = "two-moons") -> Examples:
    """100 observations of a simulator of the SBI benchmark; truth is the exact posterior, nothing is downloaded.

    simulator: gaussian-linear, gaussian-linear-uniform, gaussian-mixture, two-moons, or slcp (its posterior's constant
    by quadrature, to .05 nats).  `reference-posterior:NAME` draws from the exact posterior.
    """
    held = known(simulator)
    parts = {}
    for split, n in {"train": SIZES["train"], "test": 100}.items():
        draws = generator(seed, "likelihood/sbibm", simulator, split)
        parameters = held.prior(n, draws)
        observed = held.simulate(parameters, draws)
        # Training rows are simulations alone: nobody asks for their posterior.
        truth = held.log_posterior(observed, parameters[:, None])[:, 0] if split == "test" else np.full(n, np.nan)
        ids = np.array([f"{simulator}-{split}-{i:04d}" for i in range(n)])
        asker = Asked(partial(ask, simulator=simulator))
        parts[split] = Examples(ids=ids, inputs=observed, targets=parameters, truth=truth, asker=asker)
    return Examples.join(parts)


def known(simulator: str) -> Simulator:
    """The simulator of that name; `UsageError` where there is none."""
    if simulator not in SIMULATORS:
        raise unknown_name("simulator", simulator, SIMULATORS)
    return SIMULATORS[simulator]


def summarised(summary: str) -> LinearGaussian:
    """The simulator of that summary; `UsageError` where there is none of the name."""
    if summary not in SUMMARIES:
        raise UsageError(
            f"there is no summary '{summary}'", cause=f"it is one of {', '.join(SUMMARIES)}", fix="name one of them"
        )
    return five().summarised(SUMMARIES[summary])


def ask(model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], *, simulator: str = "") -> Record:
    """The record of a batch: ranks, shares and densities from draws that depend on each sample's id alone.

    simulator: the one of the SBI benchmark whose prior it is; empty: the prior is standard normal.
    """
    held = known(simulator) if simulator else None
    inputs, truth = np.asarray(batch.inputs), np.asarray(batch.targets)
    seeds = np.array([derive(seed, "posterior", str(id_)) % 2**63 for id_ in batch.ids], dtype=np.int64)
    drawn = model.posterior_draws(inputs, DRAWS, seeds)
    density = model.log_posterior(inputs, np.concatenate([truth[:, None], drawn], axis=1))
    # Ids with a tail of their own: reference points must not follow the draws that they judge.
    generators = [generator(seed, "reference", str(id_)) for id_ in batch.ids]
    points = np.stack(
        [draws.standard_normal(truth.shape[1]) if held is None else held.prior(1, draws)[0] for draws in generators]
    )
    apart = ((drawn - points[:, None]) ** 2).sum(axis=2)
    return Posterior(
        **common,
        parameters=truth,
        observed=inputs,
        ranks=(drawn < truth[:, None]).sum(axis=1),
        nearer=(apart < ((truth - points) ** 2).sum(axis=1)[:, None]).mean(axis=1),
        denser=(density[:, 1:] > density[:, :1]).mean(axis=1),
        log_prob=density[:, 0],
        drawn=drawn[:, 0],
        truth=batch.truth,
        draws=DRAWS,
        prior_entropy=entropy(np.eye(truth.shape[1])) if held is None else held.prior_entropy,
    )
