"""Simulation-based inference where the posterior is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.components import task
from bench.covariance import gaussian_log_density
from bench.errors import UsageError
from bench.examples import Examples
from bench.metrics.posterior import CHECK, EPE
from bench.records import Record
from bench.records.posterior import Posterior
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


def summarised(summary: str) -> LinearGaussian:
    """The simulator of that summary; `UsageError` where there is none of the name."""
    if summary not in SUMMARIES:
        raise UsageError(
            f"there is no summary '{summary}'", cause=f"it is one of {', '.join(SUMMARIES)}", fix="name one of them"
        )
    return five().summarised(SUMMARIES[summary])


def ask(model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Record:
    """The record of a batch: ranks, shares and densities from draws that depend on each sample's id alone."""
    inputs, truth = np.asarray(batch.inputs), np.asarray(batch.targets)
    seeds = np.array([derive(seed, "posterior", str(id_)) % 2**63 for id_ in batch.ids], dtype=np.int64)
    drawn = model.posterior_draws(inputs, DRAWS, seeds)
    density = model.log_posterior(inputs, np.concatenate([truth[:, None], drawn], axis=1))
    # Ids with a tail of their own: reference points must not follow the draws that they judge.
    points = np.stack([generator(seed, "reference", str(id_)).standard_normal(truth.shape[1]) for id_ in batch.ids])
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
        prior_entropy=entropy(np.eye(truth.shape[1])),
    )
