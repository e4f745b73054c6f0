"""The capped SVM draws its rows from all that are given and fits its curve on rows that trained nothing."""

import numpy as np
from sklearn.metrics import roc_auc_score

from finnet.estimators.baselines import CappedSVC

RNG = np.random.default_rng(0)


def made(n, sign=1):
    X = RNG.standard_normal((n, 2))
    return X, (sign * X[:, 0] > 0).astype(int)


def test_the_cap_draws_from_all_rows_of_a_sorted_file():
    (X, y), (X_val, y_val) = made(3000), made(200)
    order = np.argsort(X[:, 0])
    model = CappedSVC(max_rows=300).fit(X[order], y[order], X_val=X_val, y_val=y_val)
    assert model.n_rows_ == 300
    assert model.machine_.shape_fit_ == (300, 2)
    assert ((model.predict_proba(X_val)[:, 1] > 0.5) == y_val).mean() > 0.95


def test_the_rows_drawn_have_the_rate_of_all():
    X, _ = made(1000)
    y = (np.arange(1000) % 10 == 0).astype(int)
    assert CappedSVC(max_rows=200).fit(X, y, X_val=X, y_val=y).machine_.n_support_[1] <= 20


def test_another_seed_draws_other_rows():
    X, y = made(1000)
    one, other = (CappedSVC(max_rows=100, random_state=seed).fit(X, y, X_val=X, y_val=y) for seed in (0, 1))
    assert (one.predict_proba(X) != other.predict_proba(X)).any()


def test_validation_rows_that_say_the_opposite_do_not_turn_the_order():
    (X, y), (X_val, y_val) = made(300), made(40, sign=-1)
    model = CappedSVC().fit(X, y, X_val=X_val, y_val=y_val)
    assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.95


def test_without_validation_rows_a_fifth_makes_the_curve():
    X, y = made(500)
    assert CappedSVC().fit(X, y).machine_.shape_fit_[0] == 400


def test_equal_fits_give_equal_forecasts():
    X, y = made(300)
    np.testing.assert_array_equal(CappedSVC().fit(X, y).predict_proba(X), CappedSVC().fit(X, y).predict_proba(X))
