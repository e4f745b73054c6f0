"""Performance: what a series of returns amounts to."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from finnet.backtest.accounting import equity
from finnet.checks import require_positive
from finnet.errors import DataError
from finnet.evaluation.significance import sharpe_interval
from finnet.types import FloatArray

LEAST_YEARS = 0.98
"""Shortest span for which figures a year are given; a calendar year may have a few sessions less than the average."""

__all__ = ["LEAST_YEARS", "annual_return", "drawdown", "sharpe_ratio", "summarize_returns"]


def drawdown(equity: ArrayLike) -> FloatArray:
    """Fall from the running peak, as a fraction of that peak: 0 at a new peak, never below -1.

    Parameters
    ----------
    equity : array of shape (n_bars,)
        A list, an array or a column of `Backtest.table`: account value in account currency, all > 0, oldest first;
        anything else raises DataError.

    Examples
    --------
    >>> drawdown(np.array([100.0, 120.0, 90.0]))
    array([ 0.  ,  0.  , -0.25])
    """
    values = _column(equity, name="equity")
    require_positive(values, name="equity")
    return values / np.maximum.accumulate(values) - 1.0


def annual_return(returns: ArrayLike, *, years: float) -> float:
    """The constant yearly growth that ends at the same value: product(1 + r)^(1 / years) - 1.

    Parameters
    ----------
    returns : array of shape (n_bars,)
        Of each bar, such as 0.01 for 1 %; NaN is the result where there are none.

    Examples
    --------
    >>> round(annual_return(np.array([0.1, 0.1]), years=2), 4)
    0.1
    """
    values = _column(returns, name="returns")
    return float(np.prod(1.0 + values) ** (1.0 / years) - 1.0) if len(values) else np.nan


def sharpe_ratio(returns: ArrayLike, *, periods_per_year: float = 252.0) -> float:
    """Mean over standard deviation (n - 1) of the returns, annualized; no risk-free rate is subtracted.

    NaN where the returns do not vary or there are none. `periods_per_year` is that of daily bars by default.

    Parameters
    ----------
    returns : array of shape (n_bars,)

    Examples
    --------
    >>> round(sharpe_ratio(np.array([0.01, 0.03]), periods_per_year=1), 4)
    1.4142
    """
    values = _column(returns, name="returns")
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    # Constant returns leave a deviation of rounding errors alone, and a ratio to it would mean nothing.
    if not deviation > 1e-12 * np.abs(values).max(initial=0.0):
        return np.nan
    return float(values.mean() / deviation * np.sqrt(periods_per_year))


def summarize_returns(
    returns: ArrayLike, *, turnover: ArrayLike, exposure: ArrayLike, periods_per_year: float = 252.0
) -> "pd.Series[float]":
    """Annual return and volatility, Sharpe ratio with its 95 % interval, worst drawdown, turnover, exposure.

    Over less than a year no figure is made one of a year: these are NaN then.

    Parameters
    ----------
    returns, turnover, exposure : array of shape (T,)
        Per bar, from the bar of the entry on: lists, arrays or columns of `Backtest.table`; DataError where there are
        none or one is missing.
    periods_per_year : float
        Bars of a year; those of daily bars by default.

    Returns
    -------
    Series
        annual_return, annual_volatility, sharpe, sharpe_low, sharpe_high, max_drawdown (-0.25 is a fall by a quarter),
        turnover_per_year (1 is the whole account bought or sold once), mean_exposure, total_return, total_turnover,
        bars, years.

    Examples
    --------
    >>> returns = np.array([0.1, -0.25, 0.2])
    >>> summary = summarize_returns(returns, turnover=np.ones(3), exposure=np.ones(3), periods_per_year=2)
    >>> summary[["max_drawdown", "turnover_per_year", "total_return"]].round(4).tolist()
    [-0.25, 3.0, -0.01]
    """
    returns, turnover, exposure = (
        _column(values, name=name)
        for name, values in (("returns", returns), ("turnover", turnover), ("exposure", exposure))
    )
    if not len(returns) == len(turnover) == len(exposure) > 0:
        lengths = f"{len(returns)} returns, {len(turnover)} of turnover and {len(exposure)} of exposure"
        raise DataError(f"{lengths} are no history; give one of each per bar, and at least one bar")
    # The first bar is that of the entry: n bars take the time of n - 1.
    years = (len(returns) - 1) / periods_per_year
    # A ruined account stays worth nothing; a hair above zero keeps its drawdown defined.
    value = np.maximum(equity(returns), np.finfo(float).tiny)
    return pd.Series(
        {
            **_figures_a_year(returns, turnover, years=years, periods_per_year=periods_per_year),
            # From the value before the first bar, so that a loss on that bar is a fall as well.
            "max_drawdown": float(drawdown(np.append(1.0, value)).min()),
            "mean_exposure": float(exposure.mean()),
            "total_return": float(value[-1] - 1.0),
            "total_turnover": float(turnover.sum()),
            "bars": float(len(returns)),
            "years": years,
        }
    )


def _column(values: ArrayLike, *, name: str) -> FloatArray:
    """Numbers of a list, an array or a column, shape (n,); DataError where one is missing."""
    column: FloatArray = np.asarray(values, float)
    if column.ndim != 1 or np.isnan(column).any():
        raise DataError(f"{name} must be one number per bar, none missing; got shape {column.shape}")
    return column


def _figures_a_year(
    returns: FloatArray, turnover: FloatArray, *, years: float, periods_per_year: float
) -> dict[str, float]:
    names = ("annual_return", "annual_volatility", "sharpe", "sharpe_low", "sharpe_high", "turnover_per_year")
    if years < LEAST_YEARS:
        return dict.fromkeys(names, np.nan)
    figures = (
        annual_return(returns, years=years),
        float(returns.std(ddof=1) * np.sqrt(periods_per_year)),
        sharpe_ratio(returns, periods_per_year=periods_per_year),
        *sharpe_interval(returns, periods_per_year=periods_per_year),
        float(turnover.sum() / years),
    )
    return dict(zip(names, figures, strict=True))
