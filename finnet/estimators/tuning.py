"""Tuning: the same number of trials for every baseline, judged inside the training rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.utils.validation import check_is_fitted

from finnet.estimators.fit_checks import given_validation
from finnet.estimators.probabilities import WrappedClassifier
from finnet.estimators.regressors import WrappedRegressor
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import Rows, fit_beside, forecast_levels, takes_validation
from finnet.seeds import derive_seed
from finnet.types import FloatArray, IntArray

__all__ = [
    "TunedClassifier",
    "TunedRegressor",
]


class _Tuning(ABC):
    """How settings are tried; the classes below say which model is tuned, and by which loss."""

    space: Mapping[str, Sequence[Any]]
    trials: int
    random_state: int
    settings: Mapping[str, Any] | None

    @property
    @abstractmethod
    def _untuned(self) -> Any:
        """The model with the settings of the first trial."""

    @abstractmethod
    def _note_model(self, fitted: Any) -> None:
        """Take the fitted model that forecasts from now on."""

    @staticmethod
    @abstractmethod
    def _loss(fitted: Any, validation: Rows) -> float:
        """Mean loss on the validation rows; the settings with the least are chosen."""

    def fit(
        self,
        X: FloatArray,
        y: IntArray | FloatArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: FloatArray | None = None,
        y_val: IntArray | FloatArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Try the settings and keep the best; weights of validation rows count in what they are judged by."""
        train = Rows(X, y, checked_sample_weight(sample_weight, X))
        has_judges = y_val is not None and len(y_val)
        validation = given_validation(X_val, y_val, sample_weight_val) if has_judges else None
        if self.settings is not None or self.trials == 1 or validation is None:
            return self.refit(self._within(dict(self.settings or {}), X), train, validation)
        rng = np.random.default_rng(derive_seed(self.random_state, "tuning"))
        draws = [
            {name: values[int(rng.integers(len(values)))] for name, values in self.space.items()}
            for _ in range(1, self.trials)
        ]
        # The settings as given come first, and of equal losses the first wins.
        candidates = [self._within(params, X) for params in ({}, *draws)]
        tried = [(params, fit_beside(self._build(params), train, validation)) for params in candidates]
        params, fitted = min(tried, key=lambda trial: self._loss(trial[1], validation))
        return self._note_winner(params, fitted, rows=(train, validation))

    def refit(self, params: dict[str, Any], train: Rows, validation: Rows | None) -> Self:
        """Fit with these parameters, without trying others."""
        fitted = fit_beside(self._build(params), train, validation)
        return self._note_winner(params, fitted, rows=(train, validation))

    def settled(self) -> Self:
        """An unfitted copy that takes the settings chosen, without trying others."""
        return clone(self).set_params(settings=self.best_params_)  # type: ignore[no-any-return]

    def _within(self, params: dict[str, Any], X: FloatArray) -> dict[str, Any]:
        """The settings with no more neighbors than half of the rows, for a model of neighbors."""
        # A k-NN that is asked for more neighbors than it has rows raises an error when it forecasts.
        given = {**self._untuned.get_params(), **params}.get("n_neighbors")
        if given is None:
            return params
        return {**params, "n_neighbors": min(given, max(np.shape(X)[0] // 2, 1))}

    def _build(self, params: dict[str, Any]) -> Any:
        model = clone(self._untuned).set_params(**params)
        # The same seed for every trial, so that settings are compared and not seeds.
        seeded = "random_state" in model.get_params()
        return model.set_params(random_state=self.random_state) if seeded else model

    def _note_winner(self, params: dict[str, Any], fitted: Any, *, rows: tuple[Rows, Rows | None]) -> Self:
        """Note the fitted model that was chosen, its parameters, and the rows that trained and judged it."""
        self.best_params_, self.rows_ = params, rows
        self._note_model(fitted)
        return self


class TunedClassifier(_Tuning, WrappedClassifier):
    """The best of `trials` settings by log loss on the validation rows.

    The first trial is the classifier as given, the others are drawn at random from `space`. Validation rows judge, and
    stop early what stops early; they train nothing.

    Parameters
    ----------
    classifier : classifier
        With the settings of the first trial.
    space : mapping of str to sequence
        Values to draw each parameter from.
    trials : int
        Settings tried. With 1, or without validation rows, nothing is tuned.
    random_state : int
        Seed of the draws and of every fit.
    settings : mapping, optional
        Parameters to take instead of trying any, such as those that other rows chose.

    Attributes
    ----------
    best_params_ : dict
        Parameters of the winner that differ from the classifier as given.
    rows_ : tuple of Rows
        Training rows and validation rows (or None) of the last fit.
    """

    def __init__(
        self,
        classifier: Any,
        *,
        space: Mapping[str, Sequence[Any]],
        trials: int = 1,
        random_state: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.classifier = classifier
        self.space = space
        self.trials = trials
        self.random_state = random_state
        self.settings = settings

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return np.asarray(self.classifier_.predict_proba(X))

    @property
    def _untuned(self) -> Any:
        return self.classifier

    def _note_model(self, fitted: Any) -> None:
        self.classifier_, self.classes_ = fitted, fitted.classes_

    @staticmethod
    def _loss(fitted: Any, validation: Rows) -> float:
        P = fitted.predict_proba(validation.X)
        return float(log_loss(validation.y, P, labels=fitted.classes_, sample_weight=validation.weight))


class TunedRegressor(_Tuning, WrappedRegressor):
    """The best of `trials` settings on the validation rows: by squared error, or of quantiles by the pinball loss.

    Parameters
    ----------
    regressor : regressor
        With the settings of the first trial.
    space, trials, random_state, settings
        As in TunedClassifier.

    Attributes
    ----------
    best_params_, rows_
        As in TunedClassifier.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.arange(20.0)[:, None], np.arange(20.0)
    >>> tuned = TunedRegressor(Ridge(1e6), space={"alpha": [0.1]}, trials=2)
    >>> tuned.fit(X[:15], y[:15], X_val=X[15:], y_val=y[15:]).best_params_
    {'alpha': 0.1}
    """

    def __init__(
        self,
        regressor: Any,
        *,
        space: Mapping[str, Sequence[Any]],
        trials: int = 1,
        random_state: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.regressor = regressor
        self.space = space
        self.trials = trials
        self.random_state = random_state
        self.settings = settings

    @property
    def uses_validation(self) -> bool:
        """Whether there are settings to choose, or the regressor has a use of its own for validation rows."""
        return (self.trials > 1 and self.settings is None) or takes_validation(self.regressor)

    @property
    def _untuned(self) -> Any:
        return self.regressor

    def _note_model(self, fitted: Any) -> None:
        self.regressor_ = fitted

    @staticmethod
    def _loss(fitted: Any, validation: Rows) -> float:
        P, levels = np.asarray(fitted.predict(validation.X)), forecast_levels(fitted)
        errors = validation.y[:, None] - P.reshape(len(P), -1)
        # Pinball loss: level times the error where the forecast is too low, (1 - level) times it where it is too high.
        losses = np.maximum(np.multiply(levels, errors), np.subtract(levels, 1.0) * errors) if levels else errors**2
        if validation.weight is None:
            return float(losses.mean())
        return float(np.average(losses.mean(axis=1), weights=validation.weight))
