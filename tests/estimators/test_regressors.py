"""Regressors have the budget and the files of classifiers, and naive forecasts of numbers do what they say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.baselines import CappedSVR, boosting_of_quantiles
from finnet.estimators.encoded import EncodedRegressor
from finnet.estimators.ensemble import NetworkEnsembleRegressor
from finnet.estimators.naive import LastValue, TrainingMean, TrainingQuantiles, Zero
from finnet.estimators.network import NetworkRegressor
from finnet.estimators.regressors import BoundedRegressor, ScaledRegressor
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.tuning import TunedRegressor
from finnet.features.encoding import TableEncoder
from finnet.fitting import InnerFolds, Rows, cross_fit, fit_in_folds, forecast_kind, forecast_levels, takes_validation
from finnet.models import BASELINES, spaces
from finnet.network.losses import QuantileLoss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 3))
Y = 0.01 * (X[:, 0] + 0.5 * RNG.standard_normal(300))  # of the size of daily returns
SPACES = spaces("number")
TABLE = pd.DataFrame(X, columns=["a", "b", "c"])
PARTS = np.array_split(np.arange(300), 3)
FOLDS = InnerFolds(
    fit=[np.setdiff1d(np.arange(300), part) for part in PARTS],
    validation=PARTS,
    held_out=PARTS,
    stretch=np.arange(300),
)


def baseline(name, trials=2):
    tuned = TunedRegressor(BASELINES[name].make("number"), space=SPACES[name], trials=trials)
    return EncodedRegressor(TableEncoder(), BoundedRegressor(tuned))


def network(**settings):
    return NetworkRegressor((4,), epochs=3, random_state=0, **settings)


@pytest.mark.parametrize("name", SPACES)
def test_every_baseline_learns_a_plain_signal_of_small_numbers(name):
    model = fit_in_folds(baseline(name), Rows(TABLE, Y), FOLDS)
    assert model.held_out.shape == (300,)
    assert 1 - np.mean((Y - model.held_out) ** 2) / np.mean(Y**2) > 0.3


@pytest.mark.parametrize("name", SPACES)
def test_every_setting_of_a_search_space_is_known_to_its_model(name):
    assert set(SPACES[name]) <= set(BASELINES[name].make("number").get_params())


@pytest.mark.parametrize("name", SPACES)
def test_a_loaded_baseline_forecasts_the_same_bits_and_saves_to_the_same_bytes(name):
    model = cross_fit(baseline(name), Rows(TABLE, Y), FOLDS)
    content = model_to_bytes(model)
    loaded = model_from_bytes(content)
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    assert model_to_bytes(loaded) == content


@pytest.mark.parametrize(
    "model", [Zero(), TrainingMean(), TrainingQuantiles((0.2, 0.8)), LastValue("b"), LastValue(0)], ids=repr
)
def test_a_loaded_naive_forecast_says_the_same(model):
    loaded = model_from_bytes(model_to_bytes(model.fit(TABLE, Y)))
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    assert forecast_levels(loaded) == forecast_levels(model)


@pytest.mark.parametrize("loss", ["mse", QuantileLoss((0.1, 0.9))], ids=repr)
def test_a_loaded_network_of_a_table_forecasts_the_same_bits(loss):
    model = EncodedRegressor(TableEncoder(), ScaledRegressor(network(loss=loss))).fit(TABLE, Y)
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    assert (forecast_kind(loaded), forecast_levels(loaded)) == (forecast_kind(model), forecast_levels(model))


def test_a_file_cannot_put_a_classifier_where_a_regressor_should_stand():
    archive = unpack(model_to_bytes(EncodedRegressor(TableEncoder(), Ridge()).fit(TABLE, Y)))
    archive.description["model"]["regressor"] = {"kind": "prior_rate", "rate": 0.5}
    with pytest.raises(DataError, match="where a regressor should"):
        model_from_bytes(pack(Archive(archive.description, archive.arrays)))


def test_the_setting_with_the_lowest_squared_error_on_validation_rows_wins_and_is_kept():
    tuned = TunedRegressor(KNeighborsRegressor(1), space={"n_neighbors": [31]}, trials=2)
    tuned.fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert tuned.best_params_ == tuned.settled().settings == {"n_neighbors": 31}


def test_quantiles_are_tuned_by_the_pinball_loss():
    # Noise whose quantiles are far from its mean: the squared error would be least without spread.
    y = RNG.standard_normal(300)
    tuned = TunedRegressor(TrainingQuantiles((0.5,)), space={"levels": [(0.1,), (0.9,)]}, trials=3)
    tuned.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert forecast_levels(tuned.regressor_) != (0.5,)


def test_a_regressor_without_settings_to_try_has_no_use_for_validation_rows():
    assert not takes_validation(EncodedRegressor(TableEncoder(), TunedRegressor(Ridge(), space={})))
    assert takes_validation(EncodedRegressor(TableEncoder(), TunedRegressor(Ridge(), space={}, trials=2)))
    assert takes_validation(EncodedRegressor(TableEncoder(), BoundedRegressor(network())))


@pytest.mark.parametrize(
    ("model", "kind", "levels"),
    [
        (LinearRegression(), "mean", ()),
        (network(loss="huber"), "mean", ()),
        (network(loss=QuantileLoss((0.3,))), "quantile", (0.3,)),
        (NetworkEnsembleRegressor(2, loss="quantile"), "quantile", (0.1, 0.5, 0.9)),
        (EncodedRegressor(TableEncoder(), BoundedRegressor(network(loss="quantile"))), "quantile", (0.1, 0.5, 0.9)),
        (boosting_of_quantiles((0.2, 0.8)), "quantile", (0.2, 0.8)),
    ],
)
def test_estimators_say_what_they_forecast(model, kind, levels):
    assert (forecast_kind(model), forecast_levels(model)) == (kind, levels)


def test_boosting_of_quantiles_covers_what_its_levels_say():
    P = boosting_of_quantiles((0.1, 0.9)).fit(X, Y).predict(X)
    assert (Y[:, None] <= P).mean(axis=0) == pytest.approx([0.1, 0.9], abs=0.1)


def test_levels_outside_of_zero_and_one_are_refused():
    for model in (boosting_of_quantiles((0.0, 0.5)), TrainingQuantiles(())):
        with pytest.raises(ConfigError, match="not between 0 and 1"):
            model.fit(X, Y)


def test_a_bounded_forecast_never_leaves_the_training_rows():
    model = BoundedRegressor(LinearRegression()).fit(X, np.abs(Y))
    assert model.predict(-100 * X).min() == np.abs(Y).min()


def test_a_network_learns_small_numbers_that_are_scaled_and_stops_by_validation_rows():
    members = NetworkEnsembleRegressor(
        2, hidden=(8,), learning_rate=0.01, batch_size=32, epochs=30, selection="all", random_state=0
    )
    model = fit_in_folds(EncodedRegressor(TableEncoder(), ScaledRegressor(members)), Rows(TABLE, Y), FOLDS)
    assert 1 - np.mean((Y - model.held_out) ** 2) / np.mean(Y**2) > 0.5
    assert 0 < model.spread(TABLE).mean() < Y.std()


def test_the_capped_svr_draws_from_all_rows_of_a_sorted_file():
    order = np.argsort(Y)
    model = CappedSVR(max_rows=100).fit(X[order], Y[order])
    assert model.n_rows_ == 100
    assert np.corrcoef(model.predict(X), Y)[0, 1] > 0.8


def test_the_capped_svr_does_not_see_the_unit_of_its_targets():
    small, large = (CappedSVR().fit(X, unit * Y).predict(X) / unit for unit in (1.0, 1000.0))
    np.testing.assert_allclose(small, large, rtol=1e-6, atol=1e-9)


def test_the_last_value_is_the_column_and_in_its_gaps_the_training_mean():
    table = TABLE.assign(b=[np.nan, *X[1:, 1]])
    forecast = LastValue("b").fit(table, Y).predict(table)
    assert forecast[0] == pytest.approx(Y.mean())
    np.testing.assert_array_equal(forecast[1:], X[1:, 1])
    with pytest.raises(DataError, match="'b'"):
        LastValue("b").fit(TABLE[["a"]], Y)
