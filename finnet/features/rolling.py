"""Rolling statistics over wide (time x symbol) arrays that skip missing values and never look ahead.

Every statistic of row t is made from rows t - window + 1 to t alone, bit for bit: windows are built from halves of
halves (log2(window) vectorised passes), not by differencing one cumulative sum, whose rounding never forgets.
"""

import numpy as np

from finnet.types import BoolArray, FloatArray

__all__ = [
    "MIN_SHARE",
    "change",
    "ratio",
    "rolling_beta",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "rolling_skewness",
    "rolling_std",
    "rolling_sum",
    "rolling_z",
    "shifted",
]

MIN_SHARE = 0.8  # of the window must hold values, or the statistic is NaN
_ROUNDING = 1e-12  # a variance below this share of the mean square is made up by rounding


def shifted(values: FloatArray, bars: int) -> FloatArray:
    """The values of `bars` rows earlier, shape (T, S); NaN in the first rows.

    Examples
    --------
    >>> shifted(np.array([[1.0], [2.0], [3.0]]), 1)[:, 0]
    array([nan,  1.,  2.])
    """
    assert bars >= 0, "a negative shift would look ahead"
    out = np.full(values.shape, np.nan)
    out[bars:] = values[: max(len(values) - bars, 0)]
    return out


def change(values: FloatArray, bars: int) -> FloatArray:
    """The values less those of `bars` rows earlier, shape (T, S); NaN in the first rows.

    Examples
    --------
    >>> change(np.array([[1.0], [2.0], [4.0]]), 1)[:, 0]
    array([nan,  1.,  2.])
    """
    assert bars > 0, "a negative change would look ahead"
    out = np.empty(values.shape)
    out[:bars] = np.nan
    # Straight into the result, without an array in between.
    np.subtract(values[bars:], values[:-bars], out=out[bars:])
    return out


def ratio(top: FloatArray, bottom: FloatArray, *, otherwise: float = np.nan) -> FloatArray:
    """`top / bottom`, of their shape, where `bottom` is above zero, NaN where either is missing, else `otherwise`.

    Examples
    --------
    >>> ratio(np.array([1.0, 1.0, 1.0]), np.array([2.0, 0.0, np.nan]), otherwise=0.5)
    array([0.5, 0.5, nan])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        out: FloatArray = top / bottom
    np.copyto(out, otherwise, where=(bottom <= 0) & ~np.isnan(top))
    return out


def rolling_sum(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Sum of the valid values among the last `window` rows, shape (T, S).

    Parameters
    ----------
    values : ndarray of shape (T, S)
        NaN where missing; rows before the first count as missing.
    window : int
        Rows, the current one included.
    min_share : float
        NaN comes out where fewer than this share of the window is valid; at least one value is always needed.

    Examples
    --------
    >>> rolling_sum(np.array([[1.0], [2.0], [np.nan], [4.0]]), 2, min_share=0.5)[:, 0]
    array([1., 3., 2., 4.])
    """
    n, total = _moments(values, window, 1)
    return _blanked(total, n < _needed(window, min_share))


