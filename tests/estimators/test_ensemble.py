import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.metrics import roc_auc_score

from finnet.errors import ConfigError, FinnetWarning, TrainingError
from finnet.estimators import ensemble_base as module
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.members import choose_greedily
from finnet.network import Callback, EarlyStopping
from finnet.network.losses import MeanSquaredError, SigmoidCrossEntropy

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 4))
Y = (X[:, 0] + 0.5 * RNG.standard_normal(240) > 0).astype(int)
QUICK = {"members": 4, "hidden": (8,), "folds": 2, "epochs": 8, "batch_size": 32, "random_state": 0}


def test_every_row_judges_once_per_fold_and_never_its_own_learners():
    model = NetworkEnsembleClassifier(**QUICK)
    learned, judged = model._divide(Y, np.random.default_rng(0))
    assert sorted(judged.ravel()) == list(range(240))
    for own, others in zip(judged, learned, strict=True):
        assert not set(own) & set(others)


def test_every_row_judges_where_there_are_rows_for_as_many_folds_as_members():
    model = NetworkEnsembleClassifier(**{**QUICK, "members": 3, "folds": 100}).fit(X[:120], Y[:120])
    assert model.members_["fold"].tolist() == [0, 1, 2]


def test_given_validation_rows_judge_all_members():
    model = NetworkEnsembleClassifier(**QUICK).fit(X[:160], Y[:160], X_val=X[160:], y_val=Y[160:])
    assert (model.members_["fold"] == 0).all()
    assert model.members_["share"].sum() == pytest.approx(1.0)


def test_last_rows_judge_for_rows_in_time():
    model = NetworkEnsembleClassifier(**QUICK, validation="last")
    learned, judged = model._divide(Y, np.random.default_rng(0))
    assert learned.max() < judged.min()


def test_settings_are_drawn_within_their_ranges():
    model = NetworkEnsembleClassifier(**QUICK, learning_rate=(1e-3, 1e-2), dropout=(0.0, 0.3), l1=0.0).fit(X, Y)
    assert model.members_["learning_rate"].between(1e-3, 1e-2).all()
    assert model.members_["dropout"].between(0.0, 0.3).all()
    assert (model.members_["l1"] == 0.0).all()


def test_forecast_is_the_average_by_shares_and_spread_its_deviation():
    model = NetworkEnsembleRegressor(**QUICK).fit(X, X[:, 0])
    P = model._network_forecasts(X)
    np.testing.assert_allclose(model.predict(X), np.average(P, axis=0, weights=model.shares_)[:, 0])
    assert model.spread(X).shape == (240, 1)
    assert (model.spread(X) >= 0).all()


def test_without_early_stopping_all_members_count_the_same():
    model = NetworkEnsembleClassifier(**QUICK, early_stopping=False, bagging=True).fit(X, Y)
    np.testing.assert_allclose(model.shares_, 0.25)
    assert "validation_loss" not in model.history_


def test_validation_loss_is_that_of_the_weights_kept():
    settings = {**QUICK, "early_stopping": False, "epochs": 40, "learning_rate": 0.05}
    model = NetworkEnsembleRegressor(**settings).fit(X[:40], X[:40, 0], X_val=X[40:], y_val=X[40:, 0])
    last = model.history_.groupby("member")["validation_loss"].last()
    best = model.history_.groupby("member")["validation_loss"].min()
    np.testing.assert_array_equal(model.members_["validation_loss"], last)
    assert (best < last).any()


def test_greedy_choice_leaves_a_useless_member_out():
    truth = RNG.standard_normal((200, 1))
    P = truth + 0.5 * RNG.standard_normal((4, 200, 1))
    P[3] = RNG.standard_normal((200, 1)) * 3
    shares = choose_greedily(P, truth, loss=MeanSquaredError())
    assert shares[3] == 0.0
    assert shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("members", "step"),
    [(range(1, 5), 12), (range(1, 2), 12), (range(1, 3), 8 * 4 * 2 + 1)],
    ids=["in one block", "in the first of several blocks", "in the first epoch of a later block"],
)
def test_an_interrupt_keeps_what_was_trained(monkeypatch, members, step):
    gradient, steps = SigmoidCrossEntropy.gradient, iter(range(1000))

    def interrupting(self, P, Y):
        if next(steps) == step:
            raise KeyboardInterrupt
        return gradient(self, P, Y)

    monkeypatch.setattr(SigmoidCrossEntropy, "gradient", interrupting)
    monkeypatch.setattr(
        "finnet.estimators.ensemble_base.members_at_once", lambda *_, **__: 4 if len(members) == 4 else 1
    )
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    assert model.members_.index.tolist() == [member - 1 for member in members]
    assert np.isfinite(model.predict_proba(X)).all()


