"""Ensembles go on from what they have learned: by another fit with a warm start, or with rows as they come."""

import contextlib
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from finnet.errors import ConfigError, DataError, FinnetWarning, TrainingError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.network import SGD
from finnet.network.batches import Examples
from finnet.network.history import History
from finnet.network.layers import Activate
from finnet.network.losses import MeanSquaredError
from finnet.network.model import dense_network
from finnet.network.training import Trainer, Training

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 4))
Y = (X[:, 0] + 0.5 * RNG.standard_normal(240) > 0).astype(int)
QUICK = {
    "members": 6, "hidden": (8, 8), "folds": 2, "learning_rate": (0.002, 0.01), "epochs": 20, "batch_size": 32,
    "random_state": 0,
}  # fmt: skip
VARIED = {**QUICK, "optimizer": "adamw", "weight_decay": (0.1, 10.0), "patience": (2, 5)}
DEEP = {**QUICK, "depth": (1, 2), "dropout": (0.0, 0.2), "normalization": "batch"}


def losses(model, epoch):
    return model.history_[model.history_["epoch"] == epoch].set_index("member")["train_loss"]


def test_after_a_warm_start_chosen_members_go_on_and_the_others_start_anew():
    model = NetworkEnsembleClassifier(**QUICK, selection="greedy", warm_start=True).fit(X, Y)
    chosen, first, reached = model.members_["share"] > 0, losses(model, 1), losses(model, 20)
    assert 0 < chosen.sum() < 6
    again = losses(model.fit(X, Y), 1)
    assert (again[chosen] < 1.2 * reached[chosen]).all()
    assert (again[chosen] < 0.8 * first[chosen]).all()
    np.testing.assert_array_equal(again[~chosen], first[~chosen])


def test_without_a_warm_start_another_fit_is_the_first_one_again():
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    first = model.predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, Y).predict_proba(X), first)


def test_after_a_warm_start_members_are_judged_by_rows_that_they_have_never_learned_from():
    model = NetworkEnsembleRegressor(**QUICK, bagging=True, warm_start=True)
    plans = []
    model._train_blocks = lambda blocks, *rest: plans.append(blocks) or type(model)._train_blocks(model, blocks, *rest)
    first, second = (model.fit(X, X[:, 0]).members_ for _ in range(2))
    settings = ["learning_rate", "dropout", "l1", "l2", "depth", "fold"]
    np.testing.assert_array_equal(first[settings], second[settings])
    for before, after in zip(*plans, strict=True):
        for learned, judged in zip(before.learning.rows, after.validation.rows, strict=True):
            assert not set(learned) & set(judged)


@pytest.mark.parametrize("selection", ["all", "greedy"])
def test_a_warm_start_keeps_the_depth_of_chosen_members_whatever_is_drawn(selection):
    model = NetworkEnsembleClassifier(**{**DEEP, "random_state": None}, selection=selection, warm_start=True)
    for _ in range(3):
        chosen = model.fit(X, Y).members_["share"] > 0
        before = model.members_["depth"]
        assert (model.fit(X, Y).members_["depth"][chosen] == before[chosen]).all()


