"""Effects: what a forecast does when one column of the table moves, by permutation, along its values, and upward."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_at_least, require_choice, require_columns
from finnet.evaluation.metric_shapes import auc_contributions
from finnet.types import FloatArray, IntArray

__all__ = [
    "DIRECTIONS",
    "LEAST_FALL",
    "auc_alone",
    "effect_curve",
    "held_out_importance",
    "monotonicity",
    "permutation_importance",
    "permutation_rises",
]

DIRECTIONS = ("up", "down")
LEAST_FALL = 1e-4
"""Of a probability: what falls by no more than this against a declared direction counts as not falling."""

_CLIP = 1e-7  # nearest to 0 and 1 that a probability counts in a log loss


def permutation_importance(
    model: Any, X: pd.DataFrame, y: IntArray, *, columns: Sequence[str], rng: np.random.Generator, repeats: int = 3
) -> FloatArray:
    """Rise of the mean log loss when the values of one column are dealt to other rows, for each of the columns.

    Breiman (2001), on any rows: those that trained the model say what it uses, others what helps it. Deals are evenly
    spaced: what a row gets in turn stands at even distances among the values in their order, from a place that is drawn
    at random. Each deal is a permutation, and their mean varies less than that of permutations drawn one by one.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of 0 and 1, of shape (n_rows,)
    columns : sequence of str
    rng : Generator
    repeats : int
        Deals that are averaged; with as many as rows, every row gets every value.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.standard_normal((500, 2)), columns=["signal", "noise"])
    >>> y = (X["signal"] > 0).to_numpy().astype(int)
    >>> signal, noise = permutation_importance(LogisticRegression().fit(X, y), X, y, columns=list(X), rng=rng)
    >>> bool(signal > 1.0), bool(abs(noise) < 0.01)
    (True, True)
    """
    return np.asarray(permutation_rises(model, X, y, columns=columns, rng=rng, repeats=repeats).mean(axis=0))


def permutation_rises(
    model: Any, X: pd.DataFrame, y: IntArray, *, columns: Sequence[str], rng: np.random.Generator, repeats: int = 3
) -> FloatArray:
    """What `permutation_importance` is the mean of, row by row: the rise of its log loss, shape (n_rows, n_columns).

    All deals of a column are forecast in one call, of at most n_rows * repeats rows.
    """
    require_at_least(repeats, 1, name="repeats")
    require_columns(X.columns, columns, name="X")
    losses, n = _log_losses(model, X, y), len(X)
    rises = np.zeros((n, len(columns)))
    row, shift = np.tile(np.arange(n), repeats), np.repeat(np.arange(repeats) * n // repeats, n)
    for k, name in enumerate(columns):
        is_number = pd.api.types.is_numeric_dtype(X[name].dtype)
        code = pd.factorize(X[name], sort=is_number, use_na_sentinel=False)[0]
        start = np.tile(rng.permutation(n), repeats)
        dealt = np.argsort(code, kind="stable")[(start + shift) % n]
        # A row that gets a value twice needs one forecast of it; there are no more than n codes.
        _, first, place = np.unique(row * n + code[dealt], return_index=True, return_inverse=True)
        own, given = row[first], dealt[first]
        # With the index of the rows: by its own one pandas would put every value back into its row.
        moved = X.iloc[own].assign(**{name: X[name].iloc[given].set_axis(X.index[own])})
        rises[:, k] = _log_losses(model, moved, y[own])[place].reshape(repeats, n).mean(axis=0) - losses
    return rises


def held_out_importance(importance: pd.DataFrame | None) -> pd.DataFrame:
    """`held_out` and `held_out_error` by column: the mean rise over the rows of all folds, and its standard error.

    Parameters
    ----------
    importance : DataFrame of shape (n_folds * n_columns, n_measures), optional
        As `FitRecord.importance` holds it, with the `fold`; no column is told without it.

    Examples
    --------
    >>> folds = pd.DataFrame({"fold": [0, 1], "column": "debt", "rise": [0.1, 0.3], "error": 0.02, "rows": 100})
    >>> held_out_importance(folds).loc["debt"].round(4).tolist()
    [0.2, 0.0141]
    """
    if importance is None:
        return pd.DataFrame(columns=["held_out", "held_out_error"], index=pd.Index([], dtype=object), dtype=float)
    n_rows = importance["rows"]
    # A fold's rise is a mean over its rows, so folds count by their rows; squared errors of independent folds add up.
    sums = importance.assign(rise=importance["rise"] * n_rows, error=(importance["error"] * n_rows) ** 2)
    total = sums.groupby("column")[["rise", "error", "rows"]].sum(min_count=1)
    return pd.DataFrame(
        {"held_out": total["rise"] / total["rows"], "held_out_error": np.sqrt(total["error"]) / total["rows"]}
    )


def auc_alone(
    values: "pd.Series[Any]", y: IntArray, *, weight: FloatArray | None = None, group: IntArray | None = None
) -> tuple[float, float]:
    """AUC of rows ordered by one column of numbers alone, and its standard error; above 1/2 ones have higher values.

    Missing values are left out. The error is that of DeLong, DeLong & Clarke-Pearson 1988; both are NaN where one class
    is missing.

    Parameters
    ----------
    values : Series of shape (n_rows,)
    y : ndarray of 0 and 1, of shape (n_rows,)
    weight : ndarray of shape (n_rows,), optional
    group : ndarray of int, of shape (n_rows,), optional
        Rows of one number share their luck and count as one in the error.

    Examples
    --------
    >>> auc, error = auc_alone(pd.Series([1.0, 2.0, 3.0, 4.0, np.nan]), np.array([0, 1, 0, 1, 1]))
    >>> auc, round(error, 3)
    (0.75, 0.289)
    """
    known = values.notna().to_numpy()
    w = (np.ones(len(y)) if weight is None else weight)[known]
    parts = auc_contributions(y[known].astype(float), values[known].to_numpy(float), w)
    area = float(np.average(parts, weights=w)) if len(parts) else float("nan")
    unit = np.unique(np.arange(len(y))[known] if group is None else group[known], return_inverse=True)[1]
    # Deviations of one group are summed before they are squared, as what they share does not cancel out.
    sums = np.bincount(unit, w * (parts - area))
    m = len(sums)
    return area, float(np.sqrt((sums**2).sum() * m / (m - 1)) / w.sum()) if m > 1 else float("nan")


def effect_curve(
    model: Any, X: pd.DataFrame, column: str, *, points: int = 12, occurring: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Mean forecast of all rows when one column takes each of its values (partial dependence; Friedman 2001).

    Rows get values that they may never have together with their others; where columns move together, the ends of a
    curve are guesses of the model.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    column : str
    points : int
        Values at most: of more numbers those at even distances in their order, of more levels the most frequent;
        missing is one more where it occurs.
    occurring : DataFrame of shape (m_rows, n_columns), optional
        Whose values the column takes; X by default.

    Returns
    -------
    DataFrame
        `value` (as in X, None for missing), `forecast`; numbers in rising order, levels by falling frequency.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"debt": [0.0, 1.0, 2.0, 3.0]})
    >>> effect_curve(LogisticRegression().fit(X, [0, 0, 1, 1]), X, "debt")["forecast"].is_monotonic_increasing
    True
    """
    require_columns(X.columns, [column], name="X")
    values = _values((X if occurring is None else occurring)[column], points)
    means = [_probabilities(model, _with(X, column, value)).mean() for value in values]
    return pd.DataFrame({"value": pd.Series(values, dtype=object), "forecast": means})


