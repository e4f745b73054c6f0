import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence
from sklearn.inspection import permutation_importance as by_sklearn
from sklearn.linear_model import LogisticRegression

from finnet.errors import ConfigError, DataError
from finnet.evaluation.effects import (
    auc_alone,
    effect_curve,
    monotonicity,
    permutation_importance,
    permutation_rises,
)


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(np.random.default_rng(0).standard_normal((400, 3)), columns=["a", "b", "noise"])


@pytest.fixture(scope="module")
def y(table):
    return (table["a"] - 0.5 * table["b"] + np.random.default_rng(1).normal(0, 0.5, 400) > 0).to_numpy().astype(int)


@pytest.fixture(scope="module")
def model(table, y):
    return LogisticRegression().fit(table, y)


def test_permutation_importance_is_that_of_scikit_learn_within_the_luck_of_deals(model, table, y):
    own = permutation_importance(model, table, y, columns=list(table), rng=np.random.default_rng(0), repeats=20)
    other = by_sklearn(model, table, y, scoring="neg_log_loss", n_repeats=20, random_state=0)
    np.testing.assert_allclose(own, other.importances_mean, atol=4 * other.importances_std.max() / np.sqrt(20) * 1.5)


def test_as_many_deals_as_rows_give_every_row_every_value(model, table, y):
    rows, own = table.head(20), y[:20]
    exact = permutation_importance(model, rows, own, columns=["a"], rng=np.random.default_rng(0), repeats=20)
    losses = [-np.log(model.predict_proba(rows.assign(a=value))[np.arange(20), own]) for value in rows["a"]]
    before = -np.log(model.predict_proba(rows)[np.arange(20), own])
    assert exact[0] == pytest.approx(np.mean(losses) - before.mean())


def test_ten_deals_leave_little_luck_beside_that_of_rows(model, table, y):
    rows, own = table.head(100), y[:100]
    rises = [
        permutation_rises(model, rows, own, columns=["b"], rng=np.random.default_rng(seed), repeats=10)[:, 0]
        for seed in range(30)
    ]
    assert np.std([rise.mean() for rise in rises]) < 0.2 * rises[0].std(ddof=1) / 10


def test_a_row_that_is_dealt_a_value_twice_is_forecast_once():
    X = pd.DataFrame({"home": ["a", "b", None, "a"] * 5, "debt": 1.0})
    sizes = []

    class Counting(_ByHand):
        def predict_proba(self, X):
            sizes.append(len(X))
            return super().predict_proba(X)

    permutation_rises(Counting(), X, np.tile([0, 1], 10), columns=["home"], rng=np.random.default_rng(0), repeats=20)
    assert sizes == [20, 60]  # all rows as they are, then every row with each of three values


def test_an_effect_curve_is_the_partial_dependence_of_scikit_learn(model, table):
    own = effect_curve(model, table, "a", points=5)
    grid = own["value"].to_numpy(float)
    other = partial_dependence(model, table, ["a"], custom_values={"a": grid}, kind="average", method="brute")
    np.testing.assert_allclose(own["forecast"], other["average"][0])


class _ByHand:
    """Risk .1 in a, .3 in b, .5 where missing."""

    def predict_proba(self, X):
        p = X["home"].astype(object).map({"a": 0.1, "b": 0.3}).fillna(0.5).to_numpy(float)
        return np.column_stack([1 - p, p])


def test_levels_stand_by_frequency_and_missing_last():
    X = pd.DataFrame({"home": pd.Categorical(["b", "b", "a", None])})
    curve = effect_curve(_ByHand(), X, "home")
    assert curve["value"].tolist() == ["b", "a", None]
    assert curve["forecast"].tolist() == pytest.approx([0.3, 0.1, 0.5])


class _Bent:
    """Risk rises to 1 and falls by .2 to 2 where `turns`, else goes on rising."""

    def predict_proba(self, X):
        p = np.where(X["turns"] & (X["debt"] > 1), 0.4, 0.2 + 0.2 * X["debt"] * (1 + X["turns"]))
        return np.column_stack([1 - p, p])


def test_violations_of_a_direction_are_counted_and_measured():
    X = pd.DataFrame({"debt": [0.0, 1.0, 2.0, 0.0], "turns": [True, False, False, False]})
    (found,) = monotonicity(_Bent(), X, {"debt": "up"}).itertuples(index=False)
    assert (found.column, found.direction, found.rows, found.share) == ("debt", "up", 4, 0.25)
    assert found.largest == pytest.approx(0.2)


def test_values_that_the_rows_lack_are_tried_where_they_occur_elsewhere():
    X = pd.DataFrame({"debt": [0.0, 1.0], "turns": [True, False]})
    elsewhere = pd.DataFrame({"debt": [0.0, 1.0, 2.0, np.nan], "turns": False})
    (found,) = monotonicity(_Bent(), X, {"debt": "up"}, occurring=elsewhere).itertuples(index=False)
    assert (found.values, found.known, found.share) == (3, 3, 0.5)
    assert effect_curve(_Bent(), X, "debt", occurring=elsewhere)["value"].tolist() == [0.0, 1.0, 2.0, None]


def test_of_more_values_than_points_those_evenly_spaced_are_tried():
    X = pd.DataFrame({"debt": np.r_[np.zeros(90), np.arange(11)], "turns": False})
    (found,) = monotonicity(_Bent(), X, {"debt": "up"}, points=6).itertuples(index=False)
    assert (found.values, found.known) == (6, 11)
    assert effect_curve(_Bent(), X, "debt", points=6)["value"].tolist() == [0, 2, 4, 6, 8, 10]


def test_unknown_directions_and_columns_are_refused(model, table):
    with pytest.raises(ConfigError, match="upwards"):
        monotonicity(model, table, {"a": "upwards"})
    with pytest.raises((ConfigError, DataError), match="gone"):
        monotonicity(model, table, {"gone": "up"})


def test_a_weight_counts_as_so_many_rows_in_the_auc_of_a_column():
    values, y = pd.Series([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1])
    repeated = values.repeat([1, 3, 1, 1]), y.repeat([1, 3, 1, 1])
    weighted, _ = auc_alone(values, y, weight=np.array([1.0, 3.0, 1.0, 1.0]))
    assert weighted == pytest.approx(auc_alone(*repeated)[0])


def test_rows_of_one_client_given_twice_make_the_auc_no_surer(table, y):
    once, error = auc_alone(table["a"], y)
    twice = pd.concat([table["a"], table["a"]], ignore_index=True)
    assert auc_alone(twice, np.tile(y, 2), group=np.tile(np.arange(len(y)), 2)) == pytest.approx((once, error))
    assert auc_alone(twice, np.tile(y, 2))[1] < 0.75 * error


def test_outcomes_of_one_kind_say_nothing_of_a_direction():
    assert np.isnan(auc_alone(pd.Series([1.0, 2.0]), np.array([1, 1]))).all()
