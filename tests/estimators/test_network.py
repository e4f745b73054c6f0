import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from finnet.errors import ConfigError, DataError, TrainingError
from finnet.estimators import network as module
from finnet.estimators.ensemble import NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.progress import ProgressBar
from finnet.estimators.validation_rows import held_out
from finnet.network import SGD, Adam, Callback, Clipping, EarlyStopping
from finnet.network.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    FocalLoss,
    MeanAbsoluteError,
    MeanSquaredError,
    QuantileLoss,
)
from finnet.network.schedules import Cosine, Step, WarmUp

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
QUICK = {"hidden": (16,), "learning_rate": 0.01, "epochs": 60, "batch_size": 32, "random_state": 0}


@pytest.mark.parametrize("early_stopping", [False, True])
def test_classifier_learns_a_product(early_stopping):
    model = NetworkClassifier(**{**QUICK, "epochs": 300}, early_stopping=early_stopping).fit(X, Y)
    assert model.score(X, Y) > 0.9


def test_regressor_learns_a_square():
    assert NetworkRegressor(**QUICK).fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.8


def test_many_classes_take_one_probability_each():
    y = np.array(["down", "flat", "up"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    model = NetworkClassifier(**QUICK).fit(X, y)
    P = model.predict_proba(X)
    assert P.shape == (300, 3)
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    assert model.score(X, y) > 0.9


def test_quantile_forecasts_are_ordered_and_cover():
    y = np.tile(RNG.standard_normal(300)[:, None], 2)
    model = NetworkRegressor(**QUICK, loss=QuantileLoss(levels=(0.1, 0.9))).fit(X, y)
    low, high = model.predict(X).T
    assert 0.7 < ((low < y[:, 0]) & (y[:, 0] < high)).mean() < 0.95


QUANTILE_MODELS = [
    NetworkRegressor(**QUICK),
    NetworkRegressor(**QUICK, batch_ensemble=2),
    NetworkEnsembleRegressor(4, hidden=(8,), folds=2, learning_rate=0.01, random_state=0),
]


@pytest.mark.parametrize("model", QUANTILE_MODELS, ids=["network", "shared", "ensemble"])
@pytest.mark.parametrize("loss", ["quantile", QuantileLoss((0.1, 0.5, 0.9))], ids=["name", "object"])
def test_one_column_of_targets_has_a_forecast_for_every_level(model, loss):
    y = np.random.default_rng(3).standard_normal(300)
    P = clone(model).set_params(loss=loss).fit(X, y, X_val=X, y_val=y).predict(X)
    assert P.shape == (300, 3)
    assert (P[:, 0] < P[:, 2]).mean() > 0.95
    assert 0.6 < ((P[:, 0] < y) & (y < P[:, 2])).mean() < 0.97


def test_quantiles_of_one_column_and_of_as_many_as_there_are_levels_are_the_same():
    y = X[:, :1]
    models = [NetworkRegressor(**{**QUICK, "epochs": 3}, loss="quantile").fit(X, np.tile(y, n)) for n in (1, 3)]
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), rtol=1e-5)


def test_quantiles_are_learned_online_and_in_other_numbers_of_columns_refused():
    model = NetworkRegressor(**QUICK, loss="quantile").partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    assert model.predict(X).shape == (300, 3)
    with pytest.raises(ConfigError, match="has 3 levels, y has 2 columns"):
        NetworkRegressor(**QUICK, loss="quantile").fit(X, X[:, :2])


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "focal", "categorical_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("kind", [NetworkRegressor, NetworkEnsembleRegressor])
def test_losses_of_classes_are_refused_for_numbers(kind, loss):
    with pytest.raises(ConfigError, match=r"loss='\w+' is not known; use one of huber, mae, mse, quantile"):
        kind(loss=loss).fit(X, X[:, 0])


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), CategoricalCrossEntropy(), FocalLoss()], ids=repr)
@pytest.mark.parametrize("kind", [NetworkRegressor, NetworkEnsembleRegressor])
def test_losses_of_probabilities_are_refused_for_numbers(kind, loss):
    with pytest.raises(ConfigError, match="is for probabilities, and numbers are forecast as they are; use a classif"):
        kind(loss=loss).fit(X, X[:, 0])


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), CategoricalCrossEntropy()], ids=repr)
@pytest.mark.parametrize("y", [Y, np.digitize(X[:, 0], [-0.5, 0.5])], ids=["two classes", "three"])
def test_either_cross_entropy_is_the_one_that_fits_the_classes(y, loss):
    own, named = (NetworkClassifier(**{**QUICK, "epochs": 3}, loss=loss).fit(X, y) for loss in (loss, "cross_entropy"))
    np.testing.assert_array_equal(own.predict_proba(X), named.predict_proba(X))


