import numpy as np
import pytest

from finnet.errors import DataError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor, choose_greedily
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


def test_a_backward_range_is_refused():
    with pytest.raises(DataError, match="backwards"):
        NetworkEnsembleClassifier(**QUICK, l2=(1.0, 0.1)).fit(X, Y)


def test_forecast_is_the_average_by_shares_and_spread_its_deviation():
    model = NetworkEnsembleRegressor(**QUICK).fit(X, X[:, 0])
    P = model._member_forecasts(X)
    np.testing.assert_allclose(model.predict(X), np.average(P, axis=0, weights=model.shares_)[:, 0])
    assert model.spread(X).shape == (240, 1)
    assert (model.spread(X) >= 0).all()


def test_without_early_stopping_all_members_count_the_same():
    model = NetworkEnsembleClassifier(**QUICK, early_stopping=False, bagging=True).fit(X, Y)
    np.testing.assert_allclose(model.shares_, 0.25)
    assert "validation_loss" not in model.history_


def test_greedy_choice_leaves_a_useless_member_out():
    truth = RNG.standard_normal((200, 1))
    P = truth + 0.5 * RNG.standard_normal((4, 200, 1))
    P[3] = RNG.standard_normal((200, 1)) * 3
    shares = choose_greedily(P, truth, loss=MeanSquaredError())
    assert shares[3] == 0.0
    assert shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("members", [range(1, 5), range(1, 2)], ids=["in one block", "in several blocks"])
def test_an_interrupt_keeps_what_was_trained(monkeypatch, members):
    gradient, steps = SigmoidCrossEntropy.gradient, iter(range(1000))

    def interrupting(self, P, Y):
        if next(steps) == 12:
            raise KeyboardInterrupt
        return gradient(self, P, Y)

    monkeypatch.setattr(SigmoidCrossEntropy, "gradient", interrupting)
    monkeypatch.setattr("finnet.estimators.ensemble.members_at_once", lambda *_, **__: len(members))
    model = NetworkEnsembleClassifier(**QUICK).fit(X, Y)
    assert model.members_.index.tolist() == [member - 1 for member in members]
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.full
def test_a_planted_product_is_recovered():
    rng = np.random.default_rng(5)
    X, X_test = rng.standard_normal((20_000, 31)), rng.standard_normal((50_000, 31))
    y = rng.random(20_000) < 1 / (1 + np.exp(-X[:, 4] * X[:, 5]))
    up = NetworkEnsembleClassifier(random_state=0).fit(X, y).predict(X_test)
    p = 1 / (1 + np.exp(-X_test[:, 4] * X_test[:, 5]))
    edge = (np.where(up, p, 1 - p).mean() - 0.5) / (np.maximum(p, 1 - p).mean() - 0.5)
    assert edge > 0.95
