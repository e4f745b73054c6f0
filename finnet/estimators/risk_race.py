"""The race of designs: bags of rows, forecasts of the rows that each leaves out, and what they make of the designs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from finnet.types import FloatArray, IntArray

__all__ = ["Division", "blend", "divide", "log_losses", "mean_out_of_bag", "still_racing"]

_FEW_ROWS, _MANY_ROWS = 1_500, 40_000
_SHARES = np.linspace(0.0, 1.0, 21)


class Division(NamedTuple):
    """Rows that a bag learns from, and those that stop and judge it, by number."""

    learned: IntArray
    judged: IntArray


def divide(y: IntArray, groups: IntArray, rng: np.random.Generator) -> list[Division]:
    """Bags in which every row is left out once or, where rows are few, three times; equal rows stay together.

    Parameters
    ----------
    y : ndarray of 0 and 1, of shape (n_rows,)
    groups : ndarray of int of shape (n_rows,)
        Rows of the same number are equal.
    rng : Generator

    Examples
    --------
    >>> bags = divide(np.array([0, 1] * 10), np.arange(20) // 2, np.random.default_rng(0))
    >>> len(bags), bags[0].judged.tolist() == sorted(set(range(20)) - set(bags[0].learned.tolist()))
    (15, True)
    """
    n_bags, n_repeats = 3 if len(y) > _MANY_ROWS else 5, 3 if len(y) < _FEW_ROWS else 1
    bags = []
    for _ in range(n_repeats):
        bag_of_row = _bag_of_group(y, groups, n_bags, rng=rng)[groups]
        bags += [Division(np.flatnonzero(bag_of_row != k), np.flatnonzero(bag_of_row == k)) for k in range(n_bags)]
    return bags


def _bag_of_group(y: IntArray, groups: IntArray, n_bags: int, *, rng: np.random.Generator) -> IntArray:
    """Which bag leaves each group out, drawn evenly over the groups by their share of ones."""
    shares = np.bincount(groups, weights=y) / np.maximum(np.bincount(groups), 1)
    bag_of = np.empty(len(shares), np.int64)
    bag_of[np.lexsort((rng.random(len(shares)), shares))] = np.arange(len(shares)) % n_bags
    return bag_of


def mean_out_of_bag(forecasts: Sequence[FloatArray], bags: Sequence[Division], *, n_rows: int) -> FloatArray:
    """Mean forecast of every row by the bags that left it out, NaN where none did."""
    sums, counts = np.zeros(n_rows), np.zeros(n_rows)
    for forecast, bag in zip(forecasts, bags, strict=True):
        sums[bag.judged] += forecast
        counts[bag.judged] += 1
    return np.divide(sums, counts, out=np.full(n_rows, np.nan), where=counts > 0)


def log_losses(P: FloatArray, y: IntArray) -> FloatArray:
    """Log loss of every forecast of the second class, shape (n_rows,)."""
    return -np.log(np.maximum(np.where(y == 1, P, 1.0 - P), 1e-7))


def still_racing(forecasts: Mapping[str, FloatArray], y: IntArray) -> list[str]:
    """The design of least log loss, and those which make it less when they are blended in by half.

    Examples
    --------
    >>> forecasts = {"a": np.array([0.2, 0.6]), "b": np.array([0.9, 0.1]), "c": np.array([0.1, 0.3])}
    >>> still_racing(forecasts, np.array([0, 1]))
    ['a']
    """
    known = ~np.isnan(next(iter(forecasts.values())))
    losses = {name: log_losses(P[known], y[known]).mean() for name, P in forecasts.items()}
    best = min(losses, key=lambda name: losses[name])
    halves = {name: log_losses((forecasts[best][known] + P[known]) / 2.0, y[known]) for name, P in forecasts.items()}
    return [name for name in forecasts if name == best or halves[name].mean() < losses[best]]


def blend(forecasts: Mapping[str, FloatArray], y: IntArray) -> dict[str, float]:
    """Share of every design, of at most two: the mean of all shares, weighted by how likely they make the classes.

    The best share alone would follow the luck of few rows; with few rows many shares are nearly as likely.

    Examples
    --------
    >>> blend({"a": np.array([0.2, 0.7]), "b": np.array([0.2, 0.7])}, np.array([0, 1]))
    {'a': 0.5, 'b': 0.5}
    """
    if len(forecasts) == 1:
        return dict.fromkeys(forecasts, 1.0)
    (first, P), (second, Q) = forecasts.items()
    known = ~np.isnan(P) & ~np.isnan(Q)
    sums = np.array([log_losses(s * P[known] + (1.0 - s) * Q[known], y[known]).sum() for s in _SHARES])
    likelihoods = np.exp(sums.min() - sums)
    share = round(float(likelihoods @ _SHARES / likelihoods.sum()), 6)
    return {first: share, second: round(1.0 - share, 6)}