def test_classes_have_no_quantiles():
    with pytest.raises(ConfigError, match="use a regressor"):
        NetworkClassifier(loss=QuantileLoss()).fit(X, Y)


class SignError(MeanAbsoluteError):
    """A loss whose gradient is float64, whatever it is given."""

    def gradient(self, P, Y):
        return np.where(P > Y, 1.0, -1.0) / P.shape[-1]


@pytest.mark.parametrize("model", QUANTILE_MODELS, ids=["network", "shared", "ensemble"])
def test_own_losses_need_not_care_for_types(model):
    own, named = (clone(model).set_params(loss=loss).fit(X, X[:, 0]) for loss in (SignError(), "mae"))
    np.testing.assert_allclose(own.predict(X), named.predict(X), atol=1e-5)


class Qlike:
    """Loss of variance forecasts exp(p), defined for y > 0 alone (Patton 2011)."""

    def value(self, P, Y):
        ratio = Y * np.exp(-P)
        return (ratio - np.log(ratio) - 1.0).mean(axis=-1)

    def gradient(self, P, Y):
        return (1.0 - Y * np.exp(-P)) / P.shape[-1]


@pytest.mark.parametrize("model", QUANTILE_MODELS, ids=["network", "shared", "ensemble"])
def test_a_loss_for_positive_targets_learns_them(model):
    variance = np.exp(X[:, 0])
    forecast = np.exp(clone(model).set_params(loss=Qlike()).fit(X, variance).predict(X))
    assert np.corrcoef(np.log(forecast), X[:, 0])[0, 1] > 0.9


class Cubic:
    """z^3, which is z^4 where it is written into what it reads."""

    in_place = False

    def value(self, Z, out):
        np.multiply(Z, Z, out=out)
        out *= Z
        return out

    def gradient(self, Z, A, dA):
        dA *= 3.0 * Z * Z
        return dA


@pytest.mark.parametrize("model", QUANTILE_MODELS, ids=["network", "shared", "ensemble"])
def test_own_activations_forecast_what_they_learned(model):
    y = X[:, 0] ** 3 / 4.0
    settings = {"learning_rate": 0.003, "epochs": 150, "early_stopping": False}
    fitted = clone(model).set_params(activation=Cubic(), **settings).fit(X, y)
    assert fitted.score(X, y) > 0.8


def test_settings_that_are_possible_only_together_are_set_together():
    model = NetworkClassifier(optimizer=SGD()).set_params(optimizer__nesterov=True, optimizer__momentum=0.9)
    assert model.optimizer == SGD(momentum=0.9, nesterov=True)


def test_outputs_start_at_the_base_rate():
    rare = (RNG.random(300) < 0.1).astype(int)
    model = NetworkClassifier(hidden=(), learning_rate=1e-9, epochs=1, early_stopping=False).fit(0 * X, rare)
    assert model.predict_proba(0 * X)[0, 1] == pytest.approx(rare.mean(), rel=1e-5)


def test_history_has_one_row_per_epoch():
    model = NetworkClassifier(**QUICK, early_stopping=False).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    assert list(model.history_) == ["epoch", "train_loss", "validation_loss"]
    assert len(model.history_) == model.n_iter_ == model.best_epoch_ == 60


def test_diagnostics_have_one_row_per_layer_and_epoch():
    model = NetworkClassifier(**{**QUICK, "epochs": 3}).fit(X, Y)
    assert model.diagnostics_.groupby("epoch")["layer"].apply(list).tolist() == [[1, 2]] * 3
    assert model.advice_ == []


def test_a_network_that_learns_by_dropout_is_judged_without_it():
    y = (X[:, 0] > 0).astype(int)
    model = NetworkClassifier(**{**QUICK, "hidden": (32, 16), "epochs": 5}, dropout=0.8).fit(X, y)
    assert model.history_["train_loss"].iloc[-1] > np.log(2.0)
    assert model.score(X, y) > 0.75
    assert model.advice_ == []


