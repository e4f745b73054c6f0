"""Paired tests: were these forecasts better, and will the procedure be better? Two questions, two kinds of test.

A model is fitted once a fold, so all errors of one fit are one draw. `long_run_t` and `rows_t` take the fits as they
are; `fits_t` (and `corrected_paired_t` where folds share training rows) ask what other fits would have done.
"""

import numpy as np
from scipy.fft import dct

from finnet.checks import require_at_least, require_finite_row
from finnet.evaluation.significance import MeanTest, student_test
from finnet.types import FloatArray, IntArray
from finnet.weights import effective_number

__all__ = ["FEWEST_FITS", "fits_t", "long_run_dof", "long_run_t", "one_fold", "rows_t"]

FEWEST_FITS = 5
"""With fewer fits, what other fits would do cannot be told, and a verdict is about the forecasts at hand."""
# Below about fifty values 0.4 T^(2/3) leaves too few frequencies to detect anything.
_FEWEST_FREQUENCIES = 6.0
# At 0 the formula divides by 0, near 1 it asks for less than one frequency.
_LEAST_PERSISTENCE, _MOST_PERSISTENCE = 1e-3, 0.97


def long_run_t(values: FloatArray, horizon: int = 1) -> MeanTest:
    """Test that the mean of a time series is zero, for series that depend on their past in an unknown way.

    The long-run variance is the mean square of the first K cosine transforms of the series, and the statistic is
    compared with t(K): exact as the series grows with K fixed, however it is autocorrelated (equal-weighted cosines,
    Mueller 2007; Lazarus, Lewis, Stock & Watson 2018). `long_run_dof` chooses K from the series.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One value per session, oldest first: the loss of one forecast less that of another.
    horizon : int
        Sessions that one outcome spans, so that neighbors share part of theirs.

    Returns
    -------
    MeanTest
        Undefined (NaN) where n is below three horizons.

    Examples
    --------
    >>> drift = 0.2 + np.random.default_rng(0).standard_normal(400)
    >>> test = long_run_t(drift)
    >>> round(test.mean, 3), round(test.statistic, 2), test.dof
    (0.163, 3.57, 21.0)
    """
    x = require_finite_row(values, name="values")
    n = len(x)
    if n < max(3 * horizon, 3):
        return student_test(float(x.mean()) if n else np.nan, np.nan, n)
    frequencies = long_run_dof(x, horizon)
    # Transform 0 is the mean itself, which is what is tested.
    waves = dct(x, norm="ortho")[1 : frequencies + 1]
    error = float(np.sqrt(np.mean(waves**2) / n))
    return student_test(float(x.mean()), error, n, dof=float(frequencies))


def long_run_dof(values: FloatArray, horizon: int = 1) -> int:
    """How many cosine transforms `long_run_t` averages: the fewer, the slower the shocks that it allows for.

    The least of three: 0.4 n^(2/3) (Lazarus, Lewis, Stock & Watson 2018), at least 6; half of what minimizes the mean
    squared error of the variance were the means over one horizon an AR(1) process (Phillips 2005); n / 3 horizons, so
    that what neighbors share is not taken for noise. Half, because that keeps the size of the test at high persistence
    (`python -m tests.evaluation.size_table`).

    Parameters
    ----------
    values : ndarray of shape (n,)
        One value per session, oldest first.
    horizon : int
        Sessions that one outcome spans.

    Examples
    --------
    >>> slow = np.cumsum(np.random.default_rng(0).standard_normal(400))
    >>> long_run_dof(slow), long_run_dof(np.diff(slow))
    (1, 21)
    """
    n = len(values)
    most = n - 1 if horizon == 1 else n / (3 * horizon)
    plain = max(0.4 * n ** (2 / 3), _FEWEST_FREQUENCIES)
    return max(1, int(min(most, plain, 0.5 * _least_error_dof(values, horizon))))


def _least_error_dof(values: FloatArray, horizon: int) -> float:
    """K = (18 / pi^4 ((1 - r)^2 / 2r)^2)^(1/5) B^(4/5) for B means of one horizon with autocorrelation r."""
    n_blocks = len(values) // horizon
    means = values[: n_blocks * horizon].reshape(n_blocks, horizon).mean(axis=1)
    centered = means - means.mean()
    power = float(centered @ centered)
    r = float(centered[1:] @ centered[:-1]) / power if power > 0 else 0.0
    # Short series understate their own persistence (Kendall 1954).
    r = float(np.clip(r + (1 + 3 * r) / n_blocks, _LEAST_PERSISTENCE, _MOST_PERSISTENCE))
    return float((18 / np.pi**4 * ((1 - r) ** 2 / (2 * r)) ** 2) ** 0.2 * n_blocks**0.8)


