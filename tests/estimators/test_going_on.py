"""Ensembles go on from what they have learned: by another fit with a warm start."""

import numpy as np
import pytest
from sklearn.base import clone

from finnet.errors import ConfigError, DataError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.saving import model_from_bytes, model_to_bytes

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 4))
Y = (X[:, 0] + 0.5 * RNG.standard_normal(240) > 0).astype(int)
QUICK = {
    "members": 6, "hidden": (8, 8), "folds": 2, "learning_rate": (0.002, 0.01), "epochs": 20, "batch_size": 32,
    "random_state": 0,
}  # fmt: skip
DEEP = {**QUICK, "depth": (1, 2), "dropout": (0.0, 0.2), "normalization": "batch"}


def losses(model, epoch):
    return model.history_[model.history_["epoch"] == epoch].set_index("member")["train_loss"]


def test_after_a_warm_start_chosen_members_go_on_and_the_others_start_anew():
    model = NetworkEnsembleClassifier(**QUICK, warm_start=True).fit(X, Y)
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


def test_a_warm_start_gives_the_same_bits_in_blocks_of_any_size(monkeypatch):
    model = NetworkEnsembleClassifier(**DEEP, warm_start=True).fit(X, Y).fit(X, Y)
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
    with pytest.raises(ConfigError, match="keep the columns"):
        model.fit(X[:, :3], Y)


def test_a_warm_start_may_add_members_and_refuses_to_leave_chosen_ones_out():
    model = NetworkEnsembleClassifier(**{**QUICK, "epochs": 2}, selection="all", warm_start=True).fit(X, Y)
    assert len(model.set_params(members=8).fit(X, Y).members_) == 8
    with pytest.raises(ConfigError, match=r"member 7, which members=7 leaves out; use 8 or more"):
        model.set_params(members=7).fit(X, Y)


@pytest.mark.parametrize("depth", [None, (1, 2)])
def test_a_loaded_ensemble_goes_on(depth):
    model = NetworkEnsembleClassifier(**QUICK, depth=depth).fit(X, Y)
    loaded = model_from_bytes(model_to_bytes(model)).set_params(epochs=1, batch_size=32, warm_start=True, folds=2)
    before = model.network_.values
    loaded.set_params(learning_rate=1e-9, dropout=0.0, l1=0.0, l2=0.0, selection="all").fit(X, Y)
    np.testing.assert_allclose(loaded.network_.values, before, rtol=0, atol=1e-6)
