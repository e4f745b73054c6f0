"""Classifiers forecast the labels that they were given, and say what they cannot tell apart."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import pack, unpack
from finnet.estimators.baselines import CappedSVC, decision_tree
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.tuning import TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.fitting import InnerFolds
from tests.estimators.checks import OTHERS

CLASSIFIERS = [estimator for estimator in OTHERS if is_classifier(estimator)]
BINARY = [CappedSVC(), PriorRate(), AlwaysUp(), Persistence(0), BestColumn()]
WRAPPED = [estimator for estimator in CLASSIFIERS if hasattr(estimator, "classifier")]
X = np.random.default_rng(0).standard_normal((200, 3))
y = (X[:, 0] > 0.1).astype(int)
TABLE = pd.DataFrame(X, columns=["x0", "x1", "x2"])


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_other_labels_get_the_same_probabilities(model):
    named = clone(model).fit(X, np.array(["down", "up"])[y])
    coded = clone(model).fit(X, y)
    np.testing.assert_array_equal(named.predict_proba(X), coded.predict_proba(X))
    assert named.predict(X).tolist() == np.array(["down", "up"])[coded.predict(X)].tolist()


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_score_is_the_share_of_right_forecasts(model):
    model = clone(model).fit(X, y)
    assert model.score(X, y) == np.mean(model.predict(X) == y)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_columns_are_counted_and_named(model):
    model = clone(model).fit(TABLE, y)
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == ["x0", "x1", "x2"]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_an_unfitted_model_forecasts_nothing(model):
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


@pytest.mark.parametrize("model", BINARY, ids=repr)
def test_three_labels_are_refused_where_two_are_told_apart(model):
    with pytest.raises(DataError, match="Only binary classification is supported"):
        clone(model).fit(X, np.arange(200) % 3)


@pytest.mark.parametrize("model", [PriorRate(), AlwaysUp()], ids=repr)
def test_training_rows_may_lack_a_zero_or_a_one(model):
    assert model.fit(X, np.ones(200, int)).predict_proba(X).shape == (200, 2)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("model", WRAPPED, ids=repr)
def test_a_wrapper_tells_as_many_classes_apart_as_its_classifier(model):
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    model = clone(model).fit(X, three)
    assert model.predict_proba(X).shape == (200, 3)
    assert model.score(X, three) > 0.8


def test_tuning_judges_three_classes():
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    model = TunedClassifier(DecisionTreeClassifier(max_depth=1), space={"max_depth": [3]}, trials=2)
    assert model.fit(X[:150], three[:150], X_val=X[150:], y_val=three[150:]).best_params_ == {"max_depth": 3}


def test_calibration_takes_two_classes_of_any_name():
    names = np.array(["down", "up"])[y]
    parts = [np.arange(100), np.arange(100, 200)]
    folds = InnerFolds(fit=parts[::-1], validation=parts, held_out=parts, stretch=np.arange(200))
    model, coded = (CalibratedClassifier(LogisticRegression()).fit(X, labels, folds=folds) for labels in (names, y))
    np.testing.assert_array_equal(model.predict_proba(X), coded.predict_proba(X))
    with pytest.raises(DataError, match="which calibration needs; fit without folds"):
        CalibratedClassifier(LogisticRegression()).fit(X, np.arange(200) % 3, folds=folds)


NAIVE = [PriorRate(), BestColumn(), Persistence("x0"), Persistence(0)]


@pytest.mark.parametrize("labels", [[0, 1], ["down", "up"]], ids=repr)
@pytest.mark.parametrize("model", NAIVE, ids=repr)
def test_a_loaded_model_forecasts_labels(model, labels):
    model = clone(model).fit(TABLE, np.array(labels)[y])
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.predict(TABLE).tolist() == model.predict(TABLE).tolist()


@pytest.mark.parametrize("model", NAIVE, ids=repr)
def test_a_file_older_than_labels_forecasts_zeros_and_ones(model):
    model = clone(model).fit(TABLE, y)
    archive = unpack(model_to_bytes(model))
    del archive.description["model"]["classes"]
    assert model_from_bytes(pack(archive)).predict(TABLE).tolist() == model.predict(TABLE).tolist()


@pytest.mark.parametrize("classes", [[0, 1, 2], [1, 1], [], 3, [[0, 1]]], ids=repr)
@pytest.mark.parametrize("model", NAIVE, ids=repr)
def test_a_file_with_other_than_two_labels_is_refused(model, classes):
    archive = unpack(model_to_bytes(clone(model).fit(TABLE, y)))
    archive.description["model"]["classes"] = classes
    with pytest.raises(DataError, match=r"^model: classes"):
        model_from_bytes(pack(archive))


def test_baselines_of_other_labels_are_not_saved():
    model = TunedClassifier(decision_tree(), space={}).fit(X, np.array(["down", "up"])[y])
    with pytest.raises(ConfigError, match=r"a tree of labels .* cannot be saved; make them 0 and 1"):
        model_to_bytes(model)


def test_a_loaded_pipeline_knows_its_columns():
    model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(TABLE, y)
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.feature_names_in_.tolist() == ["x0", "x1", "x2"]
    assert loaded.score(TABLE, y) == model.score(TABLE, y)
