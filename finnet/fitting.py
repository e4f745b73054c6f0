"""Fitting: every training row trains, and every training row is forecast by a model that had not seen it.

Rows that nothing was fitted on are needed to stop a training early, to choose settings and to calibrate; forecasts need
all rows that are known. So several models are fitted, each without some of the rows, and the forecast is their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from finnet.seeds import derive_seed
from finnet.types import FloatArray, IntArray

__all__ = [
    "CrossFit",
    "InnerFolds",
    "Rows",
    "cross_fit",
    "fit_beside",
    "fit_in_folds",
    "forecast_kind",
    "forecast_levels",
    "takes_validation",
    "takes_weights",
]


class Rows(NamedTuple):
    """Features (n, n_features), labels (n,) and weights (n,) of some rows, each of which counts as one without them."""

    X: pd.DataFrame | FloatArray
    y: IntArray | FloatArray
    weight: FloatArray | None = None

    def take(self, rows: IntArray) -> "Rows":
        """The rows at these positions, shape (k,)."""
        X = self.X.iloc[rows].reset_index(drop=True) if isinstance(self.X, pd.DataFrame) else self.X[rows]
        return Rows(X, self.y[rows], None if self.weight is None else self.weight[rows])


@dataclass(frozen=True, eq=False, kw_only=True)
class InnerFolds:
    """How training rows are held out in turn; all numbers are positions among the training rows.

    Parameters
    ----------
    fit, validation, held_out : sequence of int arrays
        Of each fit the rows that it learns from, those that stop it and choose its settings, and those that it is
        judged by: their forecasts calibrate.
    stretch : int array of shape (n_rows,)
        Rows with the same number may share their luck, such as the rows of one week.
    overlap : float
        Labels of one entity that run at the same time: 5 for returns over five bars, 1 where none do.
    calibrate : bool
        Whether the forecasts of held-out rows shall calibrate.
    """

    fit: Sequence[IntArray]
    validation: Sequence[IntArray]
    held_out: Sequence[IntArray]
    stretch: IntArray
    overlap: float = 1.0
    calibrate: bool = True

    @property
    def fitted(self) -> IntArray:
        """Rows that at least one fit learns from, shape (n_fitted,), ascending."""
        return np.unique(np.concatenate(list(self.fit)))

    @property
    def judged(self) -> IntArray:
        """Rows that judge one of the fits, shape (n_judged,), ascending."""
        return np.unique(np.concatenate(list(self.held_out)))


def takes_validation(estimator: Any) -> bool:
    """Whether `fit` has a use of its own for validation rows, such as early stopping.

    An estimator that hands them on says so itself, by an attribute `uses_validation`.
    """
    takes = "X_val" in signature(estimator.fit).parameters
    return takes and bool(getattr(estimator, "uses_validation", True))


def takes_weights(estimator: Any) -> bool:
    """Whether `fit` takes `sample_weight`; an estimator that does not counts every row as one.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> takes_weights(DecisionTreeClassifier()), takes_weights(KNeighborsClassifier())
    (True, False)
    """
    return "sample_weight" in signature(estimator.fit).parameters


def forecast_kind(estimator: Any) -> str:
    """What an estimator forecasts: "probability", "mean", "score" or "quantile" (`finnet.forecasts.KINDS`).

    It says so itself, by an attribute `forecast_kind`; one that does not forecasts probabilities where it has
    `predict_proba`, else means. Scores and means are `predict(X)` of shape (n_rows,); quantiles are `predict(X)` of
    shape (n_rows, n_levels), or (n_rows,) of a single one, at the levels that an attribute `levels` names.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier, DummyRegressor
    >>> forecast_kind(DummyClassifier()), forecast_kind(DummyRegressor())
    ('probability', 'mean')
    """
    return str(getattr(estimator, "forecast_kind", "probability" if hasattr(estimator, "predict_proba") else "mean"))


def forecast_levels(estimator: Any) -> tuple[float, ...]:
    """Levels of the quantiles that an estimator forecasts, in the order of its columns; none without quantiles."""
    return tuple(estimator.levels) if forecast_kind(estimator) == "quantile" else ()


def fit_beside(estimator: Any, train: Rows, validation: Rows | None = None) -> Any:
    """The fitted estimator; validation rows go to `fit` as `X_val, y_val` where it takes them, and train nothing.

    Weights go along as `sample_weight` and `sample_weight_val` where `fit` takes them; else every row counts as one.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> first, last = Rows(np.zeros((3, 1)), np.array([0, 0, 1])), Rows(np.zeros((1, 1)), np.array([1]))
    >>> fit_beside(DummyClassifier(), first, last).class_prior_.round(2)
    array([0.67, 0.33])
    """
    weights = _weights(estimator, sample_weight=train.weight)
    if validation is None or not len(validation.y) or not takes_validation(estimator):
        return estimator.fit(train.X, train.y, **weights)
    weights |= _weights(estimator, sample_weight_val=validation.weight)
    return estimator.fit(train.X, train.y, X_val=validation.X, y_val=validation.y, **weights)


def _weights(estimator: Any, **given: FloatArray | None) -> dict[str, FloatArray]:
    """Those of the weights given that `fit` takes."""
    taken = signature(estimator.fit).parameters
    return {name: weight for name, weight in given.items() if weight is not None and name in taken}


def fit_in_folds(estimator: Any, train: Rows, folds: InnerFolds | None) -> Any:
    """The estimator fitted as it asks for: it divides the rows itself, is cross-fitted, or trains on all of them.

    An estimator whose `fit` takes `folds` gets them. One that stops early (`X_val`, `y_val`) is cross-fitted. Any other
    has no use for rows held out, and trains on every row.
    """
    if folds is not None and "folds" in signature(estimator.fit).parameters:
        weights = _weights(estimator, sample_weight=train.weight)
        return estimator.fit(train.X, train.y, folds=folds, **weights)
    if folds is not None and takes_validation(estimator):
        return cross_fit(estimator, train, folds)
    return fit_beside(estimator, train)


def cross_fit(estimator: Any, train: Rows, folds: InnerFolds) -> "CrossFit":
    """One model for each inner fold, fitted without the rows that the fold holds out.

    Settings are chosen once: where the first fitted model has a method `settled`, the others are copies of what it
    returns. Seeds that are whole numbers differ from fit to fit.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> rows, halves = Rows(np.zeros((8, 1)), np.array([0, 0, 0, 1, 0, 1, 1, 1])), np.split(np.arange(8), 2)
    >>> folds = InnerFolds(fit=halves, validation=halves[::-1], held_out=halves[::-1], stretch=np.arange(8))
    >>> model = cross_fit(DummyClassifier(), rows, folds)
    >>> model.predict_proba(rows.X[:1]), model.held_out[::4, 1]
    (array([[0.5, 0.5]]), array([0.75, 0.25]))
    """
    # Seeds follow from those given, also after `settled` has replaced the estimator by a copy.
    given, models = estimator, []
    for k, (fit, validation) in enumerate(zip(folds.fit, folds.validation, strict=True)):
        model = fit_beside(_seeded(clone(estimator), given, k), train.take(fit), train.take(validation))
        if k == 0 and hasattr(model, "settled"):
            estimator = model.settled()
        models.append(model)
    forecasts = [_forecast(model, train.take(rows).X) for model, rows in zip(models, folds.held_out, strict=True)]
    known = np.full((len(train.y), *forecasts[0].shape[1:]), np.nan)
    for held_out, forecast in zip(folds.held_out, forecasts, strict=True):
        known[held_out] = forecast
    return CrossFit(models, known)


def _seeded(estimator: Any, given: Any, k: int) -> Any:
    """The estimator with seeds of its own for fit `k`, made from those that were given."""
    seeds = {name: value for name, value in given.get_params(deep=True).items() if name.endswith("random_state")}
    whole = {name: derive_seed(value, "fit", k) for name, value in seeds.items() if isinstance(value, int)}
    return estimator.set_params(**whole)


def _forecast(model: Any, X: pd.DataFrame | FloatArray) -> FloatArray:
    return np.asarray(model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X), float)


def _has_probabilities(model: "CrossFit") -> bool:
    return hasattr(model.models[0], "predict_proba")


def _has_spread(model: "CrossFit") -> bool:
    return hasattr(model.models[0], "spread")


class CrossFit:
    """Models of one kind, each fitted without one part of the rows; the forecast is the mean of theirs.

    Parameters
    ----------
    models : sequence
        Fitted classifiers of the same classes, or fitted regressors.
    held_out : ndarray of shape (n_rows, n_classes) or (n_rows,), optional
        What each training row was forecast by the model that had not seen it; NaN where every model had.
    """

    def __init__(self, models: Sequence[Any], held_out: FloatArray | None = None) -> None:
        self.models = list(models)
        self.held_out = held_out

    @property
    def classes_(self) -> Any:
        """Classes of the models, in their order."""
        return self.models[0].classes_

    @property
    def n_features_in_(self) -> int:
        """Number of features given to `fit`."""
        return int(self.models[0].n_features_in_)

    @property
    def feature_names_in_(self) -> Any:
        """Their names, where they have names."""
        return self.models[0].feature_names_in_

    @property
    def forecast_kind(self) -> str:
        """What the models forecast."""
        return forecast_kind(self.models[0])

    @property
    def levels(self) -> tuple[float, ...]:
        """Of their quantiles; averaging quantiles at one level keeps the shape that the models share (Vincent 1912)."""
        return forecast_levels(self.models[0])

    # hasattr must say no where regressors are averaged: that is how callers tell what a model forecasts.
    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """Mean of the models' probabilities, shape (n_rows, n_classes)."""
        return self._mean(X)

    def predict(self, X: pd.DataFrame | FloatArray) -> Any:
        """The likeliest class, or the mean of the regressors, shape (n_rows,)."""
        mean = self._mean(X)
        return self.classes_[mean.argmax(axis=1)] if _has_probabilities(self) else mean

    @available_if(_has_spread)  # type: ignore[untyped-decorator]
    def spread(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """Standard deviation over the members of all models, shape (n_rows, n_outputs)."""
        # The law of total variance: the mean variance within the models and that of their means.
        within = np.mean([np.square(model.spread(X)) for model in self.models], axis=0)
        return np.asarray(np.sqrt(within + np.var([_forecast(model, X) for model in self.models], axis=0)))

    def _mean(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        return np.asarray(np.mean([_forecast(model, X) for model in self.models], axis=0))
