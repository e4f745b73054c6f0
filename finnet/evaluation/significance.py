"""Significance: tests of mean differences that respect overlap, and intervals and probabilities for Sharpe ratios."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from finnet.checks import require_at_least, require_finite_row
from finnet.errors import ConfigError
from finnet.types import FloatArray, IntArray

__all__ = [
    "POWER",
    "MeanTest",
    "block_bootstrap_indices",
    "corrected_paired_t",
    "data_needed",
    "deflated_sharpe",
    "diebold_mariano",
    "expected_best_sharpe",
    "holm",
    "newey_west_t",
    "probabilistic_sharpe",
    "sharpe_interval",
    "student_test",
]

_EULER = 0.5772156649015329
POWER = 0.8  # by custom (Cohen 1988)
_ROUNDING = 1e-12
# Below one degree of freedom the quantiles of t grow without bound, and `data_needed` would not settle.
_FEWEST_DOF = 1.0


@dataclass(frozen=True)
class MeanTest:
    """Two-sided test that a mean is zero.

    Parameters
    ----------
    mean, low, high : float
        The mean and its 95 % interval; the interval is NaN where the test is undefined.
    statistic, p_value : float
        NaN where the test is undefined.
    n : int
        Number of values.
    dof : float
        Degrees of freedom of the t distribution that the statistic was compared with.
    """

    mean: float
    low: float
    high: float
    statistic: float
    p_value: float
    n: int
    dof: float = np.nan


def student_test(mean: float, error: float, n: int, *, dof: float | None = None) -> MeanTest:
    """The test of mean / error against t(dof), n - 1 by default; undefined where the standard error is not above zero.

    An error of rounding alone, as a constant series leaves it, counts as zero: it must not pass for certainty.

    Examples
    --------
    >>> round(student_test(0.2, 0.1, 11).p_value, 4)
    0.0734
    """
    dof = n - 1 if dof is None else dof
    if not error > _ROUNDING * abs(mean):
        return MeanTest(mean, np.nan, np.nan, np.nan, np.nan, n, dof)
    statistic, reach = mean / error, float(stats.t.ppf(0.975, dof)) * error
    p_value = float(2 * stats.t.sf(abs(statistic), dof))
    return MeanTest(mean, mean - reach, mean + reach, statistic, p_value, n, dof)


def _autocovariances(values: FloatArray, lags: int) -> FloatArray:
    """Sums of products divided by n, at lags 0 to `lags`."""
    centered = values - values.mean()
    return np.array([centered[k:] @ centered[: len(values) - k] for k in range(lags + 1)]) / len(values)


def diebold_mariano(differences: FloatArray, horizon: int = 1) -> MeanTest:
    """Test that two forecasts have the same expected loss.

    V = (g0 + 2 sum of g_k for k < horizon) / n with rectangular weights, statistic mean / sqrt(V) times
    sqrt((n + 1 - 2h + h(h - 1)/n) / n), compared with t(n - 1): Diebold & Mariano 1995; Harvey, Leybourne & Newbold
    1997.

    Parameters
    ----------
    differences : ndarray of shape (n,)
        Loss of one forecast minus loss of the other, one value per session, oldest first.
    horizon : int
        Sessions that one outcome spans; forecasts further apart are taken as independent.

    Returns
    -------
    MeanTest
        Undefined (NaN) where V is not above zero or n is not above the horizon.

    Examples
    --------
    >>> test = diebold_mariano(np.array([0.3, -0.1, 0.4, 0.2, 0.0, 0.4]), 1)
    >>> round(test.mean, 4), round(test.statistic, 4), round(test.p_value, 4)
    (0.2, 2.3355, 0.0668)
    """
    require_at_least(horizon, 1, name="horizon")
    d = require_finite_row(differences, name="differences")
    n = len(d)
    if n <= max(horizon, 2):
        return student_test(float(d.mean()) if n else np.nan, np.nan, n)
    covariances = _autocovariances(d, horizon - 1)
    variance = (covariances[0] + 2 * covariances[1:].sum()) / n
    # Rectangular weights can make the variance negative; the test is then undefined rather than certain.
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    error = np.sqrt(variance / correction) if variance > 0 and correction > 0 else np.nan
    return student_test(float(d.mean()), float(error), n)


def newey_west_t(values: FloatArray, lags: int | None = None) -> MeanTest:
    """Test that a mean is zero under autocorrelation, with Bartlett weights (Newey & West 1987) and t(n - 1).

    Parameters
    ----------
    values : ndarray of shape (n,)
        Oldest first.
    lags : int, optional
        Highest lag with a weight above zero; floor(4 (n / 100)^(2/9)) by default (Newey & West 1994).

    Examples
    --------
    >>> round(newey_west_t(np.array([0.3, -0.1, 0.4, 0.2, 0.0, 0.4]), lags=0).statistic, 4)
    2.5584
    """
    x = require_finite_row(values, name="values")
    n = len(x)
    lags = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    if n < 3 or lags >= n:
        return student_test(float(x.mean()) if n else np.nan, np.nan, n)
    weights = 1 - np.arange(lags + 1) / (lags + 1)
    covariances = weights * _autocovariances(x, lags)
    return student_test(float(x.mean()), float(np.sqrt((covariances[0] + 2 * covariances[1:].sum()) / n)), n)


def corrected_paired_t(differences: FloatArray, test_share: float) -> MeanTest:
    """Test of paired differences over cross-validation folds, whose training rows overlap.

    The standard error is sd sqrt(1/k + n_test/n_train), compared with t(k - 1): Nadeau & Bengio 2003.

    Parameters
    ----------
    differences : ndarray of shape (k,)
        One value per fold, over all repeats.
    test_share : float
        n_test / n_train: 0.25 for five folds.

    Examples
    --------
    >>> round(corrected_paired_t(np.array([0.1, 0.2, 0.3]), 0.5).statistic, 4)
    2.1909
    """
    d = require_finite_row(differences, name="differences")
    require_at_least(test_share, 0, name="test_share")
    k = len(d)
    if k < 2:
        return student_test(float(d.mean()) if k else np.nan, np.nan, k)
    return student_test(float(d.mean()), float(d.std(ddof=1) * np.sqrt(1 / k + test_share)), k)


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """P-values adjusted for their number, so that any false rejection is as rare as stated (Holm 1979).

    NaN (a test that could not be made) stays NaN and does not count.

    Parameters
    ----------
    p_values : sequence of float, or ndarray of shape (k,)

    Returns
    -------
    ndarray of shape (k,)
        In the order given.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005])
    array([0.03, 0.06, 0.06, 0.02])
    """
    p = np.asarray(p_values, float)
    # NaN sorts last, so this leaves the order of the tests that could be made.
    order = np.argsort(p)[: np.isfinite(p).sum()]
    adjusted = np.full(len(p), np.nan)
    # Step-down: no p-value may end below a smaller one's, hence the running maximum.
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return adjusted


def data_needed(statistic: float, *, dof: float = np.inf, level: float = 0.05) -> float:
    """How many times as much data would detect the seen difference with 80 % power.

    The factor r solves |t| sqrt(r) = t(1 - level/2) + t(0.8), since a t statistic grows with the square root of the
    data; both quantiles have r times the degrees of freedom. Infinite at t = 0, NaN where t is.

    Parameters
    ----------
    dof : float
        Degrees of freedom of the test on the data at hand.
    level : float
        Of the two-sided test: 0.05, or less where several comparisons share it (Holm's step).

    Examples
    --------
    >>> round(data_needed(1.4), 1), round(data_needed(1.4, dof=9), 1), round(data_needed(1.4, level=0.01), 1)
    (4.0, 4.2, 6.0)
    """
    if not statistic or np.isnan(statistic):
        return np.nan if np.isnan(statistic) else np.inf
    factor = 1.0
    # The quantiles hardly move with r, so a few rounds settle it.
    for _ in range(20):
        freedom = max(dof * factor, _FEWEST_DOF)
        reach = stats.t.ppf(1 - level / 2, freedom) + stats.t.ppf(POWER, freedom)
        factor = float((reach / statistic) ** 2)
    return factor


def block_bootstrap_indices(n: int, block: int, *, draws: int, rng: np.random.Generator) -> IntArray:
    """Row numbers of bootstrap samples made of blocks of neighbors, shape (draws, n).

    Blocks start anywhere and wrap around the end (circular block bootstrap, Politis & Romano 1992).

    Examples
    --------
    >>> block_bootstrap_indices(6, 3, draws=2, rng=np.random.default_rng(0))
    array([[5, 0, 1, 3, 4, 5],
           [3, 4, 5, 1, 2, 3]])
    """
    require_at_least(n, 1, name="n")
    if not 1 <= block <= n:
        raise ConfigError(f"block={block} does not fit {n} values; use 1 to {n}")
    # The last block is cut where n is no multiple of its length.
    starts = rng.integers(0, n, size=(draws, -(-n // block)))
    indices = (starts[:, :, None] + np.arange(block)) % n
    return indices.reshape(draws, starts.shape[1] * block)[:, :n]


def _sharpe_variance(sharpe: float, *, skew: float, kurtosis: float) -> float:
    # n - 1 times the variance of an estimated Sharpe ratio (Mertens 2002); 1 + SR^2 / 2 for normal returns.
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def probabilistic_sharpe(
    sharpe: float, n: int, *, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio exceeds a benchmark.

    Phi[(SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1)/4 SR^2)], Bailey & Lopez de Prado 2012.

    Parameters
    ----------
    sharpe, benchmark : float
        Per period, not annualized; above 1 raises ConfigError, since one bar is then taken for one year.
    n : int
        Number of returns.
    skew, kurtosis : float
        Of the returns; kurtosis is 3 for a normal distribution.

    Examples
    --------
    >>> round(probabilistic_sharpe(1.585 / np.sqrt(12), 24, skew=-2.448, kurtosis=10.164), 7)
    0.9132343
    """
    require_at_least(n, 2, name="n")
    if abs(sharpe) > 1:
        raise ConfigError(
            f"sharpe={sharpe} per period looks annualized; divide it by the square root of periods per year"
        )
    spread = np.sqrt(_sharpe_variance(sharpe, skew=skew, kurtosis=kurtosis))
    return float(stats.norm.cdf((sharpe - benchmark) * np.sqrt(n - 1) / spread))


def expected_best_sharpe(trial_variance: float, trials: int) -> float:
    """Expected best Sharpe ratio, per period, of `trials` strategies that are worth nothing.

    sqrt(V) [(1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e))] with Euler's constant g, Bailey & Lopez de Prado 2014.

    Examples
    --------
    >>> round(expected_best_sharpe(1.0, 100), 7)
    2.5306029
    """
    require_at_least(trials, 2, name="trials")
    require_at_least(trial_variance, 0, name="trial_variance")
    quantiles = stats.norm.isf([1 / trials, 1 / (trials * np.e)])
    return float(np.sqrt(trial_variance) * ((1 - _EULER) * quantiles[0] + _EULER * quantiles[1]))


def deflated_sharpe(
    sharpe: float, n: int, *, trials: int, trial_variance: float, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of so many worthless trials would show.

    Parameters
    ----------
    sharpe : float
        Per period, of the strategy chosen.
    n : int
        Number of its returns.
    trials : int
        Every configuration ever tried, counted once each.
    trial_variance : float
        Variance over the trials of their Sharpe ratios, per period.
    skew, kurtosis : float
        Of the returns; kurtosis is 3 for a normal distribution.

    Examples
    --------
    >>> daily = 2.5 / np.sqrt(250)
    >>> round(deflated_sharpe(daily, 1250, trials=100, trial_variance=0.5 / 250, skew=-3, kurtosis=10), 7)
    0.9003968
    """
    benchmark = expected_best_sharpe(trial_variance, trials)
    return probabilistic_sharpe(sharpe, n, benchmark=benchmark, skew=skew, kurtosis=kurtosis)


def sharpe_interval(returns: FloatArray, *, periods_per_year: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of the annualized Sharpe ratio of returns per period; NaN where they do not vary.

    SR +- z sqrt((1 - g3 SR + (g4 - 1)/4 SR^2) / (n - 1)) per period, Mertens 2002: right for fat tails and skew,
    not for autocorrelation.

    Parameters
    ----------
    returns : ndarray of shape (n,)
        One per period, such as 0.01 for 1 %.
    periods_per_year : float
    level : float
        Share of intervals that hold the true ratio.

    Examples
    --------
    >>> returns = np.array([0.01, -0.01, 0.02, 0.0, 0.01, -0.02, 0.02, 0.01])
    >>> low, high = sharpe_interval(returns, periods_per_year=252)
    >>> round(low, 2), round(high, 2)
    (-7.63, 18.85)
    """
    r = require_finite_row(returns, name="returns")
    deviation = r.std(ddof=1) if len(r) > 1 else 0.0
    # Constant returns leave a deviation of rounding errors, whose ratio would be huge and mean nothing.
    if not deviation > 1e-12 * np.abs(r).max(initial=0.0):
        return np.nan, np.nan
    sharpe = float(r.mean() / deviation)
    variance = _sharpe_variance(sharpe, skew=float(stats.skew(r)), kurtosis=float(stats.kurtosis(r, fisher=False)))
    reach = float(stats.norm.ppf(0.5 + level / 2)) * np.sqrt(variance / (len(r) - 1))
    scale = np.sqrt(periods_per_year)
    return float((sharpe - reach) * scale), float((sharpe + reach) * scale)
