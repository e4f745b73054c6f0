"""Variants of networks: many that share weights, members of unlike depth, weight decay and patience, own losses."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from finnet.errors import ConfigError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.network import AdamW, Callback, EarlyStopping
from finnet.network.activations import Tanh
from finnet.network.losses import MeanSquaredError
from tests.estimators.checks import expected_failures

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SHARED = {
    "hidden": (16,), "batch_ensemble": 4, "learning_rate": 0.01, "epochs": 60, "batch_size": 32, "random_state": 0,
}  # fmt: skip
PACK = {"members": 6, "hidden": (8, 8, 8), "folds": 2, "epochs": 8, "batch_size": 32, "random_state": 0}


@parametrize_with_checks(
    [
        NetworkClassifier(batch_ensemble=2),
        NetworkRegressor(batch_ensemble=2),
        NetworkEnsembleClassifier(members=4, hidden=(16, 16), depth=(1, 2), batch_size=32),
    ],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True},
        {"normalization": "batch", "dropout": 0.1},
        {"hidden": (16, 16), "residual": True, "normalization": "layer"},
    ],
    ids=str,
)
def test_networks_that_share_weights_learn_a_product(options):
    model = NetworkClassifier(**{**SHARED, "epochs": 150, **options}).fit(X, Y)
    assert model.score(X, Y) > 0.9
    assert model.network_.values.ndim == 1


def test_networks_that_share_weights_learn_many_classes():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    model = NetworkClassifier(**SHARED).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(X, y) > 0.9


def test_the_forecast_is_the_mean_over_networks_that_share_weights():
    model = NetworkRegressor(**{**SHARED, "epochs": 5}).fit(X, X[:, :2])
    np.testing.assert_allclose(model.predict(X), model._double.network.infer(X).mean(axis=0), rtol=1e-12)


def test_outputs_of_all_networks_start_at_the_base_rate():
    rare = (RNG.random(300) < 0.1).astype(int)
    model = NetworkClassifier((), batch_ensemble=3, learning_rate=1e-9, epochs=1, early_stopping=False).fit(0 * X, rare)
    assert model.predict_proba(0 * X)[0, 1] == pytest.approx(rare.mean(), rel=1e-5)


def test_one_row_is_forecast_as_it_is_among_many():
    model = NetworkClassifier(**{**SHARED, "epochs": 2}).fit(X, Y)
    alone = np.vstack([model.predict_proba(row[None]) for row in X[:20]])
    np.testing.assert_allclose(alone, model.predict_proba(X)[:20], rtol=0, atol=1e-13)


def test_online_learning_of_networks_that_share_weights_goes_on_from_a_fit_and_from_storage():
    model = NetworkClassifier(**SHARED).fit(X, Y).partial_fit(X[:64], Y[:64])
    stored = pickle.loads(pickle.dumps(model)).partial_fit(X[64:], Y[64:])
    np.testing.assert_array_equal(stored.predict_proba(X), model.partial_fit(X[64:], Y[64:]).predict_proba(X))
    assert len(model.history_) == 2
    assert model.score(X, Y) > 0.9


def test_a_warm_start_keeps_the_number_of_networks():
    model = NetworkClassifier(**SHARED, dropout=0.0, early_stopping=False, warm_start=True).fit(X, Y)
    first = model.history_["train_loss"][0]
    assert model.fit(X, Y).history_["train_loss"][0] < 0.2 * first
    with pytest.raises(ConfigError, match="fit a clone"):
        model.set_params(batch_ensemble=5).fit(X, Y)


def test_callbacks_and_diagnostics_see_networks_that_share_weights():
    class Stop(Callback):
        def on_epoch_end(self, network, history):
            return len(history) == 2

    model = NetworkClassifier(**SHARED, callbacks=(Stop(),)).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    assert model.diagnostics_.groupby("epoch")["layer"].apply(list).tolist() == [[1, 2]] * 2
    assert list(model.history_) == ["epoch", "train_loss", "validation_loss"]
    assert model.summary()["parameters"].tolist() == [4 * 16 + 4 * (4 + 16 + 16), 0, 16 + 4 * (16 + 1 + 1)]


def test_no_network_at_all_is_refused():
    with pytest.raises(ConfigError, match="batch_ensemble=0"):
        NetworkClassifier(batch_ensemble=0).fit(X, Y)


def test_members_draw_their_depth_and_the_table_tells_it():
    model = NetworkEnsembleClassifier(**PACK, depth=(1, 3)).fit(X, Y)
    assert set(model.members_["depth"]) == {1, 2, 3}
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))


def test_a_depth_drawn_changes_no_other_draw():
    drawn, given = (NetworkEnsembleRegressor(**PACK, depth=depth).fit(X, X[:, 0]) for depth in ((1, 3), None))
    rates = ["learning_rate", "dropout", "l1", "l2"]
    np.testing.assert_array_equal(drawn.members_[rates], given.members_[rates])
    assert (given.members_["depth"] == 3).all()


def test_one_depth_for_all_is_a_network_of_so_many_layers():
    shallow, plain = (
        NetworkEnsembleClassifier(**{**PACK, "early_stopping": False, **options}).fit(X, Y)
        for options in ({"depth": 1}, {"hidden": (8,)})
    )
    np.testing.assert_allclose(shallow.predict_proba(X), plain.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": (3, 1)}, "runs backwards"),
        ({"depth": 4}, "depth=4"),
        ({"depth": (0, 2)}, "depth=0"),
        ({"depth": (1, 2), "hidden": (16, 8)}, "equal width"),
        ({"depth": 1, "hidden": ()}, "depth=1"),
    ],
)
def test_depths_that_cannot_be_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        NetworkEnsembleClassifier(**{**PACK, **options}).fit(X, Y)


VARIED = {"optimizer": "adamw", "weight_decay": (0.01, 1.0), "patience": (1, 4)}


def test_members_draw_their_weight_decay_and_the_table_tells_it():
    model = NetworkEnsembleClassifier(**PACK, **VARIED).fit(X, Y)
    assert model.members_["weight_decay"].between(0.01, 1.0).all()
    assert model.members_["weight_decay"].nunique() == 6


def test_members_draw_their_patience_and_stop_by_it():
    model = NetworkEnsembleRegressor(**{**PACK, "epochs": 99}, **VARIED).fit(X, X[:, 0])
    assert model.members_["patience"].dtype.kind == "i"
    assert set(model.members_["patience"]) <= {1, 2, 3, 4}
    epochs = model.history_.groupby("member").size()
    assert (epochs == model.members_["best_epoch"] + model.members_["patience"])[epochs < 99].all()
    assert (epochs < 99).any()


def test_weight_decay_and_patience_drawn_change_no_other_draw():
    drawn, given = (
        NetworkEnsembleRegressor(**{**PACK, "depth": (1, 3), "bagging": True, **options}).fit(X, X[:, 0])
        for options in (VARIED, {})
    )
    settings = ["learning_rate", "dropout", "l1", "l2", "depth"]
    np.testing.assert_array_equal(drawn.members_[settings], given.members_[settings])
    assert not {"weight_decay", "patience"} & set(given.members_)


@pytest.mark.parametrize(
    ("own", "shared"),
    [
        ({"weight_decay": 0.3, "optimizer": "adamw"}, {"optimizer": AdamW(weight_decay=0.3)}),
        ({"patience": 2}, {"early_stopping": EarlyStopping(patience=2)}),
    ],
    ids=["weight_decay", "patience"],
)
def test_one_value_for_all_is_that_of_the_object(own, shared):
    one, other = (NetworkEnsembleRegressor(**PACK, **options).fit(X, X[:, 0]) for options in (own, shared))
    np.testing.assert_array_equal(one.network_.values, other.network_.values)
    assert (one.members_[next(iter(own))] == next(iter(own.values()))).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight_decay": 0.1}, r"weight_decay=0.1 needs an optimizer .* Adam has none; use .*\"adamw\""),
        ({"weight_decay": (0.0, 0.1), "optimizer": "sgd"}, r"weight_decay=\(0.0, 0.1\) .* or weight_decay=None"),
        ({"weight_decay": -0.1, "optimizer": "adamw"}, "weight_decay=-0.1 is not a number of 0 or more"),
        ({"patience": 0}, "patience=0 is too small; use 1 or more"),
        ({"patience": 2.0}, r"patience=2.0 is neither .* write 10, or \(5, 20\)"),
        ({"patience": (4, 2)}, r"patience=\(4, 2\) runs backwards"),
        ({"patience": 2, "early_stopping": False}, "patience=2 needs early stopping; use early_stopping=True"),
    ],
    ids=str,
)
def test_weight_decay_and_patience_that_cannot_be_are_refused(options, said):
    for learn in (NetworkEnsembleRegressor.fit, NetworkEnsembleRegressor.partial_fit):
        with pytest.raises(ConfigError, match=said):
            learn(NetworkEnsembleRegressor(**PACK, **options), X, X[:, 0])


class WrongLoss(MeanSquaredError):
    """A loss whose gradient leads away."""

    def gradient(self, P, Y):
        return -super().gradient(P, Y)


class WrongActivation(Tanh):
    """An activation whose gradient is twice too steep."""

    def gradient(self, Z, A, dA):
        return 2.0 * super().gradient(Z, A, dA)


@pytest.mark.parametrize(
    "wrong", [{"loss": WrongLoss()}, {"activation": WrongActivation()}], ids=["loss", "activation"]
)
def test_ensembles_check_own_losses_and_activations_before_use(wrong):
    for learn in (NetworkEnsembleRegressor.fit, NetworkEnsembleRegressor.partial_fit):
        with pytest.raises(ConfigError, match="gradient of Wrong"):
            learn(NetworkEnsembleRegressor(**PACK, **wrong), X, X[:, 0])


class MatrixTanh(Tanh):
    """An activation that knows no packs."""

    def value(self, Z, out):
        assert Z.ndim == 2
        return super().value(Z, out)


def test_an_activation_for_matrices_alone_is_refused_where_many_networks_are_trained_at_once():
    NetworkRegressor(epochs=1, activation=MatrixTanh()).fit(X, X[:, 0])
    for many in (NetworkRegressor(batch_ensemble=2), NetworkEnsembleRegressor(**PACK)):
        with pytest.raises(ConfigError, match="MatrixTanh fails in packs"):
            many.set_params(activation=MatrixTanh()).fit(X, X[:, 0])


class NetProfit:
    """Minus the profit of a position tanh(p) in what returns y, at a cost of 0.2 per unit held."""

    def value(self, P, Y):
        position = np.tanh(P)
        return (0.2 * np.abs(position) - position * Y).mean(axis=-1)

    def gradient(self, P, Y):
        position = np.tanh(P)
        return (0.2 * np.sign(position) - Y) * (1.0 - position**2) / P.shape[-1]


TRADERS = [
    NetworkRegressor((8,), activation="tanh", loss=NetProfit(), l2=0.003, epochs=30, random_state=0),
    NetworkRegressor((8,), activation="tanh", loss=NetProfit(), l2=0.003, epochs=30, batch_ensemble=4, random_state=0),
    NetworkEnsembleRegressor(4, activation="tanh", loss=NetProfit(), folds=2, random_state=0),
]


@pytest.mark.parametrize("trader", TRADERS, ids=["network", "shared", "ensemble"])
def test_training_for_net_profit_makes_one_on_rows_not_seen(trader):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((9000, 3))
    edge = 0.3 * X[:, 0]
    y = edge + rng.standard_normal(9000)
    position = np.tanh(clone(trader).fit(X[:3000], y[:3000]).predict(X[3000:]))
    expected = (position * edge[3000:] - 0.2 * np.abs(position)).mean()
    best = np.maximum(np.abs(edge[3000:]) - 0.2, 0.0).mean()
    always = (np.abs(edge[3000:]) - 0.2).mean()
    assert expected > 0.7 * best > always
    assert np.abs(position[np.abs(edge[3000:]) < 0.1]).mean() < 0.5 < np.abs(position[np.abs(edge[3000:]) > 0.4]).mean()
