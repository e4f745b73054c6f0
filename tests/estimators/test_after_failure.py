"""After a fit that failed, was refused or was interrupted everything is as it was before."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

from finnet.errors import DataError, TrainingError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.saving import model_to_bytes
from finnet.network import Callback

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 4))
QUICK = {"hidden": (8,), "epochs": 2, "batch_size": 32, "random_state": 0}
CLASSIFIERS = [NetworkClassifier(**QUICK), NetworkEnsembleClassifier(3, folds=2, **QUICK)]
REGRESSORS = [NetworkRegressor(**QUICK), NetworkEnsembleRegressor(3, folds=2, **QUICK)]

every_estimator = pytest.mark.parametrize("estimator", [*CLASSIFIERS, *REGRESSORS], ids=lambda e: type(e).__name__)


class Interrupt(Callback):
    def on_start(self, network, *, epochs):
        raise KeyboardInterrupt


BREAKS = {
    "diverges": ({"learning_rate": 1e38}, TrainingError),
    "is refused": ({"hidden": (0,)}, ValueError),
    "is interrupted": ({"callbacks": (Interrupt(),)}, KeyboardInterrupt),
}


def targets(estimator, names=("down", "up")):
    return np.where(X[:, 0] > 0, names[1], names[0]) if is_classifier(estimator) else X[:, 0]


@pytest.mark.parametrize(("settings", "error"), BREAKS.values(), ids=BREAKS)
@every_estimator
def test_the_fit_before_stands_where_another(estimator, settings, error):
    model = clone(estimator).fit(X, targets(estimator))
    before = model.predict(X)
    with pytest.raises(error):
        model.set_params(**settings).fit(X[:, :3], targets(estimator, ("x", "y")))
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.n_features_in_ == 4


USES = {
    "predict": lambda model: model.predict(X),
    "score": lambda model: model.score(X, X[:, 0]),
    "summary": lambda model: model.summary(),
    "save": model_to_bytes,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@every_estimator
def test_what_was_never_fitted_says_so(estimator, use):
    model = clone(estimator).set_params(learning_rate=1e38)
    with pytest.raises(NotFittedError):
        use(model)
    with pytest.raises(TrainingError):
        model.fit(X, targets(estimator))
    with pytest.raises(NotFittedError):
        use(model)


@pytest.mark.parametrize("name", ["history_", "n_iter_", "diagnostics_", "advice_"])
@every_estimator
def test_what_was_never_trained_has_no_history_and_says_so(estimator, name):
    with pytest.raises(AttributeError, match="has not been trained; call fit first"):
        getattr(clone(estimator), name)


@every_estimator
def test_rows_that_are_refused_do_not_end_a_stream(estimator):
    plain, interrupted = (clone(estimator).partial_fit(X, targets(estimator)) for _ in range(2))
    with pytest.raises(ValueError, match="NaN"):
        interrupted.partial_fit(np.full((2, 4), np.nan), targets(estimator)[:2])
    models = [model.partial_fit(X, targets(estimator)) for model in (plain, interrupted)]
    np.testing.assert_array_equal(models[0].network_.values, models[1].network_.values)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=["network", "ensemble"])
def test_a_stream_that_starts_with_one_class_asks_for_all_and_can_start_again(estimator):
    model, y = clone(estimator), targets(estimator)
    with pytest.raises(DataError, match=r"one class only, 'up'; name all .* in the first call, as classes=\[...\]"):
        model.partial_fit(X[y == "up"], y[y == "up"])
    assert model.partial_fit(X, y).classes_.tolist() == ["down", "up"]


@pytest.mark.parametrize("classes", ["up", {"down", "up"}, [["down", "up"]], []], ids=["text", "set", "table", "none"])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=["network", "ensemble"])
def test_classes_that_are_no_row_of_labels_are_named(estimator, classes):
    with pytest.raises(DataError, match=r"classes is no row of labels, but has shape .*; write a list, as \[0, 1\]"):
        clone(estimator).partial_fit(X, targets(estimator), classes=classes)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=["network", "ensemble"])
def test_a_stream_takes_no_other_classes_once_it_has_begun(estimator):
    y = targets(estimator)
    model = clone(estimator).partial_fit(X, y, classes=["up", "down"]).partial_fit(X, y, classes=["down", "up"])
    with pytest.raises(DataError, match=r"classes=.*'flat'.* are not those that the network tells apart, \['down'"):
        model.partial_fit(X, y, classes=["up", "down", "flat"])
