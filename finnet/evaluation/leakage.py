"""Leakage: columns that forecast too well on their own: most often they were filled after the outcome was known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["LOAN_LEAKS", "LOSS_LEAKS", "MARKET_LEAKS", "loan_leaks", "loss_leaks", "market_leaks"]

MOST_AUC, MOST_IC, MOST_ACCURACY = 0.95, 0.2, 0.65
"""What no single column known in time reaches: AUC of defaults, rank correlation and accuracy of returns."""

ALONE_AUC, ALONE_TIMES, ALONE_CASES = 0.85, 1.5, 50
"""A column that stands far above all others: its AUC, how many times as far from 1/2 it is as theirs, and how many
defaults and as many others must judge it. See `loan_leaks`."""

MOST_R2 = 0.7
"""What no single column known at default reaches of the spread of losses; the best models reach about half of it."""

BINS = 20
FEWEST_CASES = 10
PURE_RATE, PURE_ROWS, PURE_SHARE = 0.98, 30, 0.1
"""A value that almost only defaults have, in so many rows and so large a share of all defaults."""

STANDARD_ERRORS = 3.5
"""How far beyond chance a correlation must lie: weeks that overlap and few sessions reach .2 by luck."""

LOAN_LEAKS = (
    f"columns that alone tell defaults with an AUC above {MOST_AUC}, with one of {ALONE_AUC} where no other comes near,"
    " or with a value that defaults alone have"
)
LOSS_LEAKS = f"columns that alone tell losses with an R² above {MOST_R2}"
MARKET_LEAKS = (
    f"features and fields whose rank correlation with what came next is beyond {MOST_IC}, or accuracy above"
    f" {100 * MOST_ACCURACY:g} %"
)
"""What each of the functions looks for, in words."""

SESSIONS = 400
SYMBOLS = 5


def loan_leaks(X: pd.DataFrame, y: IntArray | FloatArray, *, is_ordered: bool) -> dict[str, str]:
    """Columns that tell defaults apart too well, with what was measured.

    The default rate in each bin of a column is learned on one half of the rows and judged on the other: on the later
    half where rows are in time order, else on every second row.

    A column is told where its AUC is above 0.95, where one of its values stands for defaults alone, and where its AUC
    is at least 0.85 and 1.5 times as far from 1/2 as that of the best column below 0.85. The last was chosen on seven
    public sets of loans, cards and firms (german, hmeq, taiwan, heloc, lendingclub, polish5, gmsc), on which it tells
    of none: their best columns have at most 0.83, and at most 1.9 times the distance of the next (hmeq: 0.83 beside
    0.67). With the 50 defaults and 50 others that must judge it, 0.85 lies six standard errors above chance.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of 0/1, shape (n_rows,)
    is_ordered : bool
        Whether the rows are in the order of time.

    Examples
    --------
    >>> y = np.tile([0, 0, 1, 0], 50)
    >>> loan_leaks(pd.DataFrame({"recovered": y * 9.5, "age": np.arange(200.0) % 7}), y, is_ordered=True)
    {'recovered': 'AUC 1.000 on its own'}
    """
    later = np.arange(len(y)) >= len(y) // 2 if is_ordered else np.arange(len(y)) % 2 == 1
    found, aucs = {}, {}
    for name in map(str, X.columns):
        bins = _bins(X[name])
        aucs[name], pure = _auc_of_rates(bins, y, later), _pure_bin(bins, y)
        if aucs[name] > MOST_AUC:
            found[name] = f"AUC {aucs[name]:.3f} on its own"
        elif pure:
            found[name] = f"one of its values stands for defaults alone, in {pure:,} rows"
    others = [auc for auc in aucs.values() if auc < ALONE_AUC]
    judging = y[later] == 1
    if not others or min(judging.sum(), (~judging).sum()) < ALONE_CASES:
        return found
    best = max(others)
    alone = 0.5 + ALONE_TIMES * max(best - 0.5, 0.0)
    # Those found already have their words.
    told = {
        name: f"AUC {auc:.3f} on its own, where the best of the others has {best:.3f}"
        for name, auc in aucs.items()
        if auc >= max(ALONE_AUC, alone)
    }
    return told | found


def _bins(column: "pd.Series[float]") -> IntArray:
    """Numbers in quantile bins, their most common value and missing in bins of their own; categories by level."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, np.int64) + 1
    values = column.to_numpy(float)
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), np.int64)
    levels, counts = np.unique(known, return_counts=True)
    if len(levels) <= BINS:
        return np.where(np.isnan(values), 0, np.searchsorted(levels, values) + 1)
    # A value that many rows have, such as 0 for "nothing recovered", would fill several quantile bins.
    mode = levels[counts.argmax()]
    edges = np.unique(np.quantile(known[known != mode], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 2)
    return np.asarray(np.where(values == mode, 1, bins))


def _auc_of_rates(bins: IntArray, y: IntArray | FloatArray, later: BoolArray) -> float:
    """AUC, on the `later` rows, of the rate of ones that each bin had before; 0.5 where there are too few of a kind."""
    size = int(bins.max()) + 1
    rows = np.bincount(bins[~later], minlength=size)
    ones = np.bincount(bins[~later], weights=y[~later], minlength=size)
    base = y[~later].mean() if (~later).any() else 0.5
    # One row of the base rate is added to each bin, so that a bin of few rows is not taken for certain.
    score, truth = ((ones + base) / (rows + 1))[bins[later]], y[later] == 1
    n_one, n_zero = int(truth.sum()), int((~truth).sum())
    if min(n_one, n_zero) < FEWEST_CASES:
        return 0.5
    return float((rankdata(score)[truth].sum() - n_one * (n_one + 1) / 2) / (n_one * n_zero))


def _pure_bin(bins: IntArray, y: IntArray | FloatArray) -> int:
    """Rows of the bins that hold almost only ones, and enough of them; 0 where there are none or ones are common."""
    rows, ones = np.bincount(bins), np.bincount(bins, weights=y)
    pure = (rows >= PURE_ROWS) & (ones >= PURE_RATE * rows)
    is_telling = y.mean() < 0.5 and ones[pure].sum() >= PURE_SHARE * y.sum()
    return int(rows[pure].sum()) if pure.any() and is_telling else 0


def loss_leaks(X: pd.DataFrame, y: FloatArray, *, is_ordered: bool) -> dict[str, str]:
    """Columns that tell losses of defaulted loans too well, with what was measured.

    The mean loss in each bin of a column is learned on one half of the rows and judged on the other, as `loan_leaks`
    does it.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,)
        Losses as shares of the exposure.
    is_ordered : bool
        Whether the rows are in the order of time.

    Examples
    --------
    >>> loss = np.random.default_rng(0).random(200)
    >>> loss_leaks(pd.DataFrame({"recovered": 1 - loss, "age": np.arange(200.0) % 7}), loss, is_ordered=True)
    {'recovered': 'R² 1.00 on its own'}
    """
    later = np.arange(len(y)) >= len(y) // 2 if is_ordered else np.arange(len(y)) % 2 == 1
    found = {}
    for name in X.columns:
        r2 = _r2_of_means(_bins(X[name]), y, later)
        if r2 > MOST_R2:
            found[str(name)] = f"R² {r2:.2f} on its own"
    return found


def _r2_of_means(bins: IntArray, y: FloatArray, later: BoolArray) -> float:
    """R² on the `later` rows of the mean that each bin had before, against the mean of all; 0 where rows are few."""
    if min(later.sum(), (~later).sum()) < FEWEST_CASES:
        return 0.0
    size, base = int(bins.max()) + 1, float(y[~later].mean())
    rows = np.bincount(bins[~later], minlength=size)
    sums = np.bincount(bins[~later], weights=y[~later], minlength=size)
    forecast = np.where(rows > 0, sums / np.maximum(rows, 1), base)[bins[later]]
    spread = ((y[later] - base) ** 2).sum()
    return float(1.0 - ((y[later] - forecast) ** 2).sum() / spread) if spread > 0 else 0.0


def market_leaks(
    columns: Mapping[str, FloatArray], truth: FloatArray, *, session: IntArray, horizon: int
) -> dict[str, str]:
    """Columns whose rank correlation with what came next, or whose accuracy, is more than markets give.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_rows,)
    truth : ndarray of shape (n_rows,)
        The return, or 0 and 1; NaN where unknown.
    session : ndarray of int, shape (n_rows,)
        Number of the session of each row, ascending.
    horizon : int
        Sessions that outcomes span: so many neighbors count as one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=500)
    >>> columns = {"tomorrow": truth + 0.1, "noise": rng.normal(size=500)}
    >>> market_leaks(columns, truth, session=np.arange(500), horizon=1)
    {'tomorrow': 'rank correlation 1.000 with what came next'}
    """
    found = {}
    for name, values in columns.items():
        known = np.isfinite(values) & np.isfinite(truth)
        if len(np.unique(session[known])) < 2 * FEWEST_CASES * horizon:
            continue
        own, outcome, when = values[known], truth[known], session[known]
        correlation, error = _rank_correlation(own, outcome, when, horizon=horizon)
        rose = outcome > (0.5 if set(np.unique(outcome)) <= {0.0, 1.0} else 0)
        accuracy, beyond, accuracy_error = _accuracy(own, rose, when)
        if abs(correlation) > MOST_IC and abs(correlation) > STANDARD_ERRORS * error:
            found[name] = f"rank correlation {correlation:.3f} with what came next"
        elif accuracy > MOST_ACCURACY and beyond > STANDARD_ERRORS * accuracy_error * np.sqrt(horizon):
            found[name] = f"accuracy {accuracy:.1%} on its own"
    return found


def _rank_correlation(values: FloatArray, truth: FloatArray, session: IntArray, *, horizon: int) -> tuple[float, float]:
    """Mean over sessions of the rank correlation between symbols, over time where symbols are few; with its error."""
    starts = np.flatnonzero(np.diff(session, prepend=session[0] - 1))
    ends = np.append(starts[1:], len(session))
    # Some sessions, evenly spread, say enough: a leak shows in every one of them.
    step = max(1, len(starts) // SESSIONS)
    spans = [span for span in zip(starts[::step], ends[::step], strict=True) if span[1] - span[0] >= SYMBOLS]
    each = [_spearman(values[start:end], truth[start:end]) for start, end in spans]
    each = [correlation for correlation in each if np.isfinite(correlation)]
    if len(each) >= 2 * FEWEST_CASES * horizon:
        return float(np.mean(each)), float(np.std(each) * np.sqrt(horizon / len(each)))
    sessions = len(np.unique(session))
    return _spearman(values, truth), float(np.sqrt(horizon / sessions))


def _spearman(a: FloatArray, b: FloatArray) -> float:
    ranks = rankdata(a) - (len(a) + 1) / 2, rankdata(b) - (len(b) + 1) / 2
    length = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1] / length) if length > 0 else float("nan")


def _accuracy(values: FloatArray, rose: BoolArray, session: IntArray) -> tuple[float, float, float]:
    """Accuracy on the later half of a cut made on the earlier one, how far that beats one answer, its error."""
    later = session >= session[len(session) // 2]
    if not later.any() or later.all():
        return 0.0, 0.0, 1.0
    # Cut and direction come from the earlier half alone, so that a column of noise scores about one half on the later.
    above = values > np.median(values[~later])
    agrees = (above[~later] == rose[~later]).mean() >= 0.5
    accuracy = float(((above[later] == rose[later]) == agrees).mean())
    rate = float(rose[later].mean())
    return accuracy, accuracy - max(rate, 1 - rate), float(np.sqrt(0.25 / len(np.unique(session[later]))))
