"""Bins: a number as the share of each of its column's bins that lies below it; a network can bend at every edge.

A column with edges e_0 < e_1 < ... < e_m becomes m columns, of which the t-th is (x - e_(t-1)) / (e_t - e_(t-1)), held
within 0 and 1 (Gorishniy, Rubachev & Babenko 2022).
"""

from typing import Self

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from finnet.types import FloatArray, IntArray

__all__ = ["PiecewiseLinear"]

_LEAST_SHARE = 0.005  # of the rows in a leaf of the tree that looks for edges
_ROWS_AT_ONCE = 8192


class PiecewiseLinear:
    """Columns of numbers as shares of their bins; what is missing is 0 in all of them.

    Edges lie at the quantiles of a column, and where a tree on that column alone would divide the two classes: the one
    is right where rows are many, the other where the risk changes, as at a code or at the zero of a count.

    Parameters
    ----------
    n_bins : int
        How many quantiles, and how many leaves of the tree, each column has at most.

    Attributes
    ----------
    edges_ : list of ndarray
        Rising, one array per column; fewer than 2 edges make no bin.

    Examples
    --------
    >>> values, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> bins = PiecewiseLinear(2).fit(values, y)
    >>> bins.edges_
    [array([0. , 1.5, 3. ])]
    >>> bins.transform(np.array([[0.75], [2.25], [9.0], [np.nan]]))
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 1. ],
           [0. , 0. ]], dtype=float32)
    """

    def __init__(self, n_bins: int) -> None:
        self.n_bins = n_bins

    def fit(self, values: FloatArray, y: IntArray) -> Self:
        """Learn the edges of values (n_rows, n_columns), where NaN is missing, and of classes y (n_rows,)."""
        self.edges_ = [self._edges(column[known], y[known]) for column in values.T for known in [~np.isnan(column)]]
        return self

    def transform(self, values: FloatArray) -> FloatArray:
        """Shares of shape (n_rows, n_bins of all columns), float32."""
        n_bins = [max(0, len(edges) - 1) for edges in self.edges_]
        ends = np.cumsum(n_bins)
        shares = np.empty((len(values), sum(n_bins)), np.float32)
        for column, edges, start, end in zip(values.T, self.edges_, ends - n_bins, ends, strict=True):
            if end > start:
                _fill(shares[:, start:end], column, edges)
        return shares

    def _edges(self, column: FloatArray, y: IntArray) -> FloatArray:
        if not len(column):
            return column
        quantiles = np.quantile(column, np.linspace(0.0, 1.0, self.n_bins + 1))
        least = max(1, int(_LEAST_SHARE * len(column)))
        tree = DecisionTreeClassifier(max_leaf_nodes=self.n_bins, min_samples_leaf=least, random_state=0)
        found = tree.fit(column[:, None], y).tree_
        is_split = found.children_left >= 0
        # Trees compare in float32, and may put an edge a hair beyond the column.
        splits = np.clip(found.threshold[is_split], column.min(), column.max())
        return np.unique(np.concatenate([quantiles, splits]))


def _fill(shares: FloatArray, column: FloatArray, edges: FloatArray) -> None:
    """The shares of one column, in blocks of rows that stay in the cache."""
    widths = np.diff(edges)
    for start in range(0, len(column), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        part = np.clip((column[rows, None] - edges[:-1]) / widths, 0.0, 1.0)
        part[np.isnan(column[rows])] = 0.0
        shares[rows] = part
