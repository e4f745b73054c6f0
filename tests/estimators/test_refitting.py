"""Baselines come back from a file with the same bits, and a file cannot make them do anything but that."""

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.tuning import TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.fitting import InnerFolds
from finnet.jobs.catalog import build_model
from finnet.models import BASELINES

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.standard_normal((240, 3)), columns=["a", "b", "c"])
Y = (TABLE["a"] + RNG.standard_normal(240) > 0).astype(int).to_numpy()


def fitted(name, trials=2):
    model = build_model(name, network=None, encoder=TableEncoder(), trials=trials)
    parts = [np.arange(120, 180), np.arange(180, 240)]
    fit = [np.setdiff1d(np.arange(240), part) for part in parts]
    return model.fit(TABLE, Y, folds=InnerFolds(fit=fit, validation=parts, held_out=parts, stretch=np.arange(240)))


def changed(content, change):
    archive = unpack(content)
    change(archive.description["model"]["classifier"]["models"][1]["classifier"])
    return pack(Archive(archive.description, archive.arrays))


@pytest.mark.parametrize("name", [name for name, model in BASELINES.items() if model.is_refitted])
def test_a_loaded_baseline_forecasts_the_same_bits(name):
    model = fitted(name)
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict_proba(TABLE), model.predict_proba(TABLE))


@pytest.mark.parametrize("name", [name for name, model in BASELINES.items() if model.is_refitted])
def test_saving_again_gives_the_same_bytes(name):
    content = model_to_bytes(fitted(name))
    assert model_to_bytes(model_from_bytes(content)) == content


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_depth": 10**9}, "no setting that finnet tries"),
        ({"criterion": "entropy"}, "no setting that finnet tries"),
    ],
)
def test_settings_that_tuning_never_tries_are_refused(settings, words):
    content = changed(model_to_bytes(fitted("tree")), lambda model: model.update(settings=settings))
    with pytest.raises(DataError, match=words):
        model_from_bytes(content)


def test_a_model_that_forecasts_otherwise_than_when_it_was_saved_is_refused():
    content = changed(model_to_bytes(fitted("knn", trials=1)), lambda model: model.update(settings={"n_neighbors": 15}))
    with pytest.raises(DataError, match="forecasts otherwise"):
        model_from_bytes(content)


def test_a_baseline_that_is_not_as_finnet_sets_it_up_cannot_be_saved():
    model = TunedClassifier(DecisionTreeClassifier(max_depth=99), space={}).fit(TABLE.to_numpy(np.float32), Y)
    with pytest.raises(ConfigError, match="cannot be saved"):
        model_to_bytes(model)
