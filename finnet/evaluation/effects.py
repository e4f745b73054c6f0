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
    "auc_alone",
    "effect_curve",
    "held_out_importance",
    "monotonicity",
    "permutation_importance",
    "permutation_rises",
]

DIRECTIONS = ("up", "down")
_LEAST = 1e-4  # of a probability; smaller falls are taken for rounding
_CLIP = 1e-7  # nearest to 0 and 1 that a probability counts in a log loss


def permutation_importance(
    model: Any, X: pd.DataFrame, y: IntArray, *, columns: Sequence[str], rng: np.random.Generator, repeats: int = 3
) -> FloatArray:
    """Rise of the mean log loss when the values of one column are dealt to other rows, for each of the columns.

    Breiman (2001), on any rows: those that trained the model say what it uses, others what helps it.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of 0 and 1, of shape (n_rows,)
    columns : sequence of str
    rng : Generator
    repeats : int
        Deals that are averaged.

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
    """What `permutation_importance` is the mean of, row by row: the rise of its log loss, shape (n_rows, n_columns)."""
    require_at_least(repeats, 1, name="repeats")
    require_columns(X.columns, columns, name="X")
    losses = _log_losses(model, X, y)
    rises = np.zeros((len(X), len(columns)))
    for k, name in enumerate(columns):
        for _ in range(repeats):
            # With the index of X: by its old one pandas would put every value back into its own row.
            dealt = X[name].iloc[rng.permutation(len(X))].set_axis(X.index)
            rises[:, k] += (_log_losses(model, X.assign(**{name: dealt}), y) - losses) / repeats
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


def effect_curve(model: Any, X: pd.DataFrame, column: str, *, points: int = 12) -> pd.DataFrame:
    """Mean forecast of all rows when one column takes each of its values (partial dependence; Friedman 2001).

    Rows get values that they may never have together with their others; where columns move together, the ends of a
    curve are guesses of the model.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    column : str
    points : int
        Quantiles of a number, or most frequent levels of a category, at most; missing is one more where it occurs.

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
    values = _values(X[column], points)
    means = [_probabilities(model, _with(X, column, value)).mean() for value in values]
    return pd.DataFrame({"value": pd.Series(values, dtype=object), "forecast": means})


def monotonicity(model: Any, X: pd.DataFrame, directions: Mapping[str, str], *, points: int = 12) -> pd.DataFrame:
    """Whether the forecast of each row moves as declared when a column is raised, all others staying as they are.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    directions : mapping of str to {"up", "down"}
        Of columns of numbers: whether risk rises or falls with them.
    points : int
        Quantiles of the column that every row takes in turn.

    Returns
    -------
    DataFrame
        `column`, `direction`, `rows`, `share` of them that move against it by more than .0001 somewhere, and
        `largest`, the furthest that a forecast moves against it, a probability.

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
        values = [value for value in _values(X[name], points) if value is not None]
        P = np.array([_probabilities(model, _with(X, name, value)) for value in values])
        rising = P if direction == "up" else -P
        # The furthest fall below any earlier value, row by row.
        falls = (np.maximum.accumulate(rising, axis=0) - rising).max(axis=0)
        falls[falls <= _LEAST] = 0.0
        rows.append((name, direction, len(X), float((falls > 0.0).mean()), float(falls.max())))
    return pd.DataFrame(rows, columns=["column", "direction", "rows", "share", "largest"])


def _values(column: "pd.Series[Any]", points: int) -> list[Any]:
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column.dtype):
        ordered = np.sort(known.to_numpy())
        at = np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(int)
        values = pd.unique(ordered[at]).tolist()
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
