"""Regressors with conformal intervals that need models fitted again and again, or masked inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench import specs
from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import Fingerprinted, Fittable, Forecast, Machine, Regressor
from bench.components import NotApplicable, model
from bench.conformal import folds as crossing
from bench.conformal import missing
from bench.errors import UsageError
from bench.examples import Examples
from bench.forecasts.forms import central, mean_of, quantile
from bench.models.building import build, facts
from bench.models.scaling import flat
from bench.models.sklearn import targets_of
from bench.records import Regression
from bench.seeds import derive, generator


@dataclass
class Folds:
    """A model fitted once without each fold of the training rows, and intervals by CV+ (jackknife+: a fold a row)."""

    spec: specs.Spec
    machine: Machine
    folds: int
    alpha: float
    name: str
    models: list[Any] = field(default_factory=list)
    of_row: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    scores: Float64s = field(default_factory=lambda: np.empty(0))

    def fit(self, train: Examples, seed: int) -> None:
        """Fit a copy without each fold; rows of one group share a fold, and folds are as even as may be."""
        y, units = targets_of(train), np.arange(len(train))
        if train.groups is not None:
            units = np.unique(train.groups, return_inverse=True)[1]
        groups = int(units.max()) + 1 if len(units) else 0
        count = min(self.folds or groups, groups)
        if count < 2:
            raise UsageError(
                f"{self.name} has {groups} independent training rows", cause="it needs two", fix="give more data"
            )
        self.of_row = (generator(seed, "folds").permutation(groups) % count)[units]
        self.models, self.scores = [], np.zeros(len(train))
        for k in range(count):
            out = self.of_row == k
            one = build(self.spec, self.machine)
            one.fit(train.take(np.flatnonzero(~out)), derive(seed, "fold", k))
            low, high = self._ends(one, np.asarray(train.inputs)[out])
            self.scores[out] = np.maximum(low - y[out], y[out] - high)
            self.models.append(one)

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Ends of the interval, (b,) each."""
        each = [self._ends(one, inputs) for one in self.models]
        low, high = (np.stack([e[side] for e in each], axis=1) for side in (0, 1))
        lower, upper = crossing.plus(low, high, self.of_row, self.scores, self.alpha)
        return Forecast(lower=lower, upper=upper, level=1 - self.alpha)

    def _ends(self, one: Any, inputs: AnyArray) -> tuple[Float64s, Float64s]:
        """The point forecast twice, or of quantiles the central interval."""
        record = as_record(one.forecast(inputs))
        if record.form == "quantiles":
            return central(record, 1 - self.alpha)
        at = _point(record)
        return at, at

    def fingerprint(self) -> dict[str, Any]:
        """The parameters, and what the inner model is."""
        return wrapped(self.name, {"folds": self.folds, "alpha": self.alpha}, self.spec, self.machine)


