"""Weights have mean 1 over the rows that count: only how rows compare with each other changes a fit and its losses."""

import numpy as np
import pytest
from sklearn.base import clone

from finnet.errors import ConfigError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.network import SGD, EarlyStopping

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 4))
NUMBERS = X[:, 0] + 0.5 * RNG.standard_normal(240)
Y = np.where(NUMBERS > 0, "b", "a")
LATER = 0.5 ** (np.arange(240)[::-1] / 30)  # the last rows weigh most
QUICK = {"hidden": (8,), "epochs": 3, "batch_size": 32, "random_state": 0}
SINGLE = NetworkRegressor(**QUICK)
ENSEMBLE = NetworkEnsembleRegressor(4, folds=4, **QUICK)

every_regressor = pytest.mark.parametrize("estimator", [SINGLE, ENSEMBLE], ids=["network", "ensemble"])


def planned(model, *data, **options):
    """The fitted model, and what its members learned from and were judged by."""
    plans = []
    model._train_blocks = lambda blocks, *rest: plans.append(blocks) or type(model)._train_blocks(model, blocks, *rest)
    model.fit(*data, **options)
    return model, plans[0][0]


def test_members_are_judged_by_the_weighted_mean_of_their_own_fold():
    settings = {"learning_rate": 1e-9, "selection": "all", "dtype": "float64"}
    model, plan = planned(clone(ENSEMBLE).set_params(**settings), X, NUMBERS, sample_weight=LATER)
    P = model._network_forecasts(X)[..., 0]
    for member, rows in enumerate(plan.validation.rows):
        by_hand = np.average(np.square(P[member, rows] - NUMBERS[rows]), weights=LATER[rows])
        assert model.members_["validation_loss"][member] == pytest.approx(by_hand, rel=1e-6)


def test_rows_that_are_left_to_learn_from_are_weighed_as_they_would_be_alone():
    stopping = EarlyStopping(patience=9, validation_fraction=0.5)
    model = NetworkRegressor(**{**QUICK, "hidden": ()}, optimizer=SGD(learning_rate=0.01), early_stopping=False)
    held = clone(model).set_params(early_stopping=stopping, validation="last").fit(X, NUMBERS, sample_weight=LATER)
    alone = clone(model).fit(X[:120], NUMBERS[:120], sample_weight=LATER[:120])
    np.testing.assert_allclose(held.history_["train_loss"], alone.history_["train_loss"], rtol=1e-5)


@pytest.mark.parametrize("bagging", [False, True])
def test_every_member_learns_from_weights_of_mean_one(bagging):
    _, plan = planned(clone(ENSEMBLE).set_params(bagging=bagging), X, NUMBERS, sample_weight=LATER)
    np.testing.assert_allclose(plan.learning.targets()[1].mean(axis=(1, 2)), 1.0, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-320, 1e-50, 3e38, 1e300])
@every_regressor
def test_the_size_of_all_weights_does_not_matter(estimator, size):
    plain, weighed = clone(estimator).fit(X, NUMBERS), clone(estimator)
    weighed.fit(X, NUMBERS, sample_weight=np.full(240, size))
    np.testing.assert_allclose(weighed.predict(X), plain.predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_losses_of_rows_that_come_do_not_know_the_size_of_all_weights(early_stopping):
    plain, weighed = (clone(SINGLE).set_params(early_stopping=early_stopping) for _ in range(2))
    plain, weighed = plain.partial_fit(X, NUMBERS), weighed.partial_fit(X, NUMBERS, np.full(240, 100.0))
    np.testing.assert_allclose(weighed.history_, plain.history_, rtol=1e-5)


def test_rows_that_come_weigh_beside_each_other():
    rows, numbers, weights = X[[0, 1]], np.array([1.0, -1.0]), np.array([1.0, 3.0])
    model = NetworkRegressor((), optimizer=SGD(learning_rate=1e-6), random_state=0).partial_fit(rows, numbers)
    squares = np.square(model.predict(rows) - numbers)
    model.partial_fit(rows, numbers, weights)
    assert model.history_["train_loss"].iloc[-1] == pytest.approx(np.average(squares, weights=weights), rel=1e-4)


CLASSIFIERS = [NetworkClassifier(**QUICK), NetworkEnsembleClassifier(4, folds=2, **QUICK)]
every_classifier = pytest.mark.parametrize("estimator", CLASSIFIERS, ids=["network", "ensemble"])


@every_classifier
def test_rows_that_come_and_rows_that_judge_may_lack_a_class_that_is_weighed(estimator):
    model = clone(estimator).set_params(class_weight={"b": 10.0})
    model.fit(X, Y, X_val=X[Y == "a"], y_val=Y[Y == "a"])
    assert np.isfinite(model.partial_fit(X[Y == "a"], Y[Y == "a"]).predict_proba(X)).all()


def test_rows_of_a_heavy_class_count_as_much_more_where_they_come_alone():
    steps = []
    for weight in (1.0, 3.0):
        settings = {
            "hidden": (),
            "optimizer": "sgd",
            "batch_size": 1000,
            "class_weight": {"b": weight},
            "dtype": "float64",
            "l1": 0.0,
            "l2": 0.0,
        }
        model = NetworkClassifier(random_state=0, **settings).partial_fit(X[Y == "a"], Y[Y == "a"], classes=["a", "b"])
        before = model.network_.values.copy()
        steps.append(model.partial_fit(X[Y == "b"], Y[Y == "b"]).network_.values - before)
    np.testing.assert_allclose(steps[1], 3.0 * steps[0], rtol=1e-9)


@pytest.mark.parametrize("class_weight", [{"a": 0.5, "b": 4.0}, {"b": 8.0}], ids=str)
def test_a_weight_by_class_is_a_weight_of_its_rows(class_weight):
    by_row = np.where(Y == "b", 8.0, 1.0)
    weighed = clone(CLASSIFIERS[0]).set_params(class_weight=class_weight).fit(X, Y)
    np.testing.assert_array_equal(
        weighed.predict_proba(X), clone(CLASSIFIERS[0]).fit(X, Y, sample_weight=by_row).predict_proba(X)
    )


WRONG = {
    "unknown": ({"c": 2.0}, "class_weight names class 'c', y holds 'a', 'b'"),
    "negative": ({"a": -1.0}, r"class_weight\['a'\]=-1.0 is not a number of 0 or more"),
    "text": ({"a": "much"}, r"class_weight\['a'\]='much' is not a number"),
    "beyond float32": ({"a": 1e300}, r"class_weight\['a'\]=1e\+300 is not a number of 0 or more and below 1e\+30"),
    "word": ("blanced", "class_weight='blanced' is neither"),
    "list": ([1.0, 2.0], r"class_weight=\[1.0, 2.0\] is neither"),
}


@pytest.mark.parametrize(("class_weight", "reason"), WRONG.values(), ids=WRONG)
@every_classifier
def test_weights_that_no_class_can_have_are_named(estimator, class_weight, reason):
    with pytest.raises(ConfigError, match=reason):
        clone(estimator).set_params(class_weight=class_weight).fit(X, Y)
