"""scikit-learn estimators as models: `sklearn:linear_model.LogisticRegression,C=0.5` or `sklearn:module:factory`."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified, Forecast, LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import importing
from bench.models.building import facts
from bench.models.dequantisation import lower_bound
from bench.models.labels import classes_of, labels_of
from bench.models.scaling import flat
from bench.seeds import derive, generator

FLOOR = 1e-12  # a forest's 0 would make one surprising label cost infinitely much
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
HELD_OUT = 0.2


@dataclass
class Adapter:
    """An estimator and what it is."""

    estimator: Any
    identity: Mapping[str, Any]

    def fingerprint(self) -> Mapping[str, Any]:
        """The estimator's class, parameters and versions."""
        return self.identity


@dataclass
class ClassifierAdapter(Adapter):
    """A fitted classifier.

    Logits are the decision function where its softmax is the predicted probability (linear models), else
    log p clipped to 1e-12; of an estimator that gives no probabilities, the decision function as it is.
    """

    classes: int = 0
    decides: bool | None = None

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits (b, C)."""
        rows = flat(inputs)
        if self.decides is None:
            self.decides = _decision_is_logit(self.estimator, rows)
        return Classified(self._spread(_decision(self.estimator, rows) if self.decides else self._log_probs(rows)))

    def _log_probs(self, rows: Float64s) -> Float64s:
        return np.log(np.maximum(self.estimator.predict_proba(rows), FLOOR))

    def _spread(self, logits: Float64s) -> Float64s:
        # Columns follow the labels that the estimator saw; a class that it never saw is 1e-12 of the least likely.
        seen = np.asarray(self.estimator.classes_)
        if not np.issubdtype(seen.dtype, np.number) or (seen < 0).any() or (seen != seen.astype(int)).any():
            raise UsageError(
                "the classifier's classes are no class numbers",
                cause=f"classes_ begins with {seen[0]!r}; tasks number their classes from 0",
                fix="fit it on integer labels",
            )
        if logits.shape[1] != len(seen):
            raise UsageError(
                "the classifier gave no logits",
                cause=f"its decision function has {logits.shape[1]} columns for {len(seen)} classes",
                fix="let it give probabilities, or one column a class (decision_function_shape=ovr)",
            )
        classes = max(self.classes, int(seen.max()) + 1)
        if len(seen) == classes:
            return logits
        out = np.repeat(logits.min(axis=1, keepdims=True) + np.log(FLOOR), classes, axis=1)
        out[:, seen.astype(int)] = logits
        return out


@dataclass
class FittableClassifier(ClassifierAdapter):
    """A classifier that is fitted on the training split."""

    def fit(self, train: Examples, seed: int) -> None:
        """Fit a fresh copy of the estimator."""
        rows = flat(train.inputs)
        self.classes = classes_of(train)
        self.estimator = _fresh(self.estimator, seed).fit(rows, labels_of(train))
        self.decides = _decision_is_logit(self.estimator, rows[:64])


@dataclass
class RegressorAdapter(Adapter):
    """A fitted regressor: Gaussian, with its own standard deviation where it gives one, else a constant one."""

    std: float = 0.0

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Mean and standard deviation, (b,) each."""
        rows = flat(inputs)
        if gives_std(self.estimator):
            mean, std = self.estimator.predict(rows, return_std=True)
            return Forecast(mean=np.asarray(mean, float), std=np.maximum(np.asarray(std, float), 1e-12))
        mean = np.asarray(self.estimator.predict(rows), dtype=np.float64).reshape(len(rows))
        return Forecast(mean=mean, std=np.full(len(rows), self.std))


@dataclass
class FittableRegressor(RegressorAdapter):
    """A regressor that is fitted on the training split.

    Where it gives no standard deviation, one for all rows is measured: the root mean square error on a fifth of the
    training rows, held out from a first fit; a second fit then uses all rows (so it errs to the wide side).
    """

    def fit(self, train: Examples, seed: int) -> None:
        """Fit a fresh copy of the estimator, once or twice."""
        rows, y = flat(train.inputs), targets_of(train)
        if not gives_std(self.estimator):
            order = generator(seed, "held-out").permutation(len(rows))
            cut = max(1, int(HELD_OUT * len(rows)))
            out, kept = order[:cut], order[cut:]
            first = _fresh(self.estimator, seed).fit(rows[kept], y[kept])
            errors = y[out] - np.asarray(first.predict(rows[out])).reshape(cut)
            self.std = max(float(np.sqrt((errors**2).mean())), 1e-12)
        self.estimator = _fresh(self.estimator, seed).fit(rows, y)


