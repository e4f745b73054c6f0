"""What finnet's regressors other than networks share, and the wrappers that any regressor may stand in."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from finnet.errors import ConfigError, DataError
from finnet.estimators.fit_checks import given_validation
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import Rows, fit_beside, forecast_kind, forecast_levels, takes_validation
from finnet.types import FloatArray, IntArray

__all__ = [
    "BoundedRegressor",
    "LevelByLevel",
    "ScaledRegressor",
    "WrappedRegressor",
    "checked_numbers",
]


def checked_numbers(X: Any, y: Any) -> FloatArray:
    """The targets of these rows, one number each; ValueError where they are missing, not finite or not as many.

    Examples
    --------
    >>> checked_numbers(np.zeros((2, 1)), [1.0, 2.0])
    array([1., 2.])
    """
    if y is None:
        raise DataError("fit requires y to be passed, but the target y is None; give one number per row")
    numbers = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype="numeric", input_name="y")
    check_consistent_length(X, numbers)
    return np.asarray(numbers, np.float64)


def _has_spread(model: "WrappedRegressor") -> bool:
    return hasattr(model.regressor_, "spread")


class WrappedRegressor(RegressorMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Features and kinds of forecasts are those of the regressor inside, `regressor_` once it is fitted."""

    regressor: Any
    regressor_: Any

    def predict(self, X: Any) -> FloatArray:
        """Forecasts of shape (n_rows,), or (n_rows, n_levels) of quantiles."""
        check_is_fitted(self)
        return np.asarray(self.regressor_.predict(self._inside(X)))

    @available_if(_has_spread)  # type: ignore[untyped-decorator]
    def spread(self, X: Any) -> FloatArray:
        """Standard deviation of the forecasts over the members of an ensemble, of shape (n_rows, n_outputs)."""
        return np.asarray(self.regressor_.spread(self._inside(X)))

    def _inside(self, X: Any) -> Any:
        """Rows as the regressor inside takes them; wrappers that prepare rows override it."""
        return X

    def _settled_regressor(self) -> Any:
        """The regressor with the settings that its fit chose, unfitted; as it was given where it chose none."""
        return self.regressor_.settled() if hasattr(self.regressor_, "settled") else self.regressor

    @property
    def forecast_kind(self) -> str:
        """What the regressor forecasts; see `finnet.fitting.forecast_kind`."""
        return forecast_kind(self.regressor)

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of its quantiles; none where it forecasts none."""
        return forecast_levels(self.regressor)

    @property
    def uses_validation(self) -> bool:
        """Whether the regressor has a use of its own for validation rows."""
        return takes_validation(self.regressor)

    @property
    def n_features_in_(self) -> int:
        """Number of features given to `fit`."""
        return int(self.regressor_.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Their names, where they have names."""
        return np.asarray(self.regressor_.feature_names_in_)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.regressor)
        tags.input_tags, tags.regressor_tags = inner.input_tags, inner.regressor_tags
        tags.target_tags = inner.target_tags
        return tags


class BoundedRegressor(WrappedRegressor):
    """A regressor whose forecasts stay between the least and the greatest number of its training rows.

    What a model says beyond all that it has seen, such as a volatility below zero, is an accident of its formula: the
    insanity filter of Swanson & White (1997), who replace such forecasts.

    Parameters
    ----------
    regressor : regressor

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = np.array([[0.0], [1.0]]), np.array([1.0, 2.0])
    >>> BoundedRegressor(LinearRegression()).fit(X, y).predict(np.array([[-5.0], [0.5]]))
    array([1. , 1.5])
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(
        self,
        X: Any,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: Any = None,
        y_val: FloatArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Fit the regressor to X (n_rows, n_features) and y (n_rows,), and note the ends of y."""
        train = Rows(X, y, checked_sample_weight(sample_weight, X))
        validation = given_validation(X_val, y_val, sample_weight_val)
        self.regressor_ = fit_beside(clone(self.regressor), train, validation)
        self.least_, self.greatest_ = float(np.asarray(y).min()), float(np.asarray(y).max())
        return self

    def settled(self) -> Self:
        """An unfitted copy that takes the settings chosen, where the regressor chose any."""
        return type(self)(self._settled_regressor())

    def predict(self, X: Any) -> FloatArray:
        """Forecasts within the bounds, of shape (n_rows,), or (n_rows, n_levels) of quantiles."""
        return np.clip(super().predict(X), self.least_, self.greatest_)