def test_an_interrupt_keeps_blocks_that_came_before_earlier_ones(monkeypatch):
    """Blocks of one member each, of which other processes finish 2 and then 0 before the user interrupts."""

    class Interrupted:
        def __init__(self, **_):
            pass

        def __call__(self, work):
            for function, arguments, settings in (work[2], work[0]):
                yield function(*arguments, **settings)
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "members_at_once", lambda *_, **__: 1)
    whole = NetworkEnsembleClassifier(**QUICK, selection="all").fit(X, Y)
    monkeypatch.setattr("finnet.estimators.fit_checks.Parallel", Interrupted)
    cut = NetworkEnsembleClassifier(**QUICK, selection="all").fit(X, Y)
    assert cut.members_.index.tolist() == sorted(cut._histories) == [0, 2]
    pd.testing.assert_frame_equal(cut.members_.drop(columns="share"), whole.members_.drop(columns="share").loc[[0, 2]])
    np.testing.assert_array_equal(cut.network_.values, whole.network_.values[[0, 2]])


@pytest.mark.parametrize("size", [1, 2, 4])
def test_members_that_diverge_leave_the_others_whatever_their_company(monkeypatch, size):
    monkeypatch.setattr(module, "members_at_once", lambda *_, **__: size)
    settings = {**QUICK, "optimizer": "sgd", "learning_rate": (1e-3, 100.0), "early_stopping": False}
    with pytest.warns(FinnetWarning, match="3 of 4 networks diverged"):
        model = NetworkEnsembleRegressor(**settings).fit(X, X[:, 0])
    assert model.members_["best_epoch"].tolist() == [0, 0, 8, 0]
    assert np.isfinite(model.predict(X)).all()


def test_an_ensemble_all_of_whose_packs_diverge_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "members_at_once", lambda *_, **__: 2)
    settings = {**QUICK, "optimizer": "sgd", "learning_rate": 1e9, "early_stopping": False}
    with pytest.raises(TrainingError, match="diverged in every member"):
        NetworkEnsembleRegressor(**settings).fit(X, X[:, 0])


@pytest.mark.full
def test_a_planted_product_is_recovered():
    rng = np.random.default_rng(5)
    X, X_test = rng.standard_normal((20_000, 31)), rng.standard_normal((50_000, 31))
    y = rng.random(20_000) < 1 / (1 + np.exp(-X[:, 4] * X[:, 5]))
    up = NetworkEnsembleClassifier(random_state=0).fit(X, y).predict(X_test)
    p = 1 / (1 + np.exp(-X_test[:, 4] * X_test[:, 5]))
    edge = (np.where(up, p, 1 - p).mean() - 0.5) / (np.maximum(p, 1 - p).mean() - 0.5)
    assert edge > 0.95


def test_diagnostics_hold_every_member_epoch_and_layer():
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    epochs = model.history_.groupby("member").size()
    assert model.diagnostics_.groupby("member").size().tolist() == (2 * epochs).tolist()
    assert model.advice_ == []


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_of_members_that_are_sure_are_probabilities(n_classes):
    y = np.repeat(np.arange(n_classes), 20)
    sure = {"members": 48, "hidden": (), "learning_rate": 0.3, "l1": 0.0, "l2": 0.0, "early_stopping": False}
    model = NetworkEnsembleClassifier(**sure, epochs=100, random_state=0).fit(8.0 * np.eye(n_classes)[y], y)
    P = model.predict_proba(40.0 * np.eye(n_classes)[y])
    assert P.min() >= 0.0
    assert P.max() <= 1.0
    np.testing.assert_allclose(P.sum(axis=1), 1.0, rtol=1e-15)


def test_members_that_learn_by_dropout_are_judged_without_it():
    y = (X[:, 0] > 0).astype(int)
    wide = {**QUICK, "hidden": (32, 32, 32), "dropout": 0.7, "early_stopping": False, "l1": 0.0, "l2": 0.0}
    model = NetworkEnsembleClassifier(**{**wide, "epochs": 20}, learning_rate=(0.001, 0.003)).fit(X, y)
    assert model.history_.groupby("member")["train_loss"].last().median() > np.log(2.0)
    assert model.score(X, y) > 0.8
    assert model.advice_ == []


def test_of_random_restarts_the_best_is_kept():
    same = {"learning_rate": 1e-2, "dropout": 0.0, "l1": 0.0, "l2": 0.0, "folds": 1, "selection": "best"}
    model = NetworkEnsembleClassifier(**{**QUICK, **same}).fit(X, Y)
    best = model.members_["validation_loss"].idxmin()
    assert model.members_["validation_loss"].nunique() == len(model.members_)
    assert model.members_["share"].tolist() == [float(member == best) for member in model.members_.index]
    assert (model.network_.members, model.shares_.tolist()) == (1, [1.0])


