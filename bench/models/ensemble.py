"""Several models as one: the mixture of their distributions, and what each member said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import specs
from bench.arrays import AnyArray
from bench.capabilities import (
    Classified,
    Classifier,
    DensityModel,
    Fingerprinted,
    Fittable,
    Forecast,
    LogDensity,
    Machine,
    Regressor,
)
from bench.components import model
from bench.errors import EvaluationError, UsageError
from bench.estimators.weights import log_mean_exp
from bench.examples import Examples
from bench.models.building import build, facts
from bench.records import log_softmax
from bench.seeds import derive

COPIES = 5


@dataclass
class Members:
    """The members, each fitted with a seed of its own."""

    members: list[Any]
    target: str
    parameters: Mapping[str, Any]

    def fit(self, train: Examples, seed: int) -> None:
        """Fit those that can be fitted; member i by the seed derived from (seed, i)."""
        for i, member in enumerate(self.members):
            if isinstance(member, Fittable):
                member.fit(train, derive(seed, "member", i))

    def fingerprint(self) -> dict[str, Any]:
        """The members' fingerprints."""
        inner = [dict(m.fingerprint()) if isinstance(m, Fingerprinted) else {} for m in self.members]
        return {**facts("ensemble", {"target": self.target, **self.parameters}, "numpy"), "members": inner}


@dataclass
class ClassifierEnsemble(Members):
    """Answers with the mean of the members' probabilities."""

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits: log of the mean probability (b, C); the members' log-probabilities (b, M, C)."""
        each = np.stack([log_softmax(m.classify(inputs).logits) for m in self.members], axis=1)
        return Classified(log_mean_exp(each, axis=1), members=each)


@dataclass
class RegressorEnsemble(Members):
    """Answers with the mixture of the members' Gaussians, by its mean and standard deviation.

    Members that forecast quantiles are averaged level by level (Vincent 1912).
    """

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean and standard deviation of the mixture (b,), and of each member (b, M)."""
        each = [m.forecast(inputs) for m in self.members]
        if all(f.quantiles is not None for f in each) and len({f.levels for f in each}) == 1:
            quantiles = np.stack([f.quantiles for f in each if f.quantiles is not None], axis=1)
            return Forecast(quantiles=quantiles.mean(axis=1), levels=each[0].levels, member_quantiles=quantiles)
        if not all(f.mean is not None and f.std is not None for f in each):
            raise UsageError(
                "these regressors cannot be one ensemble",
                cause="some forecast a Gaussian and some don't, or their quantile levels differ",
                fix="combine models with forecasts of one form",
            )
        means = np.stack([f.mean for f in each if f.mean is not None], axis=1)
        stds = np.stack([f.std for f in each if f.std is not None], axis=1)
        # The law of total variance; the spread of the means is taken about their mean so that nothing cancels.
        std = np.sqrt((stds**2).mean(axis=1) + means.var(axis=1))
        return Forecast(mean=means.mean(axis=1), std=std, member_means=means, member_stds=stds)


@dataclass
class DensityEnsemble(Members):
    """Answers with the mean of the members' densities.

    The mean of members' lower bounds (or of their dequantised densities) is a lower bound too, by Jensen's inequality.
    """

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log of the mean density, (b,)."""
        each = [m.density(inputs) for m in self.members]
        if len({(d.likelihood, d.dequantisation) for d in each}) > 1:
            raise EvaluationError(
                "these densities cannot be one ensemble",
                cause="their likelihoods are of different kinds: "
                + ", ".join(sorted({f"{d.likelihood}/{d.dequantisation}" for d in each})),
                fix="combine exact ones with exact ones, bounds with bounds",
            )
        stacked = np.stack([d.log_prob for d in each], axis=1)
        log_prob = log_mean_exp(stacked[:, :, None], axis=1)[:, 0]
        errors = [d.mc_error for d in each]
        error = None
        if all(e is not None for e in errors):  # the delta method, members weighted by their share of the density
            share = np.exp(stacked - stacked.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            error = np.sqrt(((share * np.stack([e for e in errors if e is not None], axis=1)) ** 2).sum(axis=1))
        return LogDensity(log_prob, each[0].likelihood, each[0].dequantisation, mc_error=error)


@model(
    "ensemble",
    gives=("classifier", "regressor", "density"),
    area="uncertainty",
    source="Lakshminarayanan, Pritzel and Blundell 2017, arXiv:1612.01474",
    check="uncertainty/ensemble-decomposition",
)
def ensemble(target: str, machine: Machine, size: int = 0, **parameters: Any) -> Members:
    """Several models as one: `ensemble:mlp,size=5`, `ensemble:mlp+logistic`.

    target: a model, or several joined by `+`, each a name or name:target.  size: copies of each; 0 means five of a
    single model and one of each of several.  Other parameters go to every member.  Copies differ by their seed, so
    those of a model that draws nothing are all equal.
    """
    if not isinstance(size, int) or size < 0:
        raise UsageError(f"ensemble: size is {size}", cause="it counts copies", fix="write size=5, say")
    names = target.split("+")
    copies = size or (COPIES if len(names) == 1 else 1)
    inner = [specs.Spec(s.name, s.target, parameters) for s in map(specs.parse, names)]
    members = [build(spec, machine) for spec in inner for _ in range(copies)]
    for capability, kind in (
        (Classifier, ClassifierEnsemble),
        (Regressor, RegressorEnsemble),
        (DensityModel, DensityEnsemble),
    ):
        if all(isinstance(m, capability) for m in members):
            return kind(members, target, {"size": copies, **parameters})
    raise UsageError(
        f"'{target}' cannot be one ensemble",
        cause="the models don't answer the same question: each must be a classifier, or a regressor, or a density",
        fix="combine models of one kind",
    )