class ScaledRegressor(WrappedRegressor):
    """A regressor that learns targets of mean 0 and standard deviation 1, as networks do best.

    Its forecasts have the unit of the targets. Validation targets are scaled by the training rows. What scikit-learn
    has for it, TransformedTargetRegressor, hands on no validation rows.

    Parameters
    ----------
    regressor : regressor

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = np.array([[0.0], [1.0]]), np.array([0.001, 0.002])
    >>> ScaledRegressor(LinearRegression()).fit(X, y).predict(np.array([[0.5]])).round(4)
    array([0.0015])
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(
        self,
        X: Any,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: Any = None,
        y_val: FloatArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Measure the targets y (n_rows,), whatever their weights, and fit the regressor to them as scaled."""
        y = checked_numbers(X, y)
        # Targets that are all the same have no unit of their own, and stay in theirs.
        self.center_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        train = Rows(X, self._scaled(y), checked_sample_weight(sample_weight, X))
        validation = given_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            validation = validation._replace(y=self._scaled(validation.y))
        self.regressor_ = fit_beside(clone(self.regressor), train, validation)
        return self

    def settled(self) -> Self:
        """An unfitted copy that takes the settings chosen, where the regressor chose any."""
        return type(self)(self._settled_regressor())

    def predict(self, X: Any) -> FloatArray:
        """Forecasts in the unit of the targets, of shape (n_rows,), or (n_rows, n_levels) of quantiles."""
        # Asked first, as it says whether there was a fit, without which there is no scale.
        forecast = super().predict(X).astype(np.float64)
        return np.asarray(self.center_ + self.scale_ * forecast)

    @available_if(_has_spread)  # type: ignore[untyped-decorator]
    def spread(self, X: Any) -> FloatArray:
        """Standard deviation over the members of an ensemble, in the unit of the targets, (n_rows, n_outputs)."""
        return np.asarray(self.scale_ * self.regressor_.spread(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags

    def _scaled(self, y: FloatArray | IntArray) -> FloatArray:
        return np.asarray((y - self.center_) / self.scale_)


class LevelByLevel(RegressorMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Quantiles at several levels by a regressor of one, fitted once per level.

    Parameters
    ----------
    regressor : regressor
        Of one quantile, for instance `HistGradientBoostingRegressor(loss="quantile")`.
    levels : sequence of float
    parameter : str
        Name under which the regressor takes its level.

    Examples
    --------
    >>> from sklearn.linear_model import QuantileRegressor
    >>> X, y = np.zeros((11, 1)), np.arange(11.0)
    >>> LevelByLevel(QuantileRegressor(alpha=0.0), levels=(0.1, 0.5)).fit(X, y).predict(X[:1]).round(3)
    array([[1., 5.]])
    """

    forecast_kind = "quantile"

    def __init__(
        self, regressor: Any, levels: Sequence[float] = (0.1, 0.5, 0.9), *, parameter: str = "quantile"
    ) -> None:
        self.regressor = regressor
        self.levels = levels
        self.parameter = parameter

    def fit(self, X: Any, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit one regressor per level to X (n_rows, n_features) and numbers y (n_rows,)."""
        if not len(self.levels) or not all(0 < level < 1 for level in self.levels):
            raise ConfigError(f"levels={self.levels!r} are not between 0 and 1; write (0.1, 0.5, 0.9)")
        X, y = validate_data(self, X, y, y_numeric=True)
        # Each level is fitted without a look at the others, so that quantiles of a row may cross.
        models = [clone(self.regressor).set_params(**{self.parameter: level}) for level in self.levels]
        train = Rows(X, y, checked_sample_weight(sample_weight, X))
        self.regressors_ = [fit_beside(model, train) for model in models]
        return self

    def predict(self, X: Any) -> FloatArray:
        """Quantiles of shape (n_rows, n_levels)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return np.column_stack([one.predict(X) for one in self.regressors_])
