"""Resampling of loans: sums over loans drawn with replacement, whole clients at a time where loans have them."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from finnet.evaluation.clusters import crossed
from finnet.types import FloatArray, IntArray

__all__ = ["DRAWS", "loan_units", "luck_units", "middle", "resampled_cells", "resampled_sums"]

DRAWS = 1000
"""Bootstrap samples that intervals of lending rest on."""


def loan_units(loans: pd.DataFrame, clients: "pd.Series[int] | None" = None) -> IntArray:
    """The unit that each row is drawn with: its loan with all repeats, or its client with all loans, shape (n,).

    Parameters
    ----------
    loans : DataFrame of shape (n, n_columns)
        As `finnet.lending.cutoff.known_loans` gives it.
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan.

    Examples
    --------
    >>> loans = pd.DataFrame({"entity": ["A", "B", "C", "A"]})
    >>> loan_units(loans).tolist(), loan_units(loans, pd.Series({"A": 9, "B": 4, "C": 9})).tolist()
    ([0, 1, 2, 0], [0, 1, 0, 0])
    """
    names = loans["entity"] if clients is None else loans["entity"].map(clients)
    return np.asarray(pd.factorize(names)[0])


def luck_units(loans: pd.DataFrame, clients: "pd.Series[int] | None" = None) -> IntArray | None:
    """The unit of each row that shares luck with others, shape (n,): its client, each repeat for itself; None without.

    Repeats of a loan are the same loan again, which shares no luck with itself.

    Parameters
    ----------
    loans, clients
        As in `loan_units`.

    Examples
    --------
    >>> loans = pd.DataFrame({"entity": ["A", "B", "A", "B"]})
    >>> luck_units(loans, pd.Series({"A": 9, "B": 9})).tolist()
    [0, 0, 1, 1]
    """
    if clients is None:
        return None
    return crossed(loan_units(loans, clients), loans.groupby("entity").cumcount().to_numpy())


def resampled_sums(columns: FloatArray, unit: IntArray, *, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """Column sums over units drawn with replacement, as many as there are, shape (draws, n_columns).

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
    unit : ndarray of int, shape (n,)
        Rows of one number are drawn together; numbers run from 0 without gaps.

    Examples
    --------
    >>> sums = resampled_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 0, 1]), draws=500)
    >>> sorted(set(sums.ravel().tolist()))
    [6.0, 7.0, 8.0]
    """
    n, rng = int(unit.max()) + 1, np.random.default_rng(seed)
    # Summed by unit first: a draw is then one product over units, and made alone it takes the memory of one.
    totals = np.column_stack([np.bincount(unit, column, minlength=n) for column in columns.T])
    return np.array([np.bincount(rng.integers(0, n, n), minlength=n) @ totals for _ in range(draws)])


def resampled_cells(
    cell: IntArray, unit: IntArray, *, n_cells: int, weight: FloatArray, draws: int = DRAWS, seed: int = 0
) -> FloatArray:
    """Weight in each cell among units drawn with replacement, shape (draws, n_cells).

    Parameters
    ----------
    cell, unit : ndarray of int, shape (n,)
        The cell that each row counts in, and the unit that it is drawn with.
    weight : ndarray of shape (n,)
        What a row counts for.

    Examples
    --------
    >>> drawn = resampled_cells(np.array([0, 1, 1]), np.arange(3), n_cells=2, weight=np.ones(3), draws=400)
    >>> drawn.sum(axis=1).min(), bool(abs(drawn[:, 0].mean() - 1) < 0.2)
    (np.float64(3.0), True)
    """
    n, rng = int(unit.max()) + 1, np.random.default_rng(seed)
    if n == len(cell) and (weight == 1).all():
        # Rows drawn one by one fall into cells as a multinomial count: no row needs to be drawn.
        shares = np.bincount(cell, minlength=n_cells) / n
        return rng.multinomial(n, shares, size=draws).astype(float)
    totals = csr_array((weight, (unit, cell)), shape=(n, n_cells))
    return np.array([totals.T @ np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)])


def middle(drawn: FloatArray, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Ends of the middle 95 % of the draws on the first axis, NaN where fewer than half of them have a value.

    Parameters
    ----------
    drawn : ndarray of shape (draws, ...)

    Returns
    -------
    (low, high) : ndarrays of shape (...)

    Examples
    --------
    >>> low, high = middle(np.arange(1001.0)[:, None])
    >>> low.round().tolist(), high.round().tolist()
    ([25.0], [975.0])
    """
    known = np.isfinite(drawn).mean(axis=0) >= 0.5
    low, high = np.full((2, *drawn.shape[1:]), np.nan)
    if known.any():
        tail = (1.0 - level) / 2.0
        low[known], high[known] = np.nanquantile(drawn[:, known], [tail, 1.0 - tail], axis=0)
    return low, high
