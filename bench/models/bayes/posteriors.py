"""Approximate posteriors by name, all over the same small network, prior and data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import model
from bench.errors import UsageError
from bench.models.bayes import samplers
from bench.models.bayes.networks import Posterior, Problem
from bench.seeds import derive

STUDY = "A Study of Bayesian Neural Network Surrogates for Bayesian Optimization"
MARTINGALE = "Martingale Posterior Neural Processes"
PRECISION = 1.0
DRAWS = 30
LEAST_ACCEPTED = 0.5


def _posterior(name: str, sampler: Any, hidden: int, depth: int, precision: float, **parameters: Any) -> Posterior:
    every = {"hidden": hidden, "depth": depth, "precision": precision, **parameters}
    return Posterior(name, every, hidden, depth, precision, sampler)


@model(
    "mc-dropout",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Gal and Ghahramani 2016, arXiv:1506.02142",
    papers=(STUDY,),
    check="uncertainty/dropout-variance",
)
def mc_dropout(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 40,
    rate: float = 1e-2, drop: float = 0.2,
) -> Posterior:  # fmt: skip
    """A network whose hidden units are left out at random, when it is trained and when it is asked.

    Each member leaves out units of its own, the same for all inputs.  drop: their share.  draws: members.
    """

    def sampler(problem: Problem, seed: int) -> Float64s:
        return samplers.dropout(problem, seed, draws, epochs, rate, drop)

    return _posterior("mc-dropout", sampler, hidden, depth, precision, draws=draws, epochs=epochs, rate=rate, drop=drop)


@model(
    "swag",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Maddox et al. 2019, arXiv:1902.02476",
    check="uncertainty/swag-moments",
)
def swag(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 30,
    rate: float = 0.05, rank: int = 20,
) -> Posterior:  # fmt: skip
    """A Gaussian fitted to the path of SGD at a constant rate, one point an epoch.

    rank: last points that make its low-rank part.  draws: members.
    """

    def sampler(problem: Problem, seed: int) -> Float64s:
        return samplers.swag(problem, seed, draws, epochs, rate, rank)

    return _posterior("swag", sampler, hidden, depth, precision, draws=draws, epochs=epochs, rate=rate, rank=rank)


@model(
    "sgld",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Welling and Teh 2011, Bayesian Learning via Stochastic Gradient Langevin Dynamics",
    papers=(STUDY,),
    check="uncertainty/langevin-gaussian",
)
def sgld(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 60,
    step: float = 1e-4,
) -> Posterior:  # fmt: skip
    """Langevin dynamics on gradients of batches at a constant step, from the optimum on; draws: members kept."""

    def sampler(problem: Problem, seed: int) -> Float64s:
        return samplers.sgld(problem, seed, draws, epochs, step)

    return _posterior("sgld", sampler, hidden, depth, precision, draws=draws, epochs=epochs, step=step)


@model(
    "sghmc",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Chen, Fox and Guestrin 2014, arXiv:1402.4102",
    papers=(STUDY,),
    check="uncertainty/underdamped-gaussian",
)
def sghmc(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 60,
    step: float = 1e-5, friction: float = 0.1,
) -> Posterior:  # fmt: skip
    """Hamiltonian dynamics with friction on gradients of batches, from the optimum on; draws: members kept.

    friction: share of the velocity that is lost at each step.
    """

    def sampler(problem: Problem, seed: int) -> Float64s:
        return samplers.sghmc(problem, seed, draws, epochs, step, friction)

    return _posterior(
        "sghmc", sampler, hidden, depth, precision, draws=draws, epochs=epochs, step=step, friction=friction
    )


@model(
    "hmc",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Neal 2011, MCMC using Hamiltonian dynamics; Li, Rudner and Wilson 2024",
    papers=(STUDY,),
    check="uncertainty/linear-posterior",
)
def hmc(
    hidden: int = 16, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, burn: int = 60, leaps: int = 20,
    thin: int = 3, chains: int = 1,
) -> Posterior:  # fmt: skip
    """Full-batch Hamiltonian Monte Carlo over all weights: the posterior itself, as far as the chain has mixed.

    burn: proposals by which the step is tuned.  leaps: gradient steps of each.  thin: proposals to a member.  chains:
    how many share the draws, one after another, each from an optimum of its own: `r-hat` says whether they agree.
    """
    if chains < 1 or draws % chains:
        raise UsageError(
            f"hmc can't share {draws} draws among {chains} chains", cause="each has as many", fix="chains=2"
        )

    def sampler(problem: Problem, seed: int) -> Float64s:
        found, shares = [], []
        for chain in range(chains):
            own = derive(seed, "chain", chain) if chain else seed
            start = samplers.optimum(problem, 20, 1e-2, own)
            samples, accepted = samplers.hamiltonian(
                problem.energy, start, draws // chains, burn, leaps, own, thin=thin
            )
            found.append(samples)
            shares.append(accepted)
        if min(shares) < LEAST_ACCEPTED:
            warnings.warn(
                f"a chain accepted {min(shares):.2f} of its proposals, where .8 is aimed at: burn in for longer, burn=",
                stacklevel=2,
            )
        return np.concatenate(found)

    every = {"draws": draws, "burn": burn, "leaps": leaps, "thin": thin, "chains": chains}
    return _posterior("hmc", sampler, hidden, depth, precision, **every)


@model(
    "martingale",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Fong, Holmes and Walker 2023, arXiv:2103.15671; Lee et al. 2023",
    papers=(MARTINGALE,),
    check="uncertainty/martingale-posterior",
)
def martingale(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = 10, epochs: int = 30,
    rate: float = 1e-2,
) -> Posterior:  # fmt: skip
    """The martingale posterior whose predictive is the Polya urn of the data: the Bayesian bootstrap.

    Resampling the future without end from what was seen gives the data Dirichlet weights; each member is the network
    that they make optimal.
    """

    def sampler(problem: Problem, seed: int) -> Float64s:
        return samplers.reweighted(problem, seed, draws, epochs, rate)

    return _posterior("martingale", sampler, hidden, depth, precision, draws=draws, epochs=epochs, rate=rate)


@model(
    "laplace",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="MacKay 1992; Daxberger et al. 2021, Laplace Redux (last layer, generalised Gauss-Newton)",
    papers=(STUDY,),
    check="uncertainty/laplace-last-layer",
)
def laplace(
    hidden: int = 64, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 40,
    rate: float = 1e-2,
) -> Posterior:  # fmt: skip
    """A Gaussian about the optimum over the weights of the last layer: its precision is the Gauss-Newton matrix's.

    For classes the matrix is exact in the last layer; of a forecast, that of the mean at the width found.
    """

    def sampler(problem: Problem, seed: int) -> Float64s:
        from bench.models.bayes.laplace import last_layer

        return last_layer(problem, samplers.optimum(problem, epochs, rate, seed), draws, seed)

    return _posterior("laplace", sampler, hidden, depth, precision, draws=draws, epochs=epochs, rate=rate)


@model(
    "laplace-linearised",
    gives=("classifier", "regressor"),
    area="uncertainty",
    source="Immer, Korzepa and Bauer 2021, arXiv:2008.08400 (all layers, generalised Gauss-Newton, linearised)",
    papers=(STUDY,),
    check="uncertainty/laplace-linearised",
)
def laplace_linearised(
    hidden: int = 32, depth: int = 1, precision: float = PRECISION, draws: int = DRAWS, epochs: int = 40,
    rate: float = 1e-2,
) -> Posterior:  # fmt: skip
    """A Gaussian about the optimum over all weights, asked through the network's linearisation there.

    Its precision is the full Gauss-Newton matrix, for which the linear network is the right one: the members' outputs
    are Gaussian, as those of a Gaussian process are.
    """
    from bench.models.bayes.linearised import Linearised, all_layers

    def sampler(problem: Problem, seed: int) -> Float64s:
        return all_layers(problem, samplers.optimum(problem, epochs, rate, seed), draws, seed)

    every = {"hidden": hidden, "depth": depth, "precision": precision, "draws": draws, "epochs": epochs, "rate": rate}
    return Linearised("laplace-linearised", every, hidden, depth, precision, sampler)
