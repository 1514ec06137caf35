"""Numbers of other libraries for regressions, to hold bench's against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.records import Regression
from benchmarks.peers_classes import Pair

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
Number = Callable[[Regression], float]


def regression(form: str, n: int = 400, seed: int = 0) -> Regression:
    """Forecasts a quarter too sure."""
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    about: dict[str, Any] = {"ids": np.arange(n).astype(np.str_), "y": mean + 1.25 * std * rng.normal(size=n)}
    if form == "gaussian":
        return Regression(**about, mean=mean, std=std)
    if form == "student":
        return Regression(**about, location=mean, scale=std, df=rng.uniform(2.1, 9, n))
    if form == "mixture":
        means, stds = mean[:, None] + [-1, 0, 2], std[:, None] * [0.5, 1, 2]
        shares = rng.dirichlet(np.ones(3), n)
        return Regression(**about, mixture_means=means, mixture_stds=stds, mixture_weights=shares)
    if form == "samples":
        return Regression(**about, samples=mean[:, None] + std[:, None] * rng.normal(size=(n, 29)))
    if form == "interval":
        return Regression(**about, lower=mean - std, upper=mean + std, level=0.8)
    return Regression(**about, quantiles=mean[:, None] + std[:, None] * ndtri(np.array(LEVELS)), levels=LEVELS)


def pairs() -> list[Pair]:
    """All of them."""
    return [*_distributions(), *_toolbox(), *_others()]


def _each(form: str) -> list[Regression]:
    return [regression(form, seed=seed) for seed in range(3)]


def _mean(values: Any) -> float:
    return float(np.mean(values))


def _distributions() -> list[Pair]:
    import scoringrules as sr

    peer = "scoringrules"

    def gaussian(rule: Callable[..., Any]) -> Number:
        return lambda r: _mean(rule(r.y, r.mean, r.std))

    def student(rule: Callable[..., Any]) -> Number:
        return lambda r: _mean(rule(r.y, r.df, r.location, r.scale))

    def mixture(rule: Callable[..., Any]) -> Number:
        return lambda r: _mean(rule(r.y, r.mixture_means, r.mixture_stds, r.mixture_weights))

    def samples(estimator: str) -> Number:
        return lambda r: _mean(sr.crps_ensemble(r.y, r.samples, estimator=estimator))

    return [
        Pair("crps", peer, _each("gaussian"), gaussian(sr.crps_normal), note="Gaussian"),
        Pair("crps", peer, _each("student"), student(sr.crps_t), note="Student-t"),
        Pair("crps", peer, _each("mixture"), mixture(sr.crps_mixnorm), note="mixture"),
        Pair("crps", peer, _each("samples"), samples("fair"), note="samples, fair"),
        Pair("crps-ensemble", peer, _each("samples"), samples("nrg"), note="samples themselves"),
        Pair("forecast-nll", peer, _each("gaussian"), gaussian(sr.logs_normal), note="Gaussian"),
        Pair("forecast-nll", peer, _each("student"), student(sr.logs_t), note="Student-t"),
        Pair("forecast-nll", peer, _each("mixture"), mixture(sr.logs_mixnorm), note="mixture"),
    ]


def _toolbox() -> list[Pair]:
    import uncertainty_toolbox as uct

    peer, gaussian = "uncertainty-toolbox", _each("gaussian")
    return [
        Pair("crps", peer, gaussian, lambda r: float(uct.crps_gaussian(r.mean, r.std, r.y)), note="Gaussian"),
        Pair("forecast-nll", peer, gaussian, lambda r: float(uct.nll_gaussian(r.mean, r.std, r.y)), note="Gaussian"),
        Pair("sharpness", peer, gaussian, lambda r: float(uct.sharpness(r.std))),
    ]


def _central(r: Regression) -> tuple[Float64s, Float64s]:
    from scipy.stats import norm

    assert r.mean is not None  # noqa: S101 - made above
    assert r.std is not None  # noqa: S101
    low, high = norm.interval(0.9, r.mean, r.std)
    return np.asarray(low), np.asarray(high)


def _others() -> list[Pair]:
    import scoringrules as sr
    from scipy.stats import kstest
    from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error

    def pit(r: Regression) -> Float64s:
        from scipy.stats import norm

        assert r.mean is not None  # noqa: S101 - made above
        assert r.std is not None  # noqa: S101
        return np.asarray(norm.cdf(r.y, r.mean, r.std))

    def pinball(r: Regression) -> float:
        assert r.quantiles is not None  # noqa: S101 - made above
        return _mean([mean_pinball_loss(r.y, q, alpha=a) for q, a in zip(r.quantiles.T, LEVELS, strict=True)])

    gaussian, own = _each("gaussian"), _each("interval")
    return [
        Pair("rmse", "scikit-learn", gaussian, lambda r: float(root_mean_squared_error(r.y, r.mean))),
        Pair("mae", "scikit-learn", gaussian, lambda r: float(mean_absolute_error(r.y, r.mean))),
        Pair("pinball", "scikit-learn", _each("quantiles"), pinball),
        Pair("pit-ks", "scipy", gaussian, lambda r: float(kstest(pit(r), "uniform").statistic)),
        Pair("pit-ks-p", "scipy", gaussian, lambda r: float(kstest(pit(r), "uniform", method="exact").pvalue)),
        Pair(
            "interval-score-90",
            "scoringrules",
            gaussian,
            lambda r: _mean(sr.interval_score(r.y, *_central(r), 0.1)),
        ),
        Pair(
            "interval-score",
            "scoringrules",
            own,
            lambda r: _mean(sr.interval_score(r.y, r.lower, r.upper, 0.2)),
        ),
    ]