def test_weights_that_overfit_are_named_unless_the_best_are_kept():
    y = np.random.default_rng(2).permutation(Y)
    for early_stopping in (False, EarlyStopping(patience=60)):
        model = NetworkClassifier(
            **{**QUICK, "hidden": (64,)},
            activation="relu",
            dropout=0.0,
            l1=0.0,
            l2=0.0,
            early_stopping=early_stopping,
        )
        model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
        assert model.history_["validation_loss"].iloc[-1] > 1.2 * model.history_["validation_loss"].min()
        assert any("overfits" in sentence for sentence in model.advice_) == (early_stopping is False)


def test_in_a_stream_that_drifts_a_network_does_not_overfit():
    model, rng = NetworkClassifier(**QUICK, early_stopping=True), np.random.default_rng(0)
    for chunk in range(40):
        model.partial_fit(X, Y if chunk < 15 else rng.permutation(Y))
    assert model.history_["validation_loss"].iloc[-1] > 1.3 * model.history_["validation_loss"].min()
    assert not any("overfits" in sentence for sentence in model.advice_)


@pytest.mark.parametrize(("l1", "too_strong"), [(1.0, True), (1e-3, False)])
def test_a_penalty_that_leaves_no_weights_is_named(l1, too_strong):
    advice = NetworkRegressor(**QUICK, l1=l1).fit(X, X[:, 0]).advice_
    assert any("l1, l2 or weight decay is too strong" in sentence for sentence in advice) == too_strong
    assert not any("learning rate" in sentence for sentence in advice if "learned nothing" not in sentence)


def test_a_schedule_scales_the_learning_rate():
    still = NetworkClassifier(**QUICK, dropout=0.0, early_stopping=False, schedule=Step(every=1, ratio=1e-9)).fit(X, Y)
    assert still.history_["train_loss"][3:].std() < 1e-3


def test_own_losses_are_checked_before_use():
    class Backward(MeanSquaredError):
        def gradient(self, P, Y):
            return -super().gradient(P, Y)

    with pytest.raises(ConfigError, match="gradient of Backward"):
        NetworkRegressor(loss=Backward()).fit(X, X[:, 0])


def test_given_validation_rows_decide_when_to_stop():
    model = NetworkClassifier(**QUICK, early_stopping=EarlyStopping(patience=3))
    model.fit(X[:200], Y[:200], X_val=X[200:], y_val=1 - Y[200:])
    assert model.best_epoch_ < 10
    assert model.n_iter_ == model.best_epoch_ + 3


def test_last_rows_are_held_out_for_rows_in_time():
    X_last, Y_last = X.copy(), Y.copy()
    Y_last[270:] = 1 - Y_last[270:]  # only validation rows change, so training rows are the same
    stopping = EarlyStopping(patience=1, validation_fraction=0.1)
    fits = [NetworkClassifier(**QUICK, early_stopping=stopping, validation="last").fit(X_last, y) for y in (Y, Y_last)]
    np.testing.assert_allclose(fits[0].history_["train_loss"][:2], fits[1].history_["train_loss"][:2], rtol=1e-2)
    assert fits[0].history_["validation_loss"][0] != fits[1].history_["validation_loss"][0]


def test_a_stratified_block_keeps_class_shares():
    y = np.repeat([0, 1], [90, 10])
    for seed in range(20):
        assert y[held_out(y, 0.2, how="stratified", rng=np.random.default_rng(seed))].sum() == 2


def test_an_unknown_kind_of_validation_is_refused():
    with pytest.raises(ConfigError, match="validation='random'"):
        NetworkClassifier(early_stopping=True, validation="random").fit(X, Y)