@dataclass
class Masked:
    """A model of imputed inputs, and intervals calibrated under the missingness of each input (CP-MDA)."""

    spec: specs.Spec
    machine: Machine
    parameters: Mapping[str, Any]
    inner: Any = None
    fill: Float64s = field(default_factory=lambda: np.empty(0))
    inputs: Float64s = field(default_factory=lambda: np.empty((0, 0)))
    y: Float64s = field(default_factory=lambda: np.empty(0))

    def fit(self, train: Examples, seed: int) -> None:
        """Fit the model on a part of the rows, their gaps filled with column means; keep the others to calibrate on."""
        order = generator(seed, "calibration").permutation(len(train))
        cut = round(self.parameters["share"] * len(train))
        held, kept = order[:cut], order[cut:]
        rows = flat(train.inputs)
        seen = ~np.isnan(rows[kept])
        sums = np.where(seen, rows[kept], 0.0).sum(axis=0)
        self.fill = sums / np.maximum(seen.sum(axis=0), 1)
        self.inputs, self.y = rows[held], targets_of(train)[held]
        proper = train.take(kept)
        self.inner = build(self.spec, self.machine)
        self.inner.fit(Examples(ids=proper.ids, inputs=self._filled(rows[kept]), targets=proper.targets), seed)

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Ends of the interval, (b,) each; inputs (b, d) with NaN where missing."""
        method = missing.exact if self.parameters["method"] == "exact" else missing.nested
        lower, upper = method(self._ends, self.inputs, self.y, flat(inputs), self.parameters["alpha"])
        return Forecast(lower=lower, upper=upper, level=1 - self.parameters["alpha"])

    def _ends(self, rows: Float64s) -> tuple[Float64s, Float64s]:
        return central(as_record(self.inner.forecast(self._filled(rows))), 1 - self.parameters["alpha"])

    def _filled(self, rows: Float64s) -> Float64s:
        gaps = np.isnan(rows)
        filled = np.where(gaps, self.fill, rows)
        return np.concatenate([filled, gaps], axis=1) if self.parameters["mask"] else filled

    def fingerprint(self) -> dict[str, Any]:
        """The parameters, and what the inner model is."""
        return wrapped("cp-mda", self.parameters, self.spec, self.machine)


@model(
    "cv-plus",
    gives="regressor",
    area="uncertainty",
    source="Barber, Candes, Ramdas and Tibshirani 2021, Predictive inference with the jackknife+",
    check="uncertainty/fold-intervals",
)
def cv_plus(target: str, machine: Machine, folds: int = 10, alpha: float = 0.1, **parameters: Any) -> Folds:
    """Intervals of any regressor by CV+: `cv-plus:bayes-ridge,folds=10`; no calibration split is needed.

    The regressor is fitted without each of `folds` folds.  Coverage is at least 1 - 2 alpha (up to 1 / n or so) for any
    model, near 1 - alpha for a stable one.  Quantile forecasts give the ends, others the point.  Other parameters go to
    the regressor.
    """
    if not isinstance(folds, int) or folds < 2:
        raise UsageError(f"cv-plus: folds is {folds}", cause="it counts at least two", fix="write folds=10, say")
    return Folds(_inner(target, machine, parameters), machine, folds, alpha, "cv-plus")


@model(
    "jackknife-plus",
    gives="regressor",
    area="uncertainty",
    source="Barber, Candes, Ramdas and Tibshirani 2021, Predictive inference with the jackknife+",
    check="uncertainty/fold-intervals",
)
def jackknife_plus(target: str, machine: Machine, alpha: float = 0.1, **parameters: Any) -> Folds:
    """Intervals of any regressor by the jackknife+: `jackknife-plus:bayes-ridge`; one fit for each training row.

    Coverage is at least 1 - 2 alpha for any model, near 1 - alpha for a stable one.  Training rows of one group are
    left out together.
    """
    return Folds(_inner(target, machine, parameters), machine, 0, alpha, "jackknife-plus")


@model(
    "cp-mda",
    gives="regressor",
    area="uncertainty",
    source="Zaffran, Dieuleveut, Josse and Romano 2023, Conformal Prediction with Missing Values",
    papers=("Conformal Prediction with Missing Values",),
    check="uncertainty/missing-values",
)
def cp_mda(
    target: str,
    machine: Machine,
    method: str = "exact",
    alpha: float = 0.1,
    share: float = 0.5,
    mask: bool = True,
    **parameters: Any,
) -> Masked:
    """Intervals of any regressor for inputs with missing values (NaN): `cp-mda:gradient-quantile,method=nested`.

    method: exact (calibration rows that miss no more than the input does; holds for every pattern) or nested (all of
    them).  share: of the training rows that calibrate.  mask: whether the model sees which inputs were missing.  Gaps
    are filled with column means.  Other parameters go to the regressor.
    """
    if method not in {"exact", "nested"}:
        raise UsageError(f"cp-mda: method is '{method}'", cause="it is exact or nested", fix="write method=exact")
    if not 0 < share < 1:
        raise UsageError(f"cp-mda: share is {share}", cause="both parts need rows", fix="write share=0.5, say")
    own = {"method": method, "alpha": alpha, "share": share, "mask": mask}
    return Masked(_inner(target, machine, parameters), machine, own)


def _inner(target: str, machine: Machine, parameters: Mapping[str, Any]) -> specs.Spec:
    named = specs.parse(target)
    spec = specs.Spec(named.name, named.target, parameters)
    one = build(spec, machine)
    if not isinstance(one, Regressor) or not isinstance(one, Fittable):
        raise UsageError(
            f"'{target}' cannot be fitted without a part of the data",
            cause="a regressor that is fitted on the training split is needed",
            fix="name one, such as bayes-ridge or gradient-quantile",
        )
    return spec


def wrapped(name: str, parameters: Mapping[str, Any], spec: specs.Spec, machine: Machine) -> dict[str, Any]:
    """The fingerprint of a model around another."""
    one = build(spec, machine)
    inner = dict(one.fingerprint()) if isinstance(one, Fingerprinted) else {}
    return {**facts(name, {"target": str(spec), **parameters}, "numpy"), "inner": inner}


def as_record(forecast: Forecast) -> Regression:
    """A forecast as a record without outcomes (y is 0), for the functions that read records."""
    columns = vars(forecast)
    rows = next(len(value) for value in columns.values() if isinstance(value, np.ndarray))
    return Regression(ids=np.arange(rows).astype(np.str_), y=np.zeros(rows), **columns)


def _point(record: Regression) -> Float64s:
    try:
        return mean_of(record)
    except NotApplicable:
        return quantile(record, 0.5)
