"""Weights of rows reach every fit that can take them: twice the weight is the row twice, none changes nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from finnet.estimators.baselines import logistic_regression
from finnet.estimators.calibrators import CalibratedClassifier, HeldOut, LogitCalibrator, choose_calibrator
from finnet.estimators.calibrators import effective_rows as rows_worth
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.encoded import EncodedClassifier, EncodedRegressor
from finnet.estimators.naive import BestColumn, Persistence, PriorRate, TrainingMean
from finnet.estimators.network import NetworkClassifier
from finnet.estimators.regressors import BoundedRegressor, LevelByLevel, ScaledRegressor
from finnet.estimators.risk_race import blend, standings, still_racing
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.features.encoding import TableEncoder
from finnet.features.ratios import find_ratios
from finnet.fitting import InnerFolds, Rows, cross_fit, fit_beside, fit_in_folds, takes_weights
from finnet.models import BASELINES

RNG = np.random.default_rng(0)
N = 160
X = RNG.standard_normal((N, 3))
Y = (X[:, 0] + RNG.standard_normal(N) > 0.3).astype(int)
TABLE = pd.DataFrame(X, columns=["return_1", "b", "c"])
COUNT = RNG.integers(1, 4, N)
WEIGHT = COUNT.astype(float)
TWICE = np.repeat(np.arange(N), COUNT)
HALVES = [np.arange(0, N, 2), np.arange(1, N, 2)]
FOLDS = InnerFolds(fit=HALVES, validation=HALVES[::-1], held_out=HALVES[::-1], stretch=np.arange(N))
LOGISTIC = logistic_regression().set_params(tol=1e-10, max_iter=5000)
NETWORK = NetworkClassifier(hidden=(4,), epochs=4, batch_size=16, random_state=0)


@pytest.mark.parametrize(
    "estimator",
    [
        LOGISTIC,
        DecisionTreeClassifier(max_depth=3, random_state=0),
        PriorRate(),
        Persistence(0),
        TunedClassifier(LOGISTIC, space={}),
        EncodedClassifier(TableEncoder("quantile"), DecisionTreeClassifier(max_depth=2, random_state=0)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_twice_the_weight_is_the_row_twice(estimator):
    weighted = fit_beside(clone(estimator), Rows(TABLE, Y, WEIGHT))
    if isinstance(estimator, EncodedClassifier):
        # The encoder looks at rows as they stand, so only what stands behind it sees repeated rows.
        encoder = weighted.encoder_
        repeated = clone(estimator.classifier).fit(encoder.transform(TABLE.iloc[TWICE]), Y[TWICE])
        expected = repeated.predict_proba(encoder.transform(TABLE))
    else:
        expected = clone(estimator).fit(TABLE.iloc[TWICE], Y[TWICE]).predict_proba(TABLE)
    np.testing.assert_allclose(weighted.predict_proba(TABLE), expected, atol=1e-6)


def test_the_training_mean_is_weighted():
    assert TrainingMean().fit(X, X[:, 0], WEIGHT).value_ == pytest.approx(X[TWICE, 0].mean())


def test_the_best_column_is_chosen_and_drawn_by_weights():
    weight = np.where(np.sign(X[:, 1]) == 2 * Y - 1, 30.0, 1.0)
    model = BestColumn().fit(TABLE, Y, weight)
    assert (BestColumn().fit(TABLE, Y).column_, model.column_) == ("return_1", "b")
    assert np.average(model.predict_proba(TABLE)[:, 1], weights=weight) == pytest.approx(
        np.average(Y, weights=weight), abs=0.02
    )


@pytest.mark.parametrize("name", [name for name in BASELINES if "event" in BASELINES[name].made_by])
def test_every_baseline_says_whether_it_takes_weights(name):
    assert takes_weights(BASELINES[name].make()) == BASELINES[name].takes_weights


@pytest.mark.parametrize("name", [name for name in BASELINES if "number" in BASELINES[name].made_by])
def test_every_baseline_of_numbers_says_whether_it_takes_weights(name):
    assert takes_weights(BASELINES[name].make("number")) == BASELINES[name].takes_weights


@pytest.mark.parametrize("name", ["tree", "svm", "logistic", "forest", "boosting"])
def test_weights_move_a_baseline_that_takes_them(name):
    model = TunedClassifier(BASELINES[name].make(), space={})
    plain, weighted = (
        fit_beside(clone(model), Rows(X, Y, weight), Rows(X, Y, weight)).predict_proba(X)[:, 1].mean()
        for weight in (None, np.where(Y == 1, 9.0, 1.0))
    )
    assert weighted > plain + 0.15


def test_neighbors_count_every_row_as_one():
    model = BASELINES["knn"].make().set_params(n_neighbors=9)
    weighted, plain = (fit_beside(clone(model), Rows(X, Y, weight)) for weight in (WEIGHT, None))
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


def test_settings_are_chosen_by_weighted_validation_rows():
    space = {"max_depth": [1]}
    tree = DecisionTreeClassifier(max_depth=5, min_samples_leaf=8, random_state=0)
    model = TunedClassifier(tree, space=space, trials=2)
    validation = Rows(np.r_[X, X], np.r_[Y, 1 - Y])
    right = np.r_[np.full(N, 1000.0), np.ones(N)]  # most of all the rows that a deep tree knows by heart
    chosen = [fit_beside(clone(model), Rows(X, Y), validation._replace(weight=w)) for w in (right, right[::-1])]
    assert [fitted.best_params_ for fitted in chosen] == [{}, {"max_depth": 1}]


def test_validation_weights_stop_a_network():
    validation = Rows(np.r_[X, X], np.r_[Y, 1 - Y])
    right = np.r_[np.full(N, 50.0), np.ones(N)]
    last = [
        fit_beside(clone(NETWORK), Rows(X, Y), validation._replace(weight=w)).history_.validation_loss.iloc[-1]
        for w in (right, right[::-1])
    ]
    assert last[0] < np.log(2) < last[1]


def test_weights_reach_the_models_of_every_inner_fold():
    model = cross_fit(PriorRate(), Rows(X, Y, WEIGHT), FOLDS)
    rates = [np.average(Y[rows], weights=WEIGHT[rows]) for rows in HALVES]
    assert [part.rate_ for part in model.models] == pytest.approx(rates)


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifier(EncodedClassifier(TableEncoder("standard"), LOGISTIC)),
        CalibratedClassifier(EncodedClassifier(TableEncoder("quantile"), TunedClassifier(NETWORK, space={}))),
        CalibratedClassifier(EncodedClassifier(TableEncoder("standard"), BASELINES["svm"].make())),
        DefaultRiskClassifier(members=1, random_state=0),
        BestColumn(),
    ],
    ids=["logistic", "network", "svm", "risk_network", "best_column"],
)
def test_a_fit_in_folds_is_moved_by_weights_and_by_none_is_what_it_was(estimator):
    kind = DefaultRiskClassifier if isinstance(estimator, DefaultRiskClassifier) else type(estimator)
    plain, weighted = (
        fit_in_folds(clone(estimator), Rows(TABLE, Y, weight), FOLDS).predict_proba(TABLE)[:, 1]
        for weight in (None, np.where(Y == 1, 6.0, 1.0))
    )
    assert weighted.mean() > plain.mean() + 0.15, kind
    direct = clone(estimator).fit(TABLE, Y, folds=FOLDS) if kind is not BestColumn else clone(estimator).fit(TABLE, Y)
    np.testing.assert_array_equal(direct.predict_proba(TABLE)[:, 1], plain)


def test_the_risk_classifier_takes_the_weights_of_rows_that_stop_it():
    model, some = DefaultRiskClassifier(members=1, random_state=0), slice(0, 50)
    given = {"X_val": TABLE[some], "y_val": Y[some]}
    plain, weighted = (
        clone(model).fit(TABLE[some], Y[some], **given, sample_weight_val=w).predict_proba(TABLE)
        for w in (None, 5.0 * Y[some] + 1.0)
    )
    assert not np.array_equal(plain, weighted)


def test_designs_race_and_are_blended_by_weighted_losses():
    y = np.array([0, 1] * 50)
    early, late = np.where(np.arange(100) < 50, 9.0, 1.0), np.where(np.arange(100) < 50, 1.0, 9.0)
    sharp = np.where(y == 1, 0.9, 0.1)
    one, other = np.where(early > 1, sharp, 1 - sharp), np.where(early > 1, 1 - sharp, sharp)
    forecasts = {"one": one, "other": other}
    assert still_racing(standings(forecasts, y, early))[0] == "one"
    assert blend(forecasts, y, early)["one"] > 0.6 > 0.4 > blend(forecasts, y, late)["one"]


def test_a_ratio_of_rows_that_hardly_count_is_found_by_chance_alone():
    told, found = np.arange(3000) % 2 == 0, 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(rng.uniform(1.0, 2.0, (3000, 2)), columns=["debt", "income"])
        y = np.where(told, table["debt"] > table["income"], rng.random(3000) < 0.5).astype(int)
        assert find_ratios(table, y, np.full(3000, 0.5))
        found += bool(find_ratios(table, y, np.full(3000, 0.5), weight=np.where(told, 0.01, 1.0)))
    assert found <= 5


def test_a_curve_takes_weights_as_repeated_rows():
    score, y = X[:, 0], Y
    weighted, repeated = LogitCalibrator().fit(score, y, weight=WEIGHT), LogitCalibrator().fit(score[TWICE], y[TWICE])
    assert (weighted.slope_, weighted.intercept_) == pytest.approx((repeated.slope_, repeated.intercept_), abs=1e-5)


def test_unequal_weights_shrink_a_calibration():
    score, y = np.tile([-2.0, -1.0, 1.0, 2.0], 50), np.tile([0, 1, 0, 1], 50)
    weight = np.where(np.arange(200) < 8, 100.0, 1.0)
    plain, heavy = (HeldOut(score, y, np.arange(200) % 2, np.arange(200), weight=w) for w in (None, weight))
    assert rows_worth(heavy) < 0.1 * rows_worth(plain)
    assert choose_calibrator(heavy)[1]["effective_rows"] == rows_worth(heavy)


@pytest.mark.parametrize(
    "wrap",
    [
        BoundedRegressor,
        ScaledRegressor,
        lambda inner: EncodedRegressor(TableEncoder("standard"), inner),
        lambda inner: TunedRegressor(inner, space={}),
    ],
    ids=["bounded", "scaled", "encoded", "tuned"],
)
def test_wrappers_of_regressors_hand_weights_on(wrap):
    mean = fit_beside(wrap(TrainingMean()), Rows(TABLE, X[:, 0], WEIGHT)).predict(TABLE)[0]
    assert mean == pytest.approx(X[TWICE, 0].mean())


def test_quantiles_of_boosting_follow_weights():
    model = BASELINES["boosting"].make("quantile", levels=(0.5,))
    assert isinstance(model, LevelByLevel)
    model.regressor.set_params(early_stopping=False, max_iter=40)
    high = fit_beside(model, Rows(X, X[:, 1], np.where(X[:, 1] > 0, 20.0, 1.0))).predict(X).mean()
    assert high > 0.2


@pytest.mark.parametrize("name", ["tree", "forest"])
def test_a_saved_baseline_is_fitted_again_with_its_weights(name):
    model = TunedClassifier(BASELINES[name].make(), space=BASELINES[name].space_of())
    fit_beside(model, Rows(X.astype(np.float32), Y, WEIGHT), Rows(X.astype(np.float32), Y))
    restored = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert restored.rows_[0].weight.tolist() == WEIGHT.tolist()


def test_a_negative_weight_is_refused():
    with warnings.catch_warnings(), pytest.raises(ValueError, match=r"[Nn]egative"):
        PriorRate().fit(X, Y, -WEIGHT)