@dataclass
class QuantileAdapter(Adapter):
    """An estimator of one quantile, fitted once for each level; crossing quantiles are put in order by sorting."""

    parameter: str = "quantile"
    levels: tuple[float, ...] = LEVELS
    fitted: tuple[Any, ...] = ()

    def fit(self, train: Examples, seed: int) -> None:
        """Fit one copy a level."""
        rows, y = flat(train.inputs), targets_of(train)
        self.fitted = tuple(
            _fresh(self.estimator, seed).set_params(**{self.parameter: level}).fit(rows, y) for level in self.levels
        )

    def forecast(self, inputs: AnyArray) -> Forecast:
        """Quantiles (b, Q), non-decreasing along the levels."""
        rows = flat(inputs)
        columns = [np.asarray(one.predict(rows), dtype=np.float64).reshape(len(rows)) for one in self.fitted]
        return Forecast(quantiles=np.sort(np.stack(columns, axis=1), axis=1), levels=self.levels)


@dataclass
class DensityAdapter(Adapter):
    """A fitted density; on discrete data (after `fit`) a lower bound on the log-mass, by uniform dequantisation."""

    levels: int = 0
    seed: int = 0

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density or bound, (b,), nats."""
        rows = flat(inputs)
        if self.levels:
            return lower_bound(self.estimator.score_samples, rows, self.seed)
        return LogDensity(np.asarray(self.estimator.score_samples(rows), dtype=np.float64))


@dataclass
class FittableDensity(DensityAdapter):
    """A density that is fitted on the training split, dequantised where the data is discrete."""

    def fit(self, train: Examples, seed: int) -> None:
        """Fit a fresh copy of the estimator."""
        from bench.models.dequantisation import dequantised

        self.levels, self.seed = train.levels, seed
        rows = flat(train.inputs)
        self.estimator = _fresh(self.estimator, seed).fit(dequantised(rows, seed) if self.levels else rows)


@model("sklearn", gives=("classifier", "regressor", "density"), source="Pedregosa et al. 2011, scikit-learn")
def sklearn(target: str, **parameters: Any) -> Adapter:
    """A scikit-learn estimator; inputs are flattened to rows.

    target: an estimator's path below `sklearn` (`linear_model.LogisticRegression`), or `module:factory` or
    `file.py:factory`, called with the parameters, which returns an estimator, fitted or not.  What it answers follows
    from its kind: classifier, regressor (a Gaussian, or quantiles where it is a quantile regressor), or a density by
    `score_samples`.
    """
    if ":" in target:
        made = importing.call(importing.load_callable(target), target, parameters)
    else:
        made = _estimator(target, parameters)
    if not hasattr(made, "get_params"):
        raise UsageError(
            f"'{target}' gave no estimator",
            cause=f"it returned {type(made).__name__}, which has no get_params",
            fix="return a scikit-learn estimator",
        )
    where = f"{type(made).__module__}.{type(made).__qualname__}"
    known = {"target": target, "class": where, "source": importing.source_digest(target), "of": repr(made)}
    return adapted(made, facts("sklearn", {**known, **parameters}, "numpy", "scikit-learn"))


def adapted(estimator: Any, identity: Mapping[str, Any]) -> Adapter:
    """The adapter that suits an estimator: by what it answers, and by whether it is fitted already."""
    from sklearn.base import is_classifier, is_outlier_detector, is_regressor

    fitted = _is_fitted(estimator)
    if fitted:
        identity = {**identity, "state": _state_digest(estimator)}
    if is_classifier(estimator):
        if not hasattr(estimator, "predict_proba") and not hasattr(estimator, "decision_function"):
            raise _unusable(estimator, "it gives neither probabilities nor a decision function")
        return (ClassifierAdapter if fitted else FittableClassifier)(estimator, identity)
    if is_regressor(estimator):
        parameter = _quantile_parameter(estimator)
        if parameter and not fitted:
            return QuantileAdapter(estimator, identity, parameter)
        if fitted and not gives_std(estimator):
            raise _unusable(estimator, "it is fitted and gives no standard deviation, so its spread is unknown")
        return (RegressorAdapter if fitted else FittableRegressor)(estimator, identity)
    if hasattr(estimator, "score_samples") and not is_outlier_detector(estimator):
        return (DensityAdapter if fitted else FittableDensity)(estimator, identity)
    raise _unusable(estimator, "it is no classifier, no regressor and no density")


def gives_std(estimator: Any) -> bool:
    """Whether a regressor's `predict` takes `return_std`; a pipeline hands it to its last step."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return "return_std" in inspect.signature(last.predict).parameters


