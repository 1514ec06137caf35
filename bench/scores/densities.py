"""OOD scores of a density model; higher is more suspicious.

That a likelihood alone can be higher out of distribution is known (Nalisnick et al. 2019, arXiv:1810.09136): most of
these hold it against something.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.records import Density, ProbedDensity

MINORITY = (
    "Don't Play Favorites: Minority Guidance for Diffusion Models",
    "Self-Guided Generation of Minority Samples Using Diffusion Models",
)
SPECTRA = (
    "Robust Spectral Anomaly Detection in EELS Spectral Images via Three Dimensional Convolutional Variational "
    "Autoencoders"
)


@score("density-nll", of=Density, unit="nats", source="Bishop 1994", papers=(SPECTRA,), check="ood/reconstruction")
def density_nll(record: Density) -> Float64s:
    """Negated log-density, nats, (n,)."""
    return -record.log_prob


@score(
    "typicality", of=Density, unit="nats", source="Nalisnick et al. 2019, arXiv:1906.02994", check="ood/density-scores"
)
def typicality(record: Density, train: Density) -> Float64s:
    """Distance of -log p(x) from its mean on the training rows, an estimate of the entropy, nats, (n,), >= 0.

    The test of one sample; too likely is as suspicious as too unlikely.
    """
    if len(train) == 0:
        raise NotApplicable("no training rows in distribution")
    return np.abs(record.log_prob - train.log_prob.mean())


@score("waic", of=ProbedDensity, unit="nats", source="Choi et al. 2018, arXiv:1810.01392", check="ood/density-scores")
def waic(record: ProbedDensity) -> Float64s:
    """Negated Watanabe-Akaike criterion: variance of log p(x) over the ensemble less its mean, (n,)."""
    if record.members is None:
        raise NotApplicable("the model has no ensemble: ask probed:MODEL")
    return record.members.var(axis=1) - record.members.mean(axis=1)


@score(
    "likelihood-ratio",
    of=ProbedDensity,
    unit="nats",
    source="Ren et al. 2019, arXiv:1906.02845",
    check="ood/density-scores",
)
def likelihood_ratio(record: ProbedDensity) -> Float64s:
    """Log p_background(x) - log p(x), nats, (n,)."""
    if record.background is None:
        raise NotApplicable("the model has no background beside it: ask probed:MODEL")
    return record.background - record.log_prob


@score(
    "input-complexity",
    of=ProbedDensity,
    unit="nats",
    source="Serra et al. 2020, arXiv:1909.11480",
    check="ood/density-scores",
)
def input_complexity(record: ProbedDensity) -> Float64s:
    """Negated log-mass less the length of the compressed input, nats, (n,): a ratio to a compressor's model."""
    if record.complexity is None:
        raise NotApplicable("the inputs have no grey levels to compress")
    return -record.log_prob - record.complexity


@score(
    "minority",
    of=ProbedDensity,
    source="Um, Lee and Ye 2024, arXiv:2301.12334; Um and Ye 2024, arXiv:2407.11555",
    papers=MINORITY,
    check="ood/minority",
)
def minority(record: ProbedDensity) -> Float64s:
    """Mean squared distance between an input and the posterior mean of it given a noised copy, (n,), >= 0.

    The distance is Euclidean (the papers' is perceptual).  At t = 0 the two papers' scores are one.
    """
    if record.minority is None:
        raise NotApplicable("the model has no denoiser")
    return record.minority


@score(
    "reconstruction",
    of=ProbedDensity,
    source="Hotelling 1933; Hawkins 1974",
    papers=(SPECTRA,),
    check="ood/reconstruction",
)
def reconstruction(record: ProbedDensity) -> Float64s:
    """Squared distance between an input and its reconstruction, (n,), >= 0."""
    if record.reconstruction is None:
        raise NotApplicable("the model reconstructs nothing")
    return record.reconstruction
