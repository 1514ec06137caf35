"""Forecasts of functions whose exact forecast is known, and a transformer that learnt to forecast them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact, ids, measured, simulated
from bench.components import PerSample, Truth, check
from bench.metrics.coverage import coverage_90
from bench.metrics.exact import kl_to_exact
from bench.metrics.regression import forecast_nll
from bench.models.prior_fitted import PFN, PriorFitted
from bench.records import Regression
from bench.references import functions
from bench.seeds import generator

SAMPLES = 1000
SIZES = (0, 1, 4, 16)
# KL(N(0, 1) || N(0, 1.05²)).
_WIDER = float(np.log(1.05) + 0.5 / 1.05**2 - 0.5)


@check("uncertainty/exact-forecast", area="uncertainty", source="KL between Gaussians; GaussianProcessRegressor")
def exact_forecast() -> list[Truth]:
    """The exact forecast against scikit-learn's, and a forecast's KL to it against the closed form."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    x, y = functions.functions(3, 9, generator(0, "check", "functions"))
    mean, std = functions.exact(x[:, :-1], y[:, :-1], x[:, -1])
    peer = GaussianProcessRegressor(RBF(functions.LENGTH), alpha=functions.NOISE**2, optimizer=None)
    found = [peer.fit(a[:-1, None], b[:-1]).predict(a[-1:, None], return_std=True) for a, b in zip(x, y, strict=True)]
    peers = np.array(found)[:, :, 0]
    known: dict[str, Any] = {"ids": ids(3), "y": y[:, -1], "exact_mean": mean, "exact_std": std}
    off, wide = mean + np.array([0.1, -0.4, 0.0]), std * np.array([1.0, 1.5, 0.7])
    closed = np.log(wide / std) + (std**2 + (off - mean) ** 2) / (2 * wide**2) - 0.5
    gaussian = Regression(**known, mean=off, std=wide)
    # Two equal components are the one Gaussian, by the way of mixtures.
    pair = Regression(
        **known,
        mixture_means=np.stack([off, off], axis=1),
        mixture_stds=np.stack([wide, wide], axis=1),
        mixture_weights=np.full((3, 2), 0.5),
    )
    return [
        Truth(0.0, float(np.abs(mean - peers[:, 0]).max()), 1e-9, "exact mean, against scikit-learn"),
        Truth(0.0, float(np.abs(std**2 - peers[:, 1] ** 2 - functions.NOISE**2).max()), 1e-9, "exact variance"),
        Truth(float(closed.mean()), measured("kl-to-exact", gaussian), 1e-9, "KL of a Gaussian forecast"),
        Truth(float(closed.mean()), measured("kl-to-exact", pair), 1e-9, "KL of a mixture that is one Gaussian"),
        exact(0.5 / 3, measured("mean-to-exact", gaussian), "mean absolute difference of the means"),
    ]


@check(
    "uncertainty/prior-fitted",
    area="uncertainty",
    source="the exact posterior of the Gaussian process that it was trained on",
    papers=(PFN,),
)
def prior_fitted() -> list[Truth]:
    """KL to the exact forecast, error of the mean and coverage, by the number of values seen; order does not matter.

    What its NLL has above the exact forecast's is on average the KL: an identity, and so held to sampling error.  Its
    intervals cover what they promise to within √(KL / 2) (Pinsker) and sampling error.  A network is no closed form:
    its KL and error are held below those of the exact process that forgets one value in six (3 of 16, 1 of 4), since
    of 16 it makes what that one makes of 14; with no values below the KL of a forecast that is a twentieth too wide,
    and a tenth of the noise.
    """
    model, truths = PriorFitted(), []
    for n in SIZES:
        record = _asked(model, n)
        forgetful = _forgetful(record, n)
        gap = forecast_nll(record).values - forecast_nll(_best(record)).values
        divergence = kl_to_exact(record).values
        truths += [
            _below(float(divergence.mean()), measured("kl-to-exact", forgetful) if n else _WIDER, f"KL, {n} values"),
            _below(
                measured("mean-to-exact", record),
                measured("mean-to-exact", forgetful) if n else functions.NOISE / 10,
                f"error of the mean, {n} values",
            ),
            _covered(coverage_90(record), float(divergence.mean()), n),
            simulated(0.0, gap - divergence, f"excess NLL less KL, {n} values"),
        ]
    x, y = functions.functions(20, 9, generator(1, "check", "functions"))
    rows = [functions.laid(x[:, order], y[:, order], x[:, -1]) for order in (np.arange(8), np.arange(8)[::-1])]
    one, other = (model.forecast(r).mixture_weights for r in rows)
    assert one is not None and other is not None  # noqa: S101, PT018 - it forecasts mixtures
    return [*truths, Truth(0.0, float(np.abs(one - other).max()), 1e-5, "weights after another order of the values")]


def _drawn(n: int) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    """Places and values (SAMPLES, n), and the place and value to forecast (SAMPLES,)."""
    x, y = functions.functions(SAMPLES, n + 1, generator(0, "check", "prior-fitted", n))
    return x[:, :-1], y[:, :-1], x[:, -1], y[:, -1]


def _asked(model: PriorFitted, n: int) -> Regression:
    x, values, at, y = _drawn(n)
    mean, std = functions.exact(x, values, at)
    found = model.forecast(functions.laid(x, values, at))
    return Regression(ids=ids(SAMPLES), y=y, exact_mean=mean, exact_std=std, **vars(found))


def _forgetful(record: Regression, n: int) -> Regression:
    """The exact forecast without one value in six, one at least."""
    x, values, at, y = _drawn(n)
    kept = n - -(-n // 6)
    mean, std = functions.exact(x[:, :kept], values[:, :kept], at)
    return Regression(ids=record.ids, y=y, mean=mean, std=std, exact_mean=record.exact_mean, exact_std=record.exact_std)


def _below(found: float, limit: float, label: str) -> Truth:
    return Truth(1.0, float(found < limit), 0.0, f"{label}: {found:.4f}, below {limit:.4f}")


def _best(record: Regression) -> Regression:
    return Regression(ids=record.ids, y=record.y, mean=record.exact_mean, std=record.exact_std)


def _covered(found: PerSample, divergence: float, n: int) -> Truth:
    values: Float64s = found.values
    # Means of chances that lie apart by √(KL / 2) each lie apart by √(mean KL / 2) at most: the root is concave.
    slack = np.sqrt(divergence / 2) + 4 * np.sqrt(0.09 / len(values))
    return _below(abs(float(values.mean()) - 0.9), float(slack), f"what coverage misses of 90 %, {n} values")
