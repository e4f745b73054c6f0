"""Population stability: how far shares have moved, and how far chance alone moves shares of so few rows."""

import numpy as np
from scipy import stats

from finnet.types import FloatArray

__all__ = [
    "chance_of_difference",
    "chance_of_new",
    "correlation_time",
    "population_stability_index",
    "stability_limit",
]

_WINDOW = 5  # times the correlation time; Sokal's choice between bias and noise


def population_stability_index(before: FloatArray, after: FloatArray) -> FloatArray:
    """Population stability index of counts: the sum of (b - a) log(b / a) over shares a before and b after.

    Zero where shares are equal; by custom below 0.1 is small and above 0.25 large. Of one characteristic it is also
    called its characteristic stability index. Every bin counts half a row more than it has: empty bins of a few rows
    would weigh far too much.

    Parameters
    ----------
    before, after : ndarray of shape (..., n_bins)
        Rows in each bin, whole or not; sums of a row are above 0.

    Examples
    --------
    >>> float(population_stability_index(np.array([500.0, 500.0]), np.array([600.0, 400.0])).round(4))
    0.0405
    """
    a = (before + 0.5) / (before.sum(axis=-1, keepdims=True) + 0.5 * before.shape[-1])
    b = (after + 0.5) / (after.sum(axis=-1, keepdims=True) + 0.5 * after.shape[-1])
    return np.asarray(((b - a) * np.log(b / a)).sum(axis=-1))


def stability_limit(bins: int, *, trained: float, rows: float, alarm_rate: float) -> float:
    """What the index of independent rows exceeds with about this probability where nothing has moved.

    Without any shift the index is about chi-square, with a degree of freedom less than bins, times (1/n + 1/m). Source:
    Yurdakul & Naranjo (2020), Statistical properties of the population stability index. Infinite for a single bin.

    Examples
    --------
    >>> [round(stability_limit(10, trained=n, rows=n, alarm_rate=0.05), 4) for n in (200, 20_000)]
    [0.1692, 0.0017]
    """
    if bins < 2:
        return float("inf")
    return float(stats.chi2.isf(alarm_rate, bins - 1)) * (1 / max(trained, 1) + 1 / max(rows, 1))


def chance_of_difference(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Two-sided p-value for two shares, each (rows that have it, rows): Fisher's exact test, the smaller tail doubled.

    Examples
    --------
    >>> round(chance_of_difference((20, 1000), (80, 1000)), 12)
    4.36e-10
    """
    # Rows that are worth less than one each, as those of a session, give numbers that are not whole.
    (a, n), (b, m) = ((round(part), round(whole)) for part, whole in (before, after))
    # sf(b - 1) is the chance of b or more, so that what was found is part of either tail.
    tails = stats.hypergeom(n + m, a + b, m)
    return float(min(1.0, 2.0 * min(tails.cdf(b), tails.sf(b - 1))))


def chance_of_new(found: float, rows: float, *, trained: float, single: int) -> float:
    """Chance that so many of new rows are of a kind that none of the trained rows is, where nothing has moved.

    A row that is new to n others has by Good (1953) the probability of those that stood alone among them, here a
    Beta(single + 1, n - single) number; for values beyond the smallest or the largest of n, two stand alone less one.

    Parameters
    ----------
    found, rows : float
        New rows of such a kind, and new rows in all.
    trained : float
        Rows that they are compared with.
    single : int
        How many of these were the only ones of their kind; 1 for values outside the range.

    Examples
    --------
    >>> round(chance_of_new(1, 8, trained=1000, single=1), 3), round(chance_of_new(8, 8, trained=1000, single=1), 12)
    (0.016, 0.0)
    """
    at_least = round(found)
    if at_least < 1:
        return 1.0
    return float(stats.betabinom.sf(at_least - 1, round(rows), single + 1, max(trained - single, 1)))


def correlation_time(values: FloatArray) -> float:
    """How many values in a row say as much as one that is independent of all others; at least 1.

    One plus twice the sum of the autocorrelations, up to the first lag of five times that (Sokal 1997, Monte Carlo
    methods in statistical mechanics, section 3).

    Parameters
    ----------
    values : ndarray of shape (n,)
        In time order, all finite.

    Examples
    --------
    >>> shocks = np.random.default_rng(0).normal(size=4000)
    >>> averages = np.convolve(shocks, np.full(20, 1 / 20), mode="valid")
    >>> round(correlation_time(shocks)), round(correlation_time(averages), -1)
    (1, 20.0)
    """
    gaps = values - values.mean()
    spread = float(gaps @ gaps)
    time = 1.0
    for lag in range(1, len(gaps) // 2):
        if spread <= 0 or lag > _WINDOW * time:
            break
        time += 2.0 * float(gaps[lag:] @ gaps[:-lag]) / spread
    return max(time, 1.0)