@pytest.mark.parametrize("make_seed", [int, np.random.RandomState, np.random.default_rng], ids=["int", "state", "rng"])
def test_same_seed_gives_the_same_bits(make_seed):
    settings = {**QUICK, "epochs": 2, "dropout": 0.2, "early_stopping": True}
    first, second = (NetworkClassifier(**{**settings, "random_state": make_seed(7)}).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_settings_are_varied_by_name_without_changing_the_given_object():
    adam = Adam(learning_rate=0.1)
    model = clone(NetworkClassifier(optimizer=adam, early_stopping=EarlyStopping()))
    model.set_params(optimizer__learning_rate=0.2, early_stopping__patience=3, epochs=5)
    params = model.get_params()
    assert (params["optimizer__learning_rate"], params["early_stopping__patience"], params["epochs"]) == (0.2, 3, 5)
    assert adam.learning_rate == 0.1


def test_settings_within_settings_are_varied_by_name():
    model = clone(NetworkClassifier(schedule=WarmUp(then=Cosine())))
    model.set_params(schedule__then__floor=0.1, schedule__length=2)
    assert model.schedule == WarmUp(length=2, then=Cosine(floor=0.1))
    assert model.get_params()["schedule__then__floor"] == 0.1


@pytest.mark.parametrize("name", ["schedule__then__power", "schedule__length__floor", "schedule__next__floor"])
def test_unknown_settings_within_settings_are_refused(name):
    with pytest.raises(ConfigError, match=r"power|length|next"):
        NetworkClassifier(schedule=WarmUp(then=Cosine())).set_params(**{name: 1.0})


def test_a_grid_search_varies_nested_settings():
    model = NetworkClassifier(**{**QUICK, "epochs": 2}, optimizer=SGD(momentum=0.9))
    search = GridSearchCV(model, {"optimizer__learning_rate": [1e-3, 0.1]}, cv=2).fit(X, Y)
    assert search.best_estimator_.optimizer.learning_rate in (1e-3, 0.1)


@pytest.mark.parametrize("name", ["optimizer__rate", "optimizers__learning_rate"])
def test_unknown_nested_settings_are_refused(name):
    with pytest.raises(ValueError, match="rate"):
        NetworkClassifier(optimizer=Adam()).set_params(**{name: 1.0})


def test_class_weight_moves_probabilities_of_a_rare_class_up():
    rare = ((X[:, 0] + RNG.standard_normal(300)) > 1.8).astype(int)
    plain, balanced = (NetworkClassifier(**QUICK, class_weight=w).fit(X, rare) for w in (None, "balanced"))
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1


def test_rows_of_weight_zero_are_not_learned_from():
    y = Y.copy()
    y[:150] = 1 - y[:150]
    weights = np.r_[np.zeros(150), np.ones(150)]
    model = NetworkClassifier(**{**QUICK, "epochs": 150}).fit(X, y, sample_weight=weights)
    assert model.score(X[150:], y[150:]) > 0.9 > 0.3 > model.score(X[:150], y[:150])


def test_data_frames_of_numbers_carry_their_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = NetworkClassifier(**{**QUICK, "epochs": 1}).fit(frame, Y)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.n_features_in_ == 4


def test_validation_classes_must_be_known():
    with pytest.raises(DataError, match="class 2"):
        NetworkClassifier().fit(X, Y, X_val=X[:2], y_val=[1, 2])


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_clipping_lets_steep_gradients_pass():
    model = NetworkRegressor(**QUICK, optimizer=SGD(learning_rate=1e-2), clipping=Clipping(norm=1.0))
    assert np.isfinite(model.fit(X, 1e4 * X[:, 0]).predict(X)).all()


def in_chunks(model, X, y, size=50, **options):
    for start in range(0, len(X), size):
        model = model.partial_fit(X[start : start + size], y[start : start + size], **options)
    return model


def test_each_call_of_online_learning_is_one_epoch():
    model = in_chunks(NetworkRegressor(**QUICK), X, X[:, 0])
    assert model.n_iter_ == model.best_epoch_ == len(model.history_) == 6


@pytest.mark.parametrize("early_stopping", [False, True])
def test_online_learning_follows_a_stream(early_stopping):
    model = NetworkClassifier(**QUICK, early_stopping=early_stopping)
    for _ in range(30):
        in_chunks(model, X, Y, classes=[0, 1])
    assert model.score(X, Y) > 0.9
    assert len(model.history_) == 180


def test_online_learning_with_early_stopping_judges_a_chunk_before_learning_from_it():
    settings = {**QUICK, "batch_size": 300}  # one step per call, so that the training loss is the loss before it
    model = NetworkRegressor(**settings, dropout=0.0, early_stopping=True)
    for _ in range(3):
        model.partial_fit(X, X[:, 0])
    np.testing.assert_allclose(model.history_["validation_loss"], model.history_["train_loss"], rtol=1e-5)


def test_online_learning_knows_classes_that_come_later():
    model = NetworkClassifier(**QUICK).partial_fit(X[:10], np.zeros(10), classes=[0, 1, 2])
    assert model.partial_fit(X[10:20], np.full(10, 2)).predict_proba(X).shape == (300, 3)
    with pytest.raises(DataError, match="y holds class 3"):
        model.partial_fit(X[:10], np.full(10, 3))


def test_online_learning_goes_on_from_a_fit():
    model = NetworkClassifier(**QUICK).fit(X, Y)
    before = model.predict_proba(X)
    after = model.partial_fit(X[:32], Y[:32]).predict_proba(X)
    assert 0 < np.abs(after - before).max() < 0.2


def test_online_learning_survives_storage():
    whole = in_chunks(NetworkClassifier(**QUICK, dropout=0.2), X[:100], Y[:100])
    stored = pickle.loads(pickle.dumps(whole))
    models = [in_chunks(model, X[100:], Y[100:]) for model in (whole, stored)]
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))


