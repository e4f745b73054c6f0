"""Metrics of forecast numbers: means against what came true, and quantiles with their levels."""

from functools import cache

import numpy as np

from finnet.evaluation.metric_shapes import Sums, mean_of
from finnet.types import FloatArray

__all__ = [
    "MAE",
    "MSE",
    "QLIKE",
    "R2",
    "coverage_error",
    "coverage_error_at",
    "mae",
    "mse",
    "pinball",
    "pinball_at",
    "pinball_losses",
    "qlike",
    "r2",
    "squared_errors",
]

# A volatility this small is none: one millionth of the price a bar.
_LEAST_VOLATILITY = 1e-6


def squared_errors(truth: FloatArray, forecast: FloatArray) -> FloatArray:
    """(forecast - truth)^2 of every row, shape (n,)."""
    return np.asarray((forecast - truth) ** 2)


def _qlikes(truth: FloatArray, forecast: FloatArray) -> FloatArray:
    f = np.maximum(forecast, _LEAST_VOLATILITY)
    # The truth's own logarithm is the same for every forecast, so that bounding it favors none.
    return np.asarray((truth / f) ** 2 + 2.0 * np.log(f / np.maximum(truth, _LEAST_VOLATILITY)) - 1.0)


def _explained(sums: FloatArray) -> FloatArray:
    naive = sums[..., 1]
    return np.asarray(1.0 - sums[..., 0] / np.where(naive > 0, naive, np.nan))


MSE, QLIKE = mean_of(squared_errors), mean_of(_qlikes)
MAE = mean_of(lambda truth, forecast: np.abs(forecast - truth))
R2 = Sums(lambda truth, forecast: np.column_stack([(forecast - truth) ** 2, truth**2]), _explained)


def mse(truth: FloatArray, forecast: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean squared error, in the square of the truth's unit; the mean is its best answer.

    Parameters
    ----------
    truth, forecast : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> mse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    2.0
    """
    return MSE.value(truth, forecast, weight)


def mae(truth: FloatArray, forecast: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean absolute error, in the truth's unit; the median is its best answer.

    Parameters
    ----------
    truth, forecast : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    return MAE.value(truth, forecast, weight)


def r2(truth: FloatArray, forecast: FloatArray, weight: FloatArray | None = None) -> float:
    """Out-of-sample R2: 1 - SSE / SSE of a naive forecast, which is zero here (Campbell & Thompson 2008).

    Above 0 the forecast errs less than the naive one. `score` and `compare` take the naive forecast from the target
    (`Target.naive`) and give truth and forecast less it: that is the R2 against it. Zero is that of returns (Gu, Kelly
    & Xiu 2020), the mean of the training rows that of other numbers. NaN where the naive forecast makes no error.

    Parameters
    ----------
    truth, forecast : ndarray of shape (n,)
        Less the naive forecast, where that is not zero.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> r2(np.array([1.0, -2.0]), np.array([1.0, -1.0]))
    0.8
    """
    return R2.value(truth, forecast, weight)


def qlike(truth: FloatArray, forecast: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean QLIKE of volatilities: r - log(r) - 1 with r = (truth / forecast)^2; 0 where all are right.

    It orders forecasts of variance as if the truth were measured without noise, and an outlier counts by the ratio
    (Patton 2011). Too little costs more than too much. Volatilities below 1e-6 count as that, forecasts
    below zero too.

    Parameters
    ----------
    truth, forecast : ndarray of shape (n,)
        Volatilities, of the same period.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> round(qlike(np.array([0.02, 0.01]), np.array([0.01, 0.01])), 4)
    0.8069
    """
    return QLIKE.value(truth, forecast, weight)


def pinball_losses(truth: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Mean over levels of max(level e, (level - 1) e) with e = truth - quantile, shape (n,)."""
    error = truth[:, None] - quantiles
    return np.asarray(np.maximum(levels * error, (levels - 1.0) * error).mean(axis=1))


def pinball_at(levels: FloatArray) -> Sums:
    """The pinball loss of quantiles at these levels, shape (n_levels,)."""
    # By a tuple, which unlike an array can be a key of the cache.
    return _pinball_at(tuple(levels))


def coverage_error_at(levels: FloatArray) -> Sums:
    """The coverage error of quantiles at these levels, shape (n_levels,)."""
    return _coverage_error_at(tuple(levels))


@cache
def _pinball_at(levels: tuple[float, ...]) -> Sums:
    return mean_of(lambda truth, quantiles: pinball_losses(truth, quantiles, np.array(levels)))


@cache
def _coverage_error_at(levels: tuple[float, ...]) -> Sums:
    def terms(truth: FloatArray, quantiles: FloatArray) -> FloatArray:
        return np.column_stack([truth[:, None] <= quantiles, np.ones(len(truth))]).astype(float)

    def combine(sums: FloatArray) -> FloatArray:
        return np.asarray(np.abs(sums[..., :-1] / sums[..., -1:] - levels).mean(axis=-1))

    return Sums(terms, combine)


def pinball(truth: FloatArray, quantiles: FloatArray, weight: FloatArray | None = None, *, levels: FloatArray) -> float:
    """Mean pinball loss over rows and levels, in the truth's unit (Koenker & Bassett 1978).

    Parameters
    ----------
    truth : ndarray of shape (n,)
    quantiles : ndarray of shape (n, n_levels)
    weight : ndarray of shape (n,), optional
    levels : ndarray of shape (n_levels,)

    Examples
    --------
    >>> pinball(np.array([3.0, 0.0]), np.array([[1.0], [1.0]]), levels=np.array([0.9]))
    0.95
    """
    return pinball_at(levels).value(truth, quantiles, weight)


def coverage_error(
    truth: FloatArray, quantiles: FloatArray, weight: FloatArray | None = None, *, levels: FloatArray
) -> float:
    """Mean over levels of how far the share of truths at or below the quantile is from the level; 0 where all is right.

    Parameters are those of `pinball`, quantiles of shape (n, n_levels). It is never 0 on few rows, and says nothing of
    how sharp quantiles are; the share at each level stands in `finnet.evaluation.calibration.coverage_table`.

    Examples
    --------
    >>> quantiles = np.array([[1.0, 3.0], [1.0, 3.0]])
    >>> round(coverage_error(np.array([2.0, 0.0]), quantiles, levels=np.array([0.5, 0.9])), 4)
    0.05
    """
    return coverage_error_at(levels).value(truth, quantiles, weight)
