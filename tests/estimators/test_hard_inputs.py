"""Hard data ends in a sound network or in an error that says what to do, and never in weights that are no numbers."""

import re
from contextlib import suppress
from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier

from finnet.errors import ConfigError, DataError, FinnetWarning, TrainingError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.members import sound_members
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.validation_rows import divided, held_out, stratified_folds
from finnet.network import Adam, Callback, Clipping
from finnet.network.activations import Tanh
from finnet.network.batches import Examples
from finnet.network.history import History
from finnet.network.losses import MeanSquaredError
from finnet.network.schedules import Cosine

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
NUMBERS = X[:, 0] + 0.1 * X[:, 1]
NO_NUMBER = r"contains (NaN|infinity)"
QUICK = {"hidden": (8,), "epochs": 8, "batch_size": 16, "random_state": 0}
SINGLE = [NetworkClassifier(**QUICK), NetworkRegressor(**QUICK), NetworkClassifier(**QUICK, early_stopping=True)]
ENSEMBLES = [NetworkEnsembleClassifier(4, folds=2, **QUICK), NetworkEnsembleRegressor(4, folds=2, **QUICK)]


def label(estimator):
    return type(estimator).__name__ + ("-stopping" if getattr(estimator, "early_stopping", None) is True else "")


def without_addresses(settings):
    """The settings as text that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(settings))


every_estimator = pytest.mark.parametrize("estimator", [*SINGLE, *ENSEMBLES], ids=label)
every_regressor = pytest.mark.parametrize("estimator", [SINGLE[1], ENSEMBLES[1]], ids=label)
every_classifier = pytest.mark.parametrize("estimator", [SINGLE[0], SINGLE[2], ENSEMBLES[0]], ids=label)


def target(estimator, n_rows=60):
    return (NUMBERS[:n_rows] > 0).astype(int) if is_classifier(estimator) else NUMBERS[:n_rows]


def forecasts(model, rows):
    return model.predict_proba(rows) if is_classifier(model) else model.predict(rows)


def with_cell(value):
    return np.where(np.arange(240).reshape(60, 4) == 17, value, X)


SOUND = {
    "one constant column": np.c_[X, np.full(60, 7.0)],
    "constant columns": np.ones((60, 4)),
    "ten rows": X[:10],
    "two rows": X[[0, 3]],
    "10^4 columns": np.random.default_rng(1).standard_normal((60, 10_000)),
    "columns of unlike size": X * [1e-3, 1.0, 1e2, 1e3],
    "integers": np.arange(240).reshape(60, 4) % 5,
    "float32 in Fortran order": np.asfortranarray(X, dtype="float32"),
}


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
@pytest.mark.parametrize("rows", SOUND.values(), ids=SOUND)
@every_estimator
def test_a_network_is_sound_after(estimator, rows):
    y = np.array([0, 1]) if len(rows) == 2 else target(estimator, len(rows))
    model = clone(estimator).fit(rows, y)
    assert np.isfinite(model.network_.values).all()
    assert np.isfinite(forecasts(model, rows)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@every_estimator
def test_rows_that_are_no_numbers_are_refused(estimator, value):
    with pytest.raises(ValueError, match=NO_NUMBER):
        clone(estimator).fit(with_cell(value), target(estimator))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every_estimator
def test_targets_that_are_no_numbers_are_refused(estimator, value):
    y = np.where(np.arange(60) == 3, value, target(estimator).astype(float))
    with pytest.raises(ValueError, match=NO_NUMBER):
        clone(estimator).fit(X, y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every_estimator
def test_validation_rows_that_are_no_numbers_are_refused(estimator, value):
    with pytest.raises(ValueError, match=NO_NUMBER):
        clone(estimator).fit(X, target(estimator), X_val=with_cell(value), y_val=target(estimator))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every_estimator
def test_forecasts_of_rows_that_are_no_numbers_are_refused(estimator, value):
    model = clone(estimator).fit(X, target(estimator))
    with pytest.raises(ValueError, match=NO_NUMBER):
        model.predict(with_cell(value))


WEIGHTS = {"NaN": (np.nan, "NaN"), "negative": (-1.0, "Negative"), "zero": (0.0, "zero")}


@pytest.mark.parametrize(("weight", "reason"), WEIGHTS.values(), ids=WEIGHTS)
@every_estimator
def test_impossible_weights_are_refused(estimator, weight, reason):
    with pytest.raises(ValueError, match=reason):
        clone(estimator).fit(X, target(estimator), sample_weight=np.full(60, weight))


@every_classifier
def test_one_class_is_refused(estimator):
    with pytest.raises(DataError, match="y holds one class only, 1; give rows of at least two classes"):
        clone(estimator).fit(X, np.ones(60, int))


@every_regressor
def test_one_number_for_all_rows_is_learned(estimator):
    model = clone(estimator).fit(X, np.full(60, 3.0))
    assert np.isfinite(model.network_.values).all()
    assert model.predict(X).mean() == pytest.approx(3.0, abs=1.0)


@every_classifier
def test_a_class_of_one_row_is_enough(estimator):
    model = clone(estimator).fit(X[:10], np.arange(10) == 4)
    assert np.isfinite(model.predict_proba(X)).all()


NO_COLUMNS = {
    "dates": (pd.date_range("2020", periods=60), "column 'when' holds dates; drop it, or make numbers of it"),
    "dates of a zone": (pd.date_range("2020", periods=60, tz="UTC"), "column 'when' holds dates"),
    "days": ([date(2020, 1, 1)] * 60, r"column 'when' holds what is no number \(.*'datetime.date'\); drop it, or"),
    "months": (pd.period_range("2020", periods=60, freq="M"), "column 'when' holds what is no number"),
    "text": (["May"] * 60, r"column 'when' holds what is no number \(.*'May'\); drop it, or put a TableEncoder in fr"),
    "categories": (pd.Categorical(["May"] * 60), "column 'when' holds what is no number"),
}


@pytest.mark.parametrize(("column", "reason"), NO_COLUMNS.values(), ids=NO_COLUMNS)
@every_estimator
def test_columns_that_hold_no_numbers_are_named(estimator, column, reason):
    table = pd.DataFrame({"close": NUMBERS, "when": column})
    for learn in (estimator.fit, estimator.partial_fit):
        with pytest.raises(DataError, match=reason):
            learn(table, target(estimator))


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
@every_estimator
def test_columns_of_objects_may_hold_numbers(estimator):
    table = pd.DataFrame({"close": NUMBERS, "rank": pd.Categorical([1, 2] * 30), "size": ["1.5"] * 60}).astype(object)
    assert np.isfinite(forecasts(clone(estimator).fit(table, target(estimator)), table)).all()


def test_one_row_leaves_nothing_to_judge_by():
    with pytest.raises(DataError, match="give more rows"):
        clone(ENSEMBLES[1]).fit(X[:1], NUMBERS[:1])


def fails_with_advice(estimator, rows, y, advice="scale the inputs and the target"):
    model = clone(estimator)
    with pytest.raises(TrainingError, match=advice):
        model.fit(rows, y)
    assert not hasattr(model, "network_")


@every_estimator
def test_a_learning_rate_beyond_all_measure_is_an_error_with_advice(estimator):
    rate = clone(estimator).set_params(learning_rate=1e38)
    fails_with_advice(rate, X, target(estimator), advice="lower the learning rate")


@every_regressor
def test_plain_descent_that_diverges_is_an_error_with_advice(estimator):
    plain = clone(estimator).set_params(optimizer="sgd", learning_rate=1e12)
    fails_with_advice(plain, X, NUMBERS, advice="lower the learning rate")


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
@every_regressor
def test_columns_that_overflow_are_an_error_with_advice(estimator):
    fails_with_advice(estimator, X * [1e-30, 1.0, 1.0, 1e30], NUMBERS)


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
@every_regressor
def test_targets_that_overflow_are_an_error_with_advice(estimator):
    fails_with_advice(estimator, X, 1e30 * NUMBERS)


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
@every_classifier
def test_probabilities_stay_numbers_where_columns_are_huge(estimator):
    model = clone(estimator).fit(X * 1e15, target(estimator))
    assert np.isfinite(model.predict_proba(X * 1e15)).all()


@pytest.mark.parametrize("sizes", [(1e-12, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1e9)], ids=["tiny", "huge"])
@every_estimator
def test_wildly_scaled_columns_are_named_in_a_warning(estimator, sizes):
    with pytest.warns(FinnetWarning) as caught:
        clone(estimator).fit(X * sizes, target(estimator))
    assert any("StandardScaler" in str(warning.message) for warning in caught)


@every_estimator
def test_a_network_worse_than_its_start_is_named_in_a_warning(estimator):
    with pytest.warns(FinnetWarning, match="lower the learning rate"):
        clone(estimator).set_params(learning_rate=1e3).fit(X, target(estimator))


@pytest.mark.parametrize("size", [1e-3, 1e5])
@every_regressor
def test_a_wildly_scaled_target_is_named_in_a_warning(estimator, size):
    with pytest.warns(FinnetWarning) as caught:
        clone(estimator).fit(X, size * NUMBERS)
    assert any("TransformedTargetRegressor" in str(warning.message) for warning in caught)


class InThousandths:
    """Squared errors of forecasts of a thousand times the target."""

    def value(self, P, Y):
        return np.square(P - 1e3 * Y).mean(axis=-1)

    def gradient(self, P, Y):
        return 2.0 * (P - 1e3 * Y) / Y.shape[-1]


@every_regressor
def test_a_target_whose_spread_is_lost_beside_its_mean_is_named_in_a_warning(estimator):
    with pytest.warns(FinnetWarning, match=r"around a mean of 1e\+08, which float32 cannot tell from none") as caught:
        clone(estimator).fit(X, 1e8 + NUMBERS)
    assert any("TransformedTargetRegressor" in str(warning.message) for warning in caught)
    clone(estimator).set_params(dtype="float64", learning_rate=1e-9).fit(X, 1e4 + NUMBERS)


@every_regressor
def test_targets_far_from_zero_need_no_warning_nor_those_of_a_loss_of_ones_own(estimator):
    clone(estimator).fit(X, NUMBERS + 300.0)
    clone(estimator).set_params(loss=InThousandths()).fit(X, 1e-3 * NUMBERS)


def test_members_that_diverge_are_counted_in_a_warning_and_left_out():
    ranges = {**QUICK, "optimizer": "sgd", "learning_rate": (1e-3, 1e3), "epochs": 20}
    with pytest.warns(FinnetWarning, match=r"\d of 6 networks diverged: lower the learning rate") as caught:
        model = NetworkEnsembleRegressor(6, **ranges).fit(X, NUMBERS)
    assert {warning.category for warning in caught} == {FinnetWarning}
    n_diverged = int(str(caught[0].message)[0])
    assert 0 < n_diverged < 6
    assert (model.members_["share"] == 0.0).sum() >= n_diverged
    assert model.score(X, NUMBERS) > 0.5


class NetProfit:
    """Minus the profit of a position tanh(p) in what returns y, at a cost of 0.2 per unit held."""

    def value(self, P, Y):
        position = np.tanh(P)
        return (0.2 * np.abs(position) - position * Y).mean(axis=-1)

    def gradient(self, P, Y):
        position = np.tanh(P)
        return (0.2 * np.sign(position) - Y) * (1.0 - position**2) / P.shape[-1]


@pytest.mark.parametrize("settings", [{}, {"early_stopping": False}], ids=str)
@every_regressor
def test_nothing_diverges_by_its_ratio_to_a_loss_of_ones_own_near_zero(estimator, settings):
    y = NUMBERS - NUMBERS.mean() + 1e-3
    model = clone(estimator).set_params(loss=NetProfit(), learning_rate=0.05, **settings)
    model.fit(X[:40], y[:40], X_val=X[40:], y_val=-y[40:])
    if isinstance(model, NetworkEnsembleRegressor):
        assert (model.set_params(selection="all").fit(X, y).members_["share"] > 0.0).all()


@pytest.mark.parametrize("reached", [np.inf, 1e3])
def test_a_loss_of_ones_own_has_diverged_where_it_is_no_number(reached):
    history = History([reached], best_epoch=1, constant_loss=1e-3)
    sound = History([0.5], best_epoch=1, constant_loss=1e-3)
    assert sound_members([history, sound], NetProfit()).tolist() == [bool(np.isfinite(reached)), True]


@every_estimator
def test_a_network_that_learned_nothing_is_told_so(estimator):
    idle, able = clone(estimator), clone(estimator).set_params(learning_rate=0.02, epochs=30)
    idle.set_params(learning_rate=1e-9).fit(np.zeros((60, 4)), target(estimator))
    assert any("learned nothing" in sentence for sentence in idle.advice_)
    assert not any("learned nothing" in sentence for sentence in able.fit(X, target(estimator)).advice_)


@every_estimator
def test_numbers_beyond_float32_are_refused(estimator):
    with pytest.raises(ValueError, match="too large for dtype"):
        clone(estimator).fit(with_cell(1e300), target(estimator))


class Uphill:
    learning_rate, n_slots = -1.0, 0

    def step(self, block, time):
        block.theta -= block.rate * block.gradient


class Silent:
    def on_epoch_end(self, network, history):
        return None


class Watching(Callback):
    """Sees everything, does nothing."""


WRONG_SETTINGS = [
    {"learning_rate": 0.0}, {"learning_rate": -1.0}, {"learning_rate": np.nan}, {"l2": -1.0}, {"l1": "much"},
    {"dropout": 1.0}, {"dropout": -0.1}, {"early_stopping": "yes"}, {"hidden": 8}, {"hidden": (0,)}, {"hidden": (-3,)},
    {"hidden": (2.5,)}, {"optimizer": Uphill()}, {"hidden": (True,)},
    {"optimizer": Adam}, {"activation": Tanh}, {"loss": MeanSquaredError}, {"schedule": Cosine}, {"schedule": "cosine"},
    {"clipping": 1.0}, {"clipping": Clipping}, {"callbacks": (Silent(),)}, {"callbacks": (print,)},
    {"callbacks": Watching()}, {"callbacks": (Watching,)}, {"callbacks": "bar"}, {"epochs": 2.5}, {"epochs": "3"},
    {"epochs": 0}, {"batch_size": None}, {"batch_size": "auto"}, {"batch_size": 2.5}, {"validation": "lsat"},
    {"validation": 3}, {"normalization": "bach"}, {"normalization": "batch", "batch_size": 1},
    {"random_state": -1}, {"random_state": 2.5},
    {"random_state": "a"}, {"initializer": object()}, {"optimizer": None}, {"activation": None}, {"loss": None},
    {"dtype": "float46"},
]  # fmt: skip


@pytest.mark.parametrize("settings", WRONG_SETTINGS, ids=without_addresses)
@every_estimator
def test_settings_that_no_network_can_have_are_named(estimator, settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        clone(estimator).set_params(**settings).fit(X, target(estimator))


WRONG_RANGES = [
    {"l1": (-1.0, 1.0)}, {"l2": (0.2, 0.1)}, {"dropout": (0.0, 0.1, 0.2)}, {"members": 2.5}, {"members": 0},
    {"folds": 0}, {"folds": -2}, {"folds": 2.5}, {"depth": [1, 2]}, {"depth": (1, 2, 3)}, {"depth": 1.5},
    {"n_jobs": 0}, {"n_jobs": "two"}, {"n_jobs": 2.5}, {"depth": 1, "hidden": ()},
]  # fmt: skip


@pytest.mark.parametrize("settings", WRONG_RANGES, ids=str)
def test_ranges_that_cannot_be_drawn_from_are_named(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        clone(ENSEMBLES[0]).set_params(**settings).fit(X, target(ENSEMBLES[0]))


@pytest.mark.parametrize("halves", [{"X_val": X}, {"y_val": NUMBERS}], ids=["X_val alone", "y_val alone"])
@every_estimator
def test_half_a_validation_block_is_refused(estimator, halves):
    with pytest.raises(DataError, match="give both, or neither"):
        clone(estimator).fit(X, target(estimator), **halves)


@every_regressor
def test_validation_targets_of_another_width_are_refused(estimator):
    wide = np.c_[NUMBERS, NUMBERS]
    for y, y_val in ((NUMBERS, wide), (wide, NUMBERS)):
        with pytest.raises(DataError, match=r"y_val has \d columns"):
            clone(estimator).fit(X, y, X_val=X, y_val=y_val)
    clone(estimator).fit(X, NUMBERS, X_val=X, y_val=NUMBERS[:, None])


def test_online_targets_of_another_width_are_refused():
    model = clone(SINGLE[1]).partial_fit(X, NUMBERS)
    with pytest.raises(DataError, match="y has 2 columns, the targets that the network learns have 1"):
        model.partial_fit(X, np.c_[NUMBERS, NUMBERS])


@pytest.mark.parametrize("class_weight", [{0: 1.0, 1: 2.0}, "balanced"], ids=str)
@every_classifier
def test_weights_of_another_length_are_refused_beside_class_weights(estimator, class_weight):
    model = clone(estimator).set_params(class_weight=class_weight)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(7,\), expected \(60,\)"):
        model.fit(X, target(estimator), sample_weight=np.ones(7))


@pytest.mark.parametrize(("weighed", "name"), [(slice(0, 50), "validation"), (slice(58, 60), "training")])
@every_estimator
def test_rows_held_out_or_kept_without_any_weight_are_refused(estimator, weighed, name):
    weights = np.zeros(60)
    weights[weighed] = 1.0
    model = clone(estimator).set_params(early_stopping=True, validation="last")
    with pytest.raises(DataError, match=f"sample_weight sums to zero over the {name} rows"):
        model.fit(X, target(estimator), sample_weight=weights)


def test_rows_without_weight_judge_nothing_in_stratified_blocks():
    weights, rng = np.zeros((60, 1)), np.random.default_rng(0)
    weights[::3] = 1.0
    held = held_out(NUMBERS, 0.3, how="stratified", rng=rng, weights=weights)
    learned, judged = stratified_folds(NUMBERS, 4, rng, weights=weights)
    assert len(held) == 6
    assert judged.shape == (4, 5)
    assert (weights[held] > 0.0).all()
    assert (weights[judged] > 0.0).all()
    for own, others in zip(judged, learned, strict=True):
        assert sorted([*own, *others]) == list(range(60))


def test_rows_that_learn_and_rows_that_judge_have_weights_of_mean_one():
    for part in divided(Examples(X, NUMBERS[:, None], np.arange(60.0)[:, None]), np.arange(40), np.arange(40, 60)):
        assert part.targets()[1].mean() == pytest.approx(1.0)


def in_batches_of_one(model):
    for row, number in zip(X, NUMBERS, strict=True):
        model.partial_fit(row[None], [number])
    return model


ONE_LEFT = {
    "rows that come one by one": lambda model: in_batches_of_one(model.fit(X, NUMBERS)),
    "a stream of single rows": lambda model: [in_batches_of_one(model) for _ in range(8)][-1],
}


@pytest.mark.parametrize("learn", ONE_LEFT.values(), ids=ONE_LEFT)
@pytest.mark.parametrize("batch_ensemble", [1, 2])
def test_batch_normalization_forecasts_after_batches_of_one_row(learn, batch_ensemble):
    settings = {"normalization": "batch", "epochs": 60, "learning_rate": 0.01, "batch_ensemble": batch_ensemble}
    model = learn(clone(SINGLE[1]).set_params(**settings))
    assert np.square(model.predict(X) - NUMBERS).mean() < np.square(NUMBERS).mean()


LABELS = np.where(NUMBERS > 0, "up", "down")
DAYS = np.arange(60).astype("datetime64[D]")
NO_LABELS = {
    "mixed": (np.array([0, "a"] * 30, object), "y mixes labels of types int and str"),
    "missing": (np.where(np.arange(60) == 4, None, LABELS), "y is missing 1 times, first at 4; drop those rows"),
    "dates": (DAYS, r"y holds dates, first 1970-01-01; make labels of them with .astype\(str\)"),
}
NO_NUMBERS = {
    "missing": (np.where(np.arange(60) == 4, None, NUMBERS), "y is missing 1 times, first at 4; drop those rows"),
    "dates": (DAYS, "y holds dates, first 1970-01-01; .* days since the first"),
    "spans": (DAYS - DAYS[0], "y holds dates, first 0 days; .* days since the first"),
    "text": (LABELS, "y holds what is no number .*; give numbers, or use a classifier"),
}


@pytest.mark.parametrize(("y", "reason"), NO_LABELS.values(), ids=NO_LABELS)
@every_classifier
def test_labels_that_no_network_can_tell_apart_are_named(estimator, y, reason):
    for learn in (clone(estimator).fit, clone(estimator).partial_fit):
        with pytest.raises(DataError, match=reason):
            learn(X, y)


@pytest.mark.parametrize(("y", "reason"), NO_NUMBERS.values(), ids=NO_NUMBERS)
@every_regressor
def test_targets_that_are_no_numbers_at_all_are_named(estimator, y, reason):
    for learn in (clone(estimator).fit, clone(estimator).partial_fit):
        with pytest.raises(DataError, match=reason):
            learn(X, y)


@every_classifier
def test_a_number_is_not_the_text_that_names_a_class(estimator):
    model = clone(estimator).fit(X, target(estimator).astype(str))
    with pytest.raises(DataError, match="y holds class 0, which is none of '0', '1'"):
        model.partial_fit(X, target(estimator))


@every_regressor
def test_several_quantiles_of_a_target_have_no_score(estimator):
    model = clone(estimator).set_params(loss="quantile").fit(X, NUMBERS)
    with pytest.raises(ConfigError, match=r"forecasts 3 quantiles of every target, .*mean_pinball_loss"):
        model.score(X, NUMBERS)


@every_estimator
def test_rows_beyond_all_measure_have_no_forecast_or_a_finite_one(estimator):
    model, rows = clone(estimator).fit(X, target(estimator)), np.full((1, 4), 1.7e308) * [1, -1, 1, -1]
    with suppress(DataError):
        assert np.isfinite(forecasts(model, rows)).all()


def test_rows_beyond_all_measure_are_named():
    model, rows = clone(ENSEMBLES[0]).fit(X, target(ENSEMBLES[0])), np.full((1, 4), 1.7e308) * [1, -1, 1, -1]
    for forecast in (model.predict_proba, model.spread):
        with pytest.raises(DataError, match=r"no finite numbers where X reaches 1.7e\+308; scale it"):
            forecast(rows)