@pytest.mark.parametrize("settings", [DEEP, VARIED], ids=["deep", "varied"])
def test_a_warm_start_gives_the_same_bits_in_blocks_of_any_size(monkeypatch, settings):
    model = NetworkEnsembleClassifier(**settings, warm_start=True).fit(X, Y).fit(X, Y)
    monkeypatch.setattr("finnet.estimators.ensemble_base.members_at_once", lambda *_, **__: 2)
    blocks = clone(model).fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(blocks.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("change", [{"hidden": (8,)}, {"hidden": (16, 8, 8)}, {"normalization": "layer"}], ids=str)
def test_a_warm_start_with_other_layers_is_refused(change):
    model = NetworkEnsembleClassifier(**{**QUICK, "epochs": 1}, warm_start=True).fit(X, Y)
    with pytest.raises(ConfigError, match="whose layers are others"):
        model.set_params(**change).fit(X, Y)


def test_a_warm_start_with_other_columns_or_classes_is_refused():
    model = NetworkEnsembleClassifier(**{**QUICK, "epochs": 1}, warm_start=True).fit(X, Y)
    with pytest.raises(DataError, match="goes on with classes"):
        model.fit(X, Y + 1)
    with pytest.raises(ValueError, match="X has 3 features, but NetworkEnsembleClassifier is expecting 4"):
        model.fit(X[:, :3], Y)


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkEnsembleClassifier])
def test_a_warm_start_with_columns_in_another_order_is_refused(kind):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = kind(hidden=(8,), epochs=1, warm_start=True, random_state=0).fit(frame, Y)
    with pytest.raises(ValueError, match="names must be in the same order"):
        model.fit(frame[list("dcba")], Y)
    assert model.fit(frame, Y).feature_names_in_.tolist() == list("abcd")


def test_a_warm_start_may_add_members_and_refuses_to_leave_chosen_ones_out():
    model = NetworkEnsembleClassifier(**{**QUICK, "epochs": 2}, selection="all", warm_start=True).fit(X, Y)
    assert len(model.set_params(members=8).fit(X, Y).members_) == 8
    with pytest.raises(ConfigError, match=r"member 7, which members=7 leaves out; use 8 or more"):
        model.set_params(members=7).fit(X, Y)


