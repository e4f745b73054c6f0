"""Encoding: a table of numbers, categories and gaps becomes the float32 matrix that networks learn from."""

from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import _check_feature_names, _check_n_features, check_array, check_is_fitted

from finnet.checks import require_choice, require_columns, require_share
from finnet.errors import DataError
from finnet.types import FloatArray

__all__ = ["CLIP", "NUMERIC", "TableEncoder", "as_table", "middle_ranks"]

CLIP = 5.0  # standard deviations beyond which a standardised number says no more
_LANDMARKS = 2000  # of a column's distribution; more would only slow the look-up down


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers scaled, gaps filled and marked, categories one-hot; learned from the rows given to `fit` alone.

    - A number is scaled as `numeric` says. Missing becomes 0, the middle of the column, and where at least
      `min_frequency` of the rows given to `fit` lacked it, a column `<name>_missing` says so. Columns that did not vary
      are left out.
    - A category (text, categorical) gets a column for each level, missing being a level too. Levels rarer than
      `min_frequency` share one column. A level unknown to `fit` is 0 in all of them.

    Parameters
    ----------
    numeric : {"standard", "quantile"}
        "standard": less the mean, over the standard deviation, clipped to -5 .. 5. "quantile": the normal quantile of
        the share of rows below, ties halved, for columns with long tails, such as incomes.
    min_frequency : float
        Share of rows below which a level, missing included, gets no column of its own; 0 keeps every one seen.

    Attributes
    ----------
    feature_names_in_, n_features_in_
        Columns given to `fit`; `transform` finds them by name.

    Raises
    ------
    DataError
        Where a column is infinite, missing, neither number nor category, or where none varies.

    Examples
    --------
    >>> table = pd.DataFrame({"income": [1.0, 3.0, None, 5.0], "home": ["own", "rent", "rent", "own"]})
    >>> encoder = TableEncoder().fit(table)
    >>> encoder.get_feature_names_out().tolist()
    ['income', 'income_missing', 'home_own', 'home_rent']
    >>> encoder.transform(table.tail(2)).round(2)
    array([[0.  , 1.  , 0.  , 1.  ],
           [1.22, 0.  , 1.  , 0.  ]], dtype=float32)
    """

    def __init__(self, numeric: str = "standard", *, min_frequency: float = 0.01) -> None:
        self.numeric = numeric
        self.min_frequency = min_frequency

    def fit(self, X: pd.DataFrame | FloatArray, y: object = None) -> Self:
        """Learn scales, gaps and levels from X of shape (n_rows, n_columns); y is not looked at."""
        require_choice(self.numeric, NUMERIC, name="numeric")
        require_share(self.min_frequency, name="min_frequency")
        table = as_table(X, self, reset=True)
        self.feature_names_in_ = np.asarray(table.columns, object)
        self._fit_numbers(table)
        self._fit_categories(table)
        if not len(self.get_feature_names_out()):
            raise DataError(
                f"no column varies (n_samples={len(table)}), so there is nothing to learn from; give other columns or"
                " more rows"
            )
        return self

    def transform(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """X of shape (n_rows, n_columns) as a float32 matrix of shape (n_rows, n_encoded), without missing values."""
        check_is_fitted(self)
        table = as_table(X, self, reset=False)
        require_columns(table.columns, list(self.feature_names_in_), name="table")
        values = _numbers(table, self.numbers_)
        scaled = self.scaler_.transform(values[:, self.varies_])
        parts = [scaled, np.isnan(values[:, self.gaps_])]
        if self.categories_:
            parts.append(self.levels_.transform(_texts(table, self.categories_)))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the encoded columns, shape (n_encoded,)."""
        numbers = np.asarray(self.numbers_, object)
        names = [*numbers[self.varies_], *(f"{name}_missing" for name in numbers[self.gaps_])]
        levels = self.levels_.get_feature_names_out(self.categories_) if self.categories_ else []
        return np.asarray([*names, *levels], object)

    def origins(self) -> list[str]:
        """The column that each encoded column comes from, in their order.

        Examples
        --------
        >>> table = pd.DataFrame({"income": [1.0, 3.0, None, 5.0], "home": ["own", "rent", "rent", "own"]})
        >>> TableEncoder().fit(table).origins()
        ['income', 'income', 'home', 'home']
        """
        check_is_fitted(self)
        numbers = np.asarray(self.numbers_, object)
        origins = [*numbers[self.varies_], *numbers[self.gaps_]]
        if self.categories_:
            levels = self.levels_.categories_
            rare = getattr(self.levels_, "infrequent_categories_", [None] * len(levels))
            for name, known, shared in zip(self.categories_, levels, rare, strict=True):
                n_shared = 0 if shared is None else len(shared)
                origins += [name] * (len(known) - n_shared + (n_shared > 0))
        return [str(name) for name in origins]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _fit_numbers(self, table: pd.DataFrame) -> None:
        self.numbers_ = [str(name) for name, kind in table.dtypes.items() if pd.api.types.is_numeric_dtype(kind)]
        values = _numbers(table, self.numbers_)
        missing = np.isnan(values).mean(axis=0)
        self.gaps_ = np.flatnonzero((missing > 0) & (missing >= self.min_frequency) & (missing < 1))
        self.varies_ = np.flatnonzero(np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0))
        self.scaler_ = NUMERIC[self.numeric]().fit(values[:, self.varies_])

    def _fit_categories(self, table: pd.DataFrame) -> None:
        self.categories_ = [str(name) for name in table if name not in self.numbers_]
        if self.categories_:
            # scikit-learn reads a float as a share of the rows, but knows no share of 0.
            rare = self.min_frequency or None
            self.levels_ = OneHotEncoder(
                handle_unknown="ignore", min_frequency=rare, sparse_output=False, dtype=np.float32
            ).fit(_texts(table, self.categories_))