def targets_of(train: Examples) -> Float64s:
    """The real targets of a training split, (n,)."""
    if train.targets is None or len(train) < 5:
        raise UsageError(
            "a regressor cannot be fitted",
            cause=f"the task has {len(train)} training rows with targets",
            fix="choose a task with a training split, or a model that is fitted already",
        )
    return np.asarray(train.targets, dtype=np.float64)


def _estimator(target: str, parameters: dict[str, Any]) -> Any:
    place, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(f"sklearn.{place}" if place else "sklearn")
    except ImportError as error:
        raise UsageError(
            f"'sklearn.{place}' cannot be imported",
            cause=str(error),
            fix="write sklearn:linear_model.LogisticRegression, say",
        ) from error
    cls = getattr(module, name, None)
    if not isinstance(cls, type) or not hasattr(cls, "get_params"):
        near = difflib.get_close_matches(name, dir(module), n=1)
        raise UsageError(
            f"'{name}' is no estimator of sklearn.{place}",
            cause="that module has no class of the name",
            fix=f"did you mean '{near[0]}'?" if near else f"python -c 'import sklearn.{place} as m; print(dir(m))'",
        )
    known = list(inspect.signature(cls).parameters)
    for key in parameters:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise UsageError(
                f"{name} has no parameter '{key}'",
                cause="its parameters are " + ", ".join(known),
                fix=f"did you mean '{near[0]}'?" if near else f"leave '{key}=' out",
            )
    return cls(**parameters)


def _fresh(estimator: Any, seed: int) -> Any:
    # Estimators that draw are seeded wherever they were left unseeded, also within pipelines.
    from sklearn.base import clone

    copy = clone(estimator)
    unset = [k for k, v in copy.get_params().items() if k.split("__")[-1] == "random_state" and v is None]
    return copy.set_params(**{key: derive(seed, "sklearn", key) % 2**32 for key in unset})


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    if not get_tags(estimator).requires_fit:  # a Gaussian process answers from its prior: it is not fitted for that
        return any(name.endswith("_") and not name.startswith("_") for name in vars(estimator))
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _state_digest(estimator: Any) -> str:
    import hashlib
    import pickle

    return hashlib.blake2b(pickle.dumps(estimator, protocol=4), digest_size=16).hexdigest()


def _decision(estimator: Any, rows: Float64s) -> Float64s:
    values = np.asarray(estimator.decision_function(rows), dtype=np.float64)
    return np.stack([np.zeros(len(values)), values], axis=1) if values.ndim == 1 else values


def _decision_is_logit(estimator: Any, rows: Float64s) -> bool:
    if not hasattr(estimator, "decision_function"):
        return False
    if not hasattr(estimator, "predict_proba"):
        return True
    logits = _decision(estimator, rows)
    if logits.shape[1] != len(estimator.classes_):
        return False  # one-against-one
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.allclose(odds / odds.sum(axis=1, keepdims=True), estimator.predict_proba(rows), rtol=0, atol=1e-8)


def _quantile_parameter(estimator: Any) -> str:
    parameters = estimator.get_params()
    if parameters.get("loss", "quantile") != "quantile":
        return ""
    if "quantile" in parameters:
        return "quantile"
    return "alpha" if parameters.get("loss") == "quantile" and "alpha" in parameters else ""


def _unusable(estimator: Any, cause: str) -> UsageError:
    return UsageError(
        f"{type(estimator).__name__} cannot be evaluated", cause=cause, fix="wrap it in a factory that gives more"
    )
