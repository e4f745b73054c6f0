"""Every model is fitted without the rows that judge it, and the forecast is the mean of all."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor

from finnet.fitting import CrossFit, InnerFolds, Rows, cross_fit, fit_beside, fit_in_folds


class Taker(BaseEstimator):
    """Forecasts the rate of the rows that it was fitted on."""

    def __init__(self, random_state=None, setting=0):
        self.random_state = random_state
        self.setting = setting

    def fit(self, X, y, X_val=None, y_val=None):
        self.seen_, self.validated_ = X[:, 0].tolist(), None if X_val is None else X_val[:, 0].tolist()
        self.classes_, self.rate_ = np.array([0, 1]), np.mean(y)
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.rate_, self.rate_], (len(X), 1))


class Choosing(Taker):
    """Tries settings until it has settled on one."""

    def settled(self):
        return Choosing(self.random_state, setting=self.setting + 1)


def thirds(n=6):
    parts = np.array_split(np.arange(n), 3)
    fit = [np.concatenate([part for part in parts if part is not own]) for own in parts]
    return InnerFolds(fit=fit, validation=[*parts[1:], parts[0]], held_out=parts, stretch=np.arange(n))


ROWS = Rows(np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1]))


def test_validation_rows_go_to_the_estimator_that_takes_them():
    assert fit_beside(Taker(), ROWS, ROWS.take(np.array([1, 2]))).validated_ == [1.0, 2.0]


def test_validation_rows_train_nobody():
    assert fit_beside(DummyClassifier(), ROWS.take(np.arange(4)), ROWS.take(np.arange(4, 6))).class_prior_[1] == 0.25


def test_no_validation_rows_are_no_validation():
    assert fit_beside(Taker(), ROWS, ROWS.take(np.arange(0))).validated_ is None


def test_every_row_is_forecast_by_a_model_that_had_not_seen_it():
    model = cross_fit(Taker(), ROWS, thirds())
    assert [fit.seen_ for fit in model.models] == [[2.0, 3.0, 4.0, 5.0], [0.0, 1.0, 4.0, 5.0], [0.0, 1.0, 2.0, 3.0]]
    assert model.held_out[:, 1].tolist() == [0.75, 0.75, 0.5, 0.5, 0.25, 0.25]


def test_the_forecast_is_the_mean_of_the_models():
    model = CrossFit([Taker().fit(ROWS.X, y) for y in (np.zeros(6), np.ones(6), np.ones(6))])
    assert model.predict_proba(ROWS.X)[0, 1] == pytest.approx(2 / 3)
    assert model.predict(ROWS.X)[0] == 1


def test_regressors_are_averaged_too():
    rows = Rows(ROWS.X, np.arange(6.0))
    model = cross_fit(DummyRegressor(), rows, thirds())
    assert model.predict(rows.X)[0] == pytest.approx(2.5)
    assert not hasattr(model, "predict_proba")


def test_settings_are_chosen_by_the_first_fit_alone():
    assert [fit.setting for fit in cross_fit(Choosing(), ROWS, thirds()).models] == [0, 1, 1]


def test_seeds_differ_from_fit_to_fit_and_follow_the_one_given():
    one, again, other = ([fit.random_state for fit in cross_fit(Taker(s), ROWS, thirds()).models] for s in (5, 5, 6))
    assert one == again
    assert len({*one, *other}) == 6


def test_who_stops_early_is_cross_fitted_and_who_does_not_trains_on_all_rows():
    assert isinstance(fit_in_folds(Taker(), ROWS, thirds()), CrossFit)
    assert fit_in_folds(DummyClassifier(), ROWS, thirds()).class_prior_.tolist() == [0.5, 0.5]
    assert fit_in_folds(Taker(), ROWS, None).seen_ == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_the_spread_counts_differences_between_models_and_within_them():
    class Wide(Taker):
        def spread(self, X):
            return np.full((len(X), 2), 0.3)

    model = CrossFit([Wide().fit(ROWS.X, np.full(6, rate)) for rate in (0.1, 0.9)])
    assert model.spread(ROWS.X)[0, 1] == pytest.approx(np.hypot(0.3, 0.4))
