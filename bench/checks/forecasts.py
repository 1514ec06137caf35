"""Forecasts of every form: closed forms against quadrature, tests of the PIT, calibration of spreads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.checks.cases import ERRORS, exact, ids, measured, simulated
from bench.components import Truth, check
from bench.forecasts.forms import quantile
from bench.metrics.coverage import SHARES
from bench.metrics.pit import pit_chi2, pit_ks_p
from bench.records import Regression
from bench.seeds import generator


def student(y: Any, df: float = 3.0, location: float = 0.5, scale: float = 2.0) -> Regression:
    """The same Student-t for each outcome."""
    y = np.asarray(y, dtype=np.float64)
    return Regression(
        ids=ids(len(y)), y=y, location=np.full(len(y), location), scale=np.full(len(y), scale), df=np.full(len(y), df)
    )


def mixture(y: Any) -> Regression:
    """0.3 N(-2, 0.5^2) + 0.7 N(1, 1.5^2) for each outcome."""
    y = np.asarray(y, dtype=np.float64)
    columns = {"mixture_means": (-2.0, 1.0), "mixture_stds": (0.5, 1.5), "mixture_weights": (0.3, 0.7)}
    return Regression(ids=ids(len(y)), y=y, **{k: np.tile(v, (len(y), 1)) for k, v in columns.items()})  # type: ignore[arg-type]


@check("metrics/crps-forms", area="uncertainty", source="CRPS = integral of (F(t) - [y <= t])^2 dt, by quadrature")
def crps_forms() -> list[Truth]:
    """Student-t and mixture: CRPS by quadrature, density from the NLL as the slope of F, quantiles by their own F."""
    from scipy.integrate import quad

    from bench.forecasts.forms import pit

    found = []
    for name, form in (("Student-t, df 3", student), ("mixture", mixture)):

        def cdf(t: float, form: Any = form) -> float:
            return float(pit(form([t]))[0])

        for y in (-4.0, 0.3, 5.0):
            below = quad(lambda t: cdf(t) ** 2, -np.inf, y, epsabs=1e-11)[0]
            above = quad(lambda t: (1 - cdf(t)) ** 2, y, np.inf, epsabs=1e-11)[0]
            found.append(Truth(below + above, measured("crps", form([y])), 1e-8, f"CRPS, {name}, y = {y:g}"))
        mass = quad(lambda t, form=form: math.exp(-measured("forecast-nll", form([t]))), -3.0, 4.0, epsabs=1e-11)[0]
        found.append(Truth(cdf(4.0) - cdf(-3.0), mass, 1e-8, f"mass of exp(-NLL) on [-3, 4], {name}"))
        found.append(Truth(0.05, cdf(float(quantile(form([0.0]), 0.05)[0])), 1e-10, f"F of the 5 % quantile, {name}"))
    two = Regression(ids=ids(1), y=np.zeros(1), samples=np.array([[0.0, 1.0]]))
    return [
        *found,
        exact(0.25, measured("crps-ensemble", two), "two samples 0 and 1, y = 0"),
        exact(0.0, measured("crps", two), "the same, fair form"),
    ]


@check("metrics/pit-tests", area="calibration", source="size of a test; E of Pearson's statistic = its freedom")
def pit_tests() -> list[Truth]:
    """Right forecasts: the KS test rejects one in ten at 10 %, and Pearson's statistic is 1 a degree in the mean."""
    rng = generator(0, "pit-tests")
    levels = (0.1, 0.15, 0.3, 0.4, 0.5, 0.6, 0.75, 0.8, 0.9)
    ends = np.stack([quantile(student(np.zeros(40)), level) for level in levels], axis=1)
    rejected, uneven = [], {"Student-t": [], "quantiles": [], "samples": []}  # type: ignore[var-annotated]
    for _ in range(600):
        record = student(0.5 + 2 * rng.standard_t(3, 40))
        w = np.ones((1, 40))
        rejected.append(float(pit_ks_p(record, w)[0]) <= 0.1)
        drawn = 0.5 + 2 * rng.standard_t(3, (40, 24))
        forms = {
            "Student-t": record,
            "quantiles": Regression(ids=record.ids, y=record.y, quantiles=ends, levels=levels),
            "samples": Regression(ids=record.ids, y=record.y, samples=drawn),
        }
        for name, form in forms.items():
            uneven[name].append(float(pit_chi2(form, w)[0]))
    share = float(np.mean(rejected))
    return [
        Truth(0.1, share, ERRORS * math.sqrt(0.1 * 0.9 / 600), "share of p <= 0.1, KS"),
        *(simulated(1.0, np.array(values), f"Pearson a degree, {name}") for name, values in uneven.items()),
    ]


@check("metrics/ence-scaled-gaussian", area="calibration", source="closed form")
def ence_scaled() -> list[Truth]:
    """Errors 1.25 times as large as every forecast says: ENCE 0.25.  A shift of 0.3: |Phi(z + 0.3) - t| at level t."""
    from scipy.special import ndtr, ndtri

    n = 4000
    std = np.repeat(np.arange(1, 11) / 4, n // 10)
    scaled = Regression(ids=ids(n), y=1.25 * std * np.tile([-1, 1], n // 2), mean=np.zeros(n), std=std)
    z = ndtri((np.arange(n) + 0.5) / n)
    shifted = Regression(ids=ids(n), y=z, mean=np.full(n, 0.3), std=np.ones(n))
    truth = float(np.abs(ndtr(ndtri(SHARES) + 0.3) - SHARES).mean())
    return [
        exact(0.25, measured("ence", scaled), "ENCE"),
        Truth(truth, measured("quantile-calibration-error", shifted), 1 / n, "quantile calibration error"),
    ]