def test_layers_are_those_of_the_chosen_in_their_last_epoch():
    model = NetworkEnsembleClassifier(**QUICK, selection="all").fit(X, Y)
    last = model.diagnostics_.groupby(["member", "layer"])["gradient_norm"].last()
    np.testing.assert_allclose(model.layers_.set_index("layer")["gradient_norm"], last.groupby("layer").median())


def test_advice_speaks_of_most_members():
    deep = {**QUICK, "hidden": (8,) * 10, "activation": "sigmoid"}
    assert any("vanish" in sentence for sentence in NetworkEnsembleClassifier(**deep).fit(X, Y).advice_)
    wide = {**QUICK, "epochs": 60, "hidden": (128,), "learning_rate": 0.03, "l1": 0.0, "l2": 0.0, "dropout": 0.0}
    model, y = NetworkEnsembleClassifier(**wide, selection="all"), np.random.default_rng(0).permutation(Y)
    for early_stopping in (False, EarlyStopping(patience=60)):
        model.set_params(early_stopping=early_stopping).fit(X[:160], y[:160], X_val=X[160:], y_val=y[160:])
        overfits = any("4 of 4 networks overfit" in sentence for sentence in model.advice_)
        assert overfits == (early_stopping is False)


def test_advice_for_one_network_does_not_count_it():
    model = NetworkEnsembleClassifier(**{**QUICK, "members": 1, "learning_rate": 1e-9})
    told = model.fit(0 * X[:160], Y[:160], X_val=0 * X[160:], y_val=Y[160:]).advice_
    assert any(sentence.startswith("the network has learned nothing: its ") for sentence in told)


def test_layers_that_members_pass_by_are_not_called_dead():
    varied = {"hidden": (16,) * 4, "depth": (1, 4), "selection": "all", "activation": "relu", "batch_size": 64}
    model = NetworkEnsembleClassifier(9, **varied, folds=2, epochs=5, random_state=3).fit(X, Y)
    assert (model.members_["depth"] < 4).sum() > 4
    assert not any("dead" in sentence for sentence in model.advice_)


class Watching(Callback):
    def __init__(self, stop_after):
        self.stop_after, self.moments = stop_after, []

    def on_start(self, network, *, epochs):
        self.moments.append("start")

    def on_epoch_end(self, network, history):
        self.moments.append(len(history.train_loss))
        return len(history) >= self.stop_after

    def on_end(self, network, history):
        self.moments.append("end")


def test_callbacks_watch_every_pack_and_may_end_it():
    watching = Watching(stop_after=2)
    model = NetworkEnsembleClassifier(**QUICK, callbacks=(watching,)).fit(X, Y)
    assert watching.moments == ["start", 1, 2, "end"]
    assert model.n_iter_ == 2


def test_callbacks_do_not_cross_processes():
    with pytest.raises(ConfigError, match="n_jobs=1"):
        NetworkEnsembleClassifier(**QUICK, callbacks=(Watching(1),), n_jobs=2).fit(X, Y)


def test_a_backend_that_hands_over_no_blocks_one_by_one_is_named():
    with parallel_config(backend="multiprocessing"), pytest.raises(ConfigError, match="use the backend loky"):
        NetworkEnsembleClassifier(**QUICK, n_jobs=2).fit(X, Y)


def test_two_processes_share_members_that_one_pack_could_hold(monkeypatch):
    blocks = []
    train_block = NetworkEnsembleClassifier._train_block
    monkeypatch.setattr(
        NetworkEnsembleClassifier, "_train_block",
        lambda self, block, *rest, k: blocks.append(len(block.rngs)) or train_block(self, block, *rest, k=k),
    )  # fmt: skip
    monkeypatch.setattr(module, "effective_n_jobs", lambda n_jobs: 2)
    NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    assert blocks == [2, 2]


@pytest.mark.parametrize("loss", ["focal", "mse"])
def test_other_losses_order_rows_as_well(loss):
    model = NetworkEnsembleClassifier(**{**QUICK, "epochs": 80}, learning_rate=0.02, loss=loss).fit(X, Y)
    assert roc_auc_score(Y, model.predict_proba(X)[:, 1]) > 0.85


def test_focal_loss_is_for_two_classes():
    with pytest.raises(ConfigError, match="two classes"):
        NetworkEnsembleClassifier(**QUICK, loss="focal").fit(X, np.arange(len(X)) % 3)