@pytest.mark.parametrize("depth", [None, (1, 2)])
def test_a_loaded_ensemble_goes_on_by_the_same_bits(depth):
    model = NetworkEnsembleClassifier(**QUICK, selection="greedy", depth=depth, warm_start=True).fit(X, Y)
    loaded = model_from_bytes(model_to_bytes(model))
    assert 1 < len(loaded.shares_) < 6
    np.testing.assert_array_equal(loaded.fit(X, Y).predict_proba(X), model.fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("members", [6, 1], ids=["folds", "a block"])
def test_a_warm_start_judges_by_rows_that_were_never_learned_from_whatever_is_drawn(members):
    model = NetworkEnsembleRegressor(**{**QUICK, "random_state": None, "members": members}, warm_start=True)
    plans = []
    model._train_blocks = lambda blocks, *rest: plans.append(blocks) or type(model)._train_blocks(model, blocks, *rest)
    for _ in range(2):
        model.fit(X, X[:, 0])
    for before, after in zip(*plans, strict=True):
        np.testing.assert_array_equal(before.validation.rows, after.validation.rows)


def in_chunks(model, X, y, size=60, **options):
    for start in range(0, len(X), size):
        model = model.partial_fit(X[start : start + size], y[start : start + size], **options)
    return model


@pytest.mark.parametrize("optimizer", ["adamw", SGD(learning_rate=7.0, momentum=0.9)], ids=repr)
@pytest.mark.parametrize("settings", [QUICK, DEEP], ids=["plain", "deep"])
def test_rows_that_come_at_once_teach_what_one_epoch_of_fit_does(settings, optimizer):
    options = {"epochs": 1, "early_stopping": False, "dtype": "float64"}
    model = NetworkEnsembleClassifier(**{**settings, **options}, optimizer=optimizer)
    online = clone(model).partial_fit(X, Y)
    np.testing.assert_allclose(online.network_.values, model.fit(X, Y).network_.values, rtol=1e-9, atol=1e-9)
    columns = ["learning_rate", "dropout", "l1", "l2", "depth", "best_epoch", "share"]
    np.testing.assert_allclose(online.members_[columns], model.members_[columns])


def test_members_learn_online_with_their_own_weight_decay():
    model = NetworkEnsembleClassifier(**{**VARIED, "patience": None, "epochs": 1}, early_stopping=False)
    online = clone(model).partial_fit(X, Y)
    np.testing.assert_allclose(online.network_.values, model.fit(X, Y).network_.values, rtol=1e-5, atol=1e-6)
    assert online.members_["weight_decay"].equals(model.members_["weight_decay"])
    shared = clone(model).set_params(weight_decay=None).partial_fit(X, Y)
    assert np.abs(online.network_.values - shared.network_.values).max() > 0.01


def test_a_warm_start_keeps_weight_decay_and_patience():
    model = NetworkEnsembleClassifier(**VARIED, warm_start=True).fit(X, Y)
    before, settings = model.members_, ["weight_decay", "patience"]
    assert model.fit(X, Y).members_[settings].equals(before[settings])


def test_members_learn_online_as_they_would_in_other_company():
    few, many = (in_chunks(NetworkEnsembleRegressor(**{**DEEP, "members": n}), X, X[:, 0]) for n in (2, 6))
    np.testing.assert_array_equal(few.network_.values, many.network_.values[:2])


def test_an_ensemble_follows_a_stream():
    model = NetworkEnsembleClassifier(**QUICK)
    for _ in range(20):
        in_chunks(model, X, Y, classes=[0, 1])
    assert model.score(X, Y) > 0.85
    assert model.n_iter_ == 80
    assert len(model.history_) == 6 * 80
    assert (model.members_["best_epoch"] == 80).all()


def test_an_ensemble_is_judged_by_a_chunk_before_it_learns_from_it():
    settings = {**QUICK, "batch_size": 240, "dropout": 0.0}  # one step per call: the training loss is that before it
    model = NetworkEnsembleRegressor(**settings)
    for _ in range(3):
        model.partial_fit(X, X[:, 0])
    np.testing.assert_allclose(model.history_["validation_loss"], model.history_["train_loss"], rtol=1e-5)
    last = model.history_[model.history_["epoch"] == 3]["validation_loss"]
    np.testing.assert_array_equal(model.members_["validation_loss"], last)


def test_after_a_fit_the_chosen_members_learn_online_and_keep_their_shares():
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    before, shares = model.predict_proba(X), model.members_["share"][model.members_["share"] > 0]
    model.partial_fit(X[:32], Y[:32])
    assert 0 < np.abs(model.predict_proba(X) - before).max() < 0.1
    assert model.members_["share"].to_dict() == shares.to_dict()
    assert set(model.history_["member"]) == set(model.diagnostics_["member"]) == set(shares.index)


@pytest.mark.parametrize("settings", [{**VARIED, "depth": (1, 2)}, {**DEEP, "selection": "all"}], ids=["varied", "all"])
def test_members_learn_online_with_the_settings_that_they_were_fitted_with_whatever_is_drawn(settings):
    model = NetworkEnsembleClassifier(**{**settings, "random_state": None}).fit(X, Y)
    columns = [*model.members_.columns.drop(["best_epoch", "validation_loss", "share"])]
    fitted = model.members_.loc[model.members_["share"] > 0, columns]
    assert model.partial_fit(X[:32], Y[:32]).members_[columns].equals(fitted)
    (rates,) = {layer.dropout for layer in model.network_.layers if isinstance(layer, Activate)}
    assert rates == tuple(fitted["dropout"])


def test_settings_changed_after_a_fit_hold_for_the_stream():
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    dropout = model.members_["dropout"][model.members_["share"] > 0]
    table = model.set_params(learning_rate=1e-4).partial_fit(X[:32], Y[:32]).members_
    assert (table["learning_rate"] == 1e-4).all()
    assert table["dropout"].equals(dropout)


def test_in_a_stream_that_drifts_nothing_overfits():
    model, rng = NetworkEnsembleClassifier(**QUICK), np.random.default_rng(0)
    for chunk in range(20):
        model.partial_fit(X, Y if chunk < 8 else rng.permutation(Y))
    losses = model.history_.groupby("epoch")["validation_loss"].median()
    assert losses[20] > 1.3 * losses.min()
    assert not any("overfit" in sentence for sentence in model.advice_)


def test_a_fit_after_a_stream_goes_on_with_a_warm_start_alone():
    model = in_chunks(NetworkEnsembleClassifier(**QUICK), X, Y)
    for _ in range(20):
        in_chunks(model, X, Y)
    new = clone(model).fit(X, Y)
    warm = pickle.loads(pickle.dumps(model)).set_params(warm_start=True).fit(X, Y)
    assert (losses(warm, 1) < 0.8 * losses(new, 1)).all()
    np.testing.assert_array_equal(model.fit(X, Y).predict_proba(X), new.predict_proba(X))
    np.testing.assert_array_equal(model.partial_fit(X, Y).predict_proba(X), new.partial_fit(X, Y).predict_proba(X))


def test_a_stored_ensemble_learns_on_by_the_same_bits():
    model = in_chunks(NetworkEnsembleClassifier(**DEEP, bagging=True), X[:120], Y[:120])
    stored = in_chunks(pickle.loads(pickle.dumps(model)), X[120:], Y[120:])
    np.testing.assert_array_equal(stored.network_.values, in_chunks(model, X[120:], Y[120:]).network_.values)


def test_a_loaded_ensemble_without_a_seed_learns_on_with_the_settings_that_it_was_fitted_with():
    own = {"optimizer": "adamw", "weight_decay": (1e-3, 1.0), "patience": (2, 9)}
    model = NetworkEnsembleClassifier(**{**QUICK, "random_state": None}, **own).fit(X, Y)
    loaded = model_from_bytes(model_to_bytes(model))
    assert model_to_bytes(loaded) == model_to_bytes(model)
    fitted = model.members_[model.members_["share"] > 0.0]
    names = ["learning_rate", "dropout", "l1", "l2", "weight_decay", "patience", "depth", "fold"]
    pd.testing.assert_frame_equal(loaded.partial_fit(X[:32], Y[:32]).members_[names], fitted[names])


@pytest.mark.parametrize("settings", [QUICK, {**QUICK, "depth": (1, 2)}, VARIED], ids=["plain", "deep", "varied"])
def test_a_loaded_ensemble_learns_on_by_the_same_bits(settings):
    model = NetworkEnsembleClassifier(**settings).fit(X, Y)
    loaded = model_from_bytes(model_to_bytes(model))
    online, straight = (copy.partial_fit(X[:32], Y[:32]) for copy in (loaded, model))
    np.testing.assert_array_equal(online.predict_proba(X), straight.predict_proba(X))
    assert online.members_.equals(straight.members_)


@pytest.mark.parametrize(("n_rows", "is_same"), [(1, True), (60, False)])
def test_with_bagging_members_draw_from_the_rows_that_come(n_rows, is_same):
    bagged, plain = (
        NetworkEnsembleRegressor(**QUICK, bagging=bagging).partial_fit(X[:n_rows], X[:n_rows, 0])
        for bagging in (True, False)
    )
    assert np.array_equal(bagged.network_.values, plain.network_.values) == is_same


def test_a_member_that_diverges_leaves_its_share_to_the_others():
    model = NetworkEnsembleRegressor(**{**QUICK, "learning_rate": (1e-3, 1e6)}, optimizer="sgd")
    with pytest.warns(FinnetWarning, match=r"[1-5] of 6 members diverged and left: lower the learning rates"):
        model.partial_fit(X, X[:, 0])
    learning = model.members_["share"] > 0
    assert learning[model.members_["learning_rate"].idxmin()]
    assert not learning[model.members_["learning_rate"].idxmax()]
    np.testing.assert_allclose(model.members_["share"][learning], 1 / learning.sum())
    assert len(model.shares_) == model.network_.members == learning.sum()
    assert np.isfinite(model.predict(X)).all()
    assert set(model.history_["member"]) == set(model.members_.index[learning])


@pytest.mark.parametrize("scale", [1e15, 1e30])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_stream_in_which_all_members_diverge_leaves_the_ensemble_as_it_was(early_stopping, scale):
    model = NetworkEnsembleRegressor(**QUICK, optimizer="sgd", early_stopping=early_stopping).partial_fit(X, X[:, 0])
    before, table = model.predict(X), model.members_
    with pytest.raises(TrainingError, match="diverged in every member"):
        model.partial_fit(X, scale * X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.members_.equals(table)
    assert len(model.history_) == 6
    assert np.isfinite(model.partial_fit(X, X[:, 0]).predict(X)).all()


@pytest.mark.parametrize("wrong", [{"members": 0}, {"l1": -1.0}, {"learning_rate": (0.1, 0.01)}], ids=str)
def test_settings_that_cannot_be_are_refused_online_too(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        NetworkEnsembleRegressor(**{**QUICK, **wrong}).partial_fit(X, X[:, 0])


@pytest.mark.parametrize("make", [NetworkRegressor, lambda **own: NetworkEnsembleRegressor(2, **own)])
def test_a_stream_does_not_go_on_in_another_type_of_numbers(make):
    model = make(hidden=(8,), random_state=0).partial_fit(X, X[:, 0])
    before = model.predict(X)
    with pytest.raises(ConfigError, match="dtype='float64' was set after the stream was begun in float32; set it back"):
        model.set_params(dtype="float64").partial_fit(X, X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)
    assert not np.array_equal(model.set_params(dtype="float32").partial_fit(X, X[:, 0]).predict(X), before)


def test_a_step_beyond_the_finite_numbers_is_not_in_the_history():
    network = dense_network((4, 1))
    trainer = Trainer(network, MeanSquaredError(), Training(batch_size=240, optimizer=SGD(learning_rate=1e39)))
    with pytest.raises(TrainingError):
        trainer.learn(Examples(X.astype("float32"), X[:, :1].astype("float32")), rng=RNG)
    assert repr(trainer.history) == repr(History())  # unknown losses are NaN, which equals nothing


@pytest.mark.parametrize("step", [2, 13])
@pytest.mark.parametrize("make", [NetworkRegressor, lambda **own: NetworkEnsembleRegressor(2, **own)])
def test_a_stream_that_is_interrupted_goes_on_with_all_that_it_had(make, step, monkeypatch):
    model = make(hidden=(8,), batch_size=24, random_state=0).partial_fit(X, X[:, 0])
    before, gradient, calls = model.predict(X), MeanSquaredError.gradient, iter(range(99))

    def interrupting(self, P, Y):
        if next(calls) == step:
            raise KeyboardInterrupt
        return gradient(self, P, Y)

    monkeypatch.setattr(MeanSquaredError, "gradient", interrupting)
    for _ in range(2):
        with contextlib.suppress(KeyboardInterrupt):
            model.partial_fit(X, X[:, 0])
    assert model.n_iter_ == 2
    trainers = [own.trainer for own in model._online._learners] if hasattr(model, "_online") else [model._trainer]
    assert [trainer.updater.time for trainer in trainers] == [20] * len(trainers)
    assert not np.array_equal(model.predict(X), before)


def test_a_stream_in_which_a_network_diverges_counts_anew():
    model = NetworkRegressor((8,), optimizer="sgd", random_state=0).partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    with pytest.raises(TrainingError):
        model.partial_fit(X, 1e30 * X[:, 0])
    assert model.n_iter_ == 2
    assert model.partial_fit(X, X[:, 0]).n_iter_ == 1


def test_a_network_taken_from_an_ensemble_does_not_learn_on():
    model = NetworkEnsembleClassifier(**QUICK).partial_fit(X, Y)
    network, values = model.network_, model.network_.values.copy()
    model.partial_fit(X, Y)
    np.testing.assert_array_equal(network.values, values)