def monotonicity(
    model: Any,
    X: pd.DataFrame,
    directions: Mapping[str, str],
    *,
    points: int = 12,
    occurring: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Whether the forecast of each row moves as declared when a column is raised, all others staying as they are.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    directions : mapping of str to {"up", "down"}
        Of columns of numbers: whether risk rises or falls with them.
    points : int
        Values of the column that every row takes in turn, at most: of more those at even distances in their order.
    occurring : DataFrame of shape (m_rows, n_columns), optional
        Whose values the column takes; X by default.

    Returns
    -------
    DataFrame
        `column`, `direction`, `rows`, `values` that they took, how many are `known`, `share` of rows that move against
        the direction by more than `LEAST_FALL` somewhere, and `largest`, the furthest that a forecast moves against it,
        a probability.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"debt": [0.0, 1.0, 2.0, 3.0]})
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> monotonicity(model, X, {"debt": "up"})[["rows", "share", "largest"]].to_numpy().tolist()
    [[4.0, 0.0, 0.0]]
    >>> float(monotonicity(model, X, {"debt": "down"})["share"].iloc[0])
    1.0
    """
    require_columns(X.columns, list(directions), name="X")
    rows = []
    for name, direction in directions.items():
        require_choice(direction, DIRECTIONS, name=f"direction of {name}")
        column = (X if occurring is None else occurring)[name].dropna()
        values = _values(column, points)
        P = np.array([_probabilities(model, _with(X, name, value)) for value in values])
        rising = P if direction == "up" else -P
        # The furthest fall below any earlier value, row by row.
        falls = (np.maximum.accumulate(rising, axis=0) - rising).max(axis=0)
        falls[falls <= LEAST_FALL] = 0.0
        tried = (len(X), len(values), column.nunique())
        rows.append((name, direction, *tried, float((falls > 0.0).mean()), float(falls.max())))
    return pd.DataFrame(rows, columns=["column", "direction", "rows", "values", "known", "share", "largest"])


def _values(column: "pd.Series[Any]", points: int) -> list[Any]:
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column.dtype):
        ordered = np.unique(known.to_numpy())
        values = ordered[np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(int)].tolist()
    else:
        values = known.astype(object).value_counts().index[:points].tolist()
    return [*values, None] if len(known) < len(column) else values


def _with(X: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    """All rows with one value of a column, in its type."""
    # Encoders tell numbers from categories by the type, and a missing value makes whole numbers floats.
    dtype = X[column].dtype
    constant = pd.Series([value] * len(X), index=X.index, dtype=object)
    return X.assign(**{column: constant.astype(float if value is None and dtype.kind in "iub" else dtype)})


def _probabilities(model: Any, X: pd.DataFrame) -> FloatArray:
    return np.asarray(model.predict_proba(X))[:, 1]


def _log_losses(model: Any, X: pd.DataFrame, y: IntArray) -> FloatArray:
    p = np.clip(_probabilities(model, X), _CLIP, 1.0 - _CLIP)
    return -np.where(y == 1, np.log(p), np.log1p(-p))
