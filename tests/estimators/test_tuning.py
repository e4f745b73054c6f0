"""Every model has the same budget, and is judged on rows that did not train it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.tuning import TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.fitting import InnerFolds, takes_validation
from finnet.jobs.catalog import build_model
from finnet.models import BASELINES, spaces

RNG = np.random.default_rng(0)
X, X_VAL = RNG.standard_normal((2, 300, 3))
Y, Y_VAL = ((x[:, 0] + RNG.standard_normal(300) > 0).astype(int) for x in (X, X_VAL))


class Counting(KNeighborsClassifier):
    fits = 0

    def fit(self, X, y):
        Counting.fits += 1
        self.rows_ = len(y)
        return super().fit(X, y)


def test_as_many_settings_are_tried_as_the_budget_says_and_none_learns_from_the_validation_rows():
    Counting.fits = 0
    tuned = TunedClassifier(Counting(5), space=spaces()["knn"], trials=4, random_state=1).fit(
        X, Y, X_val=X_VAL, y_val=Y_VAL
    )
    assert Counting.fits == 4
    assert tuned.classifier_.rows_ == 300


def test_settings_that_are_chosen_once_are_not_tried_again():
    chosen = TunedClassifier(Counting(1), space={"n_neighbors": [61]}, trials=2).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    Counting.fits = 0
    again = chosen.settled().fit(X_VAL, Y_VAL, X_val=X, y_val=Y)
    assert Counting.fits == 1
    assert again.best_params_ == chosen.best_params_ == {"n_neighbors": 61}


def test_a_pipeline_settles_with_its_classifier():
    tuned = TunedClassifier(KNeighborsClassifier(1), space={"n_neighbors": [61]}, trials=2)
    model = EncodedClassifier(TableEncoder(), tuned)
    model.fit(pd.DataFrame(X).add_prefix("x"), Y, X_val=pd.DataFrame(X_VAL).add_prefix("x"), y_val=Y_VAL)
    assert model.settled().classifier.settings == {"n_neighbors": 61}


def test_a_pipeline_has_a_use_for_validation_rows_where_its_classifier_has_one():
    assert takes_validation(EncodedClassifier(TableEncoder(), NetworkEnsembleClassifier(2)))
    assert not takes_validation(EncodedClassifier(TableEncoder(), LogisticRegression()))


def test_the_setting_with_the_lowest_validation_loss_wins():
    tuned = TunedClassifier(KNeighborsClassifier(1), space={"n_neighbors": [61]}, trials=2)
    assert tuned.fit(X, Y, X_val=X_VAL, y_val=Y_VAL).best_params_ == {"n_neighbors": 61}


@pytest.mark.parametrize("block", [(None, None), (X_VAL[:0], Y_VAL[:0])])
def test_without_validation_rows_nothing_is_tuned(block):
    tuned = TunedClassifier(KNeighborsClassifier(1), space={"n_neighbors": [61]}, trials=9).fit(
        X, Y, X_val=block[0], y_val=block[1]
    )
    assert tuned.classifier_.n_neighbors == 1


def test_the_encoder_learns_from_the_training_rows_alone():
    class Spy(TableEncoder):
        seen = []

        def fit(self, X, y=None):
            Spy.seen.append(len(X))
            return super().fit(X, y)

    table, later = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(X_VAL).add_prefix("x")
    EncodedClassifier(Spy(), LogisticRegression()).fit(table, Y, X_val=later, y_val=Y_VAL)
    assert Spy.seen == [300]


@pytest.mark.parametrize("name", ["network", *spaces()])
def test_every_model_of_the_catalog_learns_a_plain_signal(name):
    network = NetworkEnsembleClassifier(4, hidden=(8,), learning_rate=0.01, batch_size=32, epochs=40)
    model = build_model(name, network=network, encoder=TableEncoder(), trials=2)
    table, later = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(X_VAL).add_prefix("x")
    parts = np.array_split(np.arange(300), 3)
    fit = [np.setdiff1d(np.arange(300), part) for part in parts]
    model.fit(table, Y, folds=InnerFolds(fit=fit, validation=parts, held_out=parts, stretch=np.arange(300)))
    p = model.predict_proba(later)[:, 1]
    assert ((p > 0.5) == Y_VAL).mean() > 0.65


@pytest.mark.parametrize("name", spaces())
def test_every_setting_of_a_search_space_is_known_to_its_model(name):
    assert set(spaces()[name]) <= set(BASELINES[name].make().get_params())


def test_a_pipeline_has_a_spread_where_its_classifier_has_one():
    table = pd.DataFrame(X).add_prefix("x")
    networks = EncodedClassifier(TableEncoder(), NetworkEnsembleClassifier(3, hidden=(4,), epochs=2, random_state=0))
    spread = networks.fit(table, Y).spread(table)
    np.testing.assert_array_equal(spread, networks.classifier_.spread(networks.encoder_.transform(table)))
    assert not hasattr(EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, Y), "spread")