def rolling_mean(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Mean of the valid values among the last `window` rows, shape (T, S); see `rolling_sum`."""
    n, total = _moments(values, window, 1)
    return _blanked(total / np.maximum(n, 1.0), n < _needed(window, min_share))


def rolling_std(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Sample standard deviation (n - 1) over the last `window` rows, shape (T, S); see `rolling_sum`.

    A spread below a millionth of the level counts as zero, for rounding makes such spreads up.

    Examples
    --------
    >>> rolling_std(np.array([[1.0], [2.0], [3.0]]), 3)[:, 0]
    array([nan, nan,  1.])
    """
    n, total, squares = _moments(values, window, 2)
    return _blanked(_spread(n, total, squares), n < _needed(window, min_share, least=2))


def rolling_z(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Each value less the mean of its window, over its standard deviation, shape (T, S); NaN without spread.

    Examples
    --------
    >>> rolling_z(np.array([[1.0], [2.0], [3.0]]), 3)[:, 0]
    array([nan, nan,  1.])
    """
    n, total, squares = _moments(values, window, 2)
    z = ratio(values - total / np.maximum(n, 1.0), _spread(n, total, squares))
    return _blanked(z, n < _needed(window, min_share, least=2))


def rolling_skewness(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Adjusted Fisher-Pearson skewness over the last `window` rows, shape (T, S); NaN without spread.

    Source: Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis, G1.
    """
    n, *sums = _moments(values, window, 3)
    mean, second, third = (moment / np.maximum(n, 1.0) for moment in sums)
    m2 = second - mean * mean
    # The difference of two large numbers: what is left of a constant window is rounding, and may be below 0.
    _blanked(m2, m2 < _ROUNDING * second, by=0.0)
    # E(x - m)^3 = E x^3 - 3 m E x^2 + 2 m^3
    m3 = third - mean * (3.0 * second - 2.0 * mean * mean)
    correction = np.sqrt(n * (n - 1.0)) / np.maximum(n - 2.0, 1.0)
    return _blanked(ratio(m3, m2 * np.sqrt(m2)) * correction, n < _needed(window, min_share, least=3))


def rolling_max(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Largest valid value among the last `window` rows, shape (T, S); see `rolling_sum`.

    Examples
    --------
    >>> rolling_max(np.array([[3.0], [1.0], [2.0]]), 2)[:, 0]
    array([nan,  3.,  2.])
    """
    valid, filled = _filled(values, by=-np.inf)
    return _blanked(_over_window(filled, window, np.maximum), _count(valid, window) < _needed(window, min_share))


def rolling_min(values: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Smallest valid value among the last `window` rows, shape (T, S); see `rolling_sum`."""
    valid, filled = _filled(values, by=np.inf)
    return _blanked(_over_window(filled, window, np.minimum), _count(valid, window) < _needed(window, min_share))


def rolling_beta(values: FloatArray, reference: FloatArray, window: int, *, min_share: float = MIN_SHARE) -> FloatArray:
    """Slope of `values` on `reference` (least squares with a constant) over the last `window` rows, shape (T, S).

    Only rows in which both are valid count; NaN where the reference does not move.

    Examples
    --------
    >>> market = np.array([[1.0], [2.0], [4.0]])
    >>> rolling_beta(3.0 * market + 1.0, market, 3)[-1]
    array([3.])
    """
    valid = np.isfinite(values) & np.isfinite(reference)
    y, x = np.where(valid, values, 0.0), np.where(valid, reference, 0.0)
    n = _count(valid, window)
    sum_y, sum_x, sum_xy, sum_xx = (_over_window(term, window, np.add) for term in (y, x, x * y, x * x))
    spread = n * sum_xx - sum_x * sum_x
    _blanked(spread, spread < _ROUNDING * n * sum_xx, by=0.0)
    return _blanked(ratio(n * sum_xy - sum_x * sum_y, spread), n < _needed(window, min_share, least=2))


def _over_window(values: FloatArray, window: int, combine: np.ufunc) -> FloatArray:
    """Rows t - window + 1 to t combined, fewer at the start: spans of 1, 2, 4, ... rows that add up to the window."""
    out, covered = values, 0
    part, span = values, 1
    while span <= window:
        # The bits of the window's length say which spans make it up.
        if window & span:
            out = _joined(out, part, bars=covered, combine=combine) if covered else part
            covered += span
        part = _joined(part, part, bars=span, combine=combine) if 2 * span <= window else part
        span *= 2
    return out


def _joined(recent: FloatArray, older: FloatArray, *, bars: int, combine: np.ufunc) -> FloatArray:
    """`recent` combined with `older` of `bars` rows before; the first rows have no older ones and stay."""
    out = np.empty_like(recent)
    out[:bars] = recent[:bars]
    combine(recent[bars:], older[:-bars], out=out[bars:])
    return out


def _needed(window: int, min_share: float, *, least: int = 1) -> float:
    # A hair less, as the product may be a rounding above the whole number of rows that it means.
    return max(min_share * window - 1e-9, least)


def _blanked(values: FloatArray, blank: BoolArray, *, by: float = np.nan) -> FloatArray:
    """`values`, overwritten where `blank`, which may be one column for all."""
    np.copyto(values, by, where=blank)
    return values


def _count(is_valid: BoolArray, window: int) -> FloatArray:
    """Valid rows in each window, shape (T, S), or (T, 1) where all columns miss the same rows."""
    # The usual case of a full panel, in which one column of counts spares the work of all.
    alike = (is_valid == is_valid[:, :1]).all()
    return _over_window((is_valid[:, :1] if alike else is_valid).astype(np.float64), window, np.add)


def _filled(values: FloatArray, *, by: float) -> tuple[BoolArray, FloatArray]:
    """Where values are finite, and a copy in which the others are replaced."""
    valid = np.isfinite(values)
    return valid, _blanked(np.array(values, np.float64), ~valid, by=by)


def _moments(values: FloatArray, window: int, order: int) -> list[FloatArray]:
    """For each window the count of valid rows, then the sums of their first, second, ... powers."""
    valid, filled = _filled(values, by=0.0)
    power = filled
    moments = [_count(valid, window), _over_window(filled, window, np.add)]
    for _ in range(order - 1):
        power = power * filled
        moments.append(_over_window(power, window, np.add))
    return moments


def _spread(n: FloatArray, total: FloatArray, squares: FloatArray) -> FloatArray:
    """Sample standard deviation from count, sum and sum of squares."""
    # An array of its own from here on, which is worked on in place.
    deviations = squares - total * total / np.maximum(n, 1.0)
    _blanked(deviations, deviations < _ROUNDING * squares, by=0.0)
    deviations /= np.maximum(n - 1.0, 1.0)
    return np.sqrt(deviations, out=deviations)