class _Scaler(Protocol):
    def fit(self, values: FloatArray) -> Self: ...
    def transform(self, values: FloatArray) -> FloatArray: ...


class _Standard:
    """Each column less its mean, over its standard deviation, clipped; NaN to 0."""

    def fit(self, values: FloatArray) -> Self:
        self.mean = np.nanmean(values, axis=0, dtype=np.float64)
        self.spread = np.maximum(np.nanstd(values, axis=0, dtype=np.float64), np.finfo(np.float32).tiny)
        return self

    def transform(self, values: FloatArray) -> FloatArray:
        scaled = values - self.mean.astype(values.dtype)
        scaled /= self.spread.astype(values.dtype)
        np.clip(scaled, -CLIP, CLIP, out=scaled)
        return np.nan_to_num(scaled, copy=False)


class _RankNormal:
    """Each column as the normal quantile of its share of fitted values below, ties halved; NaN to 0.

    Half of the ties count as below, so that a value which most rows share lands in its middle; scikit-learn's
    QuantileTransformer sends the smallest value to -5.2 even where it is the most common one. Between fitted values, of
    which at most _LANDMARKS are kept, scores are interpolated.
    """

    def fit(self, values: FloatArray) -> Self:
        self.landmarks = [_landmarks(column[~np.isnan(column)]) for column in values.T]
        return self

    def transform(self, values: FloatArray) -> FloatArray:
        scaled = np.empty(values.shape, np.float32)
        for out, column, (levels, scores) in zip(scaled.T, values.T, self.landmarks, strict=True):
            out[:] = np.interp(column, levels, scores)
        return np.nan_to_num(scaled, copy=False)


def _landmarks(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    levels, ranks = middle_ranks(column)
    return levels, ndtri(ranks)


def middle_ranks(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct values in order and the share of rows below each, ties halved; thinned evenly to the 2,000 kept.

    Examples
    --------
    >>> middle_ranks(np.array([7.0, 0.0, 0.0, 0.0]))
    (array([0., 7.]), array([0.375, 0.875]))
    """
    levels, counts = np.unique(column, return_counts=True)
    kept = np.linspace(0, len(levels) - 1, min(len(levels), _LANDMARKS)).astype(int)
    return levels[kept], ((np.cumsum(counts) - counts / 2.0) / len(column))[kept]


NUMERIC: dict[str, type[_Scaler]] = {"standard": _Standard, "quantile": _RankNormal}


def as_table(X: pd.DataFrame | FloatArray, estimator: Any, *, reset: bool) -> pd.DataFrame:
    """X with names for columns, "x0" and on for those of an array; DataError where it has no rows, or times.

    With `reset` the estimator notes number and names of the columns; without, an array must have as many as then.
    """
    if reset:
        _check_feature_names(estimator, X, reset=True)
    if isinstance(X, pd.DataFrame):
        table = X
    else:
        checked = check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator)
        table = pd.DataFrame(checked).infer_objects().add_prefix("x")
    if reset or table is not X:
        _check_n_features(estimator, table, reset=reset)
    if not all(isinstance(name, str) for name in table):
        table = table.rename(columns=str)
    if not len(table):
        raise DataError("the table has no rows; give at least one")
    for name, kind in table.dtypes.items():
        if kind.kind in "Mmc":
            raise DataError(f"column {name!r} is {kind}, neither number nor category; drop it or make it a number")
    return table


def _numbers(table: pd.DataFrame, names: list[str]) -> FloatArray:
    """Columns as floats, shape (n_rows, n_names): float32 where all are float32, else float64."""
    chosen = _chosen(table, names)
    single = len(names) > 0 and all(kind == np.float32 for kind in chosen.dtypes)
    values = chosen.to_numpy(np.float32 if single else np.float64)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        raise DataError(f"column {names[infinite.argmax()]!r} has infinite values; make them missing or finite")
    return values


def _chosen(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Columns by name, in this order."""
    # Effects encode a few hundred small tables, where finding columns by label takes longer than encoding them.
    places = {name: place for place, name in enumerate(table.columns)}
    if len(places) < table.shape[1]:  # of columns that share a name, labels give all
        return table[names]
    return table.take([places[name] for name in names], axis=1)


def _texts(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Category columns as objects with None where missing, shape (n_rows, n_names)."""
    # A copy, as the values of a table whose columns are all objects are a view of it.
    values: np.ndarray = _chosen(table, names).to_numpy(object, copy=True)
    values[pd.isna(values)] = None
    return values
