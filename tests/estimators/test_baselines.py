"""The capped SVM keeps the newest rows and fits its curve on rows that trained nothing."""

import numpy as np

from finnet.estimators.baselines import CappedSVC

RNG = np.random.default_rng(0)


def made(n, sign=1):
    X = RNG.standard_normal((n, 2))
    return X, (sign * X[:, 0] > 0).astype(int)


def test_the_cap_keeps_the_last_rows():
    (old, y_old), (new, y_new), (X_val, y_val) = made(300, sign=-1), made(300), made(200)
    X, y = np.concatenate([old, new]), np.concatenate([y_old, y_new])
    model = CappedSVC(max_rows=300).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_rows_ == 300
    assert ((model.predict_proba(X_val)[:, 1] > 0.5) == y_val).mean() > 0.95


def test_without_validation_rows_the_last_fifth_makes_the_curve():
    X, y = made(500)
    model = CappedSVC().fit(X, y)
    assert len(model.machine_.shape_fit_) == 2
    assert model.machine_.shape_fit_[0] == 400


def test_equal_fits_give_equal_forecasts():
    X, y = made(300)
    np.testing.assert_array_equal(CappedSVC().fit(X, y).predict_proba(X), CappedSVC().fit(X, y).predict_proba(X))
