import matplotlib.pyplot as plt
import numpy as np
import pytest

from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier

X = np.random.default_rng(0).standard_normal((200, 3))
Y = (X[:, 0] > 0).astype(int)
QUICK = {"hidden": (8,), "epochs": 5, "batch_size": 32, "random_state": 0}


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_a_network_shows_both_losses_and_its_best_epoch(axes):
    model = NetworkClassifier(**QUICK, early_stopping=True).fit(X, Y)
    training, validation, best = model.plot_history(axes).lines
    np.testing.assert_array_equal(training.get_ydata(), model.history_["train_loss"])
    np.testing.assert_array_equal(validation.get_ydata(), model.history_["validation_loss"])
    assert best.get_xdata()[0] == model.best_epoch_


def test_the_epoch_that_is_marked_is_the_one_whose_weights_are_kept(axes):
    model = NetworkClassifier(**QUICK, early_stopping=False).fit(X, Y, X_val=X, y_val=1 - Y)
    *_, best = model.plot_history(axes).lines
    assert model.history_["validation_loss"].argmin() == 0
    assert best.get_xdata()[0] == model.best_epoch_ == 5


def test_an_ensemble_shows_its_median_network_and_the_range_of_most(axes):
    model = NetworkEnsembleClassifier(5, **QUICK, folds=2).fit(X, Y)
    _, validation = model.plot_history(axes).lines
    middle = model.history_.groupby("epoch")["validation_loss"].median()
    np.testing.assert_allclose(validation.get_ydata(), middle)
    assert len(axes.collections) == 2