@pytest.mark.parametrize("scale", [1e15, 1e30])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_stream_that_diverges_leaves_the_model_as_it_was(early_stopping, scale):
    model = NetworkRegressor(**QUICK, optimizer=SGD(learning_rate=1e-2), early_stopping=early_stopping)
    model.partial_fit(X, X[:, 0])
    before = model.predict(X)
    with pytest.raises(TrainingError):
        model.partial_fit(X, scale * X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)
    assert len(model.history_) == model.diagnostics_["epoch"].max() == 1
    assert np.isfinite(model.partial_fit(X, X[:, 0]).predict(X)).all()


def test_balanced_classes_need_all_rows():
    with pytest.raises(ConfigError, match="all rows"):
        NetworkClassifier(class_weight="balanced").partial_fit(X, Y)


def test_a_warm_start_goes_on_where_the_last_fit_ended():
    model = NetworkClassifier(**QUICK, warm_start=True).fit(X, Y)
    reached = model.history_["train_loss"].iloc[-1]
    assert model.fit(X, Y).history_["train_loss"][0] < 1.5 * reached


@pytest.mark.parametrize("change", [{"hidden": (8,)}, {"normalization": "batch"}])
def test_a_warm_start_with_other_layers_is_refused(change):
    model = NetworkClassifier(**{**QUICK, "epochs": 1}, warm_start=True).fit(X, Y)
    with pytest.raises(ConfigError, match="fit a clone"):
        model.set_params(**change).fit(X, Y)


def test_a_warm_start_with_other_classes_is_refused():
    model = NetworkClassifier(**{**QUICK, "epochs": 1}, warm_start=True).fit(X, Y)
    with pytest.raises(DataError, match="goes on with classes"):
        model.fit(X, Y + 1)


@pytest.mark.parametrize("seed", [None, np.random.default_rng(0)], ids=["none", "rng"])
def test_a_warm_start_judges_by_rows_that_it_never_learned_from(seed, monkeypatch):
    held, real = [], module.held_out
    monkeypatch.setattr(module, "held_out", lambda *args, **options: held.append(real(*args, **options)) or held[-1])
    model = NetworkClassifier(epochs=1, early_stopping=True, warm_start=True, random_state=seed)
    for _ in range(3):
        model.fit(X, Y)
    np.testing.assert_array_equal(held[0], held[1])
    np.testing.assert_array_equal(held[0], held[2])
    assert not np.array_equal(held[0], (model.set_params(warm_start=False).fit(X, Y), held[3])[1])


def test_callbacks_stop_a_fit():
    class Stop(Callback):
        def on_epoch_end(self, network, history):
            return len(history) == 2

    assert NetworkClassifier(**QUICK, callbacks=(Stop(),)).fit(X, Y).n_iter_ == 2


@pytest.mark.parametrize("name", ["TERM", "FORCE_COLOR", "TTY_COMPATIBLE"])
def test_progress_is_silent_off_a_terminal(capsys, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    NetworkClassifier(**{**QUICK, "epochs": 2}, callbacks=(ProgressBar(),)).fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_progress_names_loss_and_best_epoch_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = NetworkClassifier(**{**QUICK, "epochs": 2}, callbacks=(ProgressBar(),))
    shown = (clone(model).fit(X, Y), capsys.readouterr())[1].err
    assert "in epoch 2" in shown
    assert "2/2" in shown


def test_weights_and_validation_rows_are_routed_through_a_pipeline():
    with sklearn.config_context(enable_metadata_routing=True):
        model = NetworkClassifier(**QUICK).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, model, transform_input=["X_val"])
        routed.fit(X[:250], Y[:250], sample_weight=np.ones(250), X_val=X[250:], y_val=Y[250:])
    assert "validation_loss" in routed[-1].history_


def test_summary_lists_layers_and_parameters():
    model = NetworkClassifier(**{**QUICK, "epochs": 1}, activation="relu", dropout=0.0, normalization="batch")
    summary = model.fit(X, Y).summary()
    assert summary["units"].tolist() == [16, 16, 16, 1]
    assert summary["parameters"].tolist() == [4 * 16 + 16, 4 * 16, 0, 17]
    assert summary["layer"][2] == "Activate(n_out=16, activation=ReLU(), dropout=(0.0,))"
