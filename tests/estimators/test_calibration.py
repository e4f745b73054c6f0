"""Calibrators learn from the calibration block alone."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from finnet.errors import DataError
from finnet.estimators.calibration import CalibratedClassifier, LogitCalibrator

RNG = np.random.default_rng(0)


def test_the_curve_undoes_an_overconfident_score():
    truth = RNG.standard_normal(20_000)
    y = (RNG.random(20_000) < expit(truth)).astype(int)
    curve = LogitCalibrator().fit(3.0 * truth - 1.0, y)
    assert curve.slope_ == pytest.approx(1 / 3, abs=0.02)
    assert curve.intercept_ == pytest.approx(1 / 3, abs=0.05)


def test_a_score_that_orders_backwards_is_not_turned_around():
    score = RNG.standard_normal(500)
    y = (RNG.random(500) < expit(-2 * score)).astype(int)
    curve = LogitCalibrator().fit(score, y)
    assert curve.slope_ == 0.0
    assert curve.predict(score)[0] == pytest.approx((y.sum() + 1) / 502)


@pytest.mark.parametrize("y", [np.zeros(20, int), np.ones(20, int)])
def test_a_block_of_one_class_promises_no_certainty(y):
    p = LogitCalibrator().fit(np.arange(20.0), y).predict(np.arange(20.0))
    assert ((p > 0.01) & (p < 0.99)).all()


def made(n):
    X = RNG.standard_normal((n, 2))
    return X, (RNG.random(n) < expit(X[:, 0])).astype(int)


def test_a_calibrated_classifier_shifts_with_its_calibration_block_only():
    (X, y), (X_cal, y_cal) = made(2000), made(2000)
    plain = LogisticRegression().fit(X, y)
    higher = CalibratedClassifier(LogisticRegression()).fit(X, y, X_cal=X_cal, y_cal=np.maximum(y_cal, 1 - y_cal * 0))
    same = CalibratedClassifier(LogisticRegression()).fit(X, y, X_cal=X_cal, y_cal=y_cal)
    assert higher.predict_proba(X)[:, 1].min() > 0.9
    assert np.abs(logit(same.predict_proba(X)[:, 1]) - logit(plain.predict_proba(X)[:, 1])).mean() < 0.15


def test_without_a_calibration_block_probabilities_stay_as_they_are():
    X, y = made(200)
    calibrated = CalibratedClassifier(LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(calibrated.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_labels_of_calibration_rows_must_be_known():
    X, y = made(200)
    with pytest.raises(DataError, match="y_cal holds class 0, which is none of 'bad', 'good'"):
        CalibratedClassifier(LogisticRegression()).fit(X, np.where(y, "good", "bad"), X_cal=X, y_cal=y)