def fits_t(values: FloatArray) -> MeanTest:
    """Test that a mean is zero from one value per fit, compared with t(k - 1).

    Valid at 5 % whatever the variances of the fits (Ibragimov & Mueller 2010), as long as fits are independent; windows
    that share training rows make it somewhat too sure.

    Parameters
    ----------
    values : ndarray of shape (k,)
        Mean difference over the test rows of each fit.

    Examples
    --------
    >>> round(fits_t(np.array([0.41, 0.02, -0.03, 0.01, 0.0])).p_value, 2)
    0.38
    """
    x = require_finite_row(values, name="values")
    k = len(x)
    if k < 2:
        return student_test(float(x.mean()) if k else np.nan, np.nan, k)
    return student_test(float(x.mean()), float(x.std(ddof=1) / np.sqrt(k)), k)


def rows_t(
    values: FloatArray,
    fold: IntArray,
    row: IntArray,
    *,
    weight: FloatArray | None = None,
    group: IntArray | None = None,
) -> MeanTest:
    """Test that out-of-fold differences of independent rows are zero on average, for the models fitted on the folds.

    The variance is that of the values within their folds, and the error its root over the number of rows: the
    cross-validation interval of Bayle, Bayle, Janson & Mackey 2020. Of a row that stands in several repeats the mean
    counts, once.

    With weights the mean is sum w x / sum w, and its error that of such a ratio with weights as known constants:
    the root of sum w^2 (x - mean of the fold)^2 over sum w (Cochran 1977, section 6), by t with as many degrees of
    freedom as Kish's effective number of rows has.

    With groups these are independent of each other, their rows are not: deviations are summed by group before they are
    squared (Liang & Zeger 1986; Cameron & Miller 2015, equation 11), and degrees of freedom are those of the groups, of
    which a few large ones are worth less than their number (Carter, Schnepel & Steigerwald 2017; here by Kish's formula
    for their weights). Applied to what each row contributes to the AUC it is the variance of Obuchowski 1997.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Loss of one forecast less that of another.
    fold, row : ndarray of int, shape (n,)
        Fold of each value, and number of its row, which is the same in every repeat.
    weight : ndarray of shape (n,), optional
        For how many rows each stands, the same in every repeat; 1 each by default.
    group : ndarray of int, shape (n,), optional
        Number of the client of each value, the same in every repeat; each row is by itself by default.

    Returns
    -------
    MeanTest
        Its `n` counts rows, or groups where there are any. Undefined (NaN) where folds leave no degree of freedom.

    Examples
    --------
    >>> values = np.array([0.1, 0.3, 0.2, 0.4])
    >>> test = rows_t(values, np.array([0, 0, 1, 1]), np.arange(4))
    >>> round(test.mean, 2), round(test.statistic, 2), test.n
    (0.25, 3.54, 4)
    >>> rows_t(values, np.zeros(4, int), np.arange(4), group=np.array([0, 0, 1, 1])).n
    2
    """
    x = require_finite_row(values, name="values")
    w = np.ones(len(x)) if weight is None else weight / weight.mean()
    folds, number = np.unique(fold, return_inverse=True)
    within = x - (np.bincount(number, w * x) / np.bincount(number, w))[number]
    rows, first, place = np.unique(row, return_index=True, return_inverse=True)
    n, repeats = len(rows), np.bincount(place)
    # Repeats of a row are averaged before anything is squared: they are the same row again, not another one.
    sums, counts = np.bincount(place, w * within) / repeats, np.bincount(place, w) / repeats
    if group is not None:
        client = np.unique(group[first], return_inverse=True)[1]
        sums, counts = (np.asarray(np.bincount(client, each), np.float64) for each in (sums, counts))
    mean = float(np.average(x, weights=w)) if n else np.nan
    worth = effective_number(counts) if n else 0.0
    # Every fold's mean is taken from the values; with repeats, the folds of one of them are those that cost.
    dof = worth - len(folds) * n / max(len(x), 1)
    if dof < 1:
        return student_test(mean, np.nan, len(sums))
    return student_test(mean, float(np.sqrt(sums @ sums / dof / n * (worth / n))), len(sums), dof=dof)


def one_fold(values: FloatArray, fold: IntArray, weight: FloatArray | None = None) -> int | None:
    """The fold without which less than half of the mean is left, or its sign turns; None where there is no such fold.

    Parameters
    ----------
    values : ndarray of shape (n,)
    fold : ndarray of int, shape (n,)
    weight : ndarray of shape (n,), optional
        How much each value counts; 1 each by default.

    Examples
    --------
    >>> one_fold(np.array([0.4, 0.4, 0.01, 0.0, 0.02, 0.0]), np.array([0, 0, 1, 1, 2, 2]))
    0
    >>> one_fold(np.array([0.2, 0.2, 0.1, 0.2, 0.2, 0.1]), np.array([0, 0, 1, 1, 2, 2])) is None
    True
    """
    require_at_least(len(values), 1, name="number of values")
    folds, number = np.unique(fold, return_inverse=True)
    counts = np.ones(len(values)) if weight is None else weight / weight.mean()
    weighed = counts * values
    total, sums, rows = float(weighed.sum()), np.bincount(number, weighed), np.bincount(number, counts)
    if len(folds) < 2 or not total:
        return None
    # What is left of the mean without each fold, as a share of it.
    left = (total - sums) / (len(values) - rows) / (total / len(values))
    least = int(left.argmin())
    return int(folds[least]) if left[least] < 0.5 else None
